"""ITI-18: what is found, in which form, and what is no query at all (TF-2 3.18)."""

from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree
from tests.sandbox.dmp import lot as lots
from tests.sandbox.dmp.bench import OTHER_PATIENT, QUERY, Answered, Bench, Recipe, another
from tests.sandbox.dmp.kos import ACCESSION, ACCESSION_OID, KOS_UID, STUDY_UID
from tests.sandbox.dmp.lot import PATIENT_ID, RIM, SET_UID, SIGNATURE_UID

FIND = "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"
FIND_BY_REFERENCE = "urn:uuid:12941a89-e02e-4be5-967c-ce4bfc8fe492"
FIND_SETS = "urn:uuid:f26abbcb-ac74-4422-8a30-edb644bbc1a9"
GET = "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4"
GET_ASSOCIATIONS = "urn:uuid:a7ae438b-4bc2-4642-93e9-be891f7bb155"
GET_WITH_ASSOCIATIONS = "urn:uuid:bab9529a-4a10-40b3-a01f-f68a615d247a"
GET_SETS = "urn:uuid:51224314-5390-4169-9b91-b1980040715a"
GET_SET_AND_CONTENTS = "urn:uuid:e8e3cb2c-e39c-46b9-99e4-c12f57260b83"
GET_RELATED = "urn:uuid:d90e5407-b356-4d91-a89f-873917b4b0e6"
E, S = "$XDSDocumentEntry", "$XDSSubmissionSet"
APPROVED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"
DEPRECATED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Deprecated"
CONSULTING = Recipe(mode="INDIRECTE_RENFORCEE")
FEEDING = Recipe(mode="INDIRECTE")
ELSEWHERE = replace(CONSULTING, structure="499700367909006")

Slots = dict[str, str | list[str]]


def find(**slots: str | list[str]) -> Slots:
    """FindDocuments of the patient; keyword names lose the prefix, `and_` repeats a slot."""
    made: Slots = {f"{E}PatientId": f"'{PATIENT_ID}'", f"{E}Status": f"('{APPROVED}')"}
    for name, value in slots.items():
        bare = name.removeprefix("and_")
        made[f"{E}{bare}" + ("#2" if bare != name else "")] = value
    return made


def uniques(answer: Answered) -> list[str]:
    assert answer.status == "Success", answer.said()
    return [
        i.get("value", "")
        for o in answer.objects
        for i in o.iter(f"{{{RIM}}}ExternalIdentifier")
        if i.get("identificationScheme") == "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab"
    ]


@pytest.fixture
def filled(bench: Bench) -> Bench:
    """Two lots; the second replaces the first. Three entries are approved, one is deprecated."""
    assert bench.provide().status == "Success"
    (first,) = bench.store.find_entries_by_unique_id(KOS_UID)
    second = another(Recipe(replaces=first.entry_uuid), 2)
    answer = bench.provide(second)
    assert answer.status == "Success", answer.said()
    return bench


FIRST, SECOND = KOS_UID, f"{KOS_UID}.2"
CT, MR = "CT^^1.2.840.10008.2.16.4", "MR^^1.2.840.10008.2.16.4"
HEAD, KNEE = "774007^^2.16.840.1.113883.6.96", "61685007^^2.16.840.1.113883.6.96"
KOS_TYPE = "('IMG-KOS^^1.2.250.1.213.1.1.4.12')"


@pytest.mark.parametrize(
    ("slots", "expected"),
    [
        pytest.param({"TypeCode": KOS_TYPE}, [SECOND], id="approved ones of a type"),
        pytest.param(
            {"TypeCode": KOS_TYPE, "Status": f"('{APPROVED}','{DEPRECATED}')"},
            [FIRST, SECOND],
            id="several statuses in one list",
        ),
        pytest.param(
            {"TypeCode": KOS_TYPE, "Status": [f"('{APPROVED}')", f"('{DEPRECATED}')"]},
            [FIRST, SECOND],
            id="several statuses in several Values",
        ),
        pytest.param(
            {"TypeCode": KOS_TYPE, "Status": f"('{APPROVED}','urn:unknown')"},
            [SECOND],
            id="an unknown status beside a known one",
        ),
        pytest.param({"EventCodeList": f"('{CT}','{MR}')"}, [SECOND], id="this or that modality"),
        pytest.param({"EventCodeList": f"('{MR}')"}, [], id="another modality"),
        pytest.param(
            {"EventCodeList": f"('{CT}')", "and_EventCodeList": f"('{HEAD}')"},
            [SECOND],
            id="modality and region",
        ),
        pytest.param(
            {"EventCodeList": f"('{CT}')", "and_EventCodeList": f"('{KNEE}')"},
            [],
            id="modality and another region",
        ),
        pytest.param(
            {"ServiceStartTimeFrom": "20260301080000", "TypeCode": KOS_TYPE},
            [SECOND],
            id="from the very second",
        ),
        pytest.param(
            {"ServiceStartTimeTo": "20260301080000", "TypeCode": KOS_TYPE},
            [],
            id="to the very second is too late",
        ),
        pytest.param(
            {"CreationTimeFrom": "2026", "CreationTimeTo": "202604", "TypeCode": KOS_TYPE},
            [SECOND],
            id="times of a coarser precision",
        ),
        pytest.param(
            {"AuthorPerson": "('%DRIMBox%')", "TypeCode": KOS_TYPE}, [SECOND], id="author LIKE"
        ),
        pytest.param({"AuthorPerson": "('DRIMBox')"}, [], id="author is whole, or LIKE"),
        pytest.param(
            {"Type": "('urn:uuid:34268e47-fdf5-41a6-ba33-82133c465248')"}, [], id="on-demand only"
        ),
        pytest.param(
            {"ConfidentialityCode": "('MASQUE_PS^^1.2.250.1.213.1.1.4.13')"},
            [SIGNATURE_UID, f"{SIGNATURE_UID}.2"],
            id="masked ones, which their provider sees",
        ),
    ],
)
def test_finds_documents(filled: Bench, slots: dict[str, str], expected: list[str]) -> None:
    answer = filled.query(FIND, find(**slots), CONSULTING)

    assert sorted(uniques(answer)) == sorted(expected)


