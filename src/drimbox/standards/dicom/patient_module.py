"""The qualified identity in DICOM: Patient Module of a KOS, items of Other Patient IDs.

CI-SIS IMG-KOS on PS3.3 C.7.1.1: INS in Patient ID and again in Other Patient IDs Sequence, its
authority in Issuer of Patient ID Qualifiers, the birth place (code COG) in Patient Comments.
"""

from drimbox.errors import InvalidValue
from drimbox.model.patient import (
    AssigningAuthority,
    BirthDate,
    District,
    Gender,
    Ins,
    InsAuthority,
    LocalPatientId,
    PatientTraits,
)
from drimbox.standards.dicom import tags
from drimbox.standards.dicom.attributes import (
    Attributes,
    AttributeWriter,
    ascii_element,
    sequence,
    universal_entity,
)
from drimbox.standards.dicom.data_set import DataSet

MAX_COMPONENT_GROUP = 64  # PS3.5 6.2, PN


def encode_patient(traits: PatientTraits, writer: AttributeWriter) -> DataSet:
    """Write the Patient Module."""
    module: DataSet = {
        tags.PATIENT_NAME: writer.text("PN", f"{traits.family_name}^{traits.given_name}"),
        **_ins_identifier(traits.ins),
        tags.PATIENT_BIRTH_DATE: ascii_element("DA", traits.birth_date.value),
        tags.PATIENT_SEX: ascii_element("CS", traits.gender.value),
        tags.OTHER_PATIENT_IDS_SEQUENCE: sequence([ins_item(traits.ins)]),
    }
    if names := _other_names(traits):
        module[tags.OTHER_PATIENT_NAMES] = writer.text("PN", "\\".join(names))
    if traits.birth_place is not None:
        module[tags.PATIENT_COMMENTS] = writer.text("LT", traits.birth_place.value)
    return module


def _ins_identifier(ins: Ins) -> DataSet:
    return {
        tags.PATIENT_ID: ascii_element("LO", ins.value),
        tags.ISSUER_OF_PATIENT_ID: ascii_element("LO", ins.authority.label),
        tags.ISSUER_OF_PATIENT_ID_QUALIFIERS_SEQUENCE: sequence(
            [universal_entity(ins.authority.oid)]
        ),
    }


def ins_item(ins: Ins) -> DataSet:
    """Build the item of Other Patient IDs Sequence that carries an INS."""
    return {**_ins_identifier(ins), tags.TYPE_OF_PATIENT_ID: ascii_element("CS", "TEXT")}


def _other_names(traits: PatientTraits) -> list[str]:
    """First the list of birth given names, then the used name; either may be missing."""
    names = []
    if traits.birth_given_names:
        names.append(_given_names(traits.birth_given_names))
    if traits.used_family_name or traits.used_given_name:
        used = f"{traits.used_family_name or ''}^{traits.used_given_name or ''}"
        names.append(used.rstrip("^"))
    return names


def _given_names(given_names: tuple[str, ...]) -> str:
    """Write whole given names, as many as one component group holds."""
    text = "^" + given_names[0]
    for name in given_names[1:]:
        if len(text) + 1 + len(name) > MAX_COMPONENT_GROUP:
            break
        text += " " + name
    return text


def parse_ins(attributes: Attributes) -> Ins | None:
    """Return the INS of a data set or item whose Patient ID and issuer make a valid one."""
    qualifiers = attributes.first_item(tags.ISSUER_OF_PATIENT_ID_QUALIFIERS_SEQUENCE)
    authority = _ins_authority(
        qualifiers.text(tags.UNIVERSAL_ENTITY_ID), attributes.text(tags.ISSUER_OF_PATIENT_ID)
    )
    if authority is None:
        return None
    try:
        return Ins(attributes.text(tags.PATIENT_ID), authority)
    except InvalidValue:
        return None


def _ins_authority(oid: str, label: str) -> InsAuthority | None:
    try:
        return InsAuthority(oid or label)
    except ValueError:
        pass
    # A label without an OID names a real authority, never a test one.
    real = (InsAuthority.NIR, InsAuthority.NIA)
    return next((a for a in real if not oid and a.label == label), None)


def parse_identifier(attributes: Attributes) -> LocalPatientId | None:
    """Return Patient ID with its issuer, whatever its kind; None when absent or unusable."""
    qualifiers = attributes.first_item(tags.ISSUER_OF_PATIENT_ID_QUALIFIERS_SEQUENCE)
    oid = qualifiers.oid(tags.UNIVERSAL_ENTITY_ID)
    name = attributes.text(tags.ISSUER_OF_PATIENT_ID) or None
    issuer = AssigningAuthority(name, oid) if name or oid else None
    try:
        return LocalPatientId(attributes.text(tags.PATIENT_ID), issuer)
    except InvalidValue:
        return None


def parse_patient(attributes: Attributes) -> PatientTraits | None:
    """Return the traits of a KOS, or None where they do not make a qualified identity."""
    ins = parse_ins(attributes)
    if ins is None:
        for item in attributes.items(tags.OTHER_PATIENT_IDS_SEQUENCE):
            ins = ins or parse_ins(item)
    if ins is None:
        return None
    family_name, _, rest = attributes.person_name(tags.PATIENT_NAME).partition("^")
    given_name = rest.split("^")[0].strip()
    given_names, used_family_name, used_given_name = _parse_other_names(attributes, given_name)
    try:
        return PatientTraits(
            ins=ins,
            family_name=family_name.strip(),
            given_name=given_name or (given_names or ("",))[0],
            gender=Gender(attributes.text(tags.PATIENT_SEX)),
            birth_date=BirthDate(attributes.text(tags.PATIENT_BIRTH_DATE)),
            birth_place=_parse_district(attributes.text(tags.PATIENT_COMMENTS)),
            birth_given_names=given_names,
            used_family_name=used_family_name,
            used_given_name=used_given_name,
        )
    except (InvalidValue, ValueError):
        return None


def _parse_district(text: str) -> District | None:
    try:
        return District(text)
    except InvalidValue:
        return None


def _parse_other_names(
    attributes: Attributes, given_name: str
) -> tuple[tuple[str, ...], str | None, str | None]:
    """Read (birth given names, used family name, used given name).

    `^A B` is the list when another value follows it or when it begins with the first given name.
    """
    names = [name.split("=")[0] for name in attributes.texts(tags.OTHER_PATIENT_NAMES)]
    given_names: tuple[str, ...] = ()
    if names and names[0].startswith("^"):
        listed = tuple(names[0].strip("^").split())
        if len(names) > 1 or len(listed) > 1 or listed[:1] == (given_name,):
            given_names = listed
            names = names[1:]
    if not names:
        return given_names, None, None
    family_name, _, rest = names[0].partition("^")
    return given_names, family_name.strip() or None, rest.split("^")[0].strip() or None
