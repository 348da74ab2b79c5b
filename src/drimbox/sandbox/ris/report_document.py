"""Writes a report as a CDA (IMG-CR-IMG): header of the French profile, PDF or sections as body."""

import base64
from datetime import datetime

from lxml import etree
from lxml.builder import ElementMaker

from drimbox.model.manifest import ImagingOrder
from drimbox.model.patient import LocalPatientId, PatientTraits
from drimbox.model.practice import Code, Practitioner, Structure
from drimbox.sandbox.ris.pdf import PdfLine, encode_pdf, wrap
from drimbox.sandbox.ris.report import RisReport, RisStudy

_NAMESPACES = {None: "urn:hl7-org:v3", "ps3-20": "urn:dicom-org:ps3-20"}
_CDA = ElementMaker(namespace="urn:hl7-org:v3", nsmap=_NAMESPACES)
_PS3_20 = ElementMaker(namespace="urn:dicom-org:ps3-20", nsmap=_NAMESPACES)

_TEMPLATES = ("2.16.840.1.113883.2.8.2.1", "1.2.250.1.213.1.1.1.1", "1.3.6.1.4.1.19376.1.2.20")
_LOINC = "2.16.840.1.113883.6.1"
_DCM = "1.2.840.10008.2.16.4"
_REPORT = Code("18748-4", _LOINC, "CR d'imagerie médicale")
_MODALITY = Code("121139", _DCM, "Modalité d'imagerie")
_REGION = Code("39111-0", _LOINC, "localisation anatomique")


def encode_report_document(report: RisReport) -> bytes:
    """Write the CDA, with its PDF or its sections inside."""
    root = _cda(
        "ClinicalDocument",
        _cda("realmCode", code="FR"),
        _cda("typeId", root="2.16.840.1.113883.1.3", extension="POCD_HD000040"),
        *(_cda("templateId", root=template) for template in _TEMPLATES),
        _cda("id", root=report.document_id),
        _coded("code", _REPORT, *(_coded("translation", study.act) for study in report.studies)),
        _cda("title", report.title),
        _cda("effectiveTime", value=_timestamp(report.created_at)),
        _cda(
            "confidentialityCode",
            code="N",
            codeSystem="2.16.840.1.113883.5.25",
            displayName="Normal",
        ),
        _cda("languageCode", code="fr-FR"),
        _cda("setId", root=report.set_id),
        _cda("versionNumber", value=str(report.version_number)),
        _record_target(report.patient, report.local_patient_id),
        *_people(report),
        *(_cda("inFulfillmentOf", _order(order)) for order in report.orders),
        *(_cda("documentationOf", _service_event(report, study)) for study in report.studies),
    )
    if report.replaces is not None:
        parent = _cda("parentDocument", _cda("id", root=report.replaces))
        root.append(_cda("relatedDocument", parent, typeCode="RPLC"))
    root.append(_encounter(report))
    root.append(_structured_body(report) if report.is_structured else _pdf_body(report))
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def encode_report_pdf(report: RisReport) -> bytes:
    """Write what a person reads, with a link to the images of each study."""
    patient = report.patient
    lines = [
        PdfLine(report.structure.name, is_bold=True),
        PdfLine(""),
        *wrap(report.title, size=14, is_bold=True),
        PdfLine(""),
        PdfLine(f"Patient : {patient.family_name} {patient.given_name}"),
        PdfLine(f"Signé par : {report.author.given_name} {report.author.family_name}"),
        PdfLine(f"Le {report.created_at:%d/%m/%Y à %H:%M}"),
    ]
    for heading, text in report.sections:
        lines += [PdfLine(""), PdfLine(heading, size=11, is_bold=True), *wrap(text)]
    lines += [PdfLine("")]
    lines += [
        PdfLine(f"Voir les images : {study.act.display}", link=report.viewer_link(study))
        for study in report.studies
    ]
    return encode_pdf(lines)


def _cda(name: str, *children: etree._Element | str, **attributes: str) -> etree._Element:
    element: etree._Element = _CDA(name, *children, **attributes)
    return element


def _ps3_20(name: str, **attributes: str) -> etree._Element:
    element: etree._Element = _PS3_20(name, **attributes)
    return element


def _coded(name: str, code: Code, *children: etree._Element) -> etree._Element:
    element = _cda(name, code=code.value, codeSystem=str(code.system), displayName=code.display)
    element.extend(children)
    return element


def _timestamp(moment: datetime) -> str:
    return f"{moment:%Y%m%d%H%M%S%z}"


def _record_target(
    patient: PatientTraits, local_patient_id: LocalPatientId | None
) -> etree._Element:
    role = _cda(
        "patientRole", _cda("id", root=patient.ins.authority.value, extension=patient.ins.value)
    )
    if local_patient_id is not None:
        root = local_patient_id.issuer.universal_id if local_patient_id.issuer else None
        role.append(_cda("id", root=str(root or ""), extension=local_patient_id.value))
    role.append(_cda("addr", nullFlavor="NAV"))
    role.append(_cda("telecom", nullFlavor="NAV"))
    role.append(_patient(patient))
    return _cda("recordTarget", role)


