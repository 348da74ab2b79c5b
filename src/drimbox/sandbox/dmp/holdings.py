"""What the DMP holds of a patient, for programs that check a demo (interfaces: documents_url)."""

from collections.abc import Iterable

from drimbox.sandbox.dmp.codes import KOS_TYPE
from drimbox.sandbox.dmp.ebrim import read_object
from drimbox.sandbox.dmp.judge_kos import study_of
from drimbox.sandbox.dmp.names import REPLACES, TYPE_CODE
from drimbox.sandbox.dmp.store import Store, StoredEntry
from drimbox.standards.safe_xml import parse_xml


def holdings_of(store: Store, patient_ids: Iterable[str]) -> list[dict[str, str | None]]:
    """Return one row a registered entry, oldest first.

    status is the last word of the URN; study_instance_uid is a KOS's own, null for what only
    accompanies it; replaces is the uniqueId of the replaced document.
    """
    return [
        _row(store, entry)
        for patient_id in patient_ids
        for entry in store.find_entries_of(patient_id)
    ]


def _row(store: Store, stored: StoredEntry) -> dict[str, str | None]:
    entry = read_object(parse_xml(stored.xml, max_bytes=len(stored.xml)))
    type_code = entry.code(TYPE_CODE)
    code = type_code.code if type_code else None
    return {
        "unique_id": stored.unique_id,
        "entry_uuid": stored.entry_uuid,
        "status": stored.status.rpartition(":")[2],
        "type_code": code,
        "study_instance_uid": (study_of(entry) or None) if code == KOS_TYPE else None,
        "replaces": _replaced(store, stored),
    }


def _replaced(store: Store, stored: StoredEntry) -> str | None:
    for association in store.find_associations(stored.entry_uuid):
        if association.kind == REPLACES and association.source == stored.entry_uuid:
            replaced = store.find_entry(association.target)
            return None if replaced is None else replaced.unique_id
    return None
