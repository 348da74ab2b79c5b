"""A PACS over a folder of DICOM files: enough of C-FIND, and retrieval as stored."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydicom import Dataset, dcmread
from tests.fakes.folder_search import find_in_folder

from drimbox.errors import DrimboxError, NotFound
from drimbox.model.retrieval import (
    DicomJson,
    DicomQuery,
    InstanceStream,
    TargetResource,
)
from drimbox.model.study import Study
from drimbox.model.uids import SopClassUid, SopInstanceUid, StudyInstanceUid, TransferSyntaxUid


@dataclass
class FolderPacs:
    """failure is raised at once; fails_after lets that many instances through first."""

    folder: Path
    failure: DrimboxError | None = None
    fails_after: int | None = None
    retrievals: int = 0
    released: int = 0
    chunk_size: int = 1000
    asked_syntaxes: list[tuple[TransferSyntaxUid, ...]] = field(default_factory=list)

    async def echo(self) -> None:
        self._check()

    async def find(self, query: DicomQuery) -> tuple[DicomJson, ...]:
        self._check()
        return find_in_folder(self.folder, query)

    async def find_study(self, study_instance_uid: StudyInstanceUid) -> Study:
        raise NotFound(f"find_study is not asked by these tests: {study_instance_uid}")

    async def retrieve(
        self, target: TargetResource, transfer_syntaxes: Sequence[TransferSyntaxUid] = ()
    ) -> AsyncIterator[InstanceStream]:
        self.retrievals += 1
        self.asked_syntaxes.append(tuple(transfer_syntaxes))
        try:
            async for instance in self._instances(target):
                yield instance
        finally:
            self.released += 1

    async def _instances(self, target: TargetResource) -> AsyncIterator[InstanceStream]:
        given = 0
        for path in sorted(self.folder.glob("*.dcm")):
            image = dcmread(path, stop_before_pixels=True)
            if not _is_in(image, target):
                continue
            if self.failure is not None and given >= (self.fails_after or 0):
                raise self.failure
            given += 1
            yield InstanceStream(
                SopClassUid(image.SOPClassUID),
                SopInstanceUid(image.SOPInstanceUID),
                TransferSyntaxUid(image.file_meta.TransferSyntaxUID),
                self._chunks(path.read_bytes(), image),
            )

    async def _chunks(self, octets: bytes, image: Dataset) -> AsyncIterator[bytes]:
        offset = 144 + int(image.file_meta.FileMetaInformationGroupLength)
        for start in range(offset, len(octets), self.chunk_size):
            yield octets[start : start + self.chunk_size]

    def _check(self) -> None:
        if self.failure is not None:
            raise self.failure


def _is_in(image: Dataset, target: TargetResource) -> bool:
    return all(
        wanted is None or image[keyword].value == wanted
        for keyword, wanted in (
            ("StudyInstanceUID", target.study_instance_uid),
            ("SeriesInstanceUID", target.series_instance_uid),
            ("SOPInstanceUID", target.sop_instance_uid),
        )
    )
