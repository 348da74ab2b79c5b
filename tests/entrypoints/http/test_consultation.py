"""The consultation pages in a browser: sign-in, confirmation, exams, what stands in the way."""

import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from tests.fakes.consultation_site import (
    COLLEAGUE,
    DOCTOR,
    ELSEWHERE,
    FORM_TOKEN,
    HERE,
    ConsultationSite,
)
from tests.fakes.manifests import made_up_manifest, made_up_patient, made_up_series

from drimbox.errors import RejectedByPartner, Unavailable
from drimbox.model.manifest import Manifest
from drimbox.model.uids import SopInstanceUid, StudyInstanceUid
from drimbox.ports.dmp import DmpAccess

XSS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</template><script>alert(1)</script>",
    "javascript:alert(1)",
    "<svg/onload=alert(1)>",
]


@pytest.fixture
def site(tmp_path: Path) -> ConsultationSite:
    return ConsultationSite(tmp_path)


def exam(number: int = 1, **changes: object) -> Manifest:
    values: dict[str, object] = {
        "sop_instance_uid": SopInstanceUid(f"2.25.{1000 + number}"),
        "study_instance_uid": StudyInstanceUid(f"1.2.250.1.999.7.{number}"),
        "study_date": date(2026, 7, number),
        "series": (made_up_series(number, 3),),
    }
    return made_up_manifest(**(values | changes))


@pytest.mark.requirement("CO.63 / CO.64 / CO.65")
@pytest.mark.requirement("VI-CS.01 / .02 / .03")
def test_a_page_without_session_goes_to_the_provider_and_comes_back(
    site: ConsultationSite,
) -> None:
    client = site.client()
    context = site.call(client)
    answer = client.get(f"/consultation/{context.identifier}")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(site.provider_address)
    assert context.identifier not in answer.headers["location"]
    assert site.pending_returns() == [f"/consultation/{context.identifier}"]


@pytest.mark.parametrize(
    ("asked", "comes_back"),
    [
        pytest.param("?series=1.2.3", "?series=1.2.3", id="the series looked at"),
        pytest.param("?a=x+y&b=/%2F@", "?a=x%20y&b=%2F%2F%40", id="what must be written apart"),
        pytest.param("?", "", id="nothing"),
        pytest.param("?a=%FF", "", id="what is no text is left out"),
    ],
)
def test_the_query_of_a_page_comes_back_with_it(
    site: ConsultationSite, asked: str, comes_back: str
) -> None:
    client = site.client()
    context = site.call(client)
    client.get(f"/consultation/{context.identifier}{asked}")
    assert site.pending_returns() == [f"/consultation/{context.identifier}{comes_back}"]


def test_a_script_without_session_is_refused_not_redirected(site: ConsultationSite) -> None:
    context = site.call(site.client())
    answer = site.client().get(f"/consultation/{context.identifier}/exams")
    assert answer.status_code == 401


@pytest.mark.requirement("INS/va1.36")
def test_the_patient_is_shown_to_be_confirmed_and_nothing_else_is_asked(
    site: ConsultationSite,
) -> None:
    client = site.client(DOCTOR)
    context = site.call(client)
    page = client.get(f"/consultation/{context.identifier}").text
    for text in ("PAQUERETTE", "ZOE", "00/03/1979", "Féminin", "2A004", "1.2.250.1.213.1.4.10"):
        assert text in page
    assert site.dmp.calls == []
    assert client.get(f"/consultation/{context.identifier}/exams").status_code == 404


@pytest.mark.parametrize("token", [None, "", "forged"])
def test_a_confirmation_that_our_page_did_not_make_changes_nothing(
    site: ConsultationSite, token: str | None
) -> None:
    client = site.client(DOCTOR)
    context = site.call(client)
    form = {} if token is None else {"form_token": token}
    answer = client.post(f"/consultation/{context.identifier}/confirmation", data=form)
    assert answer.status_code == 403
    assert site.contexts.contexts[context.identifier].professional is None


