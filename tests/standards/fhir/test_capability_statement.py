"""CapabilityStatement: what it says to instantiate, it offers.

The tables are of those who publish the statements: IHE MHD 4.2.3, IHE RAD MADO 0.1.0, EU Health
Data API 1.0.0-ballot, ANS PDSm 3.1.1 (flow 05-b). What PDSm asks of a box that takes documents
(PATCH, transaction) is declined in the description: this one reads.
"""

from typing import Any

import pytest
from tests.fakes.fhir_site import FACTS

from drimbox.standards.fhir.capability_statement import encode_capability_statement

Json = dict[str, Any]
STATEMENT: Json = encode_capability_statement(FACTS)
MHD = "https://profiles.ihe.net/ITI/MHD/CapabilityStatement/IHE.MHD.DocumentResponder"
MADO = "https://profiles.ihe.net/RAD/MADO/CapabilityStatement/IHE.RAD.MADO.DocumentResponder"
EU = "http://hl7.eu/fhir/health-data-api/CapabilityStatement/EEHRxF-DocumentAccessProvider"
PDSM = (
    "https://interop.esante.gouv.fr/ig/fhir/pdsm/CapabilityStatement/"
    "PDSm-GestionnaireDePartageDeDocuments"
)

ASKED = {
    MHD: {
        "DocumentReference": "_id _lastUpdated author.given author.family category creation date "
        "event facility format identifier patient patient.identifier period related "
        "security-label setting status type",
        "List": "_id _lastUpdated code date designationType identifier patient patient.identifier "
        "source.given source.family sourceId status",
    },
    MADO: {
        "DocumentReference": "modality bodysite anatomical-region study-instance-uid "
        "accession-number"
    },
    EU: {
        "DocumentReference": "patient type _id category date status identifier",
        "Patient": "identifier _id family given birthdate",
    },
    PDSM: {
        "DocumentReference": "type facility setting identifier creation security-label status "
        "isArchived period-start period-end date format category relatesto event period patient "
        "patient.identifier author",
        "List": "patient patient.identifier status code",
    },
}

pytestmark = pytest.mark.requirement("FA.6")


def resource(name: str) -> Json:
    found: Json = next(r for r in STATEMENT["rest"][0]["resource"] if r["type"] == name)
    return found


def parameters(name: str) -> set[str]:
    return {one["name"] for one in resource(name)["searchParam"]}


def test_each_statement_that_is_instantiated_has_its_table_here() -> None:
    of_others = [url for url in STATEMENT["instantiates"] if "drimbox" not in url]
    assert sorted(of_others) == sorted(ASKED)


@pytest.mark.parametrize("statement", ASKED, ids=["MHD", "MADO", "EU", "PDSm"])
def test_what_a_statement_asks_to_search_by_is_searched_by(statement: str) -> None:
    for name, asked in ASKED[statement].items():
        assert set(asked.split()) <= parameters(name)


@pytest.mark.parametrize(
    "name", ["DocumentReference", "ImagingStudy", "List", "Patient", "Endpoint"]
)
def test_no_parameter_is_told_twice_with_another_type(name: str) -> None:
    told = {(one["name"], one["type"]) for one in resource(name)["searchParam"]}
    assert len(told) == len(parameters(name))


@pytest.mark.parametrize(
    ("name", "interactions"),
    [
        ("DocumentReference", {"read", "vread", "search-type"}),
        ("ImagingStudy", {"read", "vread", "search-type"}),
        ("List", {"read", "search-type"}),
        ("Patient", {"read", "search-type"}),
        ("Endpoint", {"read", "search-type"}),
        ("Binary", {"read"}),
        ("Bundle", {"read"}),
    ],
)
def test_the_transactions_of_the_statements_are_offered(name: str, interactions: set[str]) -> None:
    """ITI-66, ITI-67, ITI-68, ITI-78, MADO's manifest; and nothing that writes."""
    assert {one["code"] for one in resource(name)["interaction"]} == interactions


def test_both_formats_are_told_by_their_media_types() -> None:
    assert STATEMENT["format"] == ["application/fhir+json", "application/fhir+xml"]


def test_what_is_not_offered_is_said() -> None:
    for words in ("ni écriture", "ITI-65", "PATCH"):
        assert words in STATEMENT["description"]
