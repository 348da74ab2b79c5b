"""The header of a CDA imaging report (IMG-CR-IMG, level 1 or 3), as far as a KOS needs it.

CI-SIS "Imagerie", DICOM PS3.20. Strict for identities and studies, lenient for the rest.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo
from types import MappingProxyType

from lxml import etree

from drimbox.errors import InvalidValue, MalformedMessage, UnsupportedMessage
from drimbox.model.manifest import ImagingOrder
from drimbox.model.practice import Code
from drimbox.model.report import ImagingAct, ImagingReport
from drimbox.model.study import AccessionNumber
from drimbox.model.uids import StudyInstanceUid
from drimbox.standards.cda.header_elements import (
    CDA,
    attribute,
    find,
    find_all,
    read_code,
    read_instant,
    read_oid,
    read_person,
    read_structure,
    text_of,
)
from drimbox.standards.cda.record_target import read_local_patient_ids, read_patient
from drimbox.standards.safe_xml import parse_xml

MAX_REPORT_BYTES = 32 * 1024 * 1024
IMAGING_REPORT_CODE = "18748-4"
_FRENCH_TEMPLATE = "1.2.250.1.213.1.1.1.1"  # CI-SIS Structuration minimale

MODALITY_QUALIFIER = "121139"  # DCM
REGION_QUALIFIER = "39111-0"  # LOINC
_QUALIFIER_OF_SYSTEM = MappingProxyType(
    {
        "1.2.840.10008.2.16.4": MODALITY_QUALIFIER,
        "2.16.840.1.113883.6.96": REGION_QUALIFIER,
    }
)
# Both OIDs of the CCAM stand in official examples.
_CCAM_SYSTEMS = frozenset({"1.2.250.1.213.2.5", "1.2.250.1.215.300.1"})


def parse_imaging_report(content: bytes, *, local_zone: tzinfo) -> ImagingReport:
    """Read the header of a report; instants without an offset are in local_zone.

    Raises:
        TooLarge: more than MAX_REPORT_BYTES.
        UnsupportedMessage: XML, but no imaging report of the French profile.
        MalformedMessage: not XML, or a required element is missing.
        InvalidValue: an identifier or a trait that its type does not allow.
    """
    root = parse_xml(content, max_bytes=MAX_REPORT_BYTES)
    _check_is_imaging_report(root)
    role = find(root, "cda:recordTarget/cda:patientRole")
    if role is None:
        raise MalformedMessage("missing", where="CDA recordTarget")
    created_at = read_instant(find(root, "cda:effectiveTime"), local_zone)
    if created_at is None:
        raise MalformedMessage("missing", where="CDA effectiveTime")
    people = _read_people(root)
    return ImagingReport(
        document_id=_read_identifier(find(root, "cda:id"), "CDA id"),
        set_id=_optional_identifier(find(root, "cda:setId")),
        version_number=_read_version(root),
        replaces=_read_replaced(root),
        created_at=created_at,
        title=text_of(find(root, "cda:title")),
        patient=read_patient(role),
        local_patient_ids=read_local_patient_ids(role),
        acts=tuple(_read_acts(root, local_zone)),
        orders=tuple(map(_read_order, find_all(root, "cda:inFulfillmentOf/cda:order"))),
        author=read_person(people.author),
        author_structure=read_structure(find(people.author, "cda:representedOrganization")),
        legal_authenticator=read_person(people.legal_authenticator),
        structure=read_structure(find(people.legal_authenticator, "cda:representedOrganization"))
        or read_structure(people.custodian),
        facility_type=read_code(_find_facility_code(root)),
        practice_setting=_read_practice_setting(people.author)
        or _read_practice_setting(people.legal_authenticator),
        confidentiality=read_code(find(root, "cda:confidentialityCode")),
        author_role=read_code(find(people.author, "cda:code")),
        legal_authenticator_role=read_code(find(people.legal_authenticator, "cda:code")),
    )


@dataclass(frozen=True, slots=True)
class _People:
    """Elements of who made, signed and keeps the report."""

    author: etree._Element | None
    legal_authenticator: etree._Element | None
    custodian: etree._Element | None


def _read_people(root: etree._Element) -> _People:
    return _People(
        author=find(root, "cda:author/cda:assignedAuthor"),
        legal_authenticator=find(root, "cda:legalAuthenticator/cda:assignedEntity"),
        custodian=find(
            root,
            "cda:custodian/cda:assignedCustodian/cda:representedCustodianOrganization",
        ),
    )


def _check_is_imaging_report(root: etree._Element) -> None:
    if root.tag != f"{{{CDA}}}ClinicalDocument":
        raise UnsupportedMessage("a CDA ClinicalDocument", where="OBX-5")
    templates = {attribute(t, "root") for t in find_all(root, "cda:templateId")}
    if _FRENCH_TEMPLATE not in templates:
        raise UnsupportedMessage(f"no templateId {_FRENCH_TEMPLATE}", where="CDA templateId")
    if attribute(find(root, "cda:code"), "code") != IMAGING_REPORT_CODE:
        raise UnsupportedMessage(f"not LOINC {IMAGING_REPORT_CODE}", where="CDA code")


def _read_identifier(element: etree._Element | None, where: str) -> str:
    root = attribute(element, "root")
    if not root:
        raise MalformedMessage("missing", where=where)
    extension = attribute(element, "extension")
    return f"{root}.{extension}" if extension else root


def _optional_identifier(element: etree._Element | None) -> str | None:
    return _read_identifier(element, "") if attribute(element, "root") else None


def _read_version(root: etree._Element) -> int | None:
    value = attribute(find(root, "cda:versionNumber"), "value")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else None


def _read_replaced(root: etree._Element) -> str | None:
    for related in find_all(root, "cda:relatedDocument"):
        if related.get("typeCode") == "RPLC":
            return _optional_identifier(find(related, "cda:parentDocument/cda:id"))
    return None


def _read_acts(root: etree._Element, local_zone: tzinfo) -> Iterator[ImagingAct]:
    """Yield the service events that name a study; others (a screening programme) are no study.

    Raises:
        MalformedMessage: none names a study.
    """
    has_study = False
    for event in find_all(root, "cda:documentationOf/cda:serviceEvent"):
        study = _read_study(event)
        if study is None:
            continue
        has_study = True
        yield _read_act(event, study, local_zone)
    if not has_study:
        raise MalformedMessage("no study", where="CDA documentationOf/serviceEvent/id")


def _read_study(event: etree._Element) -> StudyInstanceUid | None:
    """Return id/@root: some senders add an extension, which says nothing more."""
    root = attribute(find(event, "cda:id"), "root")
    if not root:
        return None
    try:
        return StudyInstanceUid(root)
    except InvalidValue as error:
        raise InvalidValue("CDA serviceEvent/id", error.rule) from None


def _read_act(event: etree._Element, study: StudyInstanceUid, local_zone: tzinfo) -> ImagingAct:
    code = find(event, "cda:code")
    translations = [] if code is None else list(find_all(code, "cda:translation"))
    performer = find(event, "cda:performer/cda:assignedEntity")
    return ImagingAct(
        study_instance_uid=study,
        code=read_code(code),
        modalities=_qualified(translations, MODALITY_QUALIFIER),
        anatomic_regions=_qualified(translations, REGION_QUALIFIER),
        ccam=_read_ccam(translations),
        start=read_instant(find(event, "cda:effectiveTime/cda:low"), local_zone)
        or read_instant(find(event, "cda:effectiveTime"), local_zone),
        stop=read_instant(find(event, "cda:effectiveTime/cda:high"), local_zone),
        structure=read_structure(find(performer, "cda:representedOrganization")),
        practice_setting=_read_practice_setting(performer),
    )


def _qualified(translations: list[etree._Element], qualifier: str) -> tuple[Code, ...]:
    """Return the translations under that qualifier, in order, each once."""
    codes = (read_code(t) for t in translations if _qualifier_of(t) == qualifier)
    return tuple(dict.fromkeys(code for code in codes if code is not None))


def _qualifier_of(translation: etree._Element) -> str | None:
    """Return what a translation says; without a qualifier its code system tells."""
    qualifiers = [
        attribute(find(q, "cda:name"), "code") for q in find_all(translation, "cda:qualifier")
    ]
    for known in (MODALITY_QUALIFIER, REGION_QUALIFIER):
        if known in qualifiers:
            return known
    return None if qualifiers else _QUALIFIER_OF_SYSTEM.get(attribute(translation, "codeSystem"))


def _read_ccam(translations: list[etree._Element]) -> Code | None:
    codes = map(read_code, translations)
    return next((c for c in codes if c is not None and c.system in _CCAM_SYSTEMS), None)


def _read_order(order: etree._Element) -> ImagingOrder:
    placer = find(order, "cda:id")
    accession = find(order, "ps3-20:accessionNumber")
    number = attribute(accession, "extension")
    return ImagingOrder(
        accession_number=(
            AccessionNumber(number, read_oid(attribute(accession, "root"))) if number else None
        ),
        placer_order_number=attribute(placer, "extension") or None,
        placer_issuer=read_oid(attribute(placer, "root")),
    )


def _read_practice_setting(entity: etree._Element | None) -> Code | None:
    return read_code(find(entity, "cda:representedOrganization/cda:standardIndustryClassCode"))


def _find_facility_code(root: etree._Element) -> etree._Element | None:
    return find(
        root,
        "cda:componentOf/cda:encompassingEncounter/cda:location/cda:healthCareFacility/cda:code",
    )