def test_the_form_token_of_a_colleague_does_not_serve(site: ConsultationSite) -> None:
    client, colleague = site.client(DOCTOR), site.client(COLLEAGUE)
    context = site.call(client)
    page = colleague.get(f"/consultation/{context.identifier}").text
    answer = client.post(
        f"/consultation/{context.identifier}/confirmation",
        data={"form_token": FORM_TOKEN.findall(page)[-1]},
    )
    assert answer.status_code == 403


@pytest.mark.requirement("CO.54")
def test_the_exams_of_the_call_are_listed(site: ConsultationSite) -> None:
    site.dmp.hold(exam(1, study_description="Scanner cérébral"), ["774007"])
    site.dmp.hold(exam(2, study_description="IRM du genou"), ["61685007"])
    client = site.client(DOCTOR)
    context = site.open_patient(client, AnatomicRegion="774007")
    fragment = client.get(f"/consultation/{context}/exams").text
    assert "Scanner cérébral" in fragment
    assert "IRM du genou" not in fragment


@pytest.mark.requirement("CO.55")
def test_filters_replace_the_criteria_of_the_call(site: ConsultationSite) -> None:
    site.dmp.hold(exam(1, study_description="Scanner cérébral"), ["774007"])
    site.dmp.hold(exam(2, study_description="IRM du genou"), ["61685007"])
    client = site.client(DOCTOR)
    context = site.open_patient(client, AnatomicRegion="774007")
    fragment = client.get(
        f"/consultation/{context}/exams?filtered=1&region=61685007&from=2026-07-01"
    ).text
    assert "IRM du genou" in fragment
    assert "Scanner cérébral" not in fragment


@pytest.mark.requirement("CO.55")
def test_the_criteria_of_the_call_are_shown(site: ConsultationSite) -> None:
    client = site.client(DOCTOR)
    call = {"Modality": "MR", "StudyDate": "20260101-", "AccessionNumber": "260914000101"}
    page = client.get(f"/consultation/{site.open_patient(client, **call)}").text
    assert 'value="MR" checked' in page
    assert 'value="2026-01-01"' in page
    assert "260914000101" in page


@pytest.mark.parametrize(
    "query", ["modality=XX", "region=1", "from=01/02/2026", "from=2026-02-01&to=2026-01-01"]
)
def test_a_filter_of_no_value_set_is_refused(site: ConsultationSite, query: str) -> None:
    client = site.client(DOCTOR)
    context = site.open_patient(client)
    assert client.get(f"/consultation/{context}/exams?filtered=1&{query}").status_code == 400
    assert site.dmp.calls == []


@pytest.mark.requirement("AIRS.07")
def test_the_professional_is_told_where_the_national_number_goes(site: ConsultationSite) -> None:
    client = site.client(DOCTOR)
    for path in ("/consultation", f"/consultation/{site.open_patient(client)}"):
        page = client.get(path).text
        assert "Votre identité professionnelle (RPPS) est transmise au DMP" in page
        assert "traces nationales" in page


@pytest.mark.requirement("CS.53")
def test_who_is_signed_in_and_since_when_is_shown(site: ConsultationSite) -> None:
    page = site.client(DOCTOR).get("/consultation").text
    for text in ("Olivier DEMO-FAURE", "RPPS 99700100321", "24/11/2026 09:00"):
        assert text in page


def test_the_home_page_lists_the_patients_of_this_session_only(site: ConsultationSite) -> None:
    client = site.client(DOCTOR)
    site.open_patient(client)
    assert "PAQUERETTE" in client.get("/consultation").text
    assert "PAQUERETTE" not in site.client(DOCTOR).get("/consultation").text