def test_hides_masked_documents_from_other_structures(filled: Bench) -> None:
    assert uniques(filled.query(FIND, find(), ELSEWHERE)) == [SECOND]


def test_shows_masked_documents_to_the_treating_physician(filled: Bench) -> None:
    patient = filled.patients.find(PATIENT_ID)
    assert patient is not None
    filled.patients.replace([replace(patient, treating_physician="899700367909")])

    assert len(uniques(filled.query(FIND, find(), ELSEWHERE))) == 3


def test_finds_by_accession_number_exactly(filled: Bench) -> None:
    reference = f"{ACCESSION}^^^&{ACCESSION_OID}&ISO^urn:ihe:iti:xds:2013:accession"
    study = f"{STUDY_UID}^^^^urn:ihe:iti:xds:2016:studyInstanceUID"

    both = find(ReferenceIdList=f"('{reference}')", and_ReferenceIdList=f"('{study}')")
    assert uniques(filled.query(FIND_BY_REFERENCE, both)) == [SECOND]
    other = find(ReferenceIdList=f"('{reference.replace('ACC', 'AC')}')")
    assert uniques(filled.query(FIND_BY_REFERENCE, other)) == []


def test_gives_references_only_when_asked(filled: Bench) -> None:
    answer = filled.query(FIND, find(TypeCode=KOS_TYPE), CONSULTING, "ObjectRef")

    (reference,) = answer.objects
    assert etree.QName(reference).localname == "ObjectRef"
    (entry,) = filled.store.find_entries_by_unique_id(SECOND)
    assert reference.get("id") == entry.entry_uuid


def test_gets_documents_by_unique_id_whatever_their_status(filled: Bench) -> None:
    answer = filled.query(GET, {f"{E}UniqueId": [f"('{FIRST}')", f"('{SECOND}')"]})

    assert uniques(answer) == [FIRST, SECOND]
    assert [o.get("status") for o in answer.objects] == [DEPRECATED, APPROVED]


def test_gets_documents_by_entry_uuid(filled: Bench) -> None:
    (entry,) = filled.store.find_entries_by_unique_id(FIRST)

    assert uniques(filled.query(GET, {f"{E}EntryUUID": f"('{entry.entry_uuid}')"})) == [FIRST]


@pytest.mark.parametrize("return_type", ["ObjectRef", "LeafClass"])
def test_a_feeder_gets_its_document_by_unique_id(filled: Bench, return_type: str) -> None:
    """TD3.1b. LeafClass too, because a feeder that lost an answer compares hashes."""
    answer = filled.query(GET, {f"{E}UniqueId": f"('{FIRST}')"}, FEEDING, return_type)

    assert answer.status == "Success"
    assert len(answer.objects) == 1


def test_a_feeder_may_not_search(filled: Bench) -> None:
    assert "TD3.1b" in filled.query(FIND, find(), FEEDING).fault


def test_another_patients_documents_do_not_exist(filled: Bench) -> None:
    caller = replace(CONSULTING, vihf_patient=OTHER_PATIENT)

    assert uniques(filled.query(GET, {f"{E}UniqueId": f"('{FIRST}')"}, caller)) == []


def test_the_patient_of_the_query_is_the_vihfs(filled: Bench) -> None:
    caller = replace(CONSULTING, vihf_patient=OTHER_PATIENT)

    assert "not the patient of the transaction" in filled.query(FIND, find(), caller).fault


def test_finds_submission_sets_since(filled: Bench) -> None:
    slots: Slots = {f"{S}PatientId": f"'{PATIENT_ID}'", f"{S}Status": f"('{APPROVED}')"}

    assert len(filled.query(FIND_SETS, slots).objects) == 2
    assert filled.query(FIND_SETS, {**slots, f"{S}SubmissionTimeFrom": "20260303"}).objects == []
    assert (
        len(filled.query(FIND_SETS, {**slots, f"{S}SourceId": "('1.2.250.1.999.1')"}).objects) == 2
    )
    assert (
        filled.query(FIND_SETS, {**slots, f"{S}ContentType": "('03^^1.2.250.1.213.2.2')"}).objects
        == []
    )


