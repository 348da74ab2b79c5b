"""OperationOutcome: every refusal and every notice, with our stable codes and French texts.

The codes are those of our CodeSystem drimbox-issue; the texts never quote what a caller sent.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from drimbox.model.imaging_search import Notice
from drimbox.standards.fhir.canonical import ISSUE_SYSTEM
from drimbox.standards.fhir.code_systems import Json
from drimbox.standards.fhir.search import RESULT_PARAMETERS


class Severity(Enum):
    """OperationOutcome.issue.severity (required binding)."""

    FATAL = "fatal"
    ERROR = "error"
    WARNING = "warning"
    INFORMATION = "information"


@dataclass(frozen=True, slots=True)
class Issue:
    """kind is an issue type of FHIR (required binding), code one of ours."""

    severity: Severity
    kind: str
    code: str
    text: str
    expression: str | None = None


_NOTICES: dict[Notice, Issue] = {
    Notice.KOS_UNREADABLE: Issue(
        Severity.WARNING,
        "incomplete",
        Notice.KOS_UNREADABLE.value,
        "Réponse partielle : un manifeste au moins n'a pas pu être lu.",
    ),
    Notice.KOS_ABSENT: Issue(
        Severity.WARNING,
        "incomplete",
        Notice.KOS_ABSENT.value,
        "Réponse partielle : le DMP annonce un manifeste qu'il ne détient plus ou ne montre pas.",
    ),
    Notice.LIST_PARTIAL: Issue(
        Severity.WARNING,
        "incomplete",
        Notice.LIST_PARTIAL.value,
        "Réponse partielle : le DMP n'a pas donné la liste entière.",
    ),
    Notice.NO_DMP: Issue(
        Severity.INFORMATION,
        "not-found",
        Notice.NO_DMP.value,
        "Aucun DMP pour ce patient.",
    ),
    Notice.DMP_CLOSED: Issue(
        Severity.INFORMATION,
        "not-found",
        Notice.DMP_CLOSED.value,
        "Le DMP de ce patient est fermé.",
    ),
    Notice.PATIENT_NOT_NAMED: Issue(
        Severity.WARNING,
        "required",
        Notice.PATIENT_NOT_NAMED.value,
        "Un patient se cherche par identifier ou _id : ce n'est pas un annuaire.",
    ),
    Notice.NOT_COUNTED: Issue(
        Severity.WARNING,
        "too-costly",
        Notice.NOT_COUNTED.value,
        "Trop d'examens pour les compter : le total n'est pas donné.",
    ),
    Notice.TOO_MANY: Issue(
        Severity.WARNING,
        "incomplete",
        Notice.TOO_MANY.value,
        "Réponse partielle : affinez la recherche (patient, identifiant).",
    ),
}


def notice_issue(notice: Notice) -> Issue:
    return _NOTICES[notice]


def ignored_issue(name: str) -> Issue:
    """Tell that a parameter was not honoured; in the searchset, not as an error (ITI-67)."""
    text = f"Le paramètre {name} n'est pas connu et a été ignoré."
    if name in RESULT_PARAMETERS:
        text = f"Une valeur de {name} n'est pas prise en charge et a été ignorée."
    return Issue(Severity.WARNING, "not-supported", "parameter-ignored", text, name)


def assumed_issue(name: str, value: str) -> Issue:
    """Tell what was looked for because a parameter was not given (D14)."""
    text = f"Sans le paramètre {name}, la recherche se limite à {name}={value}."
    return Issue(Severity.INFORMATION, "informational", "parameter-assumed", text, name)


def encode_outcome(issues: Iterable[Issue]) -> Json:
    return {
        "resourceType": "OperationOutcome",
        "language": "fr",
        "issue": [_encode(issue) for issue in issues],
    }


def _encode(issue: Issue) -> Json:
    written: Json = {
        "severity": issue.severity.value,
        "code": issue.kind,
        "details": {
            "coding": [{"system": ISSUE_SYSTEM, "code": issue.code}],
            "text": issue.text,
        },
    }
    if issue.expression is not None:
        written["expression"] = [issue.expression]
    return written
