"""OHIF: its page for a confirmed patient only, its files to anyone, its policy, its DICOMweb."""

import base64
import gzip
import hashlib
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from tests.fakes.consultation_site import COLLEAGUE, DOCTOR, ConsultationSite
from tests.fakes.manifests import STUDY, made_up_manifest

from drimbox.entrypoints.http.dicomweb.routes import DicomwebDoor, dicomweb_routes
from drimbox.entrypoints.http.error_doors import exception_handlers
from drimbox.entrypoints.http.ohif import OhifDoor, OhifFiles, ohif_address, ohif_routes
from drimbox.entrypoints.http.security_headers import BrowserPolicy, SecurityHeaders
from drimbox.errors import SettingsError

INLINE = "window.PUBLIC_URL = '/';"
INDEX = f'<script>{INLINE}</script><script src="/app-config.js"></script>'
BUNDLE = "app.bundle.096daabbdde29bd851ab.js"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(INDEX)
    (folder / BUNDLE).write_text("let app;")
    (folder / f"{BUNDLE}.gz").write_bytes(gzip.compress(b"let app;"))
    (folder / "assets" / "icon.svg").write_text("<svg/>")
    (folder / ".made-from").write_text("secret")
    return folder


@pytest.fixture
def site(tmp_path: Path, folder: Path) -> ConsultationSite:
    site = ConsultationSite(tmp_path)
    site.dmp.hold(made_up_manifest())
    door = OhifDoor(site.confirm_patient, OhifFiles(folder, ("https://dpi.test",)))
    dicomweb = DicomwebDoor(
        site.signed_in.authentication,
        site.images,
        site.pixels,  # type: ignore[arg-type]
        "http://testserver/dicom-web",
    )
    routes = ohif_routes(door, site.signed_in, dicomweb_routes(dicomweb))
    site.app = Starlette(
        routes=[*site.app.routes, *routes],
        middleware=[Middleware(SecurityHeaders, policy=BrowserPolicy(is_secure=False))],
        exception_handlers=exception_handlers(),
    )
    return site


def test_the_page_is_as_published_and_its_policy_names_its_own_scripts(
    site: ConsultationSite,
) -> None:
    client = site.client(DOCTOR)
    page = client.get(ohif_address(site.open_patient(client), STUDY))
    assert page.text == INDEX
    policy = page.headers["content-security-policy"]
    digest = base64.b64encode(hashlib.sha256(INLINE.encode()).digest()).decode()
    assert f"script-src 'self' 'wasm-unsafe-eval' 'sha256-{digest}';" in policy
    assert "'unsafe-eval'" not in policy
    assert "worker-src 'self' blob:" in policy
    assert "frame-ancestors https://dpi.test" in policy


def test_our_own_pages_keep_their_policy(site: ConsultationSite) -> None:
    policy = site.client(DOCTOR).get("/consultation").headers["content-security-policy"]
    assert "wasm-unsafe-eval" not in policy
    assert "require-trusted-types-for" in policy


def test_the_page_is_for_who_confirmed_the_patient(site: ConsultationSite) -> None:
    client = site.client(DOCTOR)
    address = ohif_address(site.open_patient(client), STUDY)
    assert site.client(COLLEAGUE).get(address).status_code == 404
    assert site.client().get(address).status_code == 303


@pytest.mark.requirement("CO.93")
def test_a_patient_who_is_opposed_is_not_shown(site: ConsultationSite) -> None:
    client = site.client(DOCTOR)
    context = site.open_patient(client, InformationEtOppositionConsultation="InforméEtOpposé")
    assert client.get(ohif_address(context, STUDY)).status_code == 403


def test_files_come_gzipped_and_are_kept_where_their_name_is_their_hash(
    site: ConsultationSite,
) -> None:
    answer = site.client().get(f"/{BUNDLE}")
    assert answer.text == "let app;"
    assert answer.headers["content-encoding"] == "gzip"
    assert "immutable" in answer.headers["cache-control"]
    plain = site.client().get(f"/{BUNDLE}", headers={"Accept-Encoding": "identity"})
    assert (plain.text, plain.headers.get("content-encoding")) == ("let app;", None)
    assert site.client().get("/assets/icon.svg").headers["cache-control"] == "no-cache"


def test_only_a_worker_may_compile_text(site: ConsultationSite) -> None:
    """The codecs of OHIF do (embind); a worker has no page that could be attacked."""
    client = site.client()
    worker = client.get(f"/{BUNDLE}", headers={"Sec-Fetch-Dest": "worker"})
    assert "'unsafe-eval'" in worker.headers["content-security-policy"]
    script = client.get(f"/{BUNDLE}", headers={"Sec-Fetch-Dest": "script"})
    assert "'unsafe-eval'" not in script.headers["content-security-policy"]
    assert "Sec-Fetch-Dest" in script.headers["vary"]


@pytest.mark.parametrize(
    "path", ["/.made-from", "/index.html", "/../settings.toml", "/%2e%2e/settings.toml", "/x"]
)
def test_nothing_else_is_served(site: ConsultationSite, path: str) -> None:
    assert site.client().get(path).status_code == 404


def test_nothing_is_posted_to_the_files(site: ConsultationSite) -> None:
    answer = site.client().post(f"/{BUNDLE}")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_the_files_leave_other_doors_their_own_refusals(site: ConsultationSite) -> None:
    """They are at the root: a method that another address has not is still 405 there."""
    answer = site.client().put("/drim")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_its_dicomweb_is_of_the_calls_patient_and_names_itself(site: ConsultationSite) -> None:
    client = site.client(DOCTOR)
    context = site.open_patient(client)
    root = f"/viewer/ohif/{context}/dicom-web"
    answer = client.get(f"{root}/studies?PatientID=another")
    assert (answer.status_code, answer.json()) == (200, [])
    assert client.get(f"/viewer/ohif/{'x' * 43}/dicom-web/studies").status_code == 404
    assert site.client(COLLEAGUE).get(f"{root}/studies").status_code == 404
    assert site.client().get(f"{root}/studies").status_code == 401


def test_a_folder_without_ohif_is_told_to_the_operator(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as raised:
        OhifFiles(tmp_path)
    assert raised.value.path == "browser.ohif_directory"
