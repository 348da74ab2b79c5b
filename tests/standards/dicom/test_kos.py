"""A KOS says what its manifest says, to us and to readers written by others."""

import contextlib
import io
import shutil
import subprocess
import time
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from tests.fakes.manifests import (
    NOON,
    STUDY,
    made_up_ins,
    made_up_manifest,
    made_up_patient,
    made_up_series,
)

from drimbox.errors import InvalidValue, MalformedMessage
from drimbox.model.manifest import Manifest
from drimbox.model.patient import Gender, InsAuthority
from drimbox.model.uids import SeriesInstanceUid, SopInstanceUid
from drimbox.standards.dicom.kos import content_key, encode_kos, parse_kos


def read_by_pydicom(content: bytes) -> Dataset:
    return pydicom.dcmread(io.BytesIO(content))


def with_ins(manifest: Manifest) -> Manifest:
    assert manifest.patient is not None
    return replace(manifest, ins=manifest.patient.ins)


MANIFESTS = [
    pytest.param(made_up_manifest(), id="everything filled"),
    pytest.param(made_up_manifest(order=None, study_date=None, study_time=None), id="bare study"),
    pytest.param(made_up_manifest(created_at=NOON, act_display=""), id="winter, no act"),
    pytest.param(
        made_up_manifest(patient=made_up_patient(family_name="ŞENGÜL", given_name="ЖАННА")),
        id="a name outside Latin-1",
    ),
    pytest.param(
        made_up_manifest(patient=made_up_patient(birth_given_names=(), used_family_name=None)),
        id="used given name only",
    ),
    pytest.param(
        made_up_manifest(patient=made_up_patient(used_family_name=None, used_given_name=None)),
        id="birth given names only",
    ),
    pytest.param(
        made_up_manifest(
            patient=made_up_patient(
                birth_given_names=(), used_family_name=None, used_given_name=None, birth_place=None
            )
        ),
        id="strict traits only",
    ),
    pytest.param(
        made_up_manifest(patient=made_up_patient(ins=made_up_ins(InsAuthority.NIA))), id="a NIA"
    ),
]


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_says_the_same_after_a_round_trip(manifest: Manifest) -> None:
    assert parse_kos(encode_kos(manifest)) == with_ins(manifest)


@pytest.mark.requirement("SO.18")
def test_another_reader_finds_each_attribute_of_the_profile() -> None:
    kos = read_by_pydicom(encode_kos(made_up_manifest()))
    assert kos.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert kos.SpecificCharacterSet == "ISO_IR 100"
    assert (kos.Modality, kos.SeriesNumber, kos.InstanceNumber) == ("KO", 59, 1)
    assert kos.PatientName == "PÂQUERETTE^ZOÉ"
    assert [str(name) for name in kos.OtherPatientNames] == ["^ZOÉ MARIE ANNE", "LAGRANGE^MARIE"]
    assert kos.PatientComments == "2A004"
    for holder in (kos, kos.OtherPatientIDsSequence[0]):
        assert holder.PatientID == made_up_ins().value
        assert holder.IssuerOfPatientID == "ASIP-SANTE-INS-NIR"
        qualifiers = holder.IssuerOfPatientIDQualifiersSequence[0]
        assert qualifiers.UniversalEntityID == "1.2.250.1.213.1.4.10"
        assert qualifiers.UniversalEntityIDType == "ISO"
    assert kos.OtherPatientIDsSequence[0].TypeOfPatientID == "TEXT"
    assert kos.InstitutionName == "Clinique des Bleuets^^^^^^^^^1330781360"
    assert kos.TimezoneOffsetFromUTC == "+0200"
    assert kos.ConceptNameCodeSequence[0].CodeValue == "113030"
    assert kos.ContentTemplateSequence[0].TemplateIdentifier == "2010"
    assert kos.AccessionNumber == ""
    assert len(kos.ReferencedPerformedProcedureStepSequence) == 0


