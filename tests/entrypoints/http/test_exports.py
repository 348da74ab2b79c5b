"""Exports asked for in the page of the exams, and what may not be exported."""

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.fakes.consultation_site import COLLEAGUE, DOCTOR, FORM_TOKEN, ConsultationSite
from tests.fakes.fake_exports import FakeDestination
from tests.fakes.manifests import made_up_manifest, made_up_series

from drimbox.model.export_syntax import ExportSyntax
from drimbox.model.manifest import Manifest
from drimbox.model.uids import SopInstanceUid, StudyInstanceUid


@pytest.fixture
def site(tmp_path: Path) -> ConsultationSite:
    return ConsultationSite(tmp_path)


def _exam(number: int = 1) -> Manifest:
    return made_up_manifest(
        sop_instance_uid=SopInstanceUid(f"2.25.{1000 + number}"),
        study_instance_uid=StudyInstanceUid(f"1.2.250.1.999.7.{number}"),
        series=(made_up_series(number, 3),),
    )


def _offered_first(client: TestClient, context: str) -> str | None:
    """Return the destination that the page preselects, None where it leaves the site's order."""
    found = re.search(
        r"<option selected>([^<]+)</option>", client.get(f"/consultation/{context}").text
    )
    return found[1] if found else None


def _form_token(client: TestClient, context: str) -> str:
    return FORM_TOKEN.findall(client.get(f"/consultation/{context}").text)[-1]


@pytest.mark.requirement("CO.78")
@pytest.mark.requirement("CO.61")
def test_several_exams_are_queued_for_export_and_followed(site: ConsultationSite) -> None:
    studies = [_exam(1), _exam(2)]
    for study in studies:
        site.dmp.hold(study)
    client = site.client(DOCTOR)
    context = site.open_patient(client)
    form = {
        "form_token": _form_token(client, context),
        "study": [s.study_instance_uid for s in studies],
        "destination": "PACS",
        "transfer_syntax": "jpeg-ls",
    }
    answer = client.post(f"/consultation/{context}/exports", data=form)
    assert answer.status_code == 202
    assert {e.syntax for e in site.exports.exports.values()} == {ExportSyntax.JPEG_LS}
    states = client.get(f"/consultation/{context}/exports").json()
    assert [(s["state"], s["destination"], s["total"]) for s in states] == [
        ("queued", "PACS", 3),
        ("queued", "PACS", 3),
    ]
    assert client.get("/consultation/exports").json() == {"under_way": 2}


def test_a_compressed_form_is_refused_unread(site: ConsultationSite) -> None:
    """N7: as at every other door (tests/security)."""
    client = site.client(DOCTOR)
    context = site.open_patient(client)
    answer = client.post(
        f"/consultation/{context}/exports",
        content=b"\x1f\x8b",
        headers={"Content-Encoding": "gzip"},
    )
    assert answer.status_code == 415


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"destination": "ELSEWHERE"}, 404),
        ({"study": "1.2.3"}, 404),
        ({"study": "not a UID"}, 400),
        ({"study": []}, 400),
        ({"transfer_syntax": "zip"}, 400),
        ({"form_token": "forged"}, 403),
    ],
)
def test_an_export_that_may_not_be_is_refused(
    site: ConsultationSite, changes: dict[str, object], status: int
) -> None:
    site.dmp.hold(_exam())
    client = site.client(DOCTOR)
    context = site.open_patient(client)
    form = {
        "form_token": _form_token(client, context),
        "study": _exam().study_instance_uid,
        "destination": "PACS",
    }
    answer = client.post(f"/consultation/{context}/exports", data=form | changes)
    assert answer.status_code == status
    assert site.exports.history == []


@pytest.mark.requirement("CO.62")
def test_the_destination_used_last_is_offered_first_on_every_workstation(
    site: ConsultationSite,
) -> None:
    """To this professional only, and only while the site still has that destination."""
    site.dmp.hold(_exam())
    client = site.client(DOCTOR)
    context = site.open_patient(client)
    assert _offered_first(client, context) is None
    site.destinations["CONSOLE"] = FakeDestination()
    form = {
        "form_token": _form_token(client, context),
        "study": _exam().study_instance_uid,
        "destination": "CONSOLE",
    }
    assert client.post(f"/consultation/{context}/exports", data=form).status_code == 202
    elsewhere, colleague = site.client(DOCTOR), site.client(COLLEAGUE)
    assert _offered_first(elsewhere, site.open_patient(elsewhere)) == "CONSOLE"
    assert _offered_first(colleague, site.open_patient(colleague)) is None
    del site.destinations["CONSOLE"]
    assert _offered_first(client, context) is None
