"""Questions to the DMP's registry (ITI-18), and which entries of its answers are ours to use."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo

import structlog
from lxml import etree

from drimbox.adapters.dmp_soap.answers import check_success, raise_failure
from drimbox.adapters.dmp_soap.soap_client import DmpSoapClient, SoapCall
from drimbox.model.document_entry import (
    DocumentEntry,
    DocumentQuery,
    PartialDocuments,
    RegisteredSet,
    SetQuery,
    UnknownPatientDocuments,
)
from drimbox.model.imaging_codes import ANATOMIC_REGIONS, MODALITIES
from drimbox.model.practice import Code
from drimbox.model.publication import DmpIdentity
from drimbox.settings.partners import DmpSettings
from drimbox.standards.xds.data_types import parse_ins
from drimbox.standards.xds.iti18_registry_stored_query import (
    QueryResponse,
    ReturnType,
    encode_find_documents,
    encode_find_submission_sets,
    encode_get_associations,
    encode_get_documents,
    encode_get_documents_by_entry_uuid,
    parse_query_response,
)
from drimbox.standards.xds.names import (
    MODALITY_CODE_SYSTEMS,
    REGION_CODE_SYSTEMS,
    Action,
    AssociationType,
)
from drimbox.standards.xds.registry_errors import (
    ErrorCode,
    RegistryResponse,
    ResponseStatus,
    describe,
)

_BATCH = 20
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DmpRegistry:
    """The registry service, asked in somebody's identity."""

    client: DmpSoapClient
    settings: DmpSettings

    @property
    def _zone(self) -> tzinfo:
        """The zone in which this registry's times are written."""
        return UTC if self.settings.registry_time == "utc" else ZoneInfo("Europe/Paris")

    async def get_documents(
        self, unique_ids: Sequence[str], identity: DmpIdentity
    ) -> tuple[DocumentEntry, ...]:
        """Return every version of these documents (GetDocuments)."""
        found: list[DocumentEntry] = []
        for batch in _batches(unique_ids):
            answer = await self._ask(encode_get_documents(batch), identity)
            entries = _usable(answer, identity.patient_id)
            found += [entry for entry in entries if entry.unique_id in batch]
        return tuple(found)

    async def get_entries(
        self, entry_uuids: Sequence[str], identity: DmpIdentity
    ) -> tuple[DocumentEntry, ...]:
        """Return these versions of documents (GetDocuments by entryUUID)."""
        found: list[DocumentEntry] = []
        for batch in _batches(entry_uuids):
            answer = await self._ask(encode_get_documents_by_entry_uuid(batch), identity)
            found += _usable(answer, identity.patient_id)
        return tuple(found)

    async def find_replaced(
        self, entry_uuids: Sequence[str], identity: DmpIdentity
    ) -> dict[str, tuple[str, ...]]:
        """Return what replaces what (GetAssociations), by the entryUUID of what replaces."""
        replaced: dict[str, tuple[str, ...]] = {}
        for batch in _batches(entry_uuids):
            answer = await self._ask(encode_get_associations(batch), identity)
            check_success(answer.response)
            for one in answer.associations:
                ends = {one.source, one.target}
                if one.type == AssociationType.REPLACES.value and not ends.isdisjoint(batch):
                    known = replaced.get(one.source, ())
                    replaced[one.source] = tuple(dict.fromkeys((*known, one.target)))
        return replaced

    async def find_submission_sets(
        self, query: SetQuery, identity: DmpIdentity
    ) -> tuple[RegisteredSet, ...]:
        """Search submission sets, then ask which documents each has (GetAssociations)."""
        answer = await self._ask(encode_find_submission_sets(query, self._zone), identity)
        if not _knows_patient(answer.response):
            return ()
        _warn_of(answer)
        found = {
            one.entry_uuid: one
            for one in answer.sets
            if not is_other_patient(one.submission_set.patient_id, identity.patient_id)
        }
        members: dict[str, list[str]] = {}
        for batch in _batches(list(found)):
            related = await self._ask(encode_get_associations(batch), identity)
            check_success(related.response)
            for one in related.associations:
                if one.type == AssociationType.HAS_MEMBER.value and one.source in found:
                    members.setdefault(one.source, []).append(one.target)
        return tuple(
            replace(one, members=tuple(dict.fromkeys(members.get(uuid, ()))))
            for uuid, one in found.items()
        )

    async def find_documents(
        self, query: DocumentQuery, identity: DmpIdentity
    ) -> tuple[DocumentEntry, ...]:
        """Search by criteria (FindDocuments); nothing found is an empty tuple."""
        widened = self._with_all_code_systems(query)
        answer = await self._ask(encode_find_documents(widened, zone=self._zone), identity)
        if ErrorCode.TOO_MANY_RESULTS in {e.known_code for e in answer.response.failures}:
            return await self._find_in_batches(widened, identity)
        return _usable(answer, identity.patient_id)

    async def _find_in_batches(
        self, query: DocumentQuery, identity: DmpIdentity
    ) -> tuple[DocumentEntry, ...]:
        """Ask for the ids first, then for the entries by batches (3.18.4.1.2.6)."""
        request = encode_find_documents(query, return_type=ReturnType.OBJECT_REF, zone=self._zone)
        references = await self._ask(request, identity)
        check_success(references.response)
        return await self.get_entries(references.object_ids, identity)

    async def _ask(self, body: etree._Element, identity: DmpIdentity) -> QueryResponse:
        call = SoapCall(self.settings.registry_url, Action.REGISTRY_STORED_QUERY.value, body)
        return await self.client.call(
            call, identity, lambda answer: parse_query_response(answer.body, self._zone)
        )

    def _with_all_code_systems(self, query: DocumentQuery) -> DocumentQuery:
        """Ask for each modality and region under every code system it was published with."""
        modality_systems = (self.settings.modality_code_system, *MODALITY_CODE_SYSTEMS)
        region_systems = (self.settings.region_code_system, *REGION_CODE_SYSTEMS)
        return replace(
            query,
            modalities=_in_systems(query.modalities, modality_systems),
            anatomic_regions=_in_systems(query.anatomic_regions, region_systems),
            event_codes=tuple(
                _spelled(choice, modality_systems, region_systems) for choice in query.event_codes
            ),
        )


