"""ITI-57 Update Document Set: availability status (TD3.3c, TD3.3d) and metadata (TD3.3a, TD3.3b).

XDS Metadata Update, with the DMP's own statuses Archived and Deleted.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from drimbox.sandbox.dmp.answers import Answer, registry_response
from drimbox.sandbox.dmp.call import Call
from drimbox.sandbox.dmp.codes import HIDDEN_FROM_GUARDIANS
from drimbox.sandbox.dmp.ebrim import RegistryObject, part, read_object
from drimbox.sandbox.dmp.judge_structure import judge_structure
from drimbox.sandbox.dmp.judge_submission import (
    Submission,
    judge_members,
    judge_metadata,
    read_submission,
)
from drimbox.sandbox.dmp.names import (
    APPROVED,
    ARCHIVED,
    CONFIDENTIALITY_CODE,
    DELETED,
    DEPRECATED,
    ENTRY_UNIQUE_ID,
    HAS_MEMBER,
    MODE_INDIRECT,
    MODE_REINFORCED,
    RIM,
    UPDATE_STATUS,
    qualified,
)
from drimbox.sandbox.dmp.patients import Patients
from drimbox.sandbox.dmp.refusals import ContentRefused, RegistryError, reported, stop_at
from drimbox.sandbox.dmp.registrar import Registrar
from drimbox.sandbox.dmp.store import Store, StoredEntry
from drimbox.standards.safe_xml import parse_xml

METADATA_ERROR: Final = "XDSRegistryMetadataError"
_TRANSITIONS: Final = frozenset(
    {
        (APPROVED, DEPRECATED),
        (DEPRECATED, APPROVED),
        (APPROVED, ARCHIVED),
        (ARCHIVED, APPROVED),
        (APPROVED, DELETED),
        (ARCHIVED, DELETED),
        (DEPRECATED, DELETED),
    }
)
_UNMODIFIABLE_SLOTS: Final = ("hash", "size", "repositoryUniqueId")
_UNMODIFIABLE_ATTRIBUTES: Final = ("objectType", "mimeType")


@dataclass(frozen=True, slots=True)
class UpdateDocumentSet:
    """The registry side."""

    store: Store
    patients: Patients
    repository_unique_id: str

    def __call__(self, call: Call) -> Answer:
        """Judge and apply every update of one submission set, or none.

        Raises:
            Fault: the VIHF is not for this patient.
            ContentRefused: anything else; nothing has changed.
        """
        call.check_mode(MODE_INDIRECT, MODE_REINFORCED)
        stop_at(reported(METADATA_ERROR, judge_structure(call.message.body)))
        objects = part(call.message.body, qualified(RIM, "RegistryObjectList"))
        submission = read_submission(objects, METADATA_ERROR)
        stop_at(judge_metadata(submission, call.now, METADATA_ERROR))
        call.check_patient(submission.patient_id)
        self.patients.check_may_feed(submission.patient_id)
        stop_at(_judge_operations(submission))
        if submission.entries and call.vihf.mode == MODE_INDIRECT:
            # TD3.3a and TD3.3b need more than the structure's certificate (MDRF): one replaces.
            raise _refused("LocalPolicyRestrictionError", "mode INDIRECTE may not change metadata")
        registrar = Registrar(
            self.store, call.vihf.structure, self.repository_unique_id, METADATA_ERROR
        )
        with self.store.transaction():
            registrar.check_new(submission.unique_id)
            versions = {e.object_id: self._previous(e, submission) for e in submission.entries}
            changes = [
                self._status_change(a, submission, call.vihf.structure)
                for a in submission.of_type(UPDATE_STATUS)
            ]
            registrar.register(submission, versions)
            for previous in versions.values():
                self.store.set_status(previous.entry_uuid, DEPRECATED)
            for entry_uuid, status in changes:
                self.store.set_status(entry_uuid, status)
        return Answer(registry_response())

    def _status_change(
        self, association: RegistryObject, submission: Submission, structure: str
    ) -> tuple[str, str]:
        """Return the entryUUID and its new status."""
        target = association.attribute("targetObject")
        entry = self.store.find_entry(target)
        if entry is None:
            raise _refused("UnresolvedReferenceException", "no such entry", target)
        if entry.patient_id != submission.patient_id:
            raise _refused("XDSPatientIdDoesNotMatch", "another patient's entry", target)
        if self.store.find_versions(entry.logical_id)[-1].entry_uuid != target:
            raise _refused("XDSMetadataVersionError", "not the latest version", target)
        old, new = association.slot("OriginalStatus"), association.slot("NewStatus")
        if old != entry.status:
            raise _refused(
                "XDSMetadataUpdateError", "OriginalStatus is not the present one", target
            )
        if (old, new) not in _TRANSITIONS:
            raise _refused("XDSMetadataUpdateError", "no such change of status", target)
        if new == DELETED and entry.structure != structure:
            raise _refused("LocalPolicyRestrictionError", "only its author may delete it", target)
        return target, new

    def _previous(self, entry: RegistryObject, submission: Submission) -> StoredEntry:
        """Return the version that this one follows, once everything agrees."""
        versions = self.store.find_versions(entry.attribute("lid"))
        if not versions:
            raise _refused(
                "XDSMetadataIdentifierError", "lid is registered nowhere", entry.object_id
            )
        latest = versions[-1]
        if latest.patient_id != submission.patient_id:
            raise _refused("XDSPatientIdDoesNotMatch", "another patient's entry", entry.object_id)
        if latest.unique_id != entry.identifier(ENTRY_UNIQUE_ID):
            raise _refused("XDSMetadataIdentifierError", "uniqueId has changed", entry.object_id)
        if _previous_version(entry, submission) != str(latest.version):
            raise _refused(
                "XDSMetadataVersionError", "PreviousVersion is not the present one", entry.object_id
            )
        if latest.status != APPROVED:
            raise _refused(
                "XDSMetadataUpdateError", "the present version is not approved", entry.object_id
            )
        _check_unmodified(entry, read_object(parse_xml(latest.xml, max_bytes=len(latest.xml))))
        return latest


def _judge_operations(submission: Submission) -> Iterator[RegistryError]:
    yield from reported(METADATA_ERROR, judge_members(submission))
    changes = submission.of_type(UPDATE_STATUS)
    if not changes and not submission.entries:
        yield RegistryError("XDSMetadataUpdateError", "there is nothing to update")
    for association in submission.associations:
        if association.attribute("associationType") not in {HAS_MEMBER, UPDATE_STATUS}:
            yield RegistryError("XDSMetadataUpdateOperationError", "no such update operation")
    for association in changes:
        yield from _judge_status_change(association, submission.submission_set.object_id)
    for entry in submission.entries:
        if not entry.attribute("lid").startswith("urn:uuid:"):
            yield RegistryError(
                "XDSMetadataIdentifierError", "an update needs the lid", entry.object_id
            )


def _judge_status_change(association: RegistryObject, set_id: str) -> Iterator[RegistryError]:
    if association.attribute("sourceObject") != set_id:
        yield RegistryError(METADATA_ERROR, "sourceObject must be the submission set")
    if not association.slot("OriginalStatus") or not association.slot("NewStatus"):
        yield RegistryError(
            "XDSMetadataUpdateOperationError", "OriginalStatus and NewStatus are needed"
        )


def _previous_version(entry: RegistryObject, submission: Submission) -> str:
    members = submission.of_type(HAS_MEMBER)
    return next(
        (
            a.slot("PreviousVersion")
            for a in members
            if a.attribute("targetObject") == entry.object_id
        ),
        "",
    )


def _check_unmodified(entry: RegistryObject, stored: RegistryObject) -> None:
    for name in _UNMODIFIABLE_SLOTS:
        if entry.slot(name).lower() != stored.slot(name).lower():
            raise _refused("UnmodifiableMetadataError", f"{name} has changed", entry.object_id)
    for name in _UNMODIFIABLE_ATTRIBUTES:
        if entry.attribute(name) != stored.attribute(name):
            raise _refused("UnmodifiableMetadataError", f"{name} has changed", entry.object_id)
    # Made visible to legal representatives once, a document stays so (EX_3.3-1045).
    if _is_hidden_from_guardians(entry) and not _is_hidden_from_guardians(stored):
        raise _refused(
            "LocalPolicyRestrictionError",
            "a document cannot be hidden from legal representatives again",
            entry.object_id,
        )


def _is_hidden_from_guardians(entry: RegistryObject) -> bool:
    return any(c.code == HIDDEN_FROM_GUARDIANS for c in entry.codes(CONFIDENTIALITY_CODE))


def _refused(code: str, reason: str, location: str = "") -> ContentRefused:
    return ContentRefused(RegistryError(code, reason, location))
