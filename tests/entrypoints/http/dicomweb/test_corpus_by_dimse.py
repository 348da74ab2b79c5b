"""The same corpus from a PACS by C-GET and by C-MOVE: what arrives is what pydicom reads."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from dicomweb_client import DICOMwebClient
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian
from tests.fakes.dicomweb_site import DicomwebSite
from tests.fakes.pydicom_corpus import CORPUS_STUDY, corpus_names, corpus_object
from tests.fakes.pydicom_readings import BULK_OCTETS_IN_BASE_64, frames_of, normal
from tests.system.ports import free_port

from drimbox.adapters.pacs_dimse.pacs import DimsePacs
from drimbox.sandbox.pacs.process import PacsProcess
from drimbox.sandbox.pacs.server import PeerAddress
from drimbox.settings.partners import DicomListenerSettings, PacsSettings

AS_STORED = "multipart/related; type=application/octet-stream; transfer-syntax=*"
REFUSED_BY_PYDICOM = "badVR.dcm"
# What a PACS that holds them sends as Implicit VR, which any can (PS3.5 10.1); the one here cannot.
KEPT_BY_THE_PACS = frozenset({ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian})


def is_sent(name: str) -> bool:
    return corpus_object(name).file_meta.TransferSyntaxUID not in KEPT_BY_THE_PACS


NAMES = [name for name in corpus_names() if name != REFUSED_BY_PYDICOM and is_sent(name)]


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("held")
    for name in NAMES:
        corpus_object(name).save_as(folder / name, enforce_file_format=True)
    return folder


@pytest.fixture(scope="module", params=["c-get", "c-move"])
def site(
    request: pytest.FixtureRequest, held: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DicomwebSite]:
    port = free_port()
    peers = {"DRIMBOX": PeerAddress("127.0.0.1", port)}
    with PacsProcess("PACS", held, peers=peers) as process:
        settings = PacsSettings(
            host=process.host, port=process.dicom_port, ae_title="PACS", retrieve_mode=request.param
        )
        pacs = DimsePacs(settings, DicomListenerSettings(port=port))
        with DicomwebSite(tmp_path_factory.mktemp("box"), behind=pacs) as running:
            for name in NAMES:
                running.add(corpus_object(name))
            yield running
            running.portal.call(pacs.close)


@pytest.fixture(autouse=True)
def _odd_files_make_pydicom_warn() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.requirement("FA.3")
def test_metadata_equal_what_pydicom_reads(site: DicomwebSite) -> None:
    rows = site.get(f"/studies/{CORPUS_STUDY}/metadata", "application/dicom+json").json()
    found = {row["00080018"]["Value"][0]: row for row in rows}
    assert len(found) == len(rows) == len(NAMES)
    for name in NAMES:
        image = corpus_object(name)
        theirs = image.to_json_dict(BULK_OCTETS_IN_BASE_64, lambda _: "elsewhere")
        assert normal(found[image.SOPInstanceUID]) == normal(theirs), name


def test_frames_equal_the_stored_ones(site: DicomwebSite) -> None:
    client: DICOMwebClient = site.client()
    compared = set()
    for name in NAMES:
        image = corpus_object(name)
        if "PixelData" not in image:
            continue
        stored = frames_of(image)
        listed = ",".join(str(number + 1) for number in range(len(stored)))
        answer = site.get(f"{site.path_of(image)}/frames/{listed}", AS_STORED)
        assert answer.status_code == 200, (name, answer.text)
        assert list(client._decode_multipart_message(answer, stream=False)) == stored, name
        compared.add(image.file_meta.TransferSyntaxUID)
    assert len(compared) == 10
