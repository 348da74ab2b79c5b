"""The whole adapter against the strict stand-in of the DMP, which judges by its own tables."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fakes.dmp_bench import ACCESSION, NOW, SYSTEM, USER, Bench
from tests.fakes.submissions import ENTRY, INS, PATIENT

from drimbox.errors import Conflict, RejectedByPartner, Unavailable
from drimbox.model.document_entry import (
    AvailabilityStatus,
    DocumentQuery,
    ReferenceId,
    ReferenceIdKind,
)
from drimbox.model.patient import AssigningAuthority
from drimbox.model.practice import Code
from drimbox.ports.dmp import DmpAccess
from drimbox.sandbox.dmp.behaviour import Behaviour, Mode
from drimbox.standards.xds.names import DICOM_CONTROLLED_TERMINOLOGY, SNOMED_CT

KOS_QUERY = DocumentQuery(
    patient_id=INS.xds_patient_id,
    type_codes=(ENTRY.type_code,),
    class_codes=(ENTRY.class_code,),
    format_codes=(ENTRY.format_code,),
    modalities=(Code("CT", DICOM_CONTROLLED_TERMINOLOGY),),
    anatomic_regions=(Code("774007", SNOMED_CT),),
    service_start_from=ENTRY.creation_time - timedelta(days=1),
    service_start_to=ENTRY.creation_time + timedelta(days=1),
)


@pytest.mark.requirement("SO.01")
@pytest.mark.requirement("CO.02")
@pytest.mark.anyio
@pytest.mark.requirement("DMP-1")
@pytest.mark.requirement("CO.67")
@pytest.mark.requirement("AIRS.03")
async def test_a_kos_goes_in_and_comes_out_octet_for_octet(bench: Bench) -> None:
    lot = bench.lot("1.2.250.1.999.7.1")
    await bench.feeding.provide(lot)
    (found,) = await bench.consultation.find_documents(KOS_QUERY, USER)
    assert found.unique_id == lot.document_unique_id
    assert found.hash_hex == lot.document_hash
    assert found.status is AvailabilityStatus.APPROVED
    assert found.source_patient == PATIENT
    documents = await bench.consultation.retrieve_documents([found], USER)
    assert documents == {lot.document_unique_id: lot.documents[0].content}


@pytest.mark.requirement("FA.1")
@pytest.mark.anyio
async def test_the_registry_tells_what_replaces_what(bench: Bench) -> None:
    found = []
    former = None
    for number in range(1, 4):
        lot = bench.lot(f"1.2.250.1.999.7.{number}", replaces=former)
        entry = await bench.feeding.find_registered(former, SYSTEM) if former else None
        await bench.feeding.provide(lot, replaced_entry_uuid=entry.entry_uuid if entry else None)
        former = lot.document_unique_id
        registered = await bench.feeding.find_registered(former, SYSTEM)
        assert registered is not None
        assert registered.entry_uuid is not None
        found.append(registered.entry_uuid)
    first, second, third = found
    chain = {second: (first,), third: (second,)}
    assert await bench.consultation.find_replaced([second], USER) == chain
    assert await bench.consultation.find_replaced([third], USER) == {third: (second,)}
    assert await bench.consultation.find_replaced([first], USER) == {second: (first,)}


@pytest.mark.requirement("UX.27")
@pytest.mark.anyio
@pytest.mark.parametrize(
    ("changes", "count"),
    [
        pytest.param({}, 1, id="all criteria"),
        pytest.param({"modalities": (Code("MR", DICOM_CONTROLLED_TERMINOLOGY),)}, 0, id="MR"),
        pytest.param({"anatomic_regions": (Code("76752008", SNOMED_CT),)}, 0, id="another region"),
        pytest.param({"service_start_to": NOW - timedelta(days=900)}, 0, id="long ago"),
        pytest.param(
            {
                "reference_ids": (
                    ReferenceId(
                        "A1",
                        ReferenceIdKind.ACCESSION.value,
                        AssigningAuthority(None, ACCESSION.issuer),
                    ),
                )
            },
            1,
            id="by accession number",
        ),
    ],
)
async def test_criteria_find_or_do_not(
    bench: Bench, changes: dict[str, object], count: int
) -> None:
    await bench.feeding.provide(bench.lot("1.2.250.1.999.7.1"))
    query = replace(KOS_QUERY, **changes)  # type: ignore[arg-type]
    assert len(await bench.consultation.find_documents(query, USER)) == count


@pytest.mark.requirement("FA.1")
@pytest.mark.anyio
async def test_every_criterion_of_a_fhir_search_is_one_that_the_dmp_takes(bench: Bench) -> None:
    """The DMP judges slots by tables of its own, and refuses a name or a coding that is not one."""
    await bench.feeding.provide(bench.lot("1.2.250.1.999.7.1"))
    (held,) = await bench.consultation.find_documents(KOS_QUERY, USER)
    assert held.facility_type is not None and held.practice_setting is not None  # noqa: PT018
    assert held.service_start_time is not None and held.entry_uuid is not None  # noqa: PT018
    hour = timedelta(hours=1)
    answering: dict[str, object] = {
        "class_codes": (held.class_code,),
        "facility_types": (held.facility_type,),
        "practice_settings": (held.practice_setting,),
        "event_codes": ((Code("CT", "1.2.250.1.213.1.1.5.618"),), (Code("774007", SNOMED_CT),)),
        "confidentiality_codes": tuple((code,) for code in held.confidentiality_codes),
        "creation_from": held.creation_time - hour,
        "creation_to": held.creation_time + hour,
        "service_start_from": held.service_start_time - hour,
        "service_stop_to": NOW + timedelta(days=900),
        "statuses": tuple(AvailabilityStatus)[:3],
    }
    query = DocumentQuery(INS.xds_patient_id, **answering)  # type: ignore[arg-type]
    assert await bench.consultation.find_documents(query, USER) == (held,)
    for changes in (
        {"facility_types": (Code("SA99", "1.2.250.1.71.4.2.4"),)},
        {"event_codes": ((Code("MR", DICOM_CONTROLLED_TERMINOLOGY),),)},
        {"confidentiality_codes": ((Code("R", "2.16.840.1.113883.5.25"),),)},
        {"creation_to": held.creation_time - hour},
        {"statuses": (AvailabilityStatus.DEPRECATED,)},
    ):
        other = replace(query, **changes)  # type: ignore[arg-type]
        assert await bench.consultation.find_documents(other, USER) == ()
    by_name = DocumentQuery(INS.xds_patient_id, entry_uuids=(held.entry_uuid,))
    assert await bench.consultation.find_documents(by_name, USER) == (held,)


@pytest.mark.anyio
async def test_the_same_lot_again_is_held_already(bench: Bench) -> None:
    lot = bench.lot("1.2.250.1.999.7.1")
    await bench.feeding.provide(lot)
    with pytest.raises(Conflict):
        await bench.feeding.provide(lot)
    held = await bench.feeding.find_registered(lot.document_unique_id, SYSTEM)
    assert held is not None
    assert held.hash_hex == lot.document_hash


@pytest.mark.anyio
async def test_a_success_lost_on_the_way_is_found_out_at_the_next_try(bench: Bench) -> None:
    lot = bench.lot("1.2.250.1.999.7.1")
    bench.dmp.behave(Behaviour(Mode.RESET_AFTER_SUCCESS, requests=1))
    with pytest.raises(Unavailable):
        await bench.feeding.provide(lot)
    with pytest.raises(Conflict):
        await bench.feeding.provide(lot)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("mode", "error"),
    [
        (Mode.REFUSE, Unavailable),
        (Mode.HTTP_500, Unavailable),
        (Mode.SOAP_FAULT, Unavailable),
        (Mode.REGISTRY_BUSY, Unavailable),
        (Mode.REJECT, RejectedByPartner),
    ],
)
async def test_a_dmp_that_misbehaves_gets_the_lot_later_or_never(
    bench: Bench, mode: Mode, error: type[Exception]
) -> None:
    lot = bench.lot("1.2.250.1.999.7.1")
    bench.dmp.behave(Behaviour(mode, requests=1))
    with pytest.raises(error):
        await bench.feeding.provide(lot)
    await bench.feeding.provide(lot)


@pytest.mark.anyio
async def test_a_replaced_kos_leaves_the_list(bench: Bench) -> None:
    first = bench.lot("1.2.250.1.999.7.1")
    await bench.feeding.provide(first)
    held = await bench.feeding.find_registered(first.document_unique_id, SYSTEM)
    assert held is not None
    second = bench.lot("1.2.250.1.999.7.2", replaces=first.document_unique_id)
    await bench.feeding.provide(second, replaced_entry_uuid=held.entry_uuid)
    found = await bench.consultation.find_documents(KOS_QUERY, USER)
    assert [entry.unique_id for entry in found] == [second.document_unique_id]
    old = await bench.feeding.find_registered(first.document_unique_id, SYSTEM)
    assert old is not None
    assert old.status is AvailabilityStatus.DEPRECATED


@pytest.mark.anyio
async def test_replacing_what_was_replaced_meanwhile_passes_after_a_new_look(bench: Bench) -> None:
    first = bench.lot("1.2.250.1.999.7.1")
    await bench.feeding.provide(first)
    held = await bench.feeding.find_registered(first.document_unique_id, SYSTEM)
    assert held is not None
    second, third = bench.lot("1.2.250.1.999.7.2"), bench.lot("1.2.250.1.999.7.3")
    await bench.feeding.provide(second, replaced_entry_uuid=held.entry_uuid)
    with pytest.raises(Unavailable):
        await bench.feeding.provide(third, replaced_entry_uuid=held.entry_uuid)


@pytest.mark.requirement("CONF.05")
@pytest.mark.anyio
async def test_a_withdrawn_kos_leaves_the_list(bench: Bench) -> None:
    lot = bench.lot("1.2.250.1.999.7.1")
    await bench.feeding.provide(lot)
    held = await bench.feeding.find_registered(lot.document_unique_id, SYSTEM)
    assert held is not None
    await bench.feeding.withdraw(held, SYSTEM)
    # Neither the habilitations service nor any other is asked to feed or to delete.
    assert set(bench.dmp.received) == {"repository", "registry"}
    assert await bench.consultation.find_documents(KOS_QUERY, USER) == ()


@pytest.mark.anyio
async def test_access_is_told(bench: Bench) -> None:
    access = await bench.consultation.check_access(USER)
    assert access == DmpAccess(exists=True, is_open=True, is_authorised=True)


@pytest.mark.anyio
async def test_the_structure_alone_may_not_search(bench: Bench) -> None:
    with pytest.raises(RejectedByPartner):
        await bench.consultation.find_documents(KOS_QUERY, SYSTEM)
