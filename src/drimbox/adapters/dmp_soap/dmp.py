"""The DMP over SOAP: feeding (TD2.1, TD3.1b, TD3.3c) and consultation (TD0.2, TD3.1a, TD3.2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from drimbox.adapters.dmp_soap.answers import PARTNER, check_success
from drimbox.adapters.dmp_soap.registry import DmpRegistry
from drimbox.adapters.dmp_soap.retrieved_documents import accept_documents
from drimbox.adapters.dmp_soap.soap_client import DmpSoapClient, SoapAnswer, SoapCall
from drimbox.errors import InvalidValue, RejectedByPartner, Unavailable
from drimbox.model.document_entry import (
    Author,
    AvailabilityStatus,
    DocumentEntry,
    DocumentQuery,
    RegisteredSet,
    SetQuery,
    SubmissionSet,
)
from drimbox.model.practice import Code, Structure
from drimbox.model.publication import DmpIdentity, EncodedSubmission
from drimbox.ports.clock import Clock, Identifiers
from drimbox.ports.dmp import DmpAccess, DmpAtFault, Retrieved
from drimbox.settings.partners import DmpSettings
from drimbox.standards.hl7v3.td02_patient_existence import (
    REQUEST_ACTION,
    ExistenceQuery,
    QueryResponseCode,
    encode_existence_query,
    parse_existence_answer,
)
from drimbox.standards.xds.data_types import parse_ins
from drimbox.standards.xds.iti41_provide_and_register import (
    add_replacement,
    encode_provide_and_register,
)
from drimbox.standards.xds.iti43_retrieve_document_set import (
    encode_retrieve_request,
    parse_retrieve_response,
)
from drimbox.standards.xds.iti57_update_document_set import encode_status_update
from drimbox.standards.xds.names import Action
from drimbox.standards.xds.registry_errors import RegistryResponse, parse_registry_response

# contentTypeCode is required but means nothing for a withdrawal (JDV_J59).
_WITHDRAWAL = Code("07", "1.2.250.1.213.2.2", "Consultation")
_ANSWERED = frozenset({QueryResponseCode.OK, QueryResponseCode.NOT_FOUND})
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SoapDmpFeeding:
    """Implements ports.dmp.DmpFeeding."""

    client: DmpSoapClient
    settings: DmpSettings
    clock: Clock
    identifiers: Identifiers

    async def provide(
        self, submission: EncodedSubmission, *, replaced_entry_uuid: str | None = None
    ) -> None:
        """Provide and register the lot (ITI-41)."""
        metadata = submission.metadata
        if replaced_entry_uuid is not None:
            first = submission.documents[0].document_id
            metadata = add_replacement(metadata, first, replaced_entry_uuid)
        body, attachments = encode_provide_and_register(metadata, submission.documents)
        call = SoapCall(
            url=self.settings.repository_url,
            action=Action.PROVIDE_AND_REGISTER.value,
            body=body,
            is_mtom=True,
            attachments=attachments,
        )
        check_success(await self.client.call(call, submission.identity, _registry_response))

    async def find_registered(self, unique_id: str, identity: DmpIdentity) -> DocumentEntry | None:
        """Find the newest version of a document by its uniqueId, whatever its status."""
        registry = DmpRegistry(self.client, self.settings)
        versions = await registry.get_documents((unique_id,), identity)
        return max(versions, key=_version, default=None)

    async def withdraw(self, entry: DocumentEntry, identity: DmpIdentity) -> None:
        """Set the document's status to Deleted (ITI-57)."""
        registered = replace(entry, status=entry.status or AvailabilityStatus.APPROVED)
        submission_set = self._submission_set(entry.patient_id, identity)
        body = encode_status_update(submission_set, registered, AvailabilityStatus.DELETED)
        call = SoapCall(self.settings.registry_url, Action.UPDATE_DOCUMENT_SET.value, body)
        check_success(await self.client.call(call, identity, _registry_response))

    def _submission_set(self, patient_id: str, identity: DmpIdentity) -> SubmissionSet:
        structure = Structure(
            identity.structure_identifier, self._structure_name(identity.structure_identifier)
        )
        return SubmissionSet(
            unique_id=self.identifiers.new_uid(),
            source_id=self.settings.source_id,
            patient_id=patient_id,
            content_type=_WITHDRAWAL,
            authors=(Author(person=identity.user, structures=(structure,)),),
            submission_time=self.clock.now(),
        )

    def _structure_name(self, identifier: str) -> str:
        names = {e.identifier: e.name for e in self.settings.establishments}
        return names.get(identifier, self.settings.establishments[0].name)


