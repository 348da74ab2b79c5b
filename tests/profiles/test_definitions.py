"""profiles/definitions: what the command compiles, and the facts of those who publish them."""

import json
import subprocess
from pathlib import Path

import pytest
from fhirclient.models.fhirelementfactory import FHIRElementFactory
from tests.fakes.node_judge import why_no_node
from tests.house.fhir_definitions import FOLDER, MADE, in_schema_order
from tests.house.source_files import ROOT
from tests.house.test_fhir_definitions import codes

from drimbox.model.contextual_call import OPTIONAL, REPEATABLE, REQUIRED
from drimbox.standards.safe_xml import parse_xml

FILES = sorted(FOLDER.glob("*.json"))


@pytest.mark.requirement("FA.6")
def test_what_is_committed_is_what_the_command_compiles(tmp_path: Path) -> None:
    missing = why_no_node()
    if missing is not None:
        pytest.skip(missing)
    subprocess.run([ROOT / "profiles" / "build.sh", tmp_path], check=True, timeout=120)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [path.name for path in FILES if not path.name.startswith(MADE)]
    compiled = {name: in_schema_order((tmp_path / name).read_bytes()) for name in names}
    changed = [name for name in names if (FOLDER / name).read_bytes() != compiled[name]]
    assert not changed, "run scripts/profiles"


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_a_strict_parser_of_r4_reads_a_definition(file: Path) -> None:
    content = json.loads(file.read_text(encoding="utf-8"))
    read = FHIRElementFactory.instantiate(content["resourceType"], content)
    assert read.as_json() == content


@pytest.mark.parametrize(
    ("file", "value_set"),
    [
        ("JDV_ModaliteAcquisition_CISIS", "drimbox-modality"),
        ("JDV_RegionAnatomique_CISIS", "drimbox-anatomical-region"),
        ("JDV_SOPClass_CISIS", "drimbox-sop-class"),
        ("JDV_J08_XdsConfidentialityCode_CISIS", "drimbox-confidentiality"),
        ("JDV_J02_XdsHealthcareFacilityTypeCode_CISIS", "drimbox-facility-type"),
        ("JDV_J04_XdsPracticeSettingCode_CISIS", "drimbox-practice-setting"),
        ("JDV_J197_XdsTypesIdentifiantsReferenceId_CISIS", "drimbox-reference-id-type"),
    ],
)
def test_a_value_set_is_the_published_one(samples: Path, file: str, value_set: str) -> None:
    content = (samples / "jdv" / f"{file}.xml").read_bytes()
    (head,) = parse_xml(content, max_bytes=1 << 20).iter("{*}ValueSet")
    assert codes(value_set) == {concept.get("code") for concept in head.iter("{*}Concept")}
    written = json.loads((FOLDER / f"ValueSet-{value_set}.json").read_text(encoding="utf-8"))
    assert written["identifier"][0]["value"] == f"urn:oid:{head.get('id')}"


def test_the_operation_has_the_parameters_of_tableau_1() -> None:
    operation = json.loads((FOLDER / "OperationDefinition-contextual-call.json").read_text())
    given = {one["name"]: one for one in operation["parameter"] if one["use"] == "in"}
    beside = {name for name in (*OPTIONAL, *REQUIRED) if not _is_of_patient(name)}
    assert given.keys() == beside | {"patient"}
    assert {name for name in beside if given[name]["min"] == 1} == beside & set(REQUIRED)
    assert {name for name in beside if given[name]["max"] == "*"} == REPEATABLE


def _is_of_patient(name: str) -> bool:
    return name.startswith(("Patient", "Address"))
