"""dcmtk's dcmqrscp as the PACS of a site: it tells of no image of what SOP class it is.

That key is optional (PS3.4 table C.6-4), but nothing can be published or retrieved without it.
"""

import contextlib
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from pydicom import Dataset
from pydicom.uid import ImplicitVRLittleEndian
from tests.fakes.dicom_objects import SC, SR, made_up_object
from tests.system.ports import free_port

from drimbox.adapters.pacs_dimse.pacs import DimsePacs
from drimbox.gateway.site_pacs import SitePacs
from drimbox.model.retrieval import TargetResource
from drimbox.model.uids import StudyInstanceUid
from drimbox.settings.partners import DicomListenerSettings, PacsSettings

pytestmark = [pytest.mark.anyio, pytest.mark.system]
STUDY = StudyInstanceUid("1.2.250.1.999.60")
_CONFIGURATION = """
NetworkTCPPort  = {port}
MaxPDUSize      = 16384
MaxAssociations = 16
HostTable BEGIN
drimbox = (DRIMBOX, 127.0.0.1, {move_port})
HostTable END
VendorTable BEGIN
VendorTable END
AETable BEGIN
ARCHIVE {folder} RW (200, 1024mb) ANY
AETable END
"""


@dataclass(frozen=True)
class Archive:
    port: int
    move_port: int

    def pacs(self, mode: Literal["auto", "c-get", "c-move"]) -> DimsePacs:
        return DimsePacs(
            PacsSettings(host="127.0.0.1", port=self.port, ae_title="ARCHIVE", retrieve_mode=mode),
            DicomListenerSettings(host="127.0.0.1", port=self.move_port),
        )


def objects() -> list[Dataset]:
    """Two series of slices, one of them in Implicit VR; a report; a capture."""
    slices = [
        made_up_object(n, series=series, study=STUDY, syntax=syntax)
        for series, syntax in ((1, "1.2.840.10008.1.2.1"), (2, ImplicitVRLittleEndian))
        for n in (1, 2, 3)
    ]
    return [
        *slices,
        made_up_object(1, series=9, study=STUDY, sop_class=SR),
        made_up_object(2, series=5, study=STUDY, sop_class=SC),
    ]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    if shutil.which("dcmqrscp") is None:
        pytest.skip("dcmtk is not installed: apt-get install dcmtk")
    folder = tmp_path_factory.mktemp("dcmqrscp")
    made = Archive(free_port(), free_port())
    (folder / "kept").mkdir()
    (folder / "sent").mkdir()
    for number, one in enumerate(objects()):
        one.save_as(folder / "sent" / f"{number}.dcm", enforce_file_format=True)
    file = folder / "configuration"
    file.write_text(
        _CONFIGURATION.format(port=made.port, move_port=made.move_port, folder=folder / "kept")
    )
    with subprocess.Popen(["dcmqrscp", "-c", str(file)], cwd=folder) as server:
        try:
            _store(made.port, sorted((folder / "sent").iterdir()))
            yield made
        finally:
            server.terminate()


def _store(port: int, files: list[Path]) -> None:
    """Send the files, once it listens."""
    for wait in (0.1, 0.3, 1, 3, 10, None):
        to = ("-aet", "DRIMBOX", "-aec", "ARCHIVE", "127.0.0.1", str(port))
        with contextlib.suppress(subprocess.CalledProcessError):
            subprocess.run(["storescu", "-R", *to, *map(str, files)], check=True)
            return
        if wait is not None:
            time.sleep(wait)
    raise AssertionError("dcmqrscp takes no images")


@pytest.fixture(params=["c-get", "c-move", "auto", "c-move, another worker"])
async def pacs(
    request: pytest.FixtureRequest, archive: Archive, tmp_path: Path
) -> AsyncIterator[DimsePacs]:
    mode, _, is_other = request.param.partition(",")
    made = archive.pacs(mode)
    first = archive.pacs(mode) if is_other else made
    workers = [SitePacs(one, (one,)) for one in dict.fromkeys((first, made))]
    for worker in workers:
        await worker.start(is_first_worker=worker is workers[0], shared=tmp_path)
    yield made
    for worker in workers:
        await worker.close()


@pytest.mark.requirement("SO.14")
async def test_a_study_is_found_with_what_each_image_is(pacs: DimsePacs) -> None:
    study = await pacs.find_study(STUDY)
    told = {i.sop_instance_uid: i.sop_class_uid for s in study.series for i in s.instances}
    assert told == {one.SOPInstanceUID: one.SOPClassUID for one in objects()}


@pytest.mark.requirement("SO.32")
async def test_every_image_is_retrieved_before_anything_was_found(pacs: DimsePacs) -> None:
    received = {}
    async for instance in pacs.retrieve(TargetResource(STUDY)):
        octets = b"".join([chunk async for chunk in instance.chunks])
        received[instance.sop_instance_uid] = octets
    assert set(received) == {one.SOPInstanceUID for one in objects()}
    assert all(received.values())