def _in_systems(codes: Sequence[Code], systems: Sequence[str]) -> tuple[Code, ...]:
    distinct = dict.fromkeys(
        (code.value, str(system)) for code in codes for system in (code.system, *systems)
    )
    return tuple(Code(value, system) for value, system in distinct)


def _spelled(
    choice: Sequence[Code], modality_systems: Sequence[str], region_systems: Sequence[str]
) -> tuple[Code, ...]:
    """Return a choice with every spelling of the modalities and regions in it."""
    modalities = _in_systems([c for c in choice if c.value in MODALITIES], modality_systems)
    regions = _in_systems([c for c in choice if c.value in ANATOMIC_REGIONS], region_systems)
    return tuple(dict.fromkeys((*choice, *modalities, *regions)))


def _batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(texts), _BATCH):
        yield texts[start : start + _BATCH]


def _usable(answer: QueryResponse, patient_id: str) -> tuple[DocumentEntry, ...]:
    """Return the entries of an answer, less those of another patient.

    Raises what answers.raise_failure raises, on failure.
    """
    response = answer.response
    if not _knows_patient(response):
        return UnknownPatientDocuments()
    _warn_of(answer)
    usable = tuple(e for e in answer.entries if not is_other_patient(e.patient_id, patient_id))
    if len(usable) != len(answer.entries):
        count = len(answer.entries) - len(usable)
        _log.error("dmp_entries_refused", count=count, reason="other patient")
    if response.status is ResponseStatus.PARTIAL_SUCCESS or answer.unreadable:
        return PartialDocuments(usable)
    return usable


def _knows_patient(response: RegistryResponse) -> bool:
    """Tell whether the registry has the patient; other failures raise (answers.raise_failure)."""
    if response.status is not ResponseStatus.FAILURE:
        return True
    # By its policy a domain may say so instead of an empty list (TF-3 4.2.4.1).
    if {error.known_code for error in response.failures} != {ErrorCode.UNKNOWN_PATIENT_ID}:
        raise_failure(response)
    return False


def _warn_of(answer: QueryResponse) -> None:
    if answer.response.errors:
        _log.warning("dmp_answered_in_part", codes=describe(answer.response.errors))
    if answer.unreadable:
        _log.warning("dmp_entries_unreadable", count=len(answer.unreadable))


def is_other_patient(found: str, asked: str) -> bool:
    """Tell whether a patientId surely names somebody else.

    An INS changes form during a life (NIA, then NIR), and entries must not be filtered on it
    (EX_3.1-1055): only two different numbers of one form cannot be the same patient (X6).
    """
    found_ins, asked_ins = parse_ins(found), parse_ins(asked)
    if found_ins is None or asked_ins is None:
        return False
    is_same_form = found_ins.authority is asked_ins.authority
    return is_same_form and found_ins.value != asked_ins.value
