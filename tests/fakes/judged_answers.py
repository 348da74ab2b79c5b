"""Every FHIR answer of a test client, JSON or XML, read by every reader that is installed.

Without the npm packages (scripts/check) nothing is judged here; scripts/test installs them.
"""

import atexit
import hashlib
import json
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
from starlette.testclient import TestClient
from tests.fakes.fhir_gate import FhirGate
from tests.fakes.node_judge import NodeJudge, why_no_node

Json = dict[str, Any]


def judged(client: TestClient) -> TestClient:
    """Return the client; an answer with a fault fails the test that asked for it."""
    client.event_hooks["response"].append(_judge)
    return client


class Judge:
    """Judges each resource once: tests ask for the same ones again and again."""

    def __init__(self) -> None:
        self._node = NodeJudge()
        self._folder = tempfile.TemporaryDirectory()
        self._gate = FhirGate(Path(self._folder.name), self._node)
        self._seen: set[str] = set()
        atexit.register(self.close)

    def check(self, content: bytes, *, is_xml: bool) -> None:
        resource = self._node.read_xml(content.decode()) if is_xml else json.loads(content)
        for one in filter(_can_be_judged, parts_of(resource)):
            digest = hashlib.sha256(json.dumps(one, sort_keys=True).encode()).hexdigest()
            if digest not in self._seen:
                self._gate.check(one)
                self._seen.add(digest)

    def close(self) -> None:
        self._node.close()
        self._folder.cleanup()


@cache
def _shared_judge() -> Judge | None:
    return None if why_no_node() else Judge()


def _judge(response: httpx2.Response) -> None:
    kind = response.headers.get("content-type", "")
    judge = _shared_judge() if kind.startswith("application/fhir+") else None
    if judge is not None and (content := response.read()):
        judge.check(content, is_xml=kind.startswith("application/fhir+xml"))


def _can_be_judged(resource: Json) -> bool:
    """Leave out parts of profiles: the Σ of R4 keeps neither form of their rules (sdf-6)."""
    is_part = any(tag.get("code") == "SUBSETTED" for tag in resource.get("meta", {}).get("tag", []))
    return not (is_part and resource["resourceType"] == "StructureDefinition")


def parts_of(resource: Json) -> Iterator[Json]:
    """Yield a searchset's resources, and itself with one of each kind; all else whole."""
    entries = resource.get("entry", []) if resource["resourceType"] == "Bundle" else []
    if resource.get("type") != "searchset" or not entries:
        yield resource
        return
    for entry in entries:
        yield entry["resource"]
    kinds = {(one["resource"]["resourceType"], one["search"]["mode"]): one for one in entries}
    yield resource | {"entry": list(kinds.values())}
