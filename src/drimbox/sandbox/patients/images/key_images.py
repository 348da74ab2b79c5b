"""What somebody marked in a study: one Key Image Note (PS3.3 A.35.4, TID 2010; IHE RAD KIN)."""

from collections import defaultdict
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    KeyObjectSelectionDocumentStorage,
    MRImageStorage,
)

from drimbox.sandbox.patients.images.header import (
    SeriesFacts,
    StudyFacts,
    code_item,
    new_object,
    put_series,
)
from drimbox.sandbox.patients.images.plan import SeriesPlan
from drimbox.sandbox.patients.made_up_uid import made_up_uid


@dataclass(frozen=True, slots=True)
class Marked:
    """One MR image; of a series that is one object of many frames, index is that of a frame."""

    plan: SeriesPlan
    index: int

    @property
    def is_frame(self) -> bool:
        return self.plan.count == 1

    def reference(self, study_uid: str) -> Dataset:
        referred = Dataset()
        sop_class = EnhancedMRImageStorage if self.is_frame else MRImageStorage
        referred.ReferencedSOPClassUID = sop_class
        referred.ReferencedSOPInstanceUID = made_up_uid(
            study_uid, self.plan.series.number, 0 if self.is_frame else self.index
        )
        if self.is_frame:
            referred.ReferencedFrameNumber = self.index + 1
        return referred


def key_images_series(series: SeriesFacts, images: tuple[Marked, ...], why: str) -> SeriesPlan:
    """Plan one note."""

    def draw(facts: StudyFacts, series: SeriesFacts, index: int) -> Dataset:
        item = new_object(facts, KeyObjectSelectionDocumentStorage, ExplicitVRLittleEndian)
        put_series(item, facts, series, index)
        item.ReferencedPerformedProcedureStepSequence = Sequence()
        item.ValueType, item.ContinuityOfContent = "CONTAINER", "SEPARATE"
        item.ConceptNameCodeSequence = Sequence([code_item("113000", "DCM", "Of Interest")])
        template = Dataset()
        template.MappingResource, template.TemplateIdentifier = "DCMR", "2010"
        item.ContentTemplateSequence = Sequence([template])
        study_uid = str(facts.study.study_instance_uid)
        item.CurrentRequestedProcedureEvidenceSequence = Sequence([_evidence(study_uid, images)])
        lines = [_image_line(image.reference(study_uid)) for image in images]
        item.ContentSequence = Sequence([_text_line(why), *lines])
        return item

    return SeriesPlan(series, 1, draw)


def _evidence(study_uid: str, images: tuple[Marked, ...]) -> Dataset:
    of_series: dict[int, list[Dataset]] = defaultdict(list)
    for image in images:
        of_series[image.plan.series.number].append(image.reference(study_uid))
    study = Dataset()
    study.StudyInstanceUID = study_uid
    study.ReferencedSeriesSequence = Sequence()
    for number, references in of_series.items():
        one = Dataset()
        one.SeriesInstanceUID = made_up_uid(study_uid, number)
        one.ReferencedSOPSequence = Sequence(references)
        study.ReferencedSeriesSequence.append(one)
    return study


def _image_line(reference: Dataset) -> Dataset:
    line = Dataset()
    line.RelationshipType, line.ValueType = "CONTAINS", "IMAGE"
    line.ReferencedSOPSequence = Sequence([reference])
    return line


def _text_line(text: str) -> Dataset:
    line = Dataset()
    line.RelationshipType, line.ValueType = "CONTAINS", "TEXT"
    line.ConceptNameCodeSequence = Sequence([code_item("113012", "DCM", "Key Object Description")])
    line.TextValue = text
    return line
