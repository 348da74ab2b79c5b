"""ITI-18 Registry Stored Query (TD3.1): the queries a DMP answers, LeafClass or ObjectRef."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lxml import etree

from drimbox.sandbox.dmp.answers import Answer, query_response
from drimbox.sandbox.dmp.call import Call
from drimbox.sandbox.dmp.ebrim import part, read_object
from drimbox.sandbox.dmp.entry_filters import matches
from drimbox.sandbox.dmp.judge_structure import judge_structure
from drimbox.sandbox.dmp.names import (
    APPROVED,
    HAS_MEMBER,
    MODE_INDIRECT,
    MODE_REINFORCED,
    QUERY,
    RIM,
    STATUSES,
    qualified,
)
from drimbox.sandbox.dmp.patients import Patients
from drimbox.sandbox.dmp.query_parameters import (
    FIND_BY_REFERENCE_ID,
    FIND_DOCUMENTS,
    FIND_SUBMISSION_SETS,
    GET_ASSOCIATIONS,
    GET_DOCUMENTS,
    GET_DOCUMENTS_AND_ASSOCIATIONS,
    GET_RELATED_DOCUMENTS,
    GET_SUBMISSION_SET_AND_CONTENTS,
    GET_SUBMISSION_SETS,
    Criteria,
    E,
    S,
    read_criteria,
)
from drimbox.sandbox.dmp.refusals import ContentRefused, RegistryError, reported, stop_at
from drimbox.sandbox.dmp.store import Store, StoredAssociation, StoredEntry, StoredSet
from drimbox.sandbox.dmp.visibility import is_visible
from drimbox.standards.safe_xml import parse_xml

DEFAULT_MAX_LEAF_RESULTS: Final = 1000
_PACKAGE_TYPE: Final = "urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:RegistryPackage"

Found = Mapping[str, etree._Element]  # noqa: SLF001  lxml names its own type so
"""Results by entryUUID, in order."""


@dataclass(frozen=True, slots=True)
class RegistryStoredQuery:
    """The registry side."""

    store: Store
    patients: Patients
    max_leaf_results: int

    def __call__(self, call: Call) -> Answer:
        """Answer one query.

        Raises:
            Fault: the VIHF does not allow this query.
            ContentRefused: the query is not one, or finds too much.
        """
        request = call.message.body
        stop_at(reported("XDSRegistryError", judge_structure(request)))
        query = part(request, qualified(RIM, "AdhocQuery"))
        option = part(request, qualified(QUERY, "ResponseOption"))
        return_type = _return_type(request, option)
        _check_right(call, query)
        criteria = read_criteria(query)
        for parameter in (f"{E}PatientId", f"{S}PatientId"):
            for values in criteria.get(parameter, ()):
                call.check_patient(values[0])
        if call.vihf.mode == MODE_REINFORCED:
            self.patients.check_may_consult(call.vihf.patient_id)
        search = _Search(self.store, self.patients, call)
        found = search.run(query.get("id", ""), criteria)
        if return_type == "ObjectRef":
            return Answer(query_response([_object_ref(uuid) for uuid in found]))
        if len(found) > self.max_leaf_results:
            raise _refused("XDSTooManyResults", f"more than {self.max_leaf_results} objects")
        return Answer(query_response(list(found.values())))


@dataclass(frozen=True, slots=True)
class _Search:
    """One query of one caller, who sees one patient."""

    store: Store
    patients: Patients
    call: Call

    def run(self, query_id: str, criteria: Criteria) -> Found:
        searches: dict[str, Callable[[Criteria], Found]] = {
            FIND_DOCUMENTS: self._find_documents,
            FIND_BY_REFERENCE_ID: self._find_documents,
            FIND_SUBMISSION_SETS: self._find_submission_sets,
            GET_DOCUMENTS: self._get_documents,
            GET_ASSOCIATIONS: self._get_associations,
            GET_DOCUMENTS_AND_ASSOCIATIONS: self._get_documents_and_associations,
            GET_SUBMISSION_SETS: self._get_submission_sets,
            GET_SUBMISSION_SET_AND_CONTENTS: self._get_submission_set_and_contents,
            GET_RELATED_DOCUMENTS: self._get_related_documents,
        }
        return searches[query_id](criteria)

    def _find_documents(self, criteria: Criteria) -> Found:
        statuses = _statuses(criteria, f"{E}Status")
        entries = self.store.find_entries_of(self.call.vihf.patient_id)
        return self._shown((e for e in entries if e.status in statuses), criteria)

    def _find_submission_sets(self, criteria: Criteria) -> Found:
        if APPROVED not in _statuses(criteria, f"{S}Status"):
            return {}
        sets = self.store.find_submission_sets(self.call.vihf.patient_id)
        elements = {s.entry_uuid: _set_element(s) for s in sets}
        return {u: e for u, e in elements.items() if matches(read_object(e), criteria)}

    def _get_documents(self, criteria: Criteria) -> Found:
        return self._shown(self._named(criteria), {})

    def _get_associations(self, criteria: Criteria) -> Found:
        return self._associations(_values(criteria, "$uuid"))

    def _get_documents_and_associations(self, criteria: Criteria) -> Found:
        documents = self._get_documents(criteria)
        return {**documents, **self._associations(documents)}

    def _get_submission_sets(self, criteria: Criteria) -> Found:
        members = [
            a
            for uuid in _values(criteria, "$uuid")
            for a in self.store.find_associations(uuid)
            if a.kind == HAS_MEMBER and a.target == uuid
        ]
        sets = {s.entry_uuid: s for s in self.store.find_submission_sets(self._patient_id)}
        sources = {a.source: _set_element(sets[a.source]) for a in members if a.source in sets}
        return {
            **sources,
            **{a.entry_uuid: _element(a.xml) for a in members if a.source in sources},
        }

    def _get_submission_set_and_contents(self, criteria: Criteria) -> Found:
        wanted = {*_values(criteria, f"{S}EntryUUID"), *_values(criteria, f"{S}UniqueId")}
        sets = [
            s
            for s in self.store.find_submission_sets(self._patient_id)
            if wanted & {s.entry_uuid, s.unique_id}
        ]
        if not sets:
            return {}
        found = sets[0]
        members = [
            a
            for a in self.store.find_associations(found.entry_uuid)
            if a.kind == HAS_MEMBER and a.source == found.entry_uuid
        ]
        entries = (self.store.find_entry(a.target) for a in members)
        documents = self._shown((e for e in entries if e is not None), criteria)
        kept = {a.entry_uuid: _element(a.xml) for a in members if a.target in documents}
        return {found.entry_uuid: _set_element(found), **documents, **kept}

    def _get_related_documents(self, criteria: Criteria) -> Found:
        types = set(_values(criteria, "$AssociationTypes"))
        origins = self._shown(self._named(criteria), {})
        related = [
            a
            for uuid in origins
            for a in self.store.find_associations(uuid)
            if a.kind in types and a.kind != HAS_MEMBER
        ]
        others = (self.store.find_entry(end) for a in related for end in (a.source, a.target))
        documents = self._shown((e for e in others if e is not None), criteria)
        kept = {a.entry_uuid: _element(a.xml) for a in related if _joins(a, {*documents, *origins})}
        return {**origins, **documents, **kept} if kept else {}

    @property
    def _patient_id(self) -> str:
        return self.call.vihf.patient_id

    def _named(self, criteria: Criteria) -> list[StoredEntry]:
        """Return the entries that EntryUUID or UniqueId names; one uniqueId may have several."""
        entries = (self.store.find_entry(uuid) for uuid in _values(criteria, f"{E}EntryUUID"))
        named = [entry for entry in entries if entry is not None]
        for unique_id in _values(criteria, f"{E}UniqueId"):
            named += self.store.find_entries_by_unique_id(unique_id)
        return named

    def _shown(self, entries: Iterable[StoredEntry], criteria: Criteria) -> Found:
        """Return the entries that meet the criteria and that this caller may know of."""
        patient = self.patients.find(self._patient_id)
        shown: dict[str, etree._Element] = {}
        for stored in entries:
            element = _element(stored.xml)
            element.set("status", stored.status)
            entry = read_object(element)
            if is_visible(stored, entry, self.call.vihf, patient) and matches(entry, criteria):
                shown[stored.entry_uuid] = element
        return shown

    def _associations(self, uuids: Iterable[str]) -> Found:
        """Return the associations of objects of this patient that the caller may know of."""
        found: dict[str, etree._Element] = {}
        sets = {s.entry_uuid for s in self.store.find_submission_sets(self._patient_id)}
        for uuid in uuids:
            entry = self.store.find_entry(uuid)
            if uuid in sets or (entry is not None and self._shown([entry], {})):
                found |= {a.entry_uuid: _element(a.xml) for a in self.store.find_associations(uuid)}
        return found


def _return_type(request: etree._Element, option: etree._Element) -> str:
    return_type = option.get("returnType", "")
    if return_type not in {"LeafClass", "ObjectRef"}:
        raise _refused("XDSRegistryError", "returnType must be LeafClass or ObjectRef")
    if option.get("returnComposedObjects") not in {"true", "1"}:
        raise _refused("XDSRegistryError", "returnComposedObjects must be true")
    if request.get("startIndex", "0") != "0" or request.get("maxResults", "-1") != "-1":
        raise _refused("XDSRegistryError", "ebRS paging is not used (3.18.4.1.2.2)")
    return return_type


def _check_right(call: Call, query: etree._Element) -> None:
    """In mode INDIRECTE, only TD3.1b: a feeder asks for documents by uniqueId."""
    call.check_mode(MODE_INDIRECT, MODE_REINFORCED)
    if call.vihf.mode == MODE_REINFORCED:
        return
    names = {slot.get("name") for slot in query.iterchildren(qualified(RIM, "Slot"))}
    if query.get("id") != GET_DOCUMENTS or names != {f"{E}UniqueId"}:
        raise call.not_allowed("mode INDIRECTE may only get documents by uniqueId (TD3.1b)")


def _statuses(criteria: Criteria, parameter: str) -> set[str]:
    """Return the known statuses asked for; unknown ones are ignored (3.18.4.1.2.3.6)."""
    statuses = STATUSES & set(_values(criteria, parameter))
    if not statuses:
        raise _refused("XDSRegistryError", f"{parameter} holds no status this registry knows")
    return set(statuses)


def _values(criteria: Criteria, parameter: str) -> Sequence[str]:
    return [value for values in criteria.get(parameter, ()) for value in values]


def _joins(association: StoredAssociation, uuids: set[str]) -> bool:
    return association.source in uuids and association.target in uuids


def _set_element(stored: StoredSet) -> etree._Element:
    element = _element(stored.xml)
    element.set("objectType", _PACKAGE_TYPE)
    return element


def _element(xml: bytes) -> etree._Element:
    return parse_xml(xml, max_bytes=len(xml))


def _object_ref(uuid: str) -> etree._Element:
    return etree.Element(qualified(RIM, "ObjectRef"), id=uuid, nsmap={"rim": RIM})


def _refused(code: str, reason: str) -> ContentRefused:
    return ContentRefused(RegistryError(code, reason))
