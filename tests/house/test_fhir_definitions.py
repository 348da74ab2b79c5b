"""The definitions that we publish say what the code does."""

import re
from pathlib import Path

import orjson
import pytest
from fhir.resources.R4B import get_fhir_model_class
from tests.house.fhir_definitions import FOLDER, MADE, made_files

from drimbox.entrypoints.http.fhir.errors import FHIR_ANSWER_TO, METHOD_NOT_ALLOWED, NOT_SUPPORTED
from drimbox.model.document_entry import ReferenceIdKind
from drimbox.model.imaging_codes import ANATOMIC_REGIONS, MODALITIES
from drimbox.model.imaging_search import Notice
from drimbox.standards.fhir import profiles
from drimbox.standards.fhir.canonical import CANONICAL, ISSUE_SYSTEM
from drimbox.standards.fhir.capability_statement import encode_capability_statement
from drimbox.standards.fhir.profiles import SUPPORTED
from drimbox.standards.fhir.surface import ServiceFacts

FILES = sorted(FOLDER.glob("*.json"))
# Written where a search is read, or a call refused.
OF_A_SEARCH = {
    "parameter-assumed",
    "parameter-ignored",
    "parameter-unknown",
    "invalid-value",
    "E200",
}


def test_what_the_code_makes_is_what_is_committed() -> None:
    committed = {path.name: path.read_bytes() for path in FILES if path.name.startswith(MADE)}
    assert committed == made_files(), "run `python -m tests.house.fhir_definitions`, and commit"


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_a_definition_is_fhir(file: Path) -> None:
    content = orjson.loads(file.read_bytes())
    get_fhir_model_class(content["resourceType"]).model_validate(content)
    assert content["url"] == f"{CANONICAL}/{content['resourceType']}/{content['id']}"
    assert content["status"] == "active"
    if content["resourceType"] == "StructureDefinition":
        assert content["snapshot"]["element"]


def test_the_profiles_are_those_that_the_code_names() -> None:
    named = {
        value
        for name, value in vars(profiles).items()
        if name.isupper() and str(value).startswith(f"{CANONICAL}/StructureDefinition/")
    }
    files = (path for path in FILES if path.name.startswith("StructureDefinition"))
    assert named == {orjson.loads(path.read_bytes())["url"] for path in files}


@pytest.mark.parametrize("opens_contexts", [True, False])
def test_what_a_box_says_of_ours_is_published(opens_contexts: bool) -> None:
    facts = ServiceFacts("", "", "", "1", opens_contexts=opens_contexts)
    told = orjson.dumps(encode_capability_statement(facts)).decode()
    # Its own address is of one box, and published nowhere.
    of_ours = rf'"({re.escape(CANONICAL)}/(?!CapabilityStatement/drimbox")[^"]+)"'
    named = set(re.findall(of_ours, told))
    assert len(named) > len(SUPPORTED)
    assert named <= {orjson.loads(path.read_bytes())["url"] for path in FILES}


def test_the_code_system_has_each_issue_that_we_send() -> None:
    system = orjson.loads((FOLDER / "CodeSystem-drimbox-issue.json").read_bytes())
    assert system["url"] == ISSUE_SYSTEM
    sent = {answer.code for answer in (*FHIR_ANSWER_TO.values(), METHOD_NOT_ALLOWED, NOT_SUPPORTED)}
    sent |= {notice.value for notice in Notice} | OF_A_SEARCH
    told = {concept["code"] for concept in system["concept"]}
    assert told == sent, (
        "write it in profiles/input/fsh/operation-outcome.fsh, run scripts/profiles"
    )


def test_the_value_sets_are_those_of_the_code() -> None:
    assert codes("drimbox-modality") == MODALITIES.keys()
    assert codes("drimbox-anatomical-region") == ANATOMIC_REGIONS.keys()
    assert {kind.value for kind in ReferenceIdKind} <= codes("drimbox-reference-id-type")


def codes(value_set: str) -> set[str]:
    content = orjson.loads((FOLDER / f"ValueSet-{value_set}.json").read_bytes())
    return {concept["code"] for one in content["compose"]["include"] for concept in one["concept"]}
