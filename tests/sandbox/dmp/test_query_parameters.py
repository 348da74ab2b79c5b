"""Parameters written otherwise than ITI-18 says are refused, each by its code (3.18.4.1.2.3.5)."""

import pytest
from tests.sandbox.dmp.bench import Bench
from tests.sandbox.dmp.lot import PATIENT_ID
from tests.sandbox.dmp.test_stored_queries import (
    APPROVED,
    FIND,
    FIND_BY_REFERENCE,
    GET,
    GET_ASSOCIATIONS,
    GET_RELATED,
    KOS_TYPE,
    E,
    Slots,
    find,
)

PATIENT = {f"{E}PatientId": f"'{PATIENT_ID}'"}
STATUS = {f"{E}Status": f"('{APPROVED}')"}


@pytest.mark.parametrize(
    ("query", "slots", "error"),
    [
        pytest.param("urn:uuid:1", {}, "XDSUnknownStoredQuery", id="no such query"),
        pytest.param(
            "urn:uuid:10b545ea-725c-446d-9b95-8aeb444eddf3",
            {},
            "XDSUnknownStoredQuery",
            id="GetAll, which the DMP does not have",
        ),
        pytest.param(FIND, PATIENT, "XDSStoredQueryMissingParam", id="no status"),
        pytest.param(FIND, STATUS, "XDSStoredQueryMissingParam", id="no patient"),
        pytest.param(
            FIND, {**PATIENT, f"{E}Status": "('urn:x')"}, "XDSRegistryError", id="no known status"
        ),
        pytest.param(
            FIND,
            {f"{E}PatientId": f"('{PATIENT_ID}')", **STATUS},
            "XDSStoredQueryParamNumber",
            id="a single value in parentheses",
        ),
        pytest.param(
            FIND,
            {f"{E}PatientId": PATIENT_ID, **STATUS},
            "XDSRegistryError",
            id="a string without quotes",
        ),
        pytest.param(
            FIND,
            {**PATIENT, f"{E}Status": f"'{APPROVED}'"},
            "XDSRegistryError",
            id="a list without parentheses",
        ),
        pytest.param(
            FIND,
            {**PATIENT, **STATUS, f"{E}TypeCode": "('IMG-KOS')"},
            "XDSRegistryError",
            id="a code without its scheme",
        ),
        pytest.param(
            FIND,
            {**PATIENT, **STATUS, f"{E}CreationTimeFrom": "'2026'"},
            "XDSRegistryError",
            id="a time in quotes",
        ),
        pytest.param(
            FIND,
            {**PATIENT, **STATUS, f"{E}AuthorPerson": "('O'Neil')"},
            "XDSRegistryError",
            id="a quote that is not doubled",
        ),
        pytest.param(
            FIND,
            {**PATIENT, **STATUS, f"{E}TypeCode#1": KOS_TYPE, f"{E}TypeCode#2": KOS_TYPE},
            "XDSStoredQueryParamNumber",
            id="AND of a single-valued attribute",
        ),
        pytest.param(
            FIND,
            {**PATIENT, **STATUS, f"{E}Title": "('x')"},
            "XDSRegistryError",
            id="no such parameter",
        ),
        pytest.param(
            FIND,
            {**PATIENT, **STATUS, f"{E}TypeCode": "('" + "x" * 260 + "^^1.2')"},
            "XDSRegistryError",
            id="a Value longer than 256",
        ),
        pytest.param(
            FIND, {f"{E}PatientId": [], **STATUS}, "XDSStoredQueryMissingParam", id="an empty Slot"
        ),
        pytest.param(
            FIND_BY_REFERENCE, find(), "XDSStoredQueryMissingParam", id="no reference to find by"
        ),
        pytest.param(GET, {}, "XDSStoredQueryMissingParam", id="neither EntryUUID nor UniqueId"),
        pytest.param(
            GET,
            {f"{E}UniqueId": "('1.2')", f"{E}EntryUUID": "('urn:uuid:1')"},
            "XDSStoredQueryParamNumber",
            id="both EntryUUID and UniqueId",
        ),
        pytest.param(GET_ASSOCIATIONS, {}, "XDSStoredQueryMissingParam", id="associations of nil"),
        pytest.param(
            GET_RELATED,
            {f"{E}UniqueId": "'1.2'"},
            "XDSStoredQueryMissingParam",
            id="related in no way",
        ),
    ],
)
def test_refuses_a_query_with(bench: Bench, query: str, slots: Slots, error: str) -> None:
    answer = bench.query(query, slots)

    assert [code for code, _ in answer.errors] == [error], answer.said()
    assert answer.status == "Failure"


def test_a_doubled_quote_is_one(bench: Bench) -> None:
    answer = bench.query(FIND, find(AuthorPerson="('O''Neil%')"))

    assert answer.status == "Success", answer.said()
