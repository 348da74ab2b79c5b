"""The document part of a KOS: title, order, evidence, content tree (PS3.3 C.17.6, TID 2010)."""

from drimbox.model.manifest import ImagingOrder, Manifest, ReferencedInstance, ReferencedSeries
from drimbox.model.uids import StudyInstanceUid
from drimbox.standards.dicom import tags
from drimbox.standards.dicom.attributes import (
    AttributeWriter,
    ascii_element,
    sequence,
    universal_entity,
)
from drimbox.standards.dicom.data_set import DataSet
from drimbox.standards.dicom.sop_classes import value_type_of


def encode_document(manifest: Manifest, description: str, writer: AttributeWriter) -> DataSet:
    """Write the document; description is the text of its first content item."""
    data_set: DataSet = {
        tags.VALUE_TYPE: ascii_element("CS", "CONTAINER"),
        tags.CONCEPT_NAME_CODE_SEQUENCE: sequence([_dcm_code("113030", "Manifest")]),
        tags.CONTINUITY_OF_CONTENT: ascii_element("CS", "SEPARATE"),
        tags.CONTENT_TEMPLATE_SEQUENCE: sequence(
            [
                {
                    tags.MAPPING_RESOURCE: ascii_element("CS", "DCMR"),
                    tags.TEMPLATE_IDENTIFIER: ascii_element("CS", "2010"),
                }
            ]
        ),
        tags.CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE: sequence([_evidence(manifest)]),
        tags.CONTENT_SEQUENCE: sequence([_description_item(description, writer), *_tree(manifest)]),
    }
    if manifest.order is not None:
        request = _request(manifest.order, manifest.study_instance_uid, writer)
        data_set[tags.REFERENCED_REQUEST_SEQUENCE] = sequence([request])
    return data_set


def _dcm_code(value: str, meaning: str) -> DataSet:
    return {
        tags.CODE_VALUE: ascii_element("SH", value),
        tags.CODING_SCHEME_DESIGNATOR: ascii_element("SH", "DCM"),
        tags.CODE_MEANING: ascii_element("LO", meaning),
    }


def _request(order: ImagingOrder, study: StudyInstanceUid, writer: AttributeWriter) -> DataSet:
    accession = order.accession_number
    request: DataSet = {
        tags.ACCESSION_NUMBER: writer.text("SH", accession.value if accession else ""),
        tags.REFERENCED_STUDY_SEQUENCE: sequence([]),
        tags.STUDY_INSTANCE_UID: ascii_element("UI", study),
        tags.REQUESTED_PROCEDURE_DESCRIPTION: ascii_element("LO", ""),
        tags.REQUESTED_PROCEDURE_CODE_SEQUENCE: sequence([]),
        tags.REQUESTED_PROCEDURE_ID: ascii_element("SH", ""),
        tags.PLACER_ORDER_NUMBER_IMAGING_SERVICE_REQUEST: writer.text(
            "LO", order.placer_order_number or ""
        ),
        tags.FILLER_ORDER_NUMBER_IMAGING_SERVICE_REQUEST: ascii_element("LO", ""),
    }
    if accession is not None and accession.issuer is not None:
        request[tags.ISSUER_OF_ACCESSION_NUMBER_SEQUENCE] = sequence(
            [universal_entity(accession.issuer)]
        )
    if order.placer_issuer is not None:
        request[tags.ORDER_PLACER_IDENTIFIER_SEQUENCE] = sequence(
            [universal_entity(order.placer_issuer)]
        )
    return request


def _evidence(manifest: Manifest) -> DataSet:
    return {
        tags.STUDY_INSTANCE_UID: ascii_element("UI", manifest.study_instance_uid),
        tags.REFERENCED_SERIES_SEQUENCE: sequence([_series(one) for one in manifest.series]),
    }


def _series(series: ReferencedSeries) -> DataSet:
    item: DataSet = {
        tags.SERIES_INSTANCE_UID: ascii_element("UI", series.series_instance_uid),
        tags.RETRIEVE_URL: ascii_element("UR", series.retrieve_url),
        tags.REFERENCED_SOP_SEQUENCE: sequence([_instance(i) for i in series.instances]),
    }
    if series.series_number is not None:
        item[tags.SERIES_NUMBER] = ascii_element("IS", str(series.series_number))
    if series.retrieve_location_uid is not None:
        item[tags.RETRIEVE_LOCATION_UID] = ascii_element("UI", series.retrieve_location_uid)
    return item


def _reference(instance: ReferencedInstance) -> DataSet:
    return {
        tags.REFERENCED_SOP_CLASS_UID: ascii_element("UI", instance.sop_class_uid),
        tags.REFERENCED_SOP_INSTANCE_UID: ascii_element("UI", instance.sop_instance_uid),
    }


def _instance(instance: ReferencedInstance) -> DataSet:
    item = _reference(instance)
    if instance.instance_number is not None:
        item[tags.INSTANCE_NUMBER] = ascii_element("IS", str(instance.instance_number))
    return item


def _description_item(description: str, writer: AttributeWriter) -> DataSet:
    return {
        tags.RELATIONSHIP_TYPE: ascii_element("CS", "CONTAINS"),
        tags.VALUE_TYPE: ascii_element("CS", "TEXT"),
        tags.CONCEPT_NAME_CODE_SEQUENCE: sequence([_dcm_code("113012", "Key Object Description")]),
        tags.TEXT_VALUE: writer.text("UT", description),
    }


def _tree(manifest: Manifest) -> list[DataSet]:
    return [
        {
            tags.RELATIONSHIP_TYPE: ascii_element("CS", "CONTAINS"),
            tags.VALUE_TYPE: ascii_element("CS", value_type_of(instance.sop_class_uid)),
            tags.REFERENCED_SOP_SEQUENCE: sequence([_reference(instance)]),
        }
        for series in manifest.series
        for instance in series.instances
    ]