def test_the_home_page_names_a_patient_once_by_the_last_call(site: ConsultationSite) -> None:
    client = site.client(DOCTOR)
    site.open_patient(client)
    last = site.open_patient(client)
    page = client.get("/consultation").text
    assert re.findall(r'href="/consultation/([^"]+)"', page) == [last]
    assert "née le" in page


@pytest.mark.requirement("CO.93")
@pytest.mark.requirement("CO.94")
@pytest.mark.parametrize(
    ("word", "title"),
    [
        ("InforméEtOpposé", "Le patient s'oppose à la consultation"),
        ("N/A", "L'information du patient n'a pas été recueillie"),
    ],
)
def test_without_consent_the_page_says_why_and_calls_nobody(
    site: ConsultationSite, word: str, title: str
) -> None:
    site.dmp.hold(exam())
    client = site.client(DOCTOR)
    context = site.open_patient(client, InformationEtOppositionConsultation=word)
    page = client.get(f"/consultation/{context}")
    assert page.status_code == 200
    assert title in page.text
    assert "data-searches" not in page.text
    study = exam().study_instance_uid
    image = f"/viewer/{context}/{study}/series/1.2/instances/1.3"
    for path in (f"/consultation/{context}/exams", f"/viewer/{context}/{study}", image):
        assert client.get(path).status_code == 403
    token = FORM_TOKEN.findall(client.get(f"/consultation/{context}").text)[-1]
    export = client.post(
        f"/consultation/{context}/exports",
        data={"form_token": token, "study": study, "destination": "PACS"},
    )
    assert export.status_code == 403
    assert (site.dmp.calls, site.images.opened, site.destination.received) == ([], [], [])


_OBSTACLES = [
    pytest.param(Unavailable("DMP"), 503, "Le DMP ne répond pas", id="the DMP is away"),
    pytest.param(RejectedByPartner("DMP", "XDSRegistryError"), 502, "a refusé", id="it refuses"),
]


@pytest.mark.parametrize(("error", "status", "text"), _OBSTACLES)
def test_a_dmp_in_trouble_is_told_in_french(
    site: ConsultationSite, error: Exception, status: int, text: str
) -> None:
    site.dmp.failures["find_documents"] = error  # type: ignore[assignment]
    client = site.client(DOCTOR)
    answer = client.get(f"/consultation/{site.open_patient(client)}/exams")
    assert (answer.status_code, answer.headers["content-type"]) == (
        status,
        "text/html; charset=utf-8",
    )
    assert text in answer.text


@pytest.mark.parametrize(
    ("access", "text"),
    [
        (DmpAccess(exists=False, is_open=False, is_authorised=False), "pas de DMP"),
        (DmpAccess(exists=True, is_open=False, is_authorised=False), "est fermé"),
        (DmpAccess(exists=True, is_open=True, is_authorised=False), "pas autorisé"),
    ],
)
def test_a_dmp_that_may_not_be_read_is_told(
    site: ConsultationSite, access: DmpAccess, text: str
) -> None:
    site.dmp.access = access
    client = site.client(DOCTOR)
    answer = client.get(f"/consultation/{site.open_patient(client)}/exams")
    assert answer.status_code == 403
    assert text in answer.text


@pytest.mark.requirement("CO.49")
@pytest.mark.requirement("CO.50")
def test_a_situation_is_asked_for_then_shown_then_changed(tmp_path: Path) -> None:
    both = frozenset({HERE.structure.identifier, ELSEWHERE.structure.identifier})
    site = ConsultationSite(tmp_path, installed=both)
    client = site.client(replace(DOCTOR, activities=(HERE, ELSEWHERE)))
    context = site.open_patient(client)
    assert "Choisir une situation" in client.get(f"/consultation/{context}").text
    assert "Choisissez votre situation" in client.get(f"/consultation/{context}/exams").text
    token = FORM_TOKEN.findall(client.get(f"/consultation/{context}").text)[-1]
    answer = client.post(
        f"/consultation/{context}/situation",
        data={"form_token": token, "situation": ELSEWHERE.structure.identifier},
    )
    assert answer.status_code == 303
    assert client.get(f"/consultation/{context}/exams").status_code == 200
    page = client.get(f"/consultation/{context}").text
    assert f'value="{ELSEWHERE.structure.identifier}" selected' in page


