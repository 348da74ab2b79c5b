"""Each series of the demo: headers that validators accept, pixels that decode to what was drawn."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from drimbox.model.uids import Uid
from drimbox.sandbox.patients.images import brain_mr, ct_objects, nuclear_objects
from drimbox.sandbox.patients.images.bone_scan import Side, bone_scan
from drimbox.sandbox.patients.images.canvas import Pixels
from drimbox.sandbox.patients.images.computed_tomography import ct_slice
from drimbox.sandbox.patients.images.header import StudyFacts, facts_of
from drimbox.sandbox.patients.images.mammogram import Laterality, Mammogram, View, mammogram
from drimbox.sandbox.patients.images.plan import SeriesPlan
from drimbox.sandbox.patients.images.positron_emission import pet_slice
from drimbox.sandbox.patients.images.series import series_plans
from drimbox.sandbox.patients.images.trunk import PRIMARY_TUMOUR_ON_THE_LEFT
from drimbox.sandbox.patients.scenario import ImageKind
from drimbox.sandbox.patients.studies import STUDIES

_FACTS = {study.procedure.images: facts_of(study) for study in STUDIES}
_SERIES = [
    pytest.param(facts, plan, id=f"{kind.value}-{plan.series.modality}-{plan.series.number}")
    for kind, facts in _FACTS.items()
    for plan in series_plans(facts)
]
each_series = pytest.mark.parametrize(("facts", "plan"), _SERIES)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The middle object of each series, as a file."""
    folder = tmp_path_factory.mktemp("drawn")
    files: dict[str, Path] = {}
    for facts in _FACTS.values():
        for plan in series_plans(facts):
            item = plan.draw(facts, plan.series, plan.count // 2)
            path = folder / f"{item.SOPInstanceUID}.dcm"
            item.save_as(path, enforce_file_format=True)
            files[item.SeriesInstanceUID] = path
    return files


def _read(drawn: dict[str, Path], facts: StudyFacts, plan: SeriesPlan) -> Dataset:
    for path in drawn.values():
        item = dcmread(path)
        if (item.StudyInstanceUID, item.SeriesNumber) == (
            str(facts.study.study_instance_uid),
            plan.series.number,
        ):
            return item
    raise AssertionError("not drawn")


@each_series
def test_the_header_says_whose_and_which(
    drawn: dict[str, Path], facts: StudyFacts, plan: SeriesPlan
) -> None:
    item = _read(drawn, facts, plan)
    study = facts.study
    assert study.accession_number is not None
    assert study.patient.patient_id is not None
    assert item.AccessionNumber == study.accession_number.value
    issuer = item.IssuerOfAccessionNumberSequence[0]
    assert issuer.UniversalEntityID == study.accession_number.issuer
    assert item.PatientID == study.patient.patient_id.value
    assert item.PatientName == study.patient.patient_name
    assert item.StudyDescription == study.study_description
    assert item.Modality == plan.series.modality
    assert Uid(item.SOPInstanceUID) == item.file_meta.MediaStorageSOPInstanceUID


@each_series
@pytest.mark.system
def test_dciodvfy_finds_no_error(
    drawn: dict[str, Path], facts: StudyFacts, plan: SeriesPlan
) -> None:
    path = drawn[_read(drawn, facts, plan).SeriesInstanceUID]
    said = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
    assert [line for line in said.stderr.splitlines() if line.startswith("Error")] == []


def test_the_demo_covers_the_transfer_syntaxes_of_a_real_pacs(drawn: dict[str, Path]) -> None:
    found = {dcmread(path).file_meta.TransferSyntaxUID for path in drawn.values()}
    assert found == {
        ExplicitVRLittleEndian,
        ImplicitVRLittleEndian,
        JPEGLosslessSV1,
        JPEGLSLossless,
        JPEG2000Lossless,
        RLELossless,
        JPEGBaseline8Bit,
    }


def _frames(item: Dataset) -> list[bytes]:
    count = int(item.get("NumberOfFrames", 1))
    return list(generate_frames(item.PixelData, number_of_frames=count))


_LOSSLESS = [
    pytest.param(
        ImageKind.MAMMOGRAPHY,
        0,
        imagecodecs.jpeg8_decode,
        lambda: mammogram(Mammogram(Laterality.RIGHT, View.MEDIO_LATERAL_OBLIQUE)),
        id="JPEG lossless mammogram",
    ),
    pytest.param(
        ImageKind.MR_BRAIN,
        2,
        imagecodecs.jpegls_decode,
        lambda: brain_mr.brain_slice(brain_mr.Weighting.FLAIR, 12),
        id="JPEG-LS brain",
    ),
    pytest.param(
        ImageKind.CT_CHEST_LOW_DOSE,
        0,
        imagecodecs.jpeg2k_decode,
        lambda: ct_slice(ct_objects.LOW_DOSE_CHEST.protocol, 2 + 4 * 31, 31),
        id="JPEG 2000 chest",
    ),
]


@pytest.mark.parametrize(("kind", "position", "decode", "draw"), _LOSSLESS)
def test_compressed_pixels_decode_to_what_was_drawn(
    drawn: dict[str, Path],
    kind: ImageKind,
    position: int,
    decode: Callable[[bytes], object],
    draw: Callable[[], Pixels],
) -> None:
    facts = _FACTS[kind]
    item = _read(drawn, facts, series_plans(facts)[position])
    assert np.array_equal(decode(_frames(item)[0]), draw())


def test_run_length_pixels_decode_to_what_was_drawn(drawn: dict[str, Path]) -> None:
    facts = _FACTS[ImageKind.PET_CT]
    plan = series_plans(facts)[1]
    index = plan.count // 2
    z = nuclear_objects.PET_TOP + nuclear_objects.PET_STEP * index
    expected = pet_slice(z, index, PRIMARY_TUMOUR_ON_THE_LEFT)
    assert np.array_equal(_read(drawn, facts, plan).pixel_array, expected)


def test_native_pixels_are_what_was_drawn(drawn: dict[str, Path]) -> None:
    facts = _FACTS[ImageKind.BONE_SCAN]
    pixels = _read(drawn, facts, series_plans(facts)[0]).pixel_array
    assert np.array_equal(pixels, np.stack([bone_scan(side) for side in Side]))


def test_jpeg_lossless_uses_selection_value_1(drawn: dict[str, Path]) -> None:
    # Transfer syntax ...4.70 is Process 14, Selection Value 1 (PS3.5 8.2.1, 10.2).
    facts = _FACTS[ImageKind.MAMMOGRAPHY]
    stream = _frames(_read(drawn, facts, series_plans(facts)[0]))[0]
    scan = stream.index(b"\xff\xda")
    components = stream[scan + 4]
    assert stream[scan + 5 + 2 * components] == 1


def test_each_frame_of_the_cine_is_one_jpeg(drawn: dict[str, Path]) -> None:
    facts = _FACTS[ImageKind.CARDIAC_ULTRASOUND]
    item = _read(drawn, facts, series_plans(facts)[0])
    frames = _frames(item)
    assert len(frames) == item.NumberOfFrames == 40
    assert imagecodecs.jpeg8_decode(frames[-1]).shape == (480, 640, 3)
    assert frames[0] != frames[10]


def test_pet_and_ct_share_their_frame_of_reference(drawn: dict[str, Path]) -> None:
    facts = _FACTS[ImageKind.PET_CT]
    ct, pet = (_read(drawn, facts, plan) for plan in series_plans(facts))
    assert ct.FrameOfReferenceUID == pet.FrameOfReferenceUID
    assert ct.ImagePositionPatient[2] == pet.ImagePositionPatient[2]


def test_the_old_machine_writes_latin_1(drawn: dict[str, Path]) -> None:
    facts = _FACTS[ImageKind.CARDIAC_ULTRASOUND]
    item = _read(drawn, facts, series_plans(facts)[0])
    assert item.SpecificCharacterSet == "ISO_IR 100"
    assert item.SeriesDescription == "Apicale quatre cavités"


def test_the_ins_stands_in_some_pacs_headers_only(drawn: dict[str, Path]) -> None:
    with_ins = {
        dcmread(path).StudyInstanceUID
        for path in drawn.values()
        if "OtherPatientIDsSequence" in dcmread(path)
    }
    assert 0 < len(with_ins) < len(_FACTS)
