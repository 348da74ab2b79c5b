"""What the DMP answers, as FHIR callers see it (spec 4.6): one row, one answer, one trace."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from tests.fakes.clinical_documents import cda, pdf_body, report_entry
from tests.fakes.fhir_site import FhirSite, exam
from tests.fakes.fhir_validation import check

from drimbox.adapters.dmp_soap.answers import raise_failure, raise_fault
from drimbox.errors import DrimboxError, TimedOut, Unavailable
from drimbox.model.audit import AuditAction, AuditOutcome
from drimbox.model.document_entry import ReferenceId, ReferenceIdKind, UnknownPatientDocuments
from drimbox.ports.dmp import DmpAccess, DocumentAbsent, DocumentAltered
from drimbox.standards.soap.fault import SoapFault
from drimbox.standards.xds.registry_errors import RegistryError, RegistryResponse, ResponseStatus

pytestmark = pytest.mark.requirement("FA.1")


@pytest.fixture
def site(tmp_path: Path) -> FhirSite:
    site = FhirSite(tmp_path)
    site.dmp.hold(exam(1, date(2026, 7, 1)), ["774007"])
    return site


def failure(code: str) -> DrimboxError:
    """Return our error for a RegistryError of that code."""
    errors = (RegistryError(code, "context of the DMP"),)
    try:
        raise_failure(RegistryResponse(ResponseStatus.FAILURE, errors))
    except DrimboxError as error:
        return error


def fault(code: str, subcode: str | None = None) -> DrimboxError:
    """Return our error for a SOAP fault."""
    try:
        raise_fault(SoapFault(code, subcode, "reason of the DMP"))
    except DrimboxError as error:
        return error


@pytest.mark.parametrize(
    ("error", "status", "severity", "kind", "code"),
    [
        (failure("XDSTooManyResults"), 400, "error", "too-costly", "too-many-documents"),
        (fault("Sender", "InvalidSecurityToken"), 401, "error", "login", "partner-refused-user"),
        (failure("LocalPolicyRestrictionError"), 403, "error", "forbidden", "partner-forbids"),
        (failure("XDSStoredQueryMissingParam"), 500, "fatal", "exception", "internal"),
        (failure("XDSStoredQueryParamNumber"), 500, "fatal", "exception", "internal"),
        (failure("XDSRegistryError"), 502, "error", "exception", "partner-refused"),
        (failure("XDSRepositoryError"), 502, "error", "exception", "partner-refused"),
        (failure("DMPSomethingElse"), 502, "error", "exception", "partner-refused"),
        (fault("Sender"), 502, "error", "exception", "partner-refused"),
        (fault("Receiver"), 502, "error", "exception", "partner-failed"),
        (failure("XDSRegistryBusy"), 503, "error", "transient", "partner-unavailable"),
        (failure("XDSRepositoryBusy"), 503, "error", "transient", "partner-unavailable"),
        (Unavailable("DMP", "cannot be reached"), 503, "error", "transient", "partner-unavailable"),
        (TimedOut("DMP", 30), 504, "error", "timeout", "partner-timeout"),
    ],
    ids=lambda one: str(one) if isinstance(one, DrimboxError) else None,
)
@pytest.mark.parametrize("step", ["check_access", "find_documents"])
def test_each_answer_of_the_dmp_has_its_own(  # a row of the table
    site: FhirSite,
    step: str,
    error: DrimboxError,
    status: int,
    severity: str,
    kind: str,
    code: str,
) -> None:
    site.dmp.failures[step] = error
    for path in ("ImagingStudy", "DocumentReference", "ImagingStudy/1.2.250.1.999.7.1"):
        answer = site.consumer().get(f"/fhir/{path}")
        check(answer.json())
        (issue,) = answer.json()["issue"]
        assert (answer.status_code, issue["severity"], issue["code"]) == (status, severity, kind)
        assert issue["details"]["coding"][0]["code"] == code
        assert "DMP" not in answer.text.replace("Le DMP", "").replace("le DMP", ""), "raw text"
        assert ("www-authenticate" in answer.headers) is (status == 401)
        assert status != 503 or int(answer.headers["retry-after"]) > 0
        event = site.audit.events[-1]
        assert event.action is AuditAction.FHIR_READ
        assert event.outcome is AuditOutcome.SERIOUS_FAILURE


def test_a_professional_whom_the_dmp_does_not_let_in_is_told_nothing_of_it(site: FhirSite) -> None:
    """TD0.2 says no: whether there are documents stays untold."""
    site.dmp.access = DmpAccess(exists=True, is_open=True, is_authorised=False)
    held = site.consumer().get("/fhir/ImagingStudy")
    site.dmp.entries.clear()
    empty = site.consumer().get("/fhir/ImagingStudy")
    assert (held.status_code, held.json()) == (403, empty.json())
    assert "find_documents" not in site.dmp.calls
    assert site.audit.actions[-1] is AuditAction.ACCESS_REFUSED


@pytest.mark.parametrize("kind", ["ImagingStudy", "DocumentReference"])
def test_a_patient_whom_the_registry_does_not_know_has_no_dmp(site: FhirSite, kind: str) -> None:
    site.dmp.entries.clear()
    site.dmp.list_class = UnknownPatientDocuments
    bundle = site.consumer().get(f"/fhir/{kind}").json()
    assert bundle["total"] == 0
    issue = bundle["entry"][0]["resource"]["issue"][0]
    assert (issue["severity"], issue["code"]) == ("information", "not-found")
    assert issue["details"]["coding"][0]["code"] == "dmp-absent"


REPORT = "00000000-0000-4000-8000-00000000000a"


@pytest.fixture
def lossy(site: FhirSite) -> FhirSite:
    """Hold a KOS that names its study, one that can be read, and a report."""
    study = ReferenceId("1.2.250.1.999.7.1", ReferenceIdKind.STUDY_INSTANCE_UID.value)
    site.dmp.entries[0] = replace(site.dmp.entries[0], reference_ids=(study,))
    site.dmp.hold(exam(2, date(2026, 7, 2)))
    report = replace(report_entry("1.2.250.1.999.8.1"), entry_uuid=f"urn:uuid:{REPORT}")
    site.dmp.hold_document(report, cda(pdf_body()))
    return site


@pytest.mark.parametrize(
    ("error", "status", "kind", "code"),
    [
        (DocumentAbsent("lost"), 404, "not-found", "document-absent"),
        (DocumentAltered("other hash"), 502, "exception", "document-altered"),
        (failure("LocalPolicyRestrictionError"), 403, "forbidden", "partner-forbids"),
        (failure("XDSRepositoryError"), 502, "exception", "partner-refused"),
        (failure("XDSRepositoryBusy"), 503, "transient", "partner-unavailable"),
        (fault("Receiver"), 502, "exception", "partner-failed"),
        (TimedOut("DMP", 30), 504, "timeout", "partner-timeout"),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, DrimboxError) else None,
)
@pytest.mark.parametrize(
    "path",
    [
        "Binary/2.25.1001",
        "Bundle/m25.1001",
        "Provenance/2.25.1001",
        "ImagingStudy/1.2.250.1.999.7.1",
        f"Binary/{REPORT}",
    ],
)
def test_a_document_that_the_repository_does_not_give_says_why(  # a row of the table
    lossy: FhirSite, path: str, error: DrimboxError, status: int, kind: str, code: str
) -> None:
    lossy.dmp.spoilt = dict.fromkeys(("2.25.1001", "1.2.250.1.999.8.1"), error)
    answer = lossy.consumer().get(f"/fhir/{path}")
    check(answer.json())
    (issue,) = answer.json()["issue"]
    assert (answer.status_code, issue["code"]) == (status, kind)
    assert issue["details"]["coding"][0]["code"] == code
    if not path.endswith(REPORT):
        # Told from what was found a moment ago, and by an error that is raised anew.
        assert lossy.consumer().get(f"/fhir/{path}").json() == answer.json()
    event = lossy.audit.events[-1]
    assert event.action is (AuditAction.ACCESS_REFUSED if status == 404 else AuditAction.FHIR_READ)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DocumentAbsent("lost"), "document-absent"),
        (DocumentAltered("other hash"), "kos-unreadable"),
        (TimedOut("DMP", 30), "kos-unreadable"),
    ],
)
def test_a_search_goes_on_without_what_the_repository_does_not_give(
    lossy: FhirSite, error: DrimboxError, code: str
) -> None:
    lossy.dmp.spoilt["2.25.1001"] = error
    bundle = lossy.consumer().get("/fhir/ImagingStudy").json()
    found = {entry["search"]["mode"]: entry["resource"] for entry in bundle["entry"]}
    assert (bundle["total"], found["match"]["id"]) == (1, "1.2.250.1.999.7.2")
    (issue,) = found["outcome"]["issue"]
    assert (issue["severity"], issue["code"]) == ("warning", "incomplete")
    assert issue["details"]["coding"][0]["code"] == code
    assert issue["details"]["text"].startswith("Réponse partielle")
    # Its metadata are there all the same.
    assert lossy.consumer().get("/fhir/DocumentReference/2.25.1001").status_code == 200
