"""ITI-43: what became of each document, and that nothing but what was asked for is taken (X6)."""

import base64
from collections.abc import Sequence
from dataclasses import replace

import pytest
from structlog.testing import capture_logs
from tests.adapters.dmp_soap.test_consultation import HELD, USER
from tests.fakes.loopback_dmp import LoopbackDmp, failure
from tests.fakes.submissions import ENTRY, KOS

from drimbox.adapters.dmp_soap.dmp import SoapDmpConsultation
from drimbox.errors import DrimboxError, RejectedByPartner, Unavailable
from drimbox.ports.dmp import DmpAtFault, DmpForbids, DocumentAbsent, DocumentAltered

pytestmark = pytest.mark.anyio


def _documents(*documents: tuple[str, str, bytes], errors: Sequence[str] = ()) -> str:
    status = "PartialSuccess" if errors and documents else "Failure" if errors else "Success"
    responses = "".join(
        f"<b:DocumentResponse><b:RepositoryUniqueId>1.2.9</b:RepositoryUniqueId>"
        f"<b:DocumentUniqueId>{unique_id}</b:DocumentUniqueId><b:mimeType>{mime_type}</b:mimeType>"
        f"<b:Document>{base64.b64encode(content).decode()}</b:Document></b:DocumentResponse>"
        for unique_id, mime_type, content in documents
    )
    return (
        '<b:RetrieveDocumentSetResponse xmlns:b="urn:ihe:iti:xds-b:2007">'
        f"{failure(*errors, status=status)}{responses}</b:RetrieveDocumentSetResponse>"
    )


GOOD = (ENTRY.unique_id, "application/dicom", KOS)


async def test_a_document_comes_octet_for_octet(
    dmp: LoopbackDmp, consultation: SoapDmpConsultation
) -> None:
    dmp.body = _documents(GOOD)
    assert await consultation.retrieve_documents([HELD], USER) == {ENTRY.unique_id: KOS}
    assert dmp.requests[0][0] == "/repository"
    assert dmp.requests[0][1].startswith("multipart/related;")


async def test_a_document_comes_beside_the_envelope(
    dmp: LoopbackDmp, consultation: SoapDmpConsultation
) -> None:
    include = '<i:Include xmlns:i="http://www.w3.org/2004/08/xop/include" href="cid:kos%40dmp"/>'
    inline = base64.b64encode(KOS).decode()
    body = _documents(GOOD).replace(inline, include)

    def package(octets: bytes) -> str:
        return body

    dmp.body = package
    dmp.content_type = 'multipart/related; boundary="b+=:"; start="<r>"'
    dmp.parts = (
        b"--b+=:\r\nContent-ID: <r>\r\n\r\n",
        b"\r\n--b+=:\r\nContent-ID: <kos@dmp>\r\n\r\n" + KOS + b"\r\n--b+=:--",
    )
    assert await consultation.retrieve_documents([HELD], USER) == {ENTRY.unique_id: KOS}


@pytest.mark.parametrize(
    ("documents", "reason"),
    [
        pytest.param(
            [(ENTRY.unique_id, "application/dicom", KOS[:-1] + b"x")], "other hash", id="hash"
        ),
        pytest.param([(ENTRY.unique_id, "application/dicom", KOS + b"x")], "other size", id="size"),
        pytest.param([(ENTRY.unique_id, "text/xml", KOS)], "other media type", id="media type"),
        pytest.param([("1.2.99", "application/dicom", KOS)], "not asked for", id="uniqueId"),
    ],
)
async def test_a_document_that_is_not_its_entry_is_refused(
    dmp: LoopbackDmp,
    consultation: SoapDmpConsultation,
    documents: list[tuple[str, str, bytes]],
    reason: str,
) -> None:
    dmp.body = _documents(*documents)
    with capture_logs() as logs:
        found = await consultation.retrieve_documents([HELD], USER)
    assert [log["reason"] for log in logs] == [reason]
    assert found.keys() == {ENTRY.unique_id}
    # What nobody asked for says nothing of what was.
    expected = DmpAtFault if reason == "not asked for" else DocumentAltered
    assert type(found[ENTRY.unique_id]) is expected


