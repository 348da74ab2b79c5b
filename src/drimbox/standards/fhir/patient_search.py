"""What a Patient is searched by (PDQm ITI-78, less what would make a directory of it)."""

from collections.abc import Callable, Iterable, Iterator

from drimbox.model.imaging_record import Subject
from drimbox.model.imaging_search import PatientKey
from drimbox.model.patient import Gender
from drimbox.standards.fhir.date_times import birth_date
from drimbox.standards.fhir.patient import ins_system, local_identifier_system
from drimbox.standards.fhir.search import SearchableResource
from drimbox.standards.fhir.search_filters import Filter
from drimbox.standards.fhir.search_parameters import (
    Kind,
    Record,
    SearchParameter,
    chained,
    table,
)
from drimbox.standards.fhir.search_values import (
    Interval,
    Reference,
    Token,
    Value,
    code_token,
    identifier_token,
    parse_interval,
)


def identifiers_of(subject: Subject) -> tuple[Token, ...]:
    ins = subject.traits.ins
    tokens = [Token(ins_system(ins.authority), ins.value)]
    local = subject.local_patient_id
    if local is not None:
        tokens.append(identifier_token(local_identifier_system(local) or "", local.value))
    return tuple(tokens)


def has_identifier_of(subject: Subject, system: str) -> bool:
    return any(token.system == system for token in identifiers_of(subject))


def reference_of(subject: Subject) -> Reference:
    return Reference("Patient", subject.identifier, identifiers_of(subject))


def _genders(subject: Subject) -> Iterator[Token]:
    is_male = subject.traits.gender is Gender.MALE
    yield code_token("http://hl7.org/fhir/administrative-gender", "male" if is_male else "female")


def _families(subject: Subject) -> Iterator[str]:
    yield subject.traits.family_name
    if subject.traits.used_family_name:
        yield subject.traits.used_family_name


def _givens(subject: Subject) -> Iterator[str]:
    yield subject.traits.given_name
    if subject.traits.used_given_name:
        yield subject.traits.used_given_name


def _birth_dates(subject: Subject) -> Iterator[Interval]:
    yield parse_interval(birth_date(subject.traits.birth_date))


PATIENT: SearchableResource[Subject] = SearchableResource(
    name="Patient",
    parameters=table(
        SearchParameter("_id", Kind.TOKEN, lambda s: (Token("", s.identifier),)),
        SearchParameter(
            "identifier",
            Kind.TOKEN,
            identifiers_of,
            "INS (urn:oid of its authority) or IPP",
            is_identifier=True,
            names_patient=True,
        ),
        SearchParameter("family", Kind.STRING, _families, names_patient=True),
        SearchParameter("given", Kind.STRING, _givens, names_patient=True),
        SearchParameter("birthdate", Kind.DATE, _birth_dates, names_patient=True),
        SearchParameter("gender", Kind.TOKEN, _genders),
        SearchParameter("active", Kind.TOKEN, lambda _: (Token("", "true"),)),
    ),
    sorts=frozenset({"_id", "family", "birthdate"}),
    default_sort="_id",
    includes={},
)


def patient_parameter(name: str, way: Callable[[Record], Subject]) -> SearchParameter[Record]:
    """Return `patient` or `subject`, with the parameters of the Patient chained to it."""
    return SearchParameter(
        name,
        Kind.REFERENCE,
        lambda record: (reference_of(way(record)),),
        "The patient: Patient/<id>, :identifier, or chained as patient.identifier",
        target="Patient",
        chained={
            own: chained(name, parameter, way) for own, parameter in PATIENT.parameters.items()
        },
        names_patient=True,
    )


def patient_keys(filters: Iterable[Filter[Record]]) -> tuple[PatientKey, ...] | None:
    """Return whom these filters can be about; None where they say nothing of it.

    One filter that names patients is enough: all are applied to what is found.
    """
    for one in filters:
        if one.wanted:
            return tuple(_key(value) for value in one.wanted)
    return None


def is_named(subject: Subject, keys: Iterable[PatientKey]) -> bool:
    """Tell whether one of the keys may name this patient."""
    tokens = identifiers_of(subject)
    return any(
        key.logical_id == subject.identifier
        if key.logical_id is not None
        else any(key.system in {None, t.system} and key.value in {"", t.code} for t in tokens)
        for key in keys
    )


def _key(value: Value) -> PatientKey:
    if isinstance(value, Reference):
        return PatientKey(logical_id=value.identifier)
    if isinstance(value, Token):
        return PatientKey(system=value.system or None, value=value.code)
    return PatientKey()