def _patient(patient: PatientTraits) -> etree._Element:
    names = patient.birth_given_names or (patient.given_name,)
    name = _cda(
        "name",
        _cda("family", patient.family_name, qualifier="BR"),
        _cda("given", " ".join(names)),
        _cda("given", patient.given_name, qualifier="BR"),
    )
    if patient.used_family_name:
        name.append(_cda("family", patient.used_family_name, qualifier="CL"))
    if patient.used_given_name:
        name.append(_cda("given", patient.used_given_name, qualifier="CL"))
    element = _cda(
        "patient",
        name,
        _cda(
            "administrativeGenderCode",
            code=patient.gender.value,
            codeSystem="2.16.840.1.113883.5.1",
        ),
        _cda("birthTime", value=patient.birth_date.value),
    )
    if patient.birth_place is not None:
        county = _cda("addr", _cda("county", patient.birth_place.value))
        element.append(_cda("birthplace", _cda("place", county)))
    return element


def _people(report: RisReport) -> tuple[etree._Element, ...]:
    """Return author, custodian and legal authenticator: one radiologist in one structure."""
    signed_at = _timestamp(report.created_at)
    author = _cda("assignedAuthor", *_entity(report))
    custodian = _cda("representedCustodianOrganization", *_organization(report.structure))
    return (
        _cda("author", _cda("time", value=signed_at), author),
        _cda("custodian", _cda("assignedCustodian", custodian)),
        _cda(
            "legalAuthenticator",
            _cda("time", value=signed_at),
            _cda("signatureCode", code="S"),
            _cda("assignedEntity", *_entity(report)),
        ),
    )


def _entity(report: RisReport) -> tuple[etree._Element, ...]:
    person: Practitioner = report.author
    setting = _coded("standardIndustryClassCode", report.practice_setting)
    return (
        _cda("id", root=str(person.authority), extension=person.identifier),
        _coded("code", report.author_role),
        _cda(
            "assignedPerson",
            _cda("name", _cda("given", person.given_name), _cda("family", person.family_name)),
        ),
        _cda("representedOrganization", *_organization(report.structure), setting),
    )


def _organization(structure: Structure) -> tuple[etree._Element, ...]:
    return (
        _cda("id", root=str(structure.authority), extension=structure.identifier),
        _cda("name", structure.name),
    )


def _order(order: ImagingOrder) -> etree._Element:
    placer = _cda("id", nullFlavor="NA")
    if order.placer_order_number is not None:
        placer = _cda(
            "id", root=str(order.placer_issuer or ""), extension=order.placer_order_number
        )
    accession = _ps3_20("accessionNumber", nullFlavor="NA")
    if order.accession_number is not None:
        number = order.accession_number
        accession = _ps3_20(
            "accessionNumber", root=str(number.issuer or ""), extension=number.value
        )
    return _cda("order", placer, accession)


def _service_event(report: RisReport, study: RisStudy) -> etree._Element:
    translations = [_qualified(code, _MODALITY) for code in study.modalities]
    translations += [_qualified(code, _REGION) for code in study.anatomic_regions]
    if study.ccam is not None:
        translations.insert(0, _coded("translation", study.ccam))
    return _cda(
        "serviceEvent",
        _cda("id", root=study.study_instance_uid),
        _coded("code", study.act, *translations),
        _cda(
            "effectiveTime",
            _cda("low", value=_timestamp(study.started_at)),
            _cda("high", value=_timestamp(study.ended_at)),
        ),
        _cda("performer", _cda("assignedEntity", *_entity(report)), typeCode="PRF"),
        classCode="ACT",
    )


def _qualified(code: Code, qualifier: Code) -> etree._Element:
    return _coded("translation", code, _cda("qualifier", _coded("name", qualifier)))


def _encounter(report: RisReport) -> etree._Element:
    facility = _cda("healthCareFacility", _coded("code", report.facility_type))
    started_at = min(study.started_at for study in report.studies)
    return _cda(
        "componentOf",
        _cda(
            "encompassingEncounter",
            _cda("effectiveTime", _cda("low", value=_timestamp(started_at))),
            _cda("location", facility),
        ),
    )


def _structured_body(report: RisReport) -> etree._Element:
    """Return the sections, with the acts as a table, as PS3.20 lays a report out."""
    sections = [_section(heading, _cda("paragraph", text)) for heading, text in report.sections]
    sections.insert(1, _section("Actes d'imagerie", _table_of_acts(report)))
    return _cda("component", _cda("structuredBody", *sections))


def _section(title: str, content: etree._Element) -> etree._Element:
    return _cda("component", _cda("section", _cda("title", title), _cda("text", content)))


def _table_of_acts(report: RisReport) -> etree._Element:
    head = _cda("tr", *(_cda("th", name) for name in ("Acte", "Modalité", "Région", "Début")))
    rows = [
        _cda(
            "tr",
            _cda("td", study.act.display),
            _cda("td", ", ".join(modality.display for modality in study.modalities)),
            _cda("td", ", ".join(region.display for region in study.anatomic_regions)),
            _cda("td", f"{study.started_at:%d/%m/%Y %H:%M}"),
        )
        for study in report.studies
    ]
    return _cda("table", _cda("thead", head), _cda("tbody", *rows))


def _pdf_body(report: RisReport) -> etree._Element:
    text = _cda(
        "text",
        base64.b64encode(encode_report_pdf(report)).decode("ascii"),
        mediaType="application/pdf",
        representation="B64",
    )
    return _cda("component", _cda("nonXMLBody", text))
