"""ITI-57: statuses and metadata change as XDS Metadata Update and the DMP say, or not at all."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from lxml import etree
from tests.sandbox.dmp import kos as kos_file
from tests.sandbox.dmp import lot as lots
from tests.sandbox.dmp.bench import OTHER_PATIENT, Bench, Recipe
from tests.sandbox.dmp.kos import KOS_UID
from tests.sandbox.dmp.lot import PATIENT_ID, RIM, SET_UID, VISIBILITY, Entry, Lot

APPROVED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"
DEPRECATED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Deprecated"
ARCHIVED = "urn:asip:ci-sis:2010:StatusType:Archived"
DELETED = "urn:asip:ci-sis:2010:StatusType:Deleted"
AIR = Recipe(mode="INDIRECTE_RENFORCEE")


def status_lot(target: str, old: str, new: str, number: int = 7) -> Lot:
    change = {"OriginalStatus": old, "NewStatus": new}
    return Lot(
        [],
        [(lots.UPDATE_STATUS, "SubmissionSet01", target, change)],
        unique_id=f"{SET_UID}.{number}",
    )


def kos_status(bench: Bench) -> str:
    return bench.store.find_entries_by_unique_id(KOS_UID)[-1].status


@pytest.fixture
def target(bench: Bench) -> str:
    """The entryUUID of a KOS that is registered."""
    assert bench.provide().status == "Success"
    return bench.store.find_entries_by_unique_id(KOS_UID)[0].entry_uuid


@pytest.mark.parametrize("recipe", [Recipe(), AIR], ids=["INDIRECTE", "INDIRECTE_RENFORCEE"])
def test_deletes_logically(bench: Bench, target: str, recipe: Recipe) -> None:
    answer = bench.update(status_lot(target, APPROVED, DELETED), recipe)

    assert answer.status == "Success", answer.said()
    assert kos_status(bench) == DELETED
    assert bench.retrieve(KOS_UID).status == "Failure"


def test_archives_and_takes_out_again(bench: Bench, target: str) -> None:
    bench.update(status_lot(target, APPROVED, ARCHIVED, 7))
    assert kos_status(bench) == ARCHIVED

    answer = bench.update(status_lot(target, ARCHIVED, APPROVED, 8))

    assert answer.status == "Success", answer.said()
    assert kos_status(bench) == APPROVED


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        pytest.param(DEPRECATED, APPROVED, "XDSMetadataUpdateError", id="not the present status"),
        pytest.param(APPROVED, "urn:x", "XDSMetadataUpdateError", id="no such status"),
        pytest.param(APPROVED, APPROVED, "XDSMetadataUpdateError", id="no change"),
        pytest.param(APPROVED, "", "XDSMetadataUpdateOperationError", id="no new status"),
    ],
)
def test_refuses_a_change_of_status(
    bench: Bench, target: str, old: str, new: str, code: str
) -> None:
    answer = bench.update(status_lot(target, old, new))

    assert [found for found, _ in answer.errors] == [code], answer.said()
    assert kos_status(bench) == APPROVED
    assert not bench.store.has_submission_set(f"{SET_UID}.7")


def test_refuses_to_revive_what_is_deleted(bench: Bench, target: str) -> None:
    bench.update(status_lot(target, APPROVED, DELETED, 7))

    answer = bench.update(status_lot(target, DELETED, APPROVED, 8))

    assert [code for code, _ in answer.errors] == ["XDSMetadataUpdateError"]


def test_refuses_an_unknown_target(bench: Bench) -> None:
    answer = bench.update(
        status_lot("urn:uuid:6d0a6a2e-0000-4000-8000-0a6b0c7de0ff", APPROVED, DELETED)
    )

    assert [code for code, _ in answer.errors] == ["UnresolvedReferenceException"]


def test_refuses_to_delete_for_another_structure(bench: Bench, target: str) -> None:
    stranger = replace(Recipe(), structure="499700367909006")

    answer = bench.update(status_lot(target, APPROVED, DELETED), stranger)

    assert [code for code, _ in answer.errors] == ["LocalPolicyRestrictionError"]
    assert kos_status(bench) == APPROVED


def test_refuses_another_patients_entry(bench: Bench, target: str) -> None:
    lot = status_lot(target, APPROVED, DELETED)
    lot.patient_id = OTHER_PATIENT

    answer = bench.update(lot, replace(Recipe(), vihf_patient=OTHER_PATIENT))

    assert [code for code, _ in answer.errors] == ["XDSPatientIdDoesNotMatch"]


def test_refuses_a_resend(bench: Bench, target: str) -> None:
    lot = status_lot(target, APPROVED, DELETED)
    bench.update(lot)

    answer = bench.update(lot)

    assert [code for code, _ in answer.errors] == ["XDSDuplicateUniqueIdInRegistry"]


def test_refuses_to_update_nothing(bench: Bench) -> None:
    answer = bench.update(Lot([], unique_id=f"{SET_UID}.7"))

    assert [code for code, _ in answer.errors] == ["XDSMetadataUpdateError"]


def test_refuses_an_association_that_is_no_update(bench: Bench, target: str) -> None:
    lot = Lot([], [(lots.RPLC, "SubmissionSet01", target, {})], unique_id=f"{SET_UID}.7")

    codes = [code for code, _ in bench.update(lot).errors]

    assert "XDSMetadataUpdateOperationError" in codes


def next_version(target: str) -> Entry:
    """The KOS entry again, masked."""
    entry = lots.kos_entry(kos_file.build())
    entry.attributes = f' lid="{target}"'
    entry.slots["repositoryUniqueId"] = ("1.2.250.1.213.4.1.1.2",)
    entry.codes.append(("confidentiality", "MASQUE_PS", VISIBILITY))
    entry.version = "1"
    return entry


def version_lot(entry: Entry, number: int = 7) -> Lot:
    return Lot([entry], unique_id=f"{SET_UID}.{number}")


def previous(version: str) -> Callable[[etree._Element], None]:
    """Add the slot PreviousVersion to the HasMember association."""

    def change(body: etree._Element) -> None:
        association = next(body.iter(f"{{{RIM}}}Association"))
        association.append(
            etree.fromstring(
                lots.slot("PreviousVersion", version).replace("<Slot", f'<Slot xmlns="{RIM}"', 1)
            )
        )

    return change


def test_registers_a_next_version(bench: Bench, target: str) -> None:
    answer = bench.update(version_lot(next_version(target)), replace(AIR, body=previous("1")))

    assert answer.status == "Success", answer.said()
    old, new = bench.store.find_versions(target)
    assert (old.version, old.status) == (1, DEPRECATED)
    assert (new.version, new.status, new.logical_id) == (2, APPROVED, target)
    assert new.entry_uuid != target
    assert b'versionName="2"' in new.xml
    assert b"MASQUE_PS" in new.xml


@pytest.mark.parametrize(
    ("change", "version", "code"),
    [
        pytest.param(lambda _: None, "2", "XDSMetadataVersionError", id="version"),
        pytest.param(
            lambda e: setattr(
                e, "attributes", ' lid="urn:uuid:6d0a6a2e-0000-4000-8000-0a6b0c7de0ff"'
            ),
            "1",
            "XDSMetadataIdentifierError",
            id="lid, registered nowhere",
        ),
        pytest.param(
            lambda e: setattr(e, "attributes", ""),
            "1",
            "XDSMetadataIdentifierError",
            id="lid, absent",
        ),
        pytest.param(
            lambda e: setattr(e, "unique_id", "1.2.3"),
            "1",
            "XDSMetadataIdentifierError",
            id="uniqueId",
        ),
        pytest.param(
            lambda e: e.slots.update(hash=("0" * 40,)), "1", "UnmodifiableMetadataError", id="hash"
        ),
        pytest.param(
            lambda e: e.slots.update(size=("1",)), "1", "UnmodifiableMetadataError", id="size"
        ),
        pytest.param(
            lambda e: e.slots.update(repositoryUniqueId=("1.2.3",)),
            "1",
            "UnmodifiableMetadataError",
            id="repositoryUniqueId",
        ),
        pytest.param(
            lambda e: e.codes.append(
                ("confidentiality", "INVISIBLE_REPRESENTANTS_LEGAUX", VISIBILITY)
            ),
            "1",
            "LocalPolicyRestrictionError",
            id="visibility by legal representatives, once given",
        ),
    ],
)
def test_refuses_a_next_version_with_another(
    bench: Bench, target: str, change: Callable[[Entry], object], version: str, code: str
) -> None:
    entry = next_version(target)
    change(entry)

    answer = bench.update(version_lot(entry), replace(AIR, body=previous(version)))

    assert [found for found, _ in answer.errors] == [code], answer.said()
    assert len(bench.store.find_versions(target)) == 1


def test_refuses_a_next_version_in_mode_indirecte(bench: Bench, target: str) -> None:
    """TD3.3a and TD3.3b need the professional; a box replaces the document instead."""
    answer = bench.update(version_lot(next_version(target)), replace(Recipe(), body=previous("1")))

    assert [code for code, _ in answer.errors] == ["LocalPolicyRestrictionError"]


def test_refuses_to_change_the_status_of_an_old_version(bench: Bench, target: str) -> None:
    bench.update(version_lot(next_version(target)), replace(AIR, body=previous("1")))

    answer = bench.update(status_lot(target, DEPRECATED, DELETED, 8))

    assert [code for code, _ in answer.errors] == ["XDSMetadataVersionError"]


def test_judges_the_metadata_of_an_update_as_of_a_submission(bench: Bench, target: str) -> None:
    entry = next_version(target)
    entry.title = ""

    answer = bench.update(version_lot(entry), replace(AIR, body=previous("1")))

    assert answer.errors == [("XDSRegistryMetadataError", "title is missing")]
    assert bench.store.find_entries_of(PATIENT_ID)[0].status == APPROVED