async def test_the_second_of_two_under_one_id_is_refused(
    dmp: LoopbackDmp, consultation: SoapDmpConsultation
) -> None:
    dmp.body = _documents(GOOD, GOOD)
    with capture_logs() as logs:
        assert await consultation.retrieve_documents([HELD], USER) == {ENTRY.unique_id: KOS}
    assert [log["reason"] for log in logs] == ["given twice"]


async def test_a_document_assembled_on_demand_has_no_hash_to_check(
    dmp: LoopbackDmp, consultation: SoapDmpConsultation
) -> None:
    dmp.body = _documents(GOOD)
    deferred = replace(HELD, size=0, hash_hex="da39a3ee5e6b4b0d3255bfef95601890afd80709")
    assert await consultation.retrieve_documents([deferred], USER) == {ENTRY.unique_id: KOS}


def _error(code: str, *, location: str = "", context: str = "") -> str:
    """Return an answer of one error that may name a document, and of the good document."""
    good = _documents(GOOD, errors=[code])
    return good.replace('codeContext="of 1800313032001"', f'codeContext="{context}" {location}')


OTHER = replace(HELD, unique_id=f"{HELD.unique_id}.5")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            _error("XDSDocumentUniqueIdError", location=f'location="{OTHER.unique_id}"'),
            DocumentAbsent,
            id="by its location",
        ),
        pytest.param(
            _error("XDSDocumentUniqueIdError", context=f"document {OTHER.unique_id}."),
            DocumentAbsent,
            id="by its context",
        ),
        pytest.param(_error("XDSDocumentUniqueIdError"), DocumentAbsent, id="by being the only"),
        pytest.param(
            _error("XDSDocumentUniqueIdError", location=f'location="{HELD.unique_id}"'),
            DmpAtFault,
            id="an error of the one that came",
        ),
        pytest.param(_documents(GOOD), DmpAtFault, id="without any error"),
        pytest.param(_error("XDSRepositoryBusy"), Unavailable, id="busy"),
        pytest.param(_error("LocalPolicyRestrictionError"), DmpForbids, id="forbidden"),
        pytest.param(_error("XDSRepositoryError"), RejectedByPartner, id="any other"),
    ],
)
async def test_a_document_that_does_not_come_says_why(
    dmp: LoopbackDmp,
    consultation: SoapDmpConsultation,
    body: str,
    expected: type[DrimboxError],
) -> None:
    dmp.body = body
    found = await consultation.retrieve_documents([HELD, OTHER], USER)
    assert found[HELD.unique_id] == KOS
    assert type(found[OTHER.unique_id]) is expected
    assert "1800313032001" not in str(found[OTHER.unique_id])


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (["XDSDocumentUniqueIdError"], DocumentAbsent),
        (["XDSRepositoryBusy"], Unavailable),
        (["XDSDocumentUniqueIdError", "XDSRepositoryError"], RejectedByPartner),
    ],
)
async def test_a_repository_that_gives_nothing_says_why_of_each(
    dmp: LoopbackDmp,
    consultation: SoapDmpConsultation,
    codes: list[str],
    expected: type[DrimboxError],
) -> None:
    dmp.body = _documents(errors=codes)
    found = await consultation.retrieve_documents([HELD, OTHER], USER)
    assert [type(one) for one in found.values()] == [expected, expected]


async def test_an_entry_held_nowhere_is_a_fault_of_the_dmp_and_nothing_is_asked(
    dmp: LoopbackDmp, consultation: SoapDmpConsultation
) -> None:
    with capture_logs() as logs:
        found = await consultation.retrieve_documents([ENTRY], USER)
    assert type(found[ENTRY.unique_id]) is DmpAtFault
    assert dmp.requests == []
    assert logs[0]["event"] == "dmp_entries_without_repository"
