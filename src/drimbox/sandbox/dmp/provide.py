"""ITI-41 Provide and Register Document Set-b (TD2.1): judge a lot whole, then keep it whole."""

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography import x509

from drimbox.sandbox.dmp.answers import Answer, registry_response
from drimbox.sandbox.dmp.call import Call
from drimbox.sandbox.dmp.document_kinds import KOS, REPORT, SIGNATURE
from drimbox.sandbox.dmp.ebrim import RegistryObject, part
from drimbox.sandbox.dmp.judge_entry import entry_kind
from drimbox.sandbox.dmp.judge_kos import judge_kos
from drimbox.sandbox.dmp.judge_report import judge_report
from drimbox.sandbox.dmp.judge_signature import SignedLot, judge_signature
from drimbox.sandbox.dmp.judge_structure import judge_structure
from drimbox.sandbox.dmp.judge_submission import (
    Submission,
    judge_lot,
    judge_metadata,
    read_submission,
)
from drimbox.sandbox.dmp.names import (
    APPROVED,
    DEPRECATED,
    ENTRY_UNIQUE_ID,
    LCM,
    MODE_INDIRECT,
    REPLACES,
    RIM,
    XDSB,
    XOP,
    qualified,
)
from drimbox.sandbox.dmp.patients import Patients
from drimbox.sandbox.dmp.refusals import ContentRefused, RegistryError, reported, stop_at
from drimbox.sandbox.dmp.registrar import Registrar
from drimbox.sandbox.dmp.store import Store, StoredDocument

METADATA_ERROR: Final = "XDSRepositoryMetadataError"
_OBJECTS: Final = f"{qualified(LCM, 'SubmitObjectsRequest')}/{qualified(RIM, 'RegistryObjectList')}"
_INCLUDE: Final = qualified(XOP, "Include")


@dataclass(frozen=True, slots=True)
class ProvideAndRegister:
    """The repository side; signers are those whose XAdES counts."""

    store: Store
    patients: Patients
    signers: Sequence[x509.Certificate]
    repository_unique_id: str

    def __call__(self, call: Call) -> Answer:
        """Judge and store one lot.

        Raises:
            Fault: the VIHF is not for feeding, or not for this patient.
            ContentRefused: anything else; nothing is stored.
        """
        call.check_mode(MODE_INDIRECT)
        request = call.message.body
        stop_at(reported(METADATA_ERROR, judge_structure(request)))
        submission = read_submission(part(request, _OBJECTS), METADATA_ERROR)
        stop_at(judge_metadata(submission, call.now, METADATA_ERROR))
        call.check_patient(submission.patient_id)
        self.patients.check_may_feed(submission.patient_id)
        stop_at(judge_lot(submission, METADATA_ERROR))
        contents = _documents(call)
        stop_at(_judge_pairing(submission, contents))
        stop_at(_judge_sizes(submission, contents))
        stop_at(self._judge_contents(submission, contents, call))
        self._store(submission, contents, call)
        return Answer(registry_response())

    def _judge_contents(
        self, submission: Submission, contents: Mapping[str, bytes], call: Call
    ) -> Iterator[RegistryError]:
        for entry in submission.entries:
            content = contents[entry.object_id]
            unique_id = entry.identifier(ENTRY_UNIQUE_ID)
            kind = entry_kind(entry)
            reasons: Iterator[str] = iter(())
            if kind is KOS:
                reasons = judge_kos(entry, content)
            elif kind is REPORT:
                reasons = judge_report(entry, content)
            elif kind is SIGNATURE:
                lot = _signed_lot(submission, contents, unique_id)
                reasons = judge_signature(content, lot, self.signers, call.now)
            for reason in reasons:
                # InvalidDocumentContent carries the uniqueId in codeContext (TF-3 4.2.4.1).
                yield RegistryError("InvalidDocumentContent", f"{unique_id}: {reason}", unique_id)

    def _store(self, submission: Submission, contents: Mapping[str, bytes], call: Call) -> None:
        registrar = Registrar(
            self.store, call.vihf.structure, self.repository_unique_id, METADATA_ERROR
        )
        with self.store.transaction():
            registrar.check_new(submission.unique_id)
            self._check_same_octets(submission, contents)
            replaced = [self._replaced(a, submission) for a in submission.of_type(REPLACES)]
            registrar.register(submission)
            for entry in submission.entries:
                self.store.add_document(_stored_document(entry, contents[entry.object_id]))
            for entry_uuid in replaced:
                self.store.set_status(entry_uuid, DEPRECATED)

    def _check_same_octets(self, submission: Submission, contents: Mapping[str, bytes]) -> None:
        for entry in submission.entries:
            unique_id = entry.identifier(ENTRY_UNIQUE_ID)
            known = self.store.find_document(unique_id)
            if known is not None and known.content != contents[entry.object_id]:
                raise ContentRefused(
                    RegistryError(
                        "XDSNonIdenticalHash",
                        "this uniqueId is registered with other octets",
                        unique_id,
                    )
                )

    def _replaced(self, association: RegistryObject, submission: Submission) -> str:
        """Return the entryUUID to deprecate: a current, approved entry of the same patient."""
        target = association.attribute("targetObject")
        entry = self.store.find_entry(target)
        if entry is None:
            raise ContentRefused(
                RegistryError("UnresolvedReferenceException", "RPLC: no such entry", target)
            )
        if entry.patient_id != submission.patient_id:
            raise ContentRefused(
                RegistryError("XDSPatientIdDoesNotMatch", "RPLC: another patient's entry", target)
            )
        if entry.status != APPROVED:
            raise ContentRefused(
                RegistryError(
                    "XDSRegistryDeprecatedDocumentError",
                    "RPLC: the replaced entry is not approved any more",
                    target,
                )
            )
        return target


