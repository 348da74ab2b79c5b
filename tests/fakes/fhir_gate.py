"""Every reader of FHIR that we have, one after the other, on one resource (spec/fhir.md 7.2).

| reader | judges |
|---|---|
| fhir.resources R4B | types, cardinality; fhir_validation: order, bindings, references, INS |
| pyrofile-validator | base R4 and our profiles: nested cardinality, bindings, invariants |
| Medplum core (node) | base R4 and our profiles: slices, dates, unknown elements, invariants |
| fhirpathpy | the invariants of our profiles, by themselves |
| fhirclient | strict R4 4.0.1: refuses what R5 renamed |
| npm fhir (node) | our XML is our JSON |

A resource is judged by the profiles of ours that it claims, and by base R4.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import orjson
from fhirclient.models import fhirelementfactory
from fhirpathpy import compile as compiled
from fhirpathpy.models import models
from pyrofile_validator import Validator
from pyrofile_validator.config import ValidatorConfig
from pyrofile_validator.models import Severity, ValidationIssue
from tests.fakes.fhir_validation import faults_of
from tests.fakes.node_judge import OUR_DEFINITIONS, R4_DEFINITIONS, NodeJudge, our_profiles

from drimbox.standards.fhir.canonical import CANONICAL
from drimbox.standards.fhir.profiles import OPERATION_OUTCOME
from drimbox.standards.fhir.xml import encode_xml

Json = dict[str, Any]
_ENOUGH = 3


class FhirGate:
    """folder is a scratch folder: pyrofile reads definitions from one."""

    def __init__(self, folder: Path, node: NodeJudge) -> None:
        self._node = node
        self._pyrofile = Validator(_configuration(folder))

    def faults(self, resource: Json) -> list[str]:
        """Return what is wrong, each with who says so; profiles are those of meta.profile."""
        return [
            *(f"R4B: {fault}" for fault in faults_of(resource)),
            *self.profile_faults(resource),
            *(f"fhirclient: {fault}" for fault in _fhirclient_faults(resource)),
            *(f"XML: {fault}" for fault in self._xml_faults(resource)),
        ]

    def profile_faults(self, resource: Json) -> list[str]:
        """Return what the readers that know profiles find, base R4 included."""
        profiles = claimed(resource)
        return [
            *(f"pyrofile: {fault}" for fault in self._pyrofile_faults(resource)),
            *(f"Medplum: {fault}" for fault in self._node.faults(resource, profiles)),
            *(f"FHIRPath: {fault}" for url in profiles for fault in broken(resource, url)),
        ]

    def check(self, resource: Json) -> None:
        faults = self.faults(resource)
        assert not faults, "\n".join(faults)

    def _pyrofile_faults(self, resource: Json) -> Iterator[str]:
        # fhirpathpy prints what trace() of R4's own invariants says.
        with redirect_stdout(StringIO()):
            issues = self._pyrofile.validate_resource(shortened(resource)).issues
        for issue in issues:
            if issue.severity is Severity.ERROR and not _is_miscount(issue):
                yield f"{issue.code} {issue.path}: {issue.message}"

    def _xml_faults(self, resource: Json) -> Iterator[str]:
        read = self._node.read_xml(encode_xml(resource).decode())
        if read != json.loads(orjson.dumps(resource)):
            yield f"another {resource['resourceType']} than the JSON"


def shortened(value: Any) -> Any:
    """Return a copy with three instances a series: pyrofile's time is quadratic in their number."""
    if isinstance(value, list):
        return [shortened(one) for one in value]
    if not isinstance(value, dict):
        return value
    instances = value.get("instance")
    if isinstance(instances, list) and len(instances) > _ENOUGH:
        value = value | {"instance": instances[:_ENOUGH], "numberOfInstances": _ENOUGH}
    return {name: shortened(one) for name, one in value.items()}


def _is_miscount(issue: ValidationIssue) -> bool:
    """Tell pyrofile 0.3's count of what stands in an array of an array, as if in one."""
    return issue.code == "profile.element.cardinality.max" and (issue.path or "").count(".") >= 3


def claimed(resource: Json) -> list[str]:
    """Return the profiles of ours that a resource says it follows; an outcome says none."""
    if resource["resourceType"] == "OperationOutcome":
        return [OPERATION_OUTCOME]
    return [url for url in resource.get("meta", {}).get("profile", []) if url.startswith(CANONICAL)]


def broken(resource: Json, profile: str) -> list[str]:
    """Return the keys of our own invariants that the resource breaks."""
    return [
        key
        for key, holds in _invariants(profile)
        if holds(resource, {"resource": resource}) != [True]
    ]


@cache
def _invariants(profile: str) -> list[tuple[str, Callable[..., Any]]]:
    elements = our_profiles()[profile]["differential"]["element"]
    return [
        (rule["key"], compiled(rule["expression"], models["r4"]))
        for element in elements
        for rule in element.get("constraint", ())
    ]


def _fhirclient_faults(resource: Json) -> Iterator[str]:
    try:
        fhirelementfactory.FHIRElementFactory.instantiate(resource["resourceType"], resource)
    except Exception as error:  # noqa: BLE001  # whatever a stranger's parser raises is a fault
        yield str(error)


def _configuration(folder: Path) -> ValidatorConfig:
    for definition in R4_DEFINITIONS.glob("StructureDefinition-*.json"):
        content = json.loads(definition.read_text(encoding="utf-8"))
        if content.get("derivation") != "constraint" or content["id"] == "patient-birthPlace":
            (folder / definition.name).symlink_to(definition)
    paths = [str(folder), str(OUR_DEFINITIONS)]
    # The extensions of others (FR Core, MADO, PDSm, R5) have no definition here.
    return ValidatorConfig.load_dict({"localPackagePaths": paths, "allowUnknownExtensions": True})
