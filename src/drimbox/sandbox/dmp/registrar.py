"""Writes the objects of a judged submission into the registry."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lxml import etree

from drimbox.sandbox.dmp.ebrim import RegistryObject
from drimbox.sandbox.dmp.judge_submission import Submission
from drimbox.sandbox.dmp.names import APPROVED, ENTRY_PATIENT_ID, ENTRY_UNIQUE_ID, RIM, qualified
from drimbox.sandbox.dmp.refusals import ContentRefused, RegistryError
from drimbox.sandbox.dmp.registration import (
    assign_uuids,
    complete_entry,
    registered,
)
from drimbox.sandbox.dmp.store import Store, StoredAssociation, StoredEntry, StoredSet

_EXTERNAL_IDENTIFIER: Final = qualified(RIM, "ExternalIdentifier")


@dataclass(frozen=True, slots=True)
class Registrar:
    """Works inside the caller's transaction; structure is who submits."""

    store: Store
    structure: str
    repository_unique_id: str
    metadata_error: str

    def check_new(self, unique_id: str) -> None:
        """Check that no submission set has this uniqueId.

        Raises:
            ContentRefused: one has (resends end here).
        """
        if self.store.has_submission_set(unique_id):
            raise ContentRefused(
                RegistryError(
                    "XDSDuplicateUniqueIdInRegistry",
                    "this submission set is registered already",
                    unique_id,
                )
            )

    def register(
        self, submission: Submission, versions: Mapping[str, StoredEntry] | None = None
    ) -> None:
        """Write the set, its entries and associations, symbolic ids replaced by entryUUIDs.

        versions gives, by symbolic id, the entry of which an entry is the next version (ITI-57).
        """
        uuids = assign_uuids(submission.elements)
        for name, entry_uuid in uuids.items():
            if name == entry_uuid and self.store.is_registered(entry_uuid):
                raise ContentRefused(
                    RegistryError(self.metadata_error, "an id is registered already", name)
                )
        package = registered(submission.submission_set.element, uuids)
        for loose in submission.loose_elements:
            position = sum(1 for child in package if child.tag != _EXTERNAL_IDENTIFIER)
            package.insert(position, registered(loose, uuids))
        package.set("status", APPROVED)
        self.store.add_submission_set(
            StoredSet(
                entry_uuid=uuids[submission.submission_set.object_id],
                unique_id=submission.unique_id,
                patient_id=submission.patient_id,
                xml=_octets(package),
            )
        )
        for entry in submission.entries:
            self._register_entry(entry, uuids, (versions or {}).get(entry.object_id))
        for association in submission.associations:
            self._register_association(registered(association.element, uuids))

    def _register_entry(
        self, entry: RegistryObject, uuids: Mapping[str, str], previous: StoredEntry | None
    ) -> None:
        element = registered(entry.element, uuids)
        entry_uuid = uuids[entry.object_id]
        logical_id = previous.logical_id if previous else entry_uuid
        version = previous.version + 1 if previous else 1
        hash_hex = entry.slot("hash").lower()
        added = {"repositoryUniqueId": self.repository_unique_id, "hash": hash_hex}
        complete_entry(element, logical_id=logical_id, version=version, slots=added)
        self.store.add_entry(
            StoredEntry(
                entry_uuid=entry_uuid,
                logical_id=logical_id,
                version=version,
                unique_id=entry.identifier(ENTRY_UNIQUE_ID),
                patient_id=entry.identifier(ENTRY_PATIENT_ID),
                status=APPROVED,
                structure=previous.structure if previous else self.structure,
                hash_hex=hash_hex,
                xml=_octets(element),
            )
        )

    def _register_association(self, element: etree._Element) -> None:
        element.set("status", APPROVED)
        self.store.add_association(
            StoredAssociation(
                entry_uuid=element.get("id", ""),
                kind=element.get("associationType", ""),
                source=element.get("sourceObject", ""),
                target=element.get("targetObject", ""),
                xml=_octets(element),
            )
        )


def _octets(element: etree._Element) -> bytes:
    return etree.tostring(element, encoding="UTF-8")