@pytest.mark.requirement("SO.18")
def test_another_reader_finds_the_order_the_evidence_and_the_tree() -> None:
    kos = read_by_pydicom(encode_kos(made_up_manifest()))
    (request,) = kos.ReferencedRequestSequence
    assert request.AccessionNumber == "ACC0001"
    issuer = request.IssuerOfAccessionNumberSequence[0]
    assert issuer.UniversalEntityID == "1.2.250.1.999.1"
    assert request.PlacerOrderNumberImagingServiceRequest == "ORD-77"
    assert request.OrderPlacerIdentifierSequence[0].UniversalEntityID == "1.2.250.1.999.2"
    (study,) = kos.CurrentRequestedProcedureEvidenceSequence
    scanner, report = study.ReferencedSeriesSequence
    assert scanner.RetrieveURL.endswith(f"/studies/{STUDY}/series/{STUDY}.2")
    assert [i.InstanceNumber for i in scanner.ReferencedSOPSequence] == [1, 2, 3]
    assert "NumberOfFrames" not in scanner.ReferencedSOPSequence[0]
    assert "RetrieveLocationUID" not in scanner
    assert report.RetrieveLocationUID == "1.2.250.1.999.3"
    kinds = [item.ValueType for item in kos.ContentSequence]
    assert kinds == ["TEXT", "IMAGE", "IMAGE", "IMAGE", "COMPOSITE"]
    assert kos.ContentSequence[0].TextValue == (
        "Examen : Scanner thoracique\nActe = TDM du thorax\n"
        f"Série-{STUDY}.2 : CT @ : Thorax sans injection : 1,25 mm\n"
        f"Série-{STUDY}.9 : SR @ : Dose"
    )


@pytest.mark.parametrize(
    ("offset", "text"),
    [
        pytest.param(timedelta(hours=1), "+0100", id="winter in Paris"),
        pytest.param(timedelta(hours=2), "+0200", id="summer in Paris"),
        pytest.param(timedelta(hours=-4), "-0400", id="Guadeloupe"),
    ],
)
def test_writes_the_offset_of_the_instant_itself(offset: timedelta, text: str) -> None:
    created_at = datetime(2026, 3, 1, 8, 0, tzinfo=timezone(offset))
    kos = read_by_pydicom(encode_kos(made_up_manifest(created_at=created_at)))
    assert (kos.TimezoneOffsetFromUTC, kos.ContentTime) == (text, "080000")


def test_reads_the_official_sample(samples: Path) -> None:
    manifest = parse_kos((samples / "kos/kos-two-mr-series.dcm").read_bytes())
    assert [len(one.instances) for one in manifest.series] == [10, 10]
    assert manifest.modalities == ("MR",)
    assert {one.series_description for one in manifest.series} == {"T2 Ax Space Iso RT"}
    assert all("/series/" + one.series_instance_uid in one.retrieve_url for one in manifest.series)
    assert manifest.order is not None
    assert manifest.order.accession_number is not None
    assert manifest.order.accession_number.issuer == "1.2.840.113619.6.196"
    assert manifest.study_description == "Exam A"
    assert manifest.act_display == "Abdomen + pelvis"
    assert manifest.created_at.isoformat() == "2023-11-14T14:44:57+02:00"
    # Its Patient's Name has no given name: an INS, but not the five traits.
    assert manifest.patient is None
    assert manifest.ins is not None
    assert manifest.ins.authority is InsAuthority.NIR_TEST


def test_reads_the_sample_of_an_export(samples: Path) -> None:
    content = (samples / "xds/xdm-KA202401/KOS_1_1.DCM").read_bytes()
    manifest = parse_kos(content)
    assert manifest.instance_count == sum(
        len(series.ReferencedSOPSequence)
        for study in read_by_pydicom(content).CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
    )


def test_reads_implicit_vr_and_other_spellings_of_the_text() -> None:
    kos = read_by_pydicom(encode_kos(made_up_manifest()))
    kos.ContentSequence[
        0
    ].TextValue = (
        f"EXAMEN = Autre\r\nserie - {STUDY}.2: CT@:Thorax\r\nSÃ©rie-{STUDY}.9 : SR\r\nligne"
    )
    kos.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, kos, implicit_vr=True, little_endian=True)
    manifest = parse_kos(buffer.getvalue())
    assert [(s.modality, s.series_description) for s in manifest.series] == [
        ("CT", "Thorax"),
        ("SR", ""),
    ]
    assert manifest.patient == made_up_patient()


