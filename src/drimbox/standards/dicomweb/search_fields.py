"""Which attributes a search matches and returns, level by level (PS3.18 tables 10.6.1-5, 10.6.3-3).

`includefield=all` adds the optional keys of PS3.4 C.6.1.1 and C.6.2.1 listed here, and no others.
"""

from drimbox.model.retrieval import QueryLevel
from drimbox.standards.dicomweb.attribute_names import tag_of

# What is always returned, where it is known.
_STUDY = (
    "StudyDate", "StudyTime", "AccessionNumber", "InstanceAvailability", "ModalitiesInStudy",
    "ReferringPhysicianName", "TimezoneOffsetFromUTC", "PatientName", "PatientID",
    "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyID",
    "NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances",
)  # fmt: skip
_SERIES = (
    "Modality", "TimezoneOffsetFromUTC", "SeriesDescription", "SeriesInstanceUID", "SeriesNumber",
    "NumberOfSeriesRelatedInstances", "PerformedProcedureStepStartDate",
    "PerformedProcedureStepStartTime", "RequestAttributesSequence",
)  # fmt: skip
_INSTANCE = (
    "SOPClassUID", "SOPInstanceUID", "InstanceAvailability", "TimezoneOffsetFromUTC",
    "InstanceNumber", "Rows", "Columns", "BitsAllocated", "NumberOfFrames",
)  # fmt: skip

# What may be asked for besides.
_OPTIONAL_STUDY = (
    "StudyDescription", "IssuerOfPatientID", "OtherPatientIDsSequence", "EthnicGroup",
    "PatientComments", "PatientAge", "PatientSize", "PatientWeight", "Occupation",
    "AdditionalPatientHistory", "NameOfPhysiciansReadingStudy", "AdmittingDiagnosesDescription",
    "ProcedureCodeSequence", "SOPClassesInStudy", "IssuerOfAccessionNumberSequence",
)  # fmt: skip
_OPTIONAL_SERIES = (
    "SeriesDate", "SeriesTime", "BodyPartExamined", "Laterality", "ProtocolName",
    "PerformingPhysicianName", "OperatorsName", "PerformedProcedureStepID",
    "PerformedProcedureStepDescription", "PatientPosition", "InstitutionName", "StationName",
    "Manufacturer",
)  # fmt: skip
_OPTIONAL_INSTANCE = (
    "ContentDate", "ContentTime", "AcquisitionDate", "AcquisitionTime", "ImageType",
    "SliceLocation", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing",
    "ConceptNameCodeSequence", "DocumentTitle", "CompletionFlag", "VerificationFlag",
)  # fmt: skip

_LEVELS = tuple(QueryLevel)
_ALWAYS = {
    level: frozenset(map(tag_of, keywords))
    for level, keywords in zip(_LEVELS, (_STUDY, _SERIES, _INSTANCE), strict=True)
}
_OPTIONAL = {
    level: frozenset(map(tag_of, keywords))
    for level, keywords in zip(
        _LEVELS, (_OPTIONAL_STUDY, _OPTIONAL_SERIES, _OPTIONAL_INSTANCE), strict=True
    )
}
# Told of every answer, never matched: whether a PACS keeps an object near says nothing of whose
# it is, and the offset moves no date here.
_NEVER_MATCHED = frozenset(map(tag_of, ("InstanceAvailability", "TimezoneOffsetFromUTC")))
_UNIQUE_KEYS = tuple(map(tag_of, ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")))


def matched_tags(level: QueryLevel) -> frozenset[str]:
    """Return what a search at this level may match: its own attributes and those above."""
    upper = _LEVELS[: _LEVELS.index(level) + 1]
    return frozenset().union(*(_ALWAYS[one] | _OPTIONAL[one] for one in upper)) - _NEVER_MATCHED


def returned_tags(level: QueryLevel, *, named_parents: int) -> frozenset[str]:
    """Return what every match tells.

    named_parents counts the levels above whose UID the path names: their attributes are left out
    unless asked for (PS3.18 table 10.6.1-3), the UIDs always stay.
    """
    at = _LEVELS.index(level)
    told = _LEVELS[named_parents : at + 1]
    return frozenset(_UNIQUE_KEYS[: at + 1]).union(*(_ALWAYS[one] for one in told))


def all_tags(level: QueryLevel, *, named_parents: int) -> frozenset[str]:
    """Return what `includefield=all` asks for."""
    at = _LEVELS.index(level)
    told = _LEVELS[named_parents : at + 1]
    return frozenset().union(*(_ALWAYS[one] | _OPTIONAL[one] for one in told))


def is_below(tag: str, level: QueryLevel) -> bool:
    """Tell whether an attribute belongs to a lower level: it is then not returned (10.6.3.3)."""
    lower = _LEVELS[_LEVELS.index(level) + 1 :]
    own = _LEVELS[: _LEVELS.index(level) + 1]
    known = any(tag in _ALWAYS[one] | _OPTIONAL[one] for one in own)
    return not known and any(tag in _ALWAYS[one] | _OPTIONAL[one] for one in lower)
