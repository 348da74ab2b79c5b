"""Which Endpoints this box tells a caller of: its DICOMweb, and its viewer for each exam."""

from collections.abc import Callable
from dataclasses import dataclass

from drimbox.model.access import Caller, ConsultationContext
from drimbox.model.imaging_record import ImagePlaces, ImagingRecord
from drimbox.model.uids import StudyInstanceUid
from drimbox.standards.fhir.endpoint import AnyEndpoint, ViewerEndpoint, WadoEndpoint

ViewerAddress = Callable[[ConsultationContext, StudyInstanceUid], str]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """viewer_address makes a fresh address that opens an exam; None where there is no viewer."""

    dicomweb_url: str
    viewer_address: ViewerAddress | None = None

    def of_places(self, caller: Caller, places: ImagePlaces) -> list[AnyEndpoint]:
        wado = [WadoEndpoint(self.dicomweb_url, source) for source in places.sources]
        viewers = [e for study in places.viewed for e in self._viewer(caller, study)]
        return [*wado, *viewers]

    def of_record(self, caller: Caller, record: ImagingRecord) -> list[AnyEndpoint]:
        """Return the Endpoints that the ImagingStudy of a record refers to."""
        wado = [WadoEndpoint(self.dicomweb_url, source) for source in record.image_sources]
        if record.study is None or not record.is_viewed:
            return list(wado)
        return [*wado, *self._viewer(caller, record.study.study_instance_uid)]

    def _viewer(self, caller: Caller, study: StudyInstanceUid) -> list[ViewerEndpoint]:
        context = caller.context
        if context is None or self.viewer_address is None:
            return []
        address = self.viewer_address(context, study)
        return [ViewerEndpoint(study, address, context.expires_at)]
