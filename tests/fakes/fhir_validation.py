"""A second opinion on every resource we send: the R4B models, and what they leave unchecked.

The models of fhir.resources judge cardinality and types. Beside them: required bindings, targets
of references, the order of elements (which XML needs), empty values, contained resources, and the
INS, which stands in a Patient only, beside its traits.
"""

import re
from collections.abc import Iterator
from typing import Any

from fhir.resources.R4B import get_fhir_model_class
from pydantic import BaseModel

from drimbox.model.patient import ins_control_key

Json = dict[str, Any]
_INS = re.compile(r"(?<![0-9])[12478][0-9]{4}(?:[0-9]{2}|2A|2B)[0-9]{8}(?![0-9])", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}\Z", re.ASCII)


def faults_of(resource: Json) -> list[str]:
    """Return what is wrong with a resource, each with its path."""
    kind = resource["resourceType"]
    model = get_fhir_model_class(kind).model_validate(resource)
    return [
        *_element_faults(resource, model, kind),
        *_contained_faults(resource),
        *_ins_faults(resource, kind),
    ]


def check(resource: Json) -> None:
    assert faults_of(resource) == []


def summary_elements(kind: str) -> set[str]:
    """Return the elements of a resource type that R4 marks Σ."""
    return {
        field.alias or name
        for name, field in get_fhir_model_class(kind).model_fields.items()
        if isinstance(field.json_schema_extra, dict)
        and field.json_schema_extra.get("summary_element_property")
    }


def _element_faults(value: Json, model: BaseModel, path: str) -> Iterator[str]:
    fields = {field.alias or name: field for name, field in type(model).model_fields.items()}
    names = [name for name in value if name != "resourceType"]
    order = [name for name in type(model).elements_sequence() if name in value]  # type: ignore[attr-defined]
    if names != order and not path.endswith("xtension"):
        yield f"{path}: elements out of order: {names}"
    # Of an element it is any string (R4 2.24.0.1): slices have colons in theirs.
    if "id" in value and "resourceType" in value and not _ID.match(value["id"]):
        yield f"{path}.id: not an id"
    for name, content in value.items():
        if name == "resourceType":
            continue
        extra = fields[name].json_schema_extra
        assert isinstance(extra, dict)
        for position, one in enumerate(content if isinstance(content, list) else [content]):
            where = f"{path}.{name}[{position}]"
            yield from _value_faults(one, extra, where)
            inner = getattr(model, _attribute(type(model), name))
            inner = inner[position] if isinstance(inner, list) else inner
            if isinstance(inner, BaseModel) and isinstance(one, dict):
                yield from _element_faults(one, inner, where)
        if content == []:
            yield f"{path}.{name}: empty"


def _attribute(model: type[BaseModel], alias: str) -> str:
    return next(n for n, f in model.model_fields.items() if (f.alias or n) == alias)


def _value_faults(value: object, extra: Json, path: str) -> Iterator[str]:
    allowed = extra.get("enum_values")
    # The models list examples too; a required binding is one of codes.
    # Of formats they list the words of the definition's text, not media types.
    is_listed = allowed and "mime" not in allowed
    if is_listed and isinstance(value, str) and value not in allowed:
        yield f"{path}: {value} is none of {allowed}"
    if value in ("", {}, None):
        yield f"{path}: empty"
    if isinstance(value, str) and value != value.strip():
        yield f"{path}: white space around"
    targets = extra.get("enum_reference_types")
    reference = value.get("reference", "") if isinstance(value, dict) else ""
    if targets and "/" in reference and not reference.startswith("#"):
        target = reference.split("/")[-2]
        if target not in targets and "Resource" not in targets:
            yield f"{path}: refers to a {target}, not to {targets}"


def _contained_faults(resource: Json) -> Iterator[str]:
    """dom-2, dom-3, dom-4, dom-5; the resources of a Bundle have their own."""
    if resource["resourceType"] == "Bundle":
        return
    contained = resource.get("contained", [])
    referred = set(_references(resource))
    identifiers = {one["id"] for one in contained}
    for one in contained:
        if f"#{one['id']}" not in referred:
            yield f"contained {one['id']}: nothing refers to it"
        if "contained" in one or "versionId" in one.get("meta", {}):
            yield f"contained {one['id']}: has what a contained resource has not"
    for reference in referred:
        if reference.startswith("#") and reference[1:] not in identifiers:
            yield f"{reference}: not contained"


def _references(value: object) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _references(one)
    if isinstance(value, dict):
        for name, one in value.items():
            if name == "reference" and isinstance(one, str):
                yield one
            yield from _references(one)


def _ins_faults(value: object, path: str) -> Iterator[str]:
    """Nothing but an identifier of a whole Patient holds an INS."""
    if isinstance(value, list):
        for position, one in enumerate(value):
            yield from _ins_faults(one, f"{path}[{position}]")
    elif isinstance(value, dict):
        if value.get("resourceType") == "Patient":
            has_ins = any(_has_ins(i["value"]) for i in value.get("identifier", []))
            if has_ins and not {"name", "gender", "birthDate"} <= value.keys():
                yield f"{path}: an INS without its traits"
            return
        for name, one in value.items():
            yield from _ins_faults(one, f"{path}.{name}")
    elif isinstance(value, str) and _has_ins(value):
        yield f"{path}: an INS"


def _has_ins(text: str) -> bool:
    """Tell an INS by its shape and its key: a structure's identifier may have the shape too."""
    found = (match.group() for match in _INS.finditer(text))
    return any(ins_control_key(number[:13]) == number[13:] for number in found)
