"""Medplum's validator and search, npm `fhir` as a reader of XML: node processes, line by line."""

import json
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Self

from tests.house.source_files import ROOT

Json = dict[str, Any]
R4_DEFINITIONS = ROOT / "profiles" / "node_modules" / "hl7.fhir.r4.examples"
OUR_DEFINITIONS = ROOT / "profiles" / "definitions"
NODE_TESTS = ROOT / "tests" / "node"


def why_no_node() -> str | None:
    """Return why no node program can run, None where all that they need is installed."""
    for folder in (R4_DEFINITIONS, NODE_TESTS / "node_modules"):
        if not folder.is_dir():
            return f"{folder.relative_to(ROOT)} is not installed: scripts/test installs it"
    return None


class NodeProgram:
    """A program of tests/node: ask it a line, read a line; close ends the process."""

    def __init__(self, script: Path) -> None:
        self._process = subprocess.Popen(
            ["node", script, R4_DEFINITIONS, OUR_DEFINITIONS],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def close(self) -> None:
        self._process.communicate(timeout=10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, request: Json) -> Json:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert isinstance(answer, dict)
        return answer


class NodeJudge(NodeProgram):
    """Medplum's validator, and npm fhir as a reader of XML."""

    def __init__(self, script: Path = NODE_TESTS / "judge.mjs") -> None:
        super().__init__(script)

    def faults(self, resource: Json, profiles: Sequence[str]) -> list[str]:
        """Return what Medplum finds wrong, against base R4 and against each of our profiles."""
        told = self.ask({"judge": resource, "profiles": list(profiles)})["faults"]
        return [str(fault) for fault in told]

    def read_xml(self, text: str) -> Json:
        found = self.ask({"xml": text})["json"]
        assert isinstance(found, dict)
        return found


class SearchOracle(NodeProgram):
    """Medplum's search, by the SearchParameters of R4 and ours, on the resources themselves."""

    def __init__(self, resources: Sequence[Json]) -> None:
        super().__init__(NODE_TESTS / "search_oracle.mjs")
        self.ask({"resources": list(resources)})

    def search(self, query: str) -> set[str]:
        """Return the logical ids that `Type?parameters` finds."""
        answer = self.ask({"search": query})
        assert "error" not in answer, answer["error"]
        return set(answer["ids"])


@cache
def our_profiles() -> dict[str, Json]:
    """Return our StructureDefinitions by their canonical address."""
    files = OUR_DEFINITIONS.glob("StructureDefinition-*.json")
    found = (json.loads(file.read_text(encoding="utf-8")) for file in files)
    return {one["url"]: one for one in found}
