"""The scenario agrees with itself, with the value sets and with what the demo promises."""

import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path

import pytest

from drimbox.model.practice import Code
from drimbox.sandbox.patients.identities import PATIENTS
from drimbox.sandbox.patients.procedures import PROCEDURES
from drimbox.sandbox.patients.scenario import Holder, ImageKind, ImagingProcedure, ScenarioStudy
from drimbox.sandbox.patients.studies import STUDIES, studies_held_by

each_study = pytest.mark.parametrize("study", STUDIES, ids=lambda s: s.key)
each_procedure = pytest.mark.parametrize("procedure", PROCEDURES, ids=lambda p: p.images.value)

_SETS = {
    "act": "JDV_CodesDocumentImagerie_CISIS.xml",
    "modalities": "JDV_ModaliteAcquisition_CISIS.xml",
    "anatomic_regions": "JDV_RegionAnatomique_CISIS.xml",
}


def _concepts(file: Path) -> set[tuple[str, str]]:
    root = ET.parse(file).getroot()  # noqa: S314
    return {
        (concept.attrib["code"], concept.attrib["codeSystem"])
        for concept in root.iter("{urn:ihe:iti:svs:2008}Concept")
    }


def _codes(value: Code | Iterable[Code]) -> set[tuple[str, str]]:
    codes = [value] if isinstance(value, Code) else value
    return {(code.value, str(code.system)) for code in codes}


@each_procedure
@pytest.mark.parametrize("field", _SETS)
def test_every_code_is_in_its_value_set(
    procedure: ImagingProcedure, field: str, samples: Path
) -> None:
    assert _codes(getattr(procedure, field)) <= _concepts(samples / "jdv" / _SETS[field])


def test_every_kind_of_images_has_one_procedure_and_is_in_the_demo() -> None:
    assert [p.images for p in PROCEDURES] == list(ImageKind)
    assert {s.procedure.images for s in STUDIES} == set(ImageKind)


@pytest.mark.parametrize(
    "numbers",
    [
        pytest.param({s.study_instance_uid for s in STUDIES}, id="study instance UIDs"),
        pytest.param({s.accession_number for s in STUDIES}, id="accession numbers"),
        pytest.param({s.order.placer_order_number for s in STUDIES}, id="placer order numbers"),
        pytest.param({s.key for s in STUDIES}, id="keys"),
    ],
)
def test_no_two_studies_share(numbers: set[object]) -> None:
    assert len(numbers) == len(STUDIES)


@each_study
def test_an_accession_number_fits_vr_sh(study: ScenarioStudy) -> None:
    assert 0 < len(study.accession_number.value) <= 16


@each_study
def test_instants_are_aware_and_in_order(study: ScenarioStudy) -> None:
    assert study.started_at.utcoffset() is not None
    assert study.started_at < study.ended_at


@each_study
def test_identifiers_are_those_of_the_holder(study: ScenarioStudy) -> None:
    holder = study.holder.establishment
    assert study.local_patient_id.issuer == holder.patient_id_authority
    assert study.accession_number.issuer == holder.accession_number_issuer
    assert study.order.placer_issuer == holder.placer_order_issuer


@each_study
def test_what_is_published_is_held_by_the_source_and_has_a_report(study: ScenarioStudy) -> None:
    if study.is_published:
        assert (study.holder, study.report is not None) == (Holder.SOURCE, True)


def test_two_studies_of_the_source_wait_for_their_report_to_be_sent() -> None:
    waiting = [s for s in studies_held_by(Holder.SOURCE) if not s.is_published and s.report]
    assert len(waiting) >= 2


def test_every_patient_has_a_study_and_somebody_has_several() -> None:
    holders = [study.patient for study in STUDIES]
    assert set(holders) == set(PATIENTS)
    assert any(holders.count(patient) > 2 for patient in PATIENTS)


def test_somebody_has_a_study_in_both_places() -> None:
    both = [{s.patient for s in studies_held_by(holder)} for holder in Holder]
    assert both[0] & both[1]
