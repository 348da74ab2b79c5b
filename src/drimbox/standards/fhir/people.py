"""Who made and signed a document, as resources of their own (spec 4.1, "read where not contained").

MHD wants them contained in the DocumentReference; a Provenance cannot refer to what is contained
elsewhere. They are the same resources lifted out: one person has one in each document, by whose id
it is found, and the same identifier in all of them.
"""

import re
from collections.abc import Iterator, Mapping

from drimbox.model.imaging_record import ImagingRecord
from drimbox.standards.fhir.code_systems import Json
from drimbox.standards.fhir.contained import Contained

_MAX_ID = 64
_ID = re.compile(
    r"(?P<document>.+)-(?:authenticator|(?:practitioner|device)-[0-9]+"
    r"|(?:role|organization)-[0-9]+-[0-9]+)\Z",
    re.ASCII,
)
_KINDS = frozenset({"Practitioner", "PractitionerRole", "Organization", "Device"})


def document_of(identifier: str) -> str | None:
    """Return the logical id of the document that a person's id names; None where it is no such."""
    match = _ID.match(identifier)
    return match["document"] if match else None


def people_of(record: ImagingRecord) -> dict[str, Json]:
    """Return the people, devices and structures of a document by `Type/id`.

    Nobody where the id of the document leaves no room for theirs.
    """
    contained = _contained(record)
    references = {
        f"#{one['id']}": f"{one['resourceType']}/{_id(record, str(one['id']))}" for one in contained
    }
    if any(len(one.partition("/")[2]) > _MAX_ID for one in references.values()):
        return {}
    return {
        references[f"#{one['id']}"]: {
            name: _linked(value, references) for name, value in one.items()
        }
        | {"id": _id(record, str(one["id"]))}
        for one in contained
    }


def agents_of(record: ImagingRecord) -> Iterator[tuple[str, str]]:
    """Return who takes part in a document: `author`, or `legal` who signed; and `Type/id`."""
    everyone = people_of(record)
    by_id = {reference.partition("/")[2]: reference for reference in everyone}
    contained = Contained(record.document.authors, record.document)
    named = [("author", name) for name in contained.authors]
    named += [("legal", contained.authenticator)] if contained.authenticator else []
    for part, name in named:
        reference = by_id.get(_id(record, name))
        if reference is not None:
            yield part, reference


def _contained(record: ImagingRecord) -> list[Json]:
    """Return what is contained, less the patient as the Source knew one."""
    resources = Contained(record.document.authors, record.document).resources
    return [one for one in resources if one["resourceType"] in _KINDS]


def _id(record: ImagingRecord, name: str) -> str:
    return f"{record.kos_id}-{name}"


def _linked(value: object, references: Mapping[str, str]) -> object:
    """Return a reference to what was contained as one to what was lifted out."""
    if isinstance(value, dict) and value.get("reference") in references:
        return value | {"reference": references[value["reference"]]}
    return value