def _documents(call: Call) -> dict[str, bytes]:
    """Return the octets of each Document by its id, inline or attached.

    Raises:
        ContentRefused: an id stands twice.
        Fault: an xop:Include that leads nowhere.
    """
    contents: dict[str, bytes] = {}
    for document in call.message.body.iterchildren(qualified(XDSB, "Document")):
        name = document.get("id", "")
        if name in contents:
            raise ContentRefused(
                RegistryError("XDSRepositoryError", "two Documents have the same id", name)
            )
        include = document.find(_INCLUDE)
        package = call.message.package
        if include is not None and package is not None:
            contents[name] = package.resolve(include.get("href", ""))
        else:
            contents[name] = base64.b64decode("".join((document.text or "").split()))
    return contents


def _judge_pairing(
    submission: Submission, contents: Mapping[str, bytes]
) -> Iterator[RegistryError]:
    names = {entry.object_id for entry in submission.entries}
    for name in sorted(names - set(contents)):
        yield RegistryError("XDSMissingDocument", "an entry has no Document", name)
    for name in sorted(set(contents) - names):
        yield RegistryError("XDSMissingDocumentMetadata", "a Document has no entry", name)


def _judge_sizes(submission: Submission, contents: Mapping[str, bytes]) -> Iterator[RegistryError]:
    for entry in submission.entries:
        content = contents[entry.object_id]
        if int(entry.slot("size")) != len(content):
            yield RegistryError(METADATA_ERROR, "size is not that of the octets", entry.object_id)
        if entry.slot("hash").lower() != _sha1(content):
            yield RegistryError(METADATA_ERROR, "hash is not that of the octets", entry.object_id)


def _signed_lot(
    submission: Submission, contents: Mapping[str, bytes], signature_id: str
) -> SignedLot:
    documents = {
        entry.identifier(ENTRY_UNIQUE_ID): contents[entry.object_id]
        for entry in submission.entries
        if entry_kind(entry) is not SIGNATURE
    }
    return SignedLot(signature_id, submission.unique_id, documents)


def _stored_document(entry: RegistryObject, content: bytes) -> StoredDocument:
    return StoredDocument(
        unique_id=entry.identifier(ENTRY_UNIQUE_ID),
        mime_type=entry.attribute("mimeType"),
        hash_hex=_sha1(content),
        content=content,
    )


def _sha1(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()