@dataclass(frozen=True, slots=True)
class SoapDmpConsultation:
    """Implements ports.dmp.DmpConsultation."""

    client: DmpSoapClient
    settings: DmpSettings
    clock: Clock

    async def check_access(self, identity: DmpIdentity) -> DmpAccess:
        """Ask whether the DMP exists, is open, and may be read by this user (TD0.2)."""
        ins = parse_ins(identity.patient_id)
        if ins is None:
            raise InvalidValue("patient id", "a qualified INS (TD0.2)")
        query = ExistenceQuery(
            ins=ins,
            message_id=str(self.client.new_uuid()),
            query_id=str(self.client.new_uuid()),
            created_at=self.clock.now(),
            sender_oid=self.settings.source_id,
            software_name=self.settings.software_name,
            processing_code=self.settings.processing_code,
        )
        call = SoapCall(self.settings.patients_url, REQUEST_ACTION, encode_existence_query(query))
        answer = await self.client.call(
            call, identity, lambda answer: parse_existence_answer(answer.body)
        )
        if answer.code not in _ANSWERED:
            raise RejectedByPartner(PARTNER, answer.code.value)
        if answer.query_id not in {None, query.query_id}:
            raise Unavailable(PARTNER, "answered another question (queryId)")
        return DmpAccess(answer.exists, answer.is_open, answer.is_authorised)

    async def find_documents(
        self, query: DocumentQuery, identity: DmpIdentity
    ) -> tuple[DocumentEntry, ...]:
        """Search the registry (ITI-18)."""
        registry = DmpRegistry(self.client, self.settings)
        if query.unique_ids or query.entry_uuids:
            named = await registry.get_documents(query.unique_ids, identity)
            return (*named, *await registry.get_entries(query.entry_uuids, identity))
        return await registry.find_documents(query, identity)

    async def find_replaced(
        self, entry_uuids: Sequence[str], identity: DmpIdentity
    ) -> Mapping[str, tuple[str, ...]]:
        """See ports.dmp.DmpConsultation (ITI-18, GetAssociations)."""
        registry = DmpRegistry(self.client, self.settings)
        return await registry.find_replaced(entry_uuids, identity)

    async def find_submission_sets(
        self, query: SetQuery, identity: DmpIdentity
    ) -> tuple[RegisteredSet, ...]:
        """See ports.dmp.DmpConsultation."""
        return await DmpRegistry(self.client, self.settings).find_submission_sets(query, identity)

    async def retrieve_documents(
        self, entries: Sequence[DocumentEntry], identity: DmpIdentity
    ) -> dict[str, Retrieved]:
        """See ports.dmp.DmpConsultation (ITI-43)."""
        located = [entry for entry in map(self._located, entries) if entry.repository_unique_id]
        found: dict[str, Retrieved] = {
            entry.unique_id: DmpAtFault(PARTNER, "does not say which repository has the document")
            for entry in entries
        }
        if len(located) != len(entries):
            _log.warning("dmp_entries_without_repository", count=len(entries) - len(located))
        if not located:
            return found
        call = SoapCall(
            url=self.settings.repository_url,
            action=Action.RETRIEVE_DOCUMENT_SET.value,
            body=encode_retrieve_request(located),
            is_mtom=True,
        )
        answer = await self.client.call(
            call, identity, lambda answer: parse_retrieve_response(answer.body, answer.parts)
        )
        return found | accept_documents(located, answer)

    def _located(self, entry: DocumentEntry) -> DocumentEntry:
        """Complete an entry that does not tell its repository with the one of the settings."""
        if entry.repository_unique_id:
            return entry
        return replace(entry, repository_unique_id=self.settings.repository_unique_id)


def _registry_response(answer: SoapAnswer) -> RegistryResponse:
    return parse_registry_response(answer.body)


def _version(entry: DocumentEntry) -> tuple[int, bool]:
    """Order the versions of one document: by number, then the approved one last."""
    number = entry.version_name or ""
    is_number = number.isascii() and number.isdigit() and len(number) < 10
    return (int(number) if is_number else 0, entry.status is AvailabilityStatus.APPROVED)