@pytest.mark.requirement("INS/va1.36")
@pytest.mark.requirement("SSI/IE.48")
def test_the_traits_that_only_documents_tell_complete_those_of_the_call(
    site: ConsultationSite,
) -> None:
    site.dmp.hold(exam())
    client = site.client(DOCTOR)
    fragment = client.get(f"/consultation/{site.open_patient(client)}/exams").text
    for text in ("ZOÉ MARIE ANNE", "LAGRANGE", "MARIE"):
        assert text in fragment


def test_an_exam_that_cannot_be_read_is_told_with_the_others(site: ConsultationSite) -> None:
    site.dmp.hold(exam(1))
    site.dmp.contents[site.dmp.hold(exam(2)).unique_id] = b"not a KOS"
    client = site.client(DOCTOR)
    fragment = client.get(f"/consultation/{site.open_patient(client)}/exams").text
    assert "1 document du DMP" in fragment
    assert "Scanner thoracique" in fragment


def test_no_exam_at_all_is_told(site: ConsultationSite) -> None:
    client = site.client(DOCTOR)
    context = site.open_patient(client)
    assert "ne contient aucun examen d'imagerie partagé" in (
        client.get(f"/consultation/{context}/exams").text
    )


@pytest.mark.parametrize("hostile", XSS)
def test_what_others_wrote_is_text_never_markup(site: ConsultationSite, hostile: str) -> None:
    site.dmp.hold(
        exam(
            study_description=hostile,
            institution_name=hostile,
            institution_identifier="",
            act_display=hostile,
            series=(made_up_series(1, 2, series_description=hostile),),
            patient=made_up_patient(used_family_name=hostile),
        )
    )
    client = site.client(DOCTOR)
    family = hostile.replace("=", " ").replace("|", " ")
    context = site.open_patient(client, **{"Patient.name.family": family, "PatientID": hostile})
    study = exam().study_instance_uid
    for path in (
        f"/consultation/{context}",
        f"/consultation/{context}/exams",
        f"/viewer/{context}/{study}",
        "/consultation",
    ):
        text = client.get(path).text
        assert "<script>alert" not in text
        assert "<img src" not in text.replace('<img src="/static/', "")
        assert "<svg/onload" not in text
        assert "onmouseover='" not in text


@pytest.mark.parametrize("path", ["/consultation", "/consultation/unknown", "/nothing"])
def test_every_answer_carries_the_headers_of_a_shared_workstation(
    site: ConsultationSite, path: str
) -> None:
    headers = site.client(DOCTOR).get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"


@pytest.mark.requirement("VI-CS.01 / .02 / .03")
def test_pages_have_no_script_nor_style_of_their_own(site: ConsultationSite) -> None:
    site.dmp.hold(exam())
    client = site.client(DOCTOR)
    context = site.open_patient(client)
    study = exam().study_instance_uid
    for path in ("/consultation", f"/consultation/{context}", f"/viewer/{context}/{study}"):
        text = client.get(path).text
        assert "<style" not in text
        assert " style=" not in text
        assert "<script>" not in text
        assert "http://" not in text.replace("http://testserver", "")
        assert "https://" not in text


def test_an_unknown_context_is_a_page_that_says_so(site: ConsultationSite) -> None:
    answer = site.client(DOCTOR).get("/consultation/unknown")
    assert answer.status_code == 404
    assert "Cette page ou cet examen" in answer.text


def test_static_files_are_found_and_asked_about_again(site: ConsultationSite) -> None:
    answer = site.client().get("/static/base.css")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")
    assert site.client().get("/static/../pages.py").status_code == 404