def test_a_missing_text_leaves_modalities_to_the_sop_classes() -> None:
    kos = read_by_pydicom(encode_kos(made_up_manifest()))
    del kos.ContentSequence
    buffer = io.BytesIO()
    kos.save_as(buffer)
    assert parse_kos(buffer.getvalue()).modalities == ("CT", "SR")


def test_the_key_is_the_same_for_what_says_the_same() -> None:
    manifest = made_up_manifest()
    again = replace(
        manifest,
        sop_instance_uid=SopInstanceUid("2.25.8"),
        series_instance_uid=SeriesInstanceUid("2.25.9"),
        created_at=NOON,
        series=tuple(reversed(manifest.series)),
    )
    assert content_key(again) == content_key(manifest)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"series": (made_up_series(2, 4),)}, id="one more instance"),
        pytest.param({"study_description": "Autre"}, id="another description"),
        pytest.param({"patient": made_up_patient(gender=Gender.MALE)}, id="another trait"),
        pytest.param({"order": None}, id="no order"),
    ],
)
def test_the_key_differs_for_what_says_something_else(changes: dict[str, object]) -> None:
    assert content_key(made_up_manifest(**changes)) != content_key(made_up_manifest())


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"patient": None}, id="no patient"),
        pytest.param({"series": ()}, id="no series"),
        pytest.param({"created_at": NOON.replace(tzinfo=None)}, id="naive instant"),
    ],
)
def test_does_not_write_half_a_kos(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidValue):
        encode_kos(made_up_manifest(**changes))


def without(tag: str) -> bytes:
    kos = read_by_pydicom(encode_kos(made_up_manifest()))
    del kos[tag]
    buffer = io.BytesIO()
    kos.save_as(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"%PDF-1.4" * 100, id="a PDF"),
        pytest.param(encode_kos(made_up_manifest())[:900], id="cut short"),
        pytest.param(encode_kos(made_up_manifest()).replace(b"1.88.59", b"1.88.58"), id="an SR"),
        pytest.param(without("CurrentRequestedProcedureEvidenceSequence"), id="no evidence"),
        pytest.param(without("StudyInstanceUID"), id="no study"),
        pytest.param(without("SOPInstanceUID"), id="no UID of its own"),
    ],
)
def test_refuses_what_is_no_kos(content: bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse_kos(content)


ENCODED = encode_kos(made_up_manifest())


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(132, len(ENCODED) - 1), st.integers(0, 255)), max_size=12),
    st.integers(300, len(ENCODED)),
)
def test_hostile_octets_only_ever_make_a_malformed_message(
    changes: list[tuple[int, int]], length: int
) -> None:
    content = bytearray(ENCODED)
    for position, value in changes:
        content[position] = value
    with contextlib.suppress(MalformedMessage):
        parse_kos(bytes(content[:length]))


def test_five_hundred_references_take_less_than_200_ms() -> None:
    manifest = made_up_manifest(series=(made_up_series(1, 250), made_up_series(2, 250)))
    start = time.thread_time()
    content = encode_kos(manifest)
    assert time.thread_time() - start < 0.2
    assert parse_kos(content).instance_count == 500


@pytest.mark.system
@pytest.mark.requirement("SO.18")
@pytest.mark.parametrize("manifest", MANIFESTS)
def test_dicom3tools_and_dcmtk_accept_it(manifest: Manifest, tmp_path: Path) -> None:
    if not shutil.which("dciodvfy") or not shutil.which("dsrdump"):
        pytest.skip("apt-get install dicom3tools dcmtk")
    file = tmp_path / "kos.dcm"
    file.write_bytes(encode_kos(manifest))
    verdict = subprocess.run(["dciodvfy", file], capture_output=True, check=False)
    complaints = (verdict.stdout + verdict.stderr).decode("latin-1")
    assert "Error" not in complaints, complaints
    read = subprocess.run(["dsrdump", "+U8", file], capture_output=True, check=False)
    assert read.returncode == 0, read.stderr
    assert "Scanner thoracique" in read.stdout.decode()
