"""A PACS in memory: studies, the octets of their instances, and ways to fail."""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field

from drimbox.errors import DrimboxError, NotFound
from drimbox.model.retrieval import DicomJson, DicomQuery, InstanceStream, TargetResource
from drimbox.model.study import Instance, Study
from drimbox.model.uids import SopInstanceUid, StudyInstanceUid, TransferSyntaxUid

EXPLICIT_VR_LITTLE_ENDIAN = TransferSyntaxUid("1.2.840.10008.1.2.1")


@dataclass
class FakePacs:
    """failure, when set, is raised by every call; matches are what each search finds.

    data_sets holds the octets of an instance, as stored in Explicit VR Little Endian; one without
    any is empty.
    """

    studies: dict[StudyInstanceUid, Study] = field(default_factory=dict)
    data_sets: dict[SopInstanceUid, bytes] = field(default_factory=dict)
    matches: tuple[DicomJson, ...] = ()
    failure: DrimboxError | None = None
    asked: list[object] = field(default_factory=list)

    def hold(self, *studies: Study) -> None:
        for study in studies:
            self.studies[study.study_instance_uid] = study

    async def echo(self) -> None:
        self._check("echo")

    async def find(self, query: DicomQuery) -> tuple[DicomJson, ...]:
        self._check(query)
        return self.matches[: query.limit]

    async def find_study(self, study_instance_uid: StudyInstanceUid) -> Study:
        self._check(study_instance_uid)
        if study_instance_uid not in self.studies:
            raise NotFound("no such study")
        return self.studies[study_instance_uid]

    async def retrieve(
        self, target: TargetResource, transfer_syntaxes: Sequence[TransferSyntaxUid] = ()
    ) -> AsyncIterator[InstanceStream]:
        self._check((target, tuple(transfer_syntaxes)))
        found = list(self._instances(target))
        if not found:
            raise NotFound("no such instance")
        for instance in found:
            octets = self.data_sets.get(instance.sop_instance_uid, b"")
            yield InstanceStream(
                instance.sop_class_uid,
                instance.sop_instance_uid,
                EXPLICIT_VR_LITTLE_ENDIAN,
                _in_chunks(octets),
            )

    def _instances(self, target: TargetResource) -> Iterator[Instance]:
        study = self.studies.get(target.study_instance_uid)
        for series in study.series if study else ():
            if target.series_instance_uid not in {None, series.series_instance_uid}:
                continue
            for instance in series.instances:
                if target.sop_instance_uid in {None, instance.sop_instance_uid}:
                    yield instance

    def _check(self, question: object) -> None:
        self.asked.append(question)
        if self.failure is not None:
            raise self.failure


async def _in_chunks(octets: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, len(octets), size):
        yield octets[start : start + size]
