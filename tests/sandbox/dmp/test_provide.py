"""ITI-41: a whole lot is taken, kept as the standard says, and never taken twice."""

from dataclasses import replace
from datetime import timedelta

import pytest
from pydicom.dataset import FileDataset
from tests.sandbox.dmp import kos as kos_file
from tests.sandbox.dmp import lot as lots
from tests.sandbox.dmp.bench import Bench, Recipe, another
from tests.sandbox.dmp.kos import KOS_UID
from tests.sandbox.dmp.lot import PATIENT_ID, SET_UID

from drimbox.model.patient import Ins, InsAuthority
from drimbox.sandbox.dmp.patients import DmpPatient

OTHER_INS = "279035121518989"
OTHER_ID = f"{OTHER_INS}^^^&1.2.250.1.213.1.4.10&ISO^NH"


def entry_uuid(bench: Bench, unique_id: str = KOS_UID) -> str:
    return bench.store.find_entries_by_unique_id(unique_id)[-1].entry_uuid


def statuses(bench: Bench) -> dict[str, str]:
    return {
        e.unique_id: e.status.rpartition(":")[2] for e in bench.store.find_entries_of(PATIENT_ID)
    }


def test_takes_a_whole_lot(bench: Bench) -> None:
    answer = bench.provide()

    assert answer.status == "Success", answer.said()
    kos, signature = bench.store.find_entries_of(PATIENT_ID)
    assert (kos.version, kos.logical_id, kos.unique_id) == (1, kos.entry_uuid, KOS_UID)
    assert signature.unique_id == lots.SIGNATURE_UID
    stored = bench.store.find_document(KOS_UID)
    assert stored is not None
    assert stored.content == kos_file.build()


def test_refuses_a_resend_and_keeps_the_first(bench: Bench) -> None:
    """A resend keeps its octets and gets a fresh VIHF; the first answer was lost on the way."""
    bench.provide()
    bench.clock.advance(timedelta(minutes=3))
    before = statuses(bench)

    answer = bench.provide()

    assert [code for code, _ in answer.errors] == ["XDSDuplicateUniqueIdInRegistry"]
    assert statuses(bench) == before


def test_refuses_other_octets_under_a_known_unique_id(bench: Bench) -> None:
    bench.provide()

    def described(kos: FileDataset) -> None:
        kos.StudyDescription = "changed"

    recipe = replace(another(Recipe(), 2), kos_uid=KOS_UID, kos=described)
    answer = bench.provide(recipe)

    assert [code for code, _ in answer.errors] == ["XDSNonIdenticalHash"]
    assert not bench.store.has_submission_set(recipe.set_uid)


def test_takes_the_same_octets_again_in_another_set(bench: Bench) -> None:
    """ITI-41 is idempotent for documents: only other octets are refused."""
    bench.provide()

    answer = bench.provide(replace(another(Recipe(), 2), kos_uid=KOS_UID))

    assert answer.status == "Success", answer.said()
    assert len(bench.store.find_entries_by_unique_id(KOS_UID)) == 2


def test_deprecates_what_is_replaced(bench: Bench) -> None:
    bench.provide()
    recipe = another(Recipe(replaces=entry_uuid(bench)), 2)

    answer = bench.provide(recipe)

    assert answer.status == "Success", answer.said()
    assert statuses(bench)[KOS_UID] == "Deprecated"
    assert statuses(bench)[recipe.kos_uid] == "Approved"


def test_refuses_to_replace_twice(bench: Bench) -> None:
    bench.provide()
    target = entry_uuid(bench)
    bench.provide(another(Recipe(replaces=target), 2))

    answer = bench.provide(another(Recipe(replaces=target), 3))

    assert [code for code, _ in answer.errors] == ["XDSRegistryDeprecatedDocumentError"]
    assert not bench.store.has_submission_set(f"{SET_UID}.3")


def test_refuses_to_replace_what_is_not_registered(bench: Bench) -> None:
    answer = bench.provide(Recipe(replaces="urn:uuid:6d0a6a2e-7d39-4b43-9a4e-0a6b0c7de0ff"))

    assert [code for code, _ in answer.errors] == ["UnresolvedReferenceException"]


def other_patient_recipe(**more: str) -> Recipe:
    def kos(made: FileDataset) -> None:
        made.PatientID = OTHER_INS

    def lot(made: lots.Lot) -> None:
        made.patient_id = OTHER_ID
        for entry in made.entries:
            entry.patient_id = OTHER_ID
        made.entries[1].slots["sourcePatientId"] = (OTHER_ID,)

    return another(Recipe(vihf_patient=OTHER_ID, kos=kos, lot=lot, **more), 9)


def test_refuses_to_replace_another_patients_document(bench: Bench) -> None:
    bench.provide()

    answer = bench.provide(other_patient_recipe(replaces=entry_uuid(bench)))

    assert [code for code, _ in answer.errors] == ["XDSPatientIdDoesNotMatch"]
    assert statuses(bench)[KOS_UID] == "Approved"


@pytest.mark.parametrize(
    ("patients", "code"),
    [
        pytest.param([], "XDSUnknownPatientId", id="without DMP"),
        pytest.param(
            [DmpPatient(Ins(kos_file.INS, InsAuthority.NIR_TEST), is_open=False)],
            "DMPClosed",
            id="whose DMP is closed",
        ),
    ],
)
def test_refuses_a_patient(bench: Bench, patients: list[DmpPatient], code: str) -> None:
    bench.patients.replace(patients)

    answer = bench.provide()

    assert [found for found, _ in answer.errors] == [code]


def test_gives_every_part_an_identifier_of_its_own(bench: Bench) -> None:
    """The registry replaces symbolic ids everywhere they are used (TF-3 4.2.1.2)."""
    bench.provide()
    kos, _ = bench.store.find_entries_of(PATIENT_ID)
    (stored,) = bench.store.find_submission_sets(PATIENT_ID)

    assert b'"DocumentKOS"' not in kos.xml
    assert kos.xml.count(kos.entry_uuid.encode()) > 10
    kinds = {a.kind: a for a in bench.store.find_associations(stored.entry_uuid)}
    assert kinds[lots.ASSOCIATION].source == stored.entry_uuid
    assert kinds[lots.SIGNS].target == stored.entry_uuid


def test_refuses_an_entry_uuid_that_is_taken(bench: Bench) -> None:
    bench.provide()
    taken = entry_uuid(bench)

    def lot(made: lots.Lot) -> None:
        made.entries[0].object_id = taken

    def contents(made: dict[str, bytes]) -> None:
        made[taken] = made.pop("DocumentKOS")

    answer = bench.provide(another(Recipe(lot=lot, contents=contents, is_inline=True), 2))

    assert [code for code, _ in answer.errors] == ["XDSRepositoryMetadataError"], answer.said()
    assert not bench.store.has_submission_set(f"{SET_UID}.2")
