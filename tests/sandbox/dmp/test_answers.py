"""What the DMP answers is valid by the published schemas, whatever it says."""

import base64
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree
from tests.fakes.xds_schemas import XdsSchemas
from tests.sandbox.dmp import test_update as updates
from tests.sandbox.dmp.bench import SOAP, Answered, Bench, Recipe, another
from tests.sandbox.dmp.kos import KOS_UID
from tests.sandbox.dmp.lot import PATIENT_ID

REPOSITORY, QUERY, RS = "XDS.b_DocumentRepository", "query", "rs"
APPROVED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"
E, S = "$XDSDocumentEntry", "$XDSSubmissionSet"


def find(bench: Bench, return_type: str = "LeafClass") -> Answered:
    slots: dict[str, str | list[str]] = {
        f"{E}PatientId": f"'{PATIENT_ID}'",
        f"{E}Status": f"('{APPROVED}','urn:oasis:names:tc:ebxml-regrep:StatusType:Deprecated')",
    }
    query = "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"
    return bench.query(query, slots, None, return_type)


def contents(bench: Bench) -> Answered:
    query = "urn:uuid:e8e3cb2c-e39c-46b9-99e4-c12f57260b83"
    return bench.query(query, {f"{S}UniqueId": f"'{Recipe().set_uid}'"})


def deleted(bench: Bench) -> Answered:
    (entry,) = bench.store.find_entries_by_unique_id(KOS_UID)
    return bench.update(updates.status_lot(entry.entry_uuid, APPROVED, updates.DELETED))


def inlined(answer: Answered) -> etree._Element:
    for include in list(answer.body.iter("{http://www.w3.org/2004/08/xop/include}Include")):
        octets = answer.parts[include.get("href", "").removeprefix("cid:")]
        parent = include.getparent()
        parent.remove(include)
        parent.text = base64.b64encode(octets).decode()
    return answer.body


@pytest.mark.parametrize(
    ("ask", "schema", "status"),
    [
        pytest.param(lambda b: b.provide(another(Recipe(), 2)), RS, "Success", id="a lot taken"),
        pytest.param(lambda b: b.provide(), RS, "Failure", id="a lot refused"),
        pytest.param(find, QUERY, "Success", id="entries found"),
        pytest.param(lambda b: find(b, "ObjectRef"), QUERY, "Success", id="references found"),
        pytest.param(contents, QUERY, "Success", id="a set and its contents"),
        pytest.param(lambda b: b.query("urn:uuid:1", {}), QUERY, "Failure", id="a query refused"),
        pytest.param(lambda b: b.retrieve(KOS_UID), REPOSITORY, "Success", id="octets"),
        pytest.param(
            lambda b: b.retrieve(KOS_UID, "1.2"), REPOSITORY, "PartialSuccess", id="some octets"
        ),
        pytest.param(lambda b: b.retrieve("1.2"), REPOSITORY, "Failure", id="no octets"),
        pytest.param(lambda b: b.retrieve(), REPOSITORY, "Failure", id="a retrieval refused"),
        pytest.param(deleted, RS, "Success", id="a status changed"),
    ],
)
def test_is_valid(
    bench: Bench, samples: Path, ask: Callable[[Bench], Answered], schema: str, status: str
) -> None:
    bench.provide()

    answer = ask(bench)

    assert answer.status == status, answer.said()
    assert XdsSchemas(samples).faults(inlined(answer), schema) == []


def test_a_version_after_an_update_is_valid(bench: Bench, samples: Path) -> None:
    bench.provide()
    (entry,) = bench.store.find_entries_by_unique_id(KOS_UID)
    lot = updates.version_lot(updates.next_version(entry.entry_uuid))
    recipe = replace(Recipe(mode="INDIRECTE_RENFORCEE"), body=updates.previous("1"))
    assert bench.update(lot, recipe).status == "Success"

    assert XdsSchemas(samples).faults(find(bench).body, QUERY) == []


def test_a_fault_is_one_of_soap_1_2(bench: Bench) -> None:
    answer = bench.provide(Recipe(vihf_patient="1"))

    fault = answer.body
    assert fault.tag == f"{{{SOAP}}}Fault"
    assert [etree.QName(child).localname for child in fault] == ["Code", "Reason"]
    assert fault.findtext(f"{{{SOAP}}}Code/{{{SOAP}}}Value") == "s:Sender"
    prefix, _, name = fault.findtext(f".//{{{SOAP}}}Subcode/{{{SOAP}}}Value", "").partition(":")
    assert fault.nsmap[prefix].endswith("wssecurity-secext-1.0.xsd")
    assert name == "InvalidSecurityToken"


def test_says_nothing_of_the_patient_when_it_refuses(bench: Bench) -> None:
    """Refusals end in logs and in other people's screens."""
    bench.provide()
    for answer in (
        bench.provide(),
        bench.provide(another(Recipe(vihf_patient="x"), 2)),
        bench.query("urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d", {f"{E}PatientId": "x"}),
    ):
        assert PATIENT_ID[:15] not in etree.tostring(answer.envelope).decode()
