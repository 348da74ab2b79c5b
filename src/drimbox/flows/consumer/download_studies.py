"""Exams of the DMP -> one ZIP laid out per IHE PDI, made while it is sent (CO.71).

    DICOM/ST000001/SE000001/IM000001   Part 10 files, uncompressed (PS3.11 STD-GEN-CD)
    DICOMDIR, INDEX.HTM, README.TXT    last: only then is it known what came

Patient ID is replaced by the local IPP, as in any export (CO.77).
An archive without its end was cut, and every program that opens one says so.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from drimbox.errors import DrimboxError, NotAuthenticated, Unavailable
from drimbox.flows.consumer.consultation_audit import ConsultationAudit, Trace
from drimbox.flows.consumer.export_stream import ExportStream
from drimbox.flows.consumer.export_syntaxes import ExportSyntaxes
from drimbox.flows.consumer.media_pages import MediaCreator, index_page, readme
from drimbox.flows.opened_study import ImageService, OpenedStudy
from drimbox.model.access import Caller, ConsultationContext
from drimbox.model.audit import AuditAction, AuditOutcome
from drimbox.model.export_syntax import ExportSyntax
from drimbox.model.retrieval import InstanceStream, TargetResource
from drimbox.model.uids import SeriesInstanceUid, SopInstanceUid, StudyInstanceUid
from drimbox.ports.clock import Clock, Identifiers
from drimbox.standards.dicom.data_set import DataSet
from drimbox.standards.dicom.directory import LAST_TAG, MediaFile, encode_dicomdir
from drimbox.standards.dicom.element_stream import ElementStream, WholeElement
from drimbox.standards.dicom.outgoing import OutgoingIdentity
from drimbox.standards.dicom.part10 import encode_file_meta
from drimbox.standards.dicom.transfer_syntaxes import encoding_of
from drimbox.standards.dicom.zip_stream import ZipStream

MAX_AT_ONCE = 4
_DESTINATION = "ZIP"


@dataclass(frozen=True)
class DownloadStudies:
    """At most MAX_AT_ONCE in this process: each keeps a transfer open for minutes."""

    images: ImageService
    syntaxes: ExportSyntaxes
    audit: ConsultationAudit
    clock: Clock
    identifiers: Identifiers
    creator: MediaCreator
    _under_way: set[object] = field(default_factory=set, init=False, repr=False)

    async def __call__(
        self, caller: Caller, studies: Sequence[StudyInstanceUid]
    ) -> AsyncIterator[bytes]:
        """Yield the archive; rights are checked and accesses recorded before its first octet.

        Raises:
            ConsentMissing: opposed, or nobody asked.
            NotFound: an exam that is not this patient's.
            Unavailable: a Source is away, or MAX_AT_ONCE are under way.
        """
        context = caller.context
        if context is None:
            raise NotAuthenticated("a download belongs to a contextual call")
        if len(self._under_way) >= MAX_AT_ONCE:
            raise Unavailable("downloads", "are too many at once")
        mark = object()
        self._under_way.add(mark)
        try:
            opened = [await self._open(caller, context, study) for study in studies]
            async for octets in self._archive(context, opened):
                yield octets
        except DrimboxError as error:
            await self._record(context, None, AuditOutcome.SERIOUS_FAILURE, str(error))
            raise
        finally:
            self._under_way.discard(mark)

    async def _open(
        self, caller: Caller, context: ConsultationContext, study: StudyInstanceUid
    ) -> OpenedStudy:
        opened = await self.images.open_study(caller, TargetResource(study), None)
        await self._record(context, study, AuditOutcome.SUCCESS, "")
        return opened

    async def _record(
        self,
        context: ConsultationContext,
        study: StudyInstanceUid | None,
        outcome: AuditOutcome,
        description: str,
    ) -> None:
        trace = Trace(study=study, destination=_DESTINATION, description=description)
        await self.audit.record(AuditAction.IMAGES_EXPORTED, context, outcome, trace)

    async def _archive(
        self, context: ConsultationContext, studies: Sequence[OpenedStudy]
    ) -> AsyncIterator[bytes]:
        archive = ZipStream(self.clock.now())
        files: list[MediaFile] = []
        for number, study in enumerate(studies, 1):
            names = _Names(number, study)
            async for image in self._images(context, study):
                head = _Head(image)
                path = names.path_of(image.sop_instance_uid)
                yield archive.begin("/".join(path)) + archive.write(_meta(image))
                async for chunk in image.chunks:
                    head.feed(chunk)
                    yield archive.write(chunk)
                yield archive.end()
                files.append(head.media_file(path))
        directory = encode_dicomdir(
            files,
            file_set_id="DRIMBOX",
            sop_instance_uid=SopInstanceUid(self.identifiers.new_uid()),
        )
        made_on = self.clock.now().strftime("%d/%m/%Y")
        yield archive.add("DICOMDIR", directory)
        manifests = [study.manifest for study in studies]
        yield archive.add(
            "INDEX.HTM", index_page(context.patient, manifests, self.creator, made_on)
        )
        yield archive.add("README.TXT", readme(self.creator, made_on)) + archive.finish()

    def _images(
        self, context: ConsultationContext, study: OpenedStudy
    ) -> AsyncIterator[InstanceStream]:
        whole = TargetResource(study.manifest.study_instance_uid)
        images = self.syntaxes.apply(
            study.retrieve(whole, ()), study.manifest, _DESTINATION, ExportSyntax.UNCOMPRESSED
        )
        return ExportStream(images, OutgoingIdentity(local_patient_id=context.local_patient_id))


class _Names:
    """Paths of one study: eight characters a component, as ISO 9660 and PS3.10 8.2 allow."""

    def __init__(self, number: int, study: OpenedStudy) -> None:
        self._folder = f"ST{number:06d}"
        self._series: Mapping[SopInstanceUid, SeriesInstanceUid] = {
            instance.sop_instance_uid: series.series_instance_uid
            for series in study.manifest.series
            for instance in series.instances
        }
        self._given: dict[SeriesInstanceUid | None, Iterator[int]] = {}

    def path_of(self, image: SopInstanceUid) -> tuple[str, ...]:
        """Return the path of an image; each image is asked for once."""
        series = self._series.get(image)
        numbers = self._given.setdefault(series, iter(range(1, 1_000_000)))
        place = list(self._given).index(series) + 1
        return "DICOM", self._folder, f"SE{place:06d}", f"IM{next(numbers):06d}"


class _Head:
    """The attributes of an image that its directory record needs, read while it passes."""

    def __init__(self, image: InstanceStream) -> None:
        self._image = image
        encoding = encoding_of(image.transfer_syntax_uid)
        self._elements = ElementStream(encoding, last_tag=LAST_TAG)
        self._attributes: DataSet = {}

    def feed(self, chunk: bytes) -> None:
        for event in self._elements.feed(chunk):
            if isinstance(event, WholeElement):
                self._attributes[event.tag] = event.element

    def media_file(self, path: tuple[str, ...]) -> MediaFile:
        image = self._image
        return MediaFile(
            path,
            image.sop_class_uid,
            image.sop_instance_uid,
            image.transfer_syntax_uid,
            self._attributes,
        )


def _meta(image: InstanceStream) -> bytes:
    return encode_file_meta(image.sop_class_uid, image.sop_instance_uid, image.transfer_syntax_uid)
