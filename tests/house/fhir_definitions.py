"""profiles/definitions: what is made of the tables of the code; run to rewrite it.

SUSHI compiles the profiles and the terminology beside it (scripts/profiles does both).
"""

from collections.abc import Iterator

import orjson
from fhir.resources.R4B import get_fhir_model_class
from pydantic import BaseModel
from tests.house.source_files import ROOT

from drimbox.standards.fhir.canonical import CANONICAL
from drimbox.standards.fhir.capability_statement import encode_capability_statement
from drimbox.standards.fhir.code_systems import Json
from drimbox.standards.fhir.definitions import definitions
from drimbox.standards.fhir.surface import ServiceFacts

FOLDER = ROOT / "profiles" / "definitions"
MADE = ("CapabilityStatement", "OperationDefinition", "SearchParameter")
# The Source opens no context: only the Consommatrice has the operation.
_FUNCTIONS = {
    "drimbox-consommatrice": "DRIMbox Consommatrice, façade FHIR",
    "drimbox-source": "DRIMbox Source, façade FHIR",
}
_OF_ONE_BOX = ("software", "implementation", "version")


def made_files() -> dict[str, bytes]:
    """Return the content of each file by its name."""
    return {f"{one['resourceType']}-{one['id']}.json": _written(one) for one in _made_definitions()}


def _made_definitions() -> Iterator[Json]:
    for of_a_kind in definitions().values():
        yield from of_a_kind.values()
    for name, title in _FUNCTIONS.items():
        yield _requirements(name, title)


def _requirements(name: str, title: str) -> Json:
    """Return what every box of a function offers: /metadata less what is of one box."""
    facts = ServiceFacts("", "", "", "", opens_contexts=name != "drimbox-source")
    statement = encode_capability_statement(facts)
    rest = statement["rest"]
    assert isinstance(rest, list)
    rest[0]["security"].pop("extension")
    rest[0]["security"].pop("cors")
    changes: Json = {
        "id": name,
        # It is itself what our own boxes instantiate.
        "instantiates": [url for url in _texts(statement["instantiates"]) if CANONICAL not in url],
        "url": f"{CANONICAL}/CapabilityStatement/{name}",
        "name": name.title().replace("-", ""),
        "title": title,
        "kind": "requirements",
    }
    return {
        element: changes.get(element, value)
        for element, value in statement.items()
        if element not in _OF_ONE_BOX
    }


def _texts(value: object) -> list[str]:
    assert isinstance(value, list)
    return [str(one) for one in value]


def _written(definition: Json) -> bytes:
    return orjson.dumps(definition, option=orjson.OPT_INDENT_2) + b"\n"


def in_schema_order(content: bytes) -> bytes:
    """Return a definition with its elements in the order of R4, which its XML needs.

    SUSHI writes them in an order of its own.
    """
    definition = orjson.loads(content)
    model = get_fhir_model_class(definition["resourceType"]).model_validate(definition)
    return _written(_ordered(definition, model))


def _ordered(value: Json, model: BaseModel) -> Json:
    aliases = {field.alias or name: name for name, field in type(model).model_fields.items()}
    order = ["resourceType", *type(model).elements_sequence()]  # type: ignore[attr-defined]
    return {
        name: _ordered_inside(value[name], getattr(model, aliases.get(name, ""), None))
        for name in sorted(value, key=order.index)
    }


def _ordered_inside(value: object, model: object) -> object:
    if isinstance(value, list) and isinstance(model, list):
        return [_ordered_inside(one, inner) for one, inner in zip(value, model, strict=True)]
    if isinstance(value, dict) and isinstance(model, BaseModel):
        return _ordered(value, model)
    return value


if __name__ == "__main__":
    for file in FOLDER.glob("*.json"):
        if file.name.startswith(MADE):
            file.unlink()
        else:
            file.write_bytes(in_schema_order(file.read_bytes()))
    for file_name, content in made_files().items():
        (FOLDER / file_name).write_bytes(content)
