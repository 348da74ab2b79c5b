"""Every answer of a test client is one that openapi/ publishes for that address and method.

Where DRIMBOX_ANSWERS_FILE names a file, each published answer that was given is a line of it, so
that those that no test gives can be told: `python -m tests.house.unexercised_answers FILE`.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx2
import yaml
from starlette.testclient import TestClient
from tests.house.source_files import ROOT

ANSWERS_FILE = "DRIMBOX_ANSWERS_FILE"
METHODS = frozenset({"get", "post", "options"})
# Of what has no address here, and of a method that an address has not.
_NOWHERE = frozenset({404, 405})
_OHIF = re.compile(r"\A/viewer/ohif/[^/]+(?=/dicom-web)")
_PARAMETER = re.compile(r"\{[^}]+\}")


@dataclass(frozen=True, slots=True)
class Operation:
    """One published operation; path as the document has it."""

    method: str
    path: str
    statuses: frozenset[str]

    @property
    def pattern(self) -> re.Pattern[str]:
        folder = self.path.removesuffix("/{file}")
        parts = [re.escape(part) for part in _PARAMETER.split(folder)]
        below = "/.*" if folder != self.path else ""
        # FHIR's interactions are no ids.
        return re.compile(r"(?!_search\Z|_history\Z)[^/]+".join(parts) + below + r"\Z")


@cache
def operations() -> tuple[Operation, ...]:
    """Return every operation of every document."""
    return tuple(_operations())


def find_operation(method: str, path: str) -> Operation | None:
    """Find the operation of an address: one without parameters before one with."""
    for one, pattern in _by_specificity():
        if one.method == method and pattern.match(path):
            return one
    return None


def published(client: TestClient) -> TestClient:
    """Return the client; an answer that is not published fails the test that asked for it."""
    client.event_hooks["response"].append(_check)
    return client


def check_published(method: str, path: str, status: int) -> None:
    """Check one answer, and write down that it was given."""
    name = "get" if method == "HEAD" else method.lower()
    # OHIF asks below its own page for the same DICOMweb.
    path = _OHIF.sub("", path)
    if path.startswith("/fhir/"):
        path = path.rstrip("/")
    operation = find_operation(name, path)
    if operation is None:
        is_ours = name in {"get", "post"} and path.split("/")[1] in _first_segments()
        assert not is_ours or status in _NOWHERE, f"no such address is published: {path}"
        return
    told = (method, operation.path, status)
    assert operation.statuses & {str(int(status)), "default"}, f"not published: {told}"
    file = os.environ.get(ANSWERS_FILE)
    if file:
        with open(file, "a", encoding="utf-8") as lines:  # noqa: PTH123  # appended by several
            lines.write(f"{name} {operation.path} {int(status)}\n")


def _check(response: httpx2.Response) -> None:
    check_published(response.request.method, response.request.url.path, response.status_code)


def _operations() -> Iterator[Operation]:
    for file in sorted((ROOT / "openapi").glob("*.yaml")):
        document: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
        for path, item in document["paths"].items():
            for method in METHODS & item.keys():
                yield Operation(method, path, frozenset(item[method]["responses"]))


@cache
def _first_segments() -> frozenset[str]:
    return frozenset(one.path.split("/")[1] for one in operations())


@cache
def _by_specificity() -> tuple[tuple[Operation, re.Pattern[str]], ...]:
    ordered = sorted(operations(), key=lambda one: len(_PARAMETER.findall(one.path)))
    return tuple((one, one.pattern) for one in ordered)
