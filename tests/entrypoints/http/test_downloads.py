"""The ZIP of the consultation page, and what it answers where there is none."""

from pathlib import Path

import pytest
from tests.fakes.consultation_site import DOCTOR, ConsultationSite
from tests.fakes.manifests import STUDY, made_up_manifest, made_up_series

from drimbox.entrypoints.http.downloads import MAX_STUDIES_A_DOWNLOAD


@pytest.fixture
def site(tmp_path: Path) -> ConsultationSite:
    made = ConsultationSite(tmp_path)
    made.dmp.hold(made_up_manifest(series=(made_up_series(2, 1),)))
    return made


@pytest.mark.requirement("CO.71")
def test_exams_are_downloaded_as_one_attachment(site: ConsultationSite) -> None:
    instance = made_up_manifest(series=(made_up_series(2, 1),)).series[0].instances[0]
    site.images.data_sets[instance.sop_instance_uid] = b"\x08\x00\x18\x00UI\x04\x001.2\0"
    client = site.client(DOCTOR)
    context = site.open_patient(client)
    answer = client.get(f"/consultation/{context}/studies.zip", params={"study": STUDY})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == 'attachment; filename="examens.zip"'
    assert answer.headers["cache-control"] == "no-store"
    assert answer.content.startswith(b"PK\x03\x04")


@pytest.mark.parametrize(
    ("studies", "status"),
    [
        ([], 400),
        (["patient"], 400),
        (["1.2.3"], 404),
        ([f"1.2.{number}" for number in range(MAX_STUDIES_A_DOWNLOAD + 1)], 400),
    ],
)
def test_what_cannot_be_downloaded_is_told(
    site: ConsultationSite, studies: list[str], status: int
) -> None:
    client = site.client(DOCTOR)
    context = site.open_patient(client)
    answer = client.get(f"/consultation/{context}/studies.zip", params={"study": studies})
    assert answer.status_code == status
    assert "attachment" not in answer.headers.get("content-disposition", "")


def test_a_source_that_is_away_has_its_page(site: ConsultationSite) -> None:
    site.images.fails_after = 0
    client = site.client(DOCTOR)
    context = site.open_patient(client)
    answer = client.get(f"/consultation/{context}/studies.zip", params={"study": STUDY})
    assert answer.status_code == 503
    assert "text/html" in answer.headers["content-type"]


def test_nobody_downloads_without_a_session(site: ConsultationSite) -> None:
    context = site.open_patient(site.client(DOCTOR))
    answer = site.client().get(f"/consultation/{context}/studies.zip", params={"study": STUDY})
    assert answer.status_code == 303