def kinds(answer: Answered) -> list[str]:
    assert answer.status == "Success", answer.said()
    return [
        o.get("associationType", "").rpartition(":")[2] or etree.QName(o).localname
        for o in answer.objects
    ]


def test_gets_associations_of_a_document(filled: Bench) -> None:
    (entry,) = filled.store.find_entries_by_unique_id(SECOND)

    answer = filled.query(GET_ASSOCIATIONS, {"$uuid": f"('{entry.entry_uuid}')"})

    assert sorted(kinds(answer)) == ["HasMember", "RPLC"]


def test_gets_documents_with_their_associations(filled: Bench) -> None:
    answer = filled.query(GET_WITH_ASSOCIATIONS, {f"{E}UniqueId": f"('{SECOND}')"})

    assert kinds(answer) == ["ExtrinsicObject", "HasMember", "RPLC"]


def test_gets_a_submission_set_and_its_contents(filled: Bench) -> None:
    answer = filled.query(GET_SET_AND_CONTENTS, {f"{S}UniqueId": f"'{SET_UID}'"})

    assert kinds(answer) == [
        "RegistryPackage",
        "ExtrinsicObject",
        "ExtrinsicObject",
        "HasMember",
        "HasMember",
    ]
    kos_only: Slots = {
        f"{S}UniqueId": f"'{SET_UID}'",
        f"{E}FormatCode": "('1.2.840.10008.5.1.4.1.1.88.59^^1.2.840.10008.2.6.1')",
    }
    assert kinds(filled.query(GET_SET_AND_CONTENTS, kos_only)) == [
        "RegistryPackage",
        "ExtrinsicObject",
        "HasMember",
    ]


def test_gets_the_set_of_a_document(filled: Bench) -> None:
    (entry,) = filled.store.find_entries_by_unique_id(FIRST)

    answer = filled.query(GET_SETS, {"$uuid": f"('{entry.entry_uuid}')"})

    assert kinds(answer) == ["RegistryPackage", "HasMember"]


def test_gets_what_a_document_replaced(filled: Bench) -> None:
    answer = filled.query(
        GET_RELATED, {f"{E}UniqueId": f"'{SECOND}'", "$AssociationTypes": f"('{lots.RPLC}')"}
    )

    assert uniques(answer) == [SECOND, FIRST]
    assert kinds(answer)[-1] == "RPLC"


def test_nothing_found_is_a_success(bench: Bench) -> None:
    answer = bench.query(FIND, find())

    assert (answer.status, answer.objects) == ("Success", [])


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        pytest.param("returnType", "RegistryObject", id="RegistryObject"),
        pytest.param("returnType", "LeafClassWithRepositoryItem", id="with the repository item"),
        pytest.param("returnComposedObjects", "false", id="objects not composed"),
    ],
)
def test_refuses_an_answer_in_the_form_of(bench: Bench, attribute: str, value: str) -> None:
    def change(body: etree._Element) -> None:
        body[0].set(attribute, value)

    answer = bench.query(FIND, find(), replace(CONSULTING, body=change))

    assert [code for code, _ in answer.errors] == ["XDSRegistryError"]


def test_refuses_to_return_too_much(tmp_path: Path) -> None:
    """Then one asks for references, and gets the entries by pages (3.18.4.1.2.6)."""
    bench = Bench(tmp_path, max_leaf_results=1)
    bench.provide()
    bench.provide(another(Recipe(), 2))

    slots = find(TypeCode=KOS_TYPE)
    assert [code for code, _ in bench.query(FIND, slots).errors] == ["XDSTooManyResults"]
    assert len(bench.query(FIND, slots, CONSULTING, "ObjectRef").objects) == 2


def test_refuses_paging(bench: Bench) -> None:
    caller = replace(CONSULTING, body=lambda body: body.set("maxResults", "10"))

    assert "paging" in bench.query(FIND, find(), caller).said()


def test_refuses_a_query_out_of_order(bench: Bench) -> None:
    caller = replace(CONSULTING, body=lambda body: body.append(body[0]))

    assert "ResponseOption stands after" in bench.query(FIND, find(), caller).said()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"is_open": False}, "DMPClosed", id="a closed DMP"),
        pytest.param(
            {"is_authorised": False}, "LocalPolicyRestrictionError", id="no authorisation"
        ),
    ],
)
def test_refuses_to_consult(filled: Bench, changes: dict[str, bool], code: str) -> None:
    patient = filled.patients.find(PATIENT_ID)
    assert patient is not None
    filled.patients.replace([replace(patient, **changes)])

    assert [found for found, _ in filled.query(FIND, find()).errors] == [code]


def test_the_response_is_named_after_the_request(bench: Bench) -> None:
    assert bench.query(FIND, find()).body.tag == f"{{{QUERY}}}AdhocQueryResponse"
