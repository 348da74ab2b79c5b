"""KOS: one study as a Key Object Selection manifest (PS3.3 A.35.4, TID 2010, XDS-I.b, IMG-KOS)."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

from drimbox.errors import InvalidValue, MalformedMessage
from drimbox.model.manifest import ImagingOrder, Manifest, ReferencedInstance, ReferencedSeries
from drimbox.model.study import AccessionNumber
from drimbox.model.uids import SeriesInstanceUid, SopClassUid, SopInstanceUid, StudyInstanceUid
from drimbox.standards.dicom import tags
from drimbox.standards.dicom.attributes import (
    Attributes,
    AttributeWriter,
    ascii_element,
    date_text,
    first_integer,
    one_line,
    sequence,
    time_text,
)
from drimbox.standards.dicom.character_sets import smallest_character_set
from drimbox.standards.dicom.data_set import DataSet
from drimbox.standards.dicom.data_set_encoding import encode_data_set
from drimbox.standards.dicom.key_object_description import (
    KeyObjectDescription,
    SeriesLine,
    encode_key_object_description,
    parse_key_object_description,
)
from drimbox.standards.dicom.kos_data_set import description_text, read_kos_data_set
from drimbox.standards.dicom.kos_document import encode_document
from drimbox.standards.dicom.part10 import data_set_octets, encode_file_meta, parse_file_meta
from drimbox.standards.dicom.patient_module import encode_patient, parse_ins, parse_patient
from drimbox.standards.dicom.sop_classes import KEY_OBJECT_SELECTION, modality_of
from drimbox.standards.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, encoding_of

MANUFACTURER = "drimbox"
MAX_KOS_BYTES = 64 * 1024 * 1024
_REFERENCE = (
    tags.REFERENCED_SOP_INSTANCE_UID,
    tags.REFERENCED_SOP_CLASS_UID,
    tags.INSTANCE_NUMBER,
)
_SERIES_NUMBER = "59"  # as every published KOS has it


def encode_kos(manifest: Manifest) -> bytes:
    """Write the KOS as a DICOM file, Explicit VR Little Endian.

    Character set ISO_IR 100, or ISO_IR 192 where a text needs it. Times are written in the offset
    of created_at.

    Raises:
        InvalidValue: no patient, no series, or a naive created_at.
    """
    description = encode_key_object_description(manifest)
    writer = AttributeWriter(smallest_character_set(_texts_of(manifest, description)))
    data_set: DataSet = {
        tags.SPECIFIC_CHARACTER_SET: ascii_element("CS", writer.character_set),
        **_times(manifest),
        **_identification(manifest, writer),
        **encode_document(manifest, description, writer),
    }
    meta = encode_file_meta(
        KEY_OBJECT_SELECTION, manifest.sop_instance_uid, EXPLICIT_VR_LITTLE_ENDIAN
    )
    return meta + encode_data_set(data_set)


def content_key(manifest: Manifest) -> str:
    """Return a digest of what the KOS says: not its own UIDs nor times, nor the order of queries.

    Equal keys mean that there is nothing new to publish (EX_GEN-1060).
    """
    series = (
        replace(one, instances=tuple(sorted(one.instances, key=lambda i: i.sop_instance_uid)))
        for one in manifest.series
    )
    said = replace(
        manifest,
        sop_instance_uid=SopInstanceUid("0.0"),
        series_instance_uid=SeriesInstanceUid("0.0"),
        created_at=datetime.fromtimestamp(0, UTC),
        series=tuple(sorted(series, key=lambda one: one.series_instance_uid)),
    )
    return hashlib.sha256(encode_kos(said)).hexdigest()


def _texts_of(manifest: Manifest, description: str) -> list[str]:
    patient = manifest.patient
    if patient is None or not manifest.series:
        raise InvalidValue("manifest", "a KOS needs a qualified patient and at least one series")
    return [
        description,
        manifest.institution_name,
        manifest.referring_physician_name,
        manifest.study_description,
        manifest.study_id,
        patient.family_name,
        patient.given_name,
        *patient.birth_given_names,
        patient.used_family_name or "",
        patient.used_given_name or "",
    ]


def _times(manifest: Manifest) -> DataSet:
    created_at = manifest.created_at
    if created_at.tzinfo is None:
        raise InvalidValue("created_at", "an aware instant")
    created_date = ascii_element("DA", date_text(created_at))
    created_time = ascii_element("TM", time_text(created_at.time()))
    return {
        tags.INSTANCE_CREATION_DATE: created_date,
        tags.INSTANCE_CREATION_TIME: created_time,
        tags.SERIES_DATE: created_date,
        tags.SERIES_TIME: created_time,
        tags.CONTENT_DATE: created_date,
        tags.CONTENT_TIME: created_time,
        tags.TIMEZONE_OFFSET_FROM_UTC: ascii_element("SH", created_at.strftime("%z")[:5]),
        tags.STUDY_DATE: ascii_element("DA", date_text(manifest.study_date)),
        tags.STUDY_TIME: ascii_element("TM", time_text(manifest.study_time)),
    }


def _identification(manifest: Manifest, writer: AttributeWriter) -> DataSet:
    """Patient, study, series and equipment: what stands around the document."""
    assert manifest.patient is not None  # noqa: S101 - checked by _texts_of
    data_set: DataSet = {
        **encode_patient(manifest.patient, writer),
        tags.SOP_CLASS_UID: ascii_element("UI", KEY_OBJECT_SELECTION),
        tags.SOP_INSTANCE_UID: ascii_element("UI", manifest.sop_instance_uid),
        # The order's number stands in Referenced Request Sequence.
        tags.ACCESSION_NUMBER: ascii_element("SH", ""),
        tags.MODALITY: ascii_element("CS", "KO"),
        tags.MANUFACTURER: ascii_element("LO", MANUFACTURER),
        tags.REFERRING_PHYSICIAN_NAME: writer.text("PN", manifest.referring_physician_name),
        tags.REFERENCED_PERFORMED_PROCEDURE_STEP_SEQUENCE: sequence([]),
        tags.STUDY_INSTANCE_UID: ascii_element("UI", manifest.study_instance_uid),
        tags.SERIES_INSTANCE_UID: ascii_element("UI", manifest.series_instance_uid),
        tags.STUDY_ID: writer.text("SH", one_line(manifest.study_id, 16)),
        tags.SERIES_NUMBER: ascii_element("IS", _SERIES_NUMBER),
        tags.INSTANCE_NUMBER: ascii_element("IS", "1"),
    }
    if manifest.study_description:
        text = one_line(manifest.study_description, 64)
        data_set[tags.STUDY_DESCRIPTION] = writer.text("LO", text)
    if manifest.institution_name or manifest.institution_identifier:
        data_set[tags.INSTITUTION_NAME] = writer.text("LO", _institution(manifest))
    return data_set


def _institution(manifest: Manifest) -> str:
    """Write name and identifier like an XON: the identifier is the tenth component."""
    name = one_line(manifest.institution_name, 64)
    identifier = one_line(manifest.institution_identifier, 40)
    return f"{name[: 55 - len(identifier)]}^^^^^^^^^{identifier}" if identifier else name


def parse_kos(content: bytes) -> Manifest:
    """Read a KOS by whatever box wrote it; what only describes is read leniently.

    Raises:
        MalformedMessage: not a DICOM file, not a KOS, or a KOS that does not name one study, its
            series and its instances.
    """
    if len(content) > MAX_KOS_BYTES:
        raise MalformedMessage(f"a KOS of more than {MAX_KOS_BYTES} octets")
    meta = parse_file_meta(content)
    octets = data_set_octets(content, meta)
    attributes = Attributes(read_kos_data_set(octets, encoding_of(meta.transfer_syntax_uid)))
    if attributes.text(tags.SOP_CLASS_UID) != KEY_OBJECT_SELECTION:
        raise MalformedMessage("not a Key Object Selection Document", where="(0008,0016)")
    try:
        return _manifest(attributes)
    except InvalidValue as error:
        raise MalformedMessage(error.rule, where=error.what) from error


def _manifest(attributes: Attributes) -> Manifest:
    description = parse_key_object_description(description_text(attributes))
    study = StudyInstanceUid(attributes.text(tags.STUDY_INSTANCE_UID))
    name = attributes.text(tags.INSTITUTION_NAME).split("^")
    return Manifest(
        sop_instance_uid=SopInstanceUid(attributes.text(tags.SOP_INSTANCE_UID)),
        series_instance_uid=SeriesInstanceUid(attributes.text(tags.SERIES_INSTANCE_UID)),
        study_instance_uid=study,
        patient=parse_patient(attributes),
        ins=parse_ins(attributes),
        order=_parse_order(attributes),
        series=_parse_evidence(attributes, study, description),
        created_at=_parse_created_at(attributes),
        study_date=attributes.date(tags.STUDY_DATE),
        study_time=attributes.time(tags.STUDY_TIME),
        study_description=attributes.text(tags.STUDY_DESCRIPTION) or description.study_description,
        study_id=attributes.text(tags.STUDY_ID),
        referring_physician_name=attributes.person_name(tags.REFERRING_PHYSICIAN_NAME),
        institution_name=name[0].strip(),
        institution_identifier=name[9].strip() if len(name) > 9 else "",
        act_display=description.act_display,
    )


def _parse_order(attributes: Attributes) -> ImagingOrder | None:
    request = attributes.first_item(tags.REFERENCED_REQUEST_SEQUENCE)
    accession = None
    # Older writers have the number at the top level only.
    for holder in (request, attributes):
        value = holder.text(tags.ACCESSION_NUMBER)
        if value and accession is None:
            issuer = holder.first_item(tags.ISSUER_OF_ACCESSION_NUMBER_SEQUENCE)
            accession = AccessionNumber(value, issuer.oid(tags.UNIVERSAL_ENTITY_ID))
    placer = request.first_item(tags.ORDER_PLACER_IDENTIFIER_SEQUENCE)
    order = ImagingOrder(
        accession_number=accession,
        placer_order_number=request.text(tags.PLACER_ORDER_NUMBER_IMAGING_SERVICE_REQUEST) or None,
        placer_issuer=placer.oid(tags.UNIVERSAL_ENTITY_ID),
    )
    return order if order != ImagingOrder(None) else None


def _parse_evidence(
    attributes: Attributes, study: StudyInstanceUid, description: KeyObjectDescription
) -> tuple[ReferencedSeries, ...]:
    series = []
    for item in attributes.items(tags.CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE):
        # One study a KOS (XDS-I.b); its own UID is missing in some.
        if item.text(tags.STUDY_INSTANCE_UID) not in {"", study}:
            raise MalformedMessage("evidence of another study", where="(0040,A375)")
        series += [
            _parse_series(one, description) for one in item.items(tags.REFERENCED_SERIES_SEQUENCE)
        ]
    if not series:
        raise MalformedMessage("no series in the evidence", where="(0040,A375)")
    return tuple(series)


def _parse_series(item: Attributes, description: KeyObjectDescription) -> ReferencedSeries:
    uid = SeriesInstanceUid(item.text(tags.SERIES_INSTANCE_UID))
    line = description.series.get(uid, SeriesLine("", ""))
    instances = _parse_instances(item)
    if not instances:
        raise MalformedMessage("a series without instances", where="(0008,1199)")
    modality = item.text(tags.MODALITY) or line.modality or modality_of(instances[0].sop_class_uid)
    return ReferencedSeries(
        series_instance_uid=uid,
        retrieve_url=item.text(tags.RETRIEVE_URL),
        instances=instances,
        modality=modality,
        series_number=item.integer(tags.SERIES_NUMBER),
        series_description=item.text(tags.SERIES_DESCRIPTION) or line.description,
        retrieve_location_uid=item.oid(tags.RETRIEVE_LOCATION_UID),
    )


def _parse_instances(item: Attributes) -> tuple[ReferencedInstance, ...]:
    """Read the references of a series: most of a KOS, and of one SOP class or two."""
    classes: dict[str, SopClassUid] = {}
    instances = []
    for uid, class_uid, number in item.rows(tags.REFERENCED_SOP_SEQUENCE, _REFERENCE):
        if class_uid not in classes:
            classes[class_uid] = SopClassUid(class_uid)
        instances.append(
            ReferencedInstance(SopInstanceUid(uid), classes[class_uid], first_integer(number))
        )
    return tuple(instances)


def _parse_created_at(attributes: Attributes) -> datetime:
    """Read when it was made; without an offset the time is taken as UTC."""
    offset_text = attributes.text(tags.TIMEZONE_OFFSET_FROM_UTC)
    try:
        offset = datetime.strptime(offset_text, "%z").tzinfo or UTC
    except ValueError:
        offset = UTC
    for date_tag, time_tag in (
        (tags.INSTANCE_CREATION_DATE, tags.INSTANCE_CREATION_TIME),
        (tags.CONTENT_DATE, tags.CONTENT_TIME),
        (tags.SERIES_DATE, tags.SERIES_TIME),
    ):
        day = attributes.date(date_tag)
        if day is not None:
            moment = attributes.time(time_tag) or datetime.min.time()
            return datetime.combine(day, moment, offset)
    raise MalformedMessage("no date of creation", where="(0008,0012)")
