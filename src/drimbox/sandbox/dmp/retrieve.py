"""ITI-43 Retrieve Document Set (TD3.2): octets by repositoryUniqueId and uniqueId, MTOM."""

from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from drimbox.sandbox.dmp.answers import Answer, document_response, retrieve_response
from drimbox.sandbox.dmp.call import Call
from drimbox.sandbox.dmp.ebrim import read_object
from drimbox.sandbox.dmp.judge_structure import judge_structure
from drimbox.sandbox.dmp.names import (
    DELETED,
    FAILURE,
    MODE_REINFORCED,
    PARTIAL_SUCCESS,
    SUCCESS,
    XDSB,
    qualified,
)
from drimbox.sandbox.dmp.patients import Patients
from drimbox.sandbox.dmp.refusals import RegistryError, reported, stop_at
from drimbox.sandbox.dmp.store import Store, StoredDocument
from drimbox.sandbox.dmp.visibility import is_visible
from drimbox.standards.safe_xml import parse_xml


@dataclass(frozen=True, slots=True)
class _Wanted:
    home: str
    repository: str
    unique_id: str


@dataclass(frozen=True, slots=True)
class RetrieveDocumentSet:
    """The repository side."""

    store: Store
    patients: Patients
    repository_unique_id: str

    def __call__(self, call: Call) -> Answer:
        """Answer with each document, or an error for it.

        Raises:
            Fault: the VIHF is not for consultation.
            ContentRefused: the whole request is refused.
        """
        call.check_mode(MODE_REINFORCED)
        stop_at(reported("XDSRepositoryError", judge_structure(call.message.body)))
        self.patients.check_may_consult(call.vihf.patient_id)
        responses, attachments, errors = [], [], []
        for number, wanted in enumerate(_read_request(call.message.body)):
            found = self._find(wanted, call)
            if isinstance(found, RegistryError):
                errors.append(found)
                continue
            content_id = f"document{number}@dmp.sandbox"
            responses.append(
                document_response(
                    wanted.repository,
                    wanted.unique_id,
                    found.mime_type,
                    home=wanted.home,
                    content_id=content_id,
                )
            )
            attachments.append((content_id, found.mime_type, found.content))
        status = PARTIAL_SUCCESS if errors and responses else FAILURE if errors else SUCCESS
        return Answer(retrieve_response(responses, errors, status), tuple(attachments))

    def _find(self, wanted: _Wanted, call: Call) -> StoredDocument | RegistryError:
        if wanted.repository != self.repository_unique_id:
            return RegistryError(
                "XDSUnknownRepositoryId", "no such repository", location=wanted.unique_id
            )
        patient = self.patients.find(call.vihf.patient_id)
        for stored in self.store.find_entries_by_unique_id(wanted.unique_id):
            entry = read_object(parse_xml(stored.xml, max_bytes=len(stored.xml)))
            if stored.status != DELETED and is_visible(stored, entry, call.vihf, patient):
                document = self.store.find_document(wanted.unique_id)
                if document is not None:
                    return document
        # Absent and not authorised are told alike (TF-3 4.2.4.1).
        return RegistryError(
            "XDSDocumentUniqueIdError", "no such document", location=wanted.unique_id
        )


def _read_request(body: etree._Element) -> Iterator[_Wanted]:
    for request in body.iterchildren(qualified(XDSB, "DocumentRequest")):
        yield _Wanted(
            home=request.findtext(qualified(XDSB, "HomeCommunityId"), ""),
            repository=request.findtext(qualified(XDSB, "RepositoryUniqueId"), ""),
            unique_id=request.findtext(qualified(XDSB, "DocumentUniqueId"), ""),
        )
