"""openapi/index.html, from openapi/*.yaml; run to rewrite the page.

A box serves it as it is: no script, no address of another host, one style sheet of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from tests.house.source_files import ROOT

Json = dict[str, Any]
FOLDER = ROOT / "openapi"
PAGE = FOLDER / "index.html"
_METHODS = ("get", "post", "put", "patch", "delete", "options", "head")


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path; parameters and responses with what they refer to."""

    method: str
    path: str
    name: str
    summary: str
    description: str
    listeners: tuple[str, ...]
    is_open: bool
    parameters: tuple[Json, ...]
    bodies: tuple[tuple[str, str], ...]
    responses: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...]


@dataclass(frozen=True, slots=True)
class Document:
    """One file of openapi/."""

    file: str
    title: str
    description: str
    operations: tuple[Operation, ...]
    schemas: tuple[tuple[str, str], ...]

    @property
    def anchor(self) -> str:
        return self.file.partition(".")[0]


def openapi_page() -> str:
    """Return the page."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    documents = [_read(file) for file in sorted(FOLDER.glob("*.yaml"))]
    return environment.get_template("openapi.html").render(documents=documents)


def _read(file: Path) -> Document:
    content: Json = yaml.safe_load(file.read_text(encoding="utf-8"))
    schemas = content.get("components", {}).get("schemas", {})
    return Document(
        file.name,
        content["info"]["title"],
        content["info"].get("description", ""),
        tuple(_operations(content)),
        tuple((name, _yaml(schema)) for name, schema in schemas.items()),
    )


def _operations(document: Json) -> Iterator[Operation]:
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                yield _operation(document, path, method)


def _operation(document: Json, path: str, method: str) -> Operation:
    item = document["paths"][path]
    operation = item[method]
    every = [*item.get("parameters", ()), *operation.get("parameters", ())]
    listeners = (one.get("x-listeners") for one in (operation, item, document))
    body = _resolved(document, operation.get("requestBody", {}))
    return Operation(
        method=method,
        path=path,
        name=operation.get("operationId", f"{method} {path}"),
        summary=operation.get("summary", item.get("summary", "")),
        description=operation.get("description", item.get("description", "")),
        listeners=tuple(next(filter(None, listeners), ())),
        is_open=operation.get("security", document.get("security")) in ([], None),
        parameters=tuple(_parameter(document, one) for one in every),
        bodies=tuple(_content(body)),
        responses=tuple(
            (str(status), text["description"], tuple(_content(text)))
            for status, one in operation["responses"].items()
            for text in [_resolved(document, one)]
        ),
    )


def _parameter(document: Json, parameter: Json) -> Json:
    found = _resolved(document, parameter)
    return {
        "name": found["name"],
        "in": found["in"],
        "is_required": found.get("required", False),
        "shape": _shape(found.get("schema", {})),
        "description": found.get("description", ""),
    }


def _content(value: Json) -> Iterator[tuple[str, str]]:
    for media_type, one in value.get("content", {}).items():
        yield media_type, _shape(one.get("schema", {}))


def _shape(schema: Json) -> str:
    """Return a schema in a word: what it refers to, else its type and what bounds it."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    words = (schema.get("type", ""), schema.get("format", ""), schema.get("pattern", ""))
    return " ".join(str(word) for word in words if word)


def _resolved(document: Json, value: Json) -> Json:
    while "$ref" in value:
        target: Any = document
        for step in value["$ref"].removeprefix("#/").split("/"):
            target = target[step.replace("~1", "/").replace("~0", "~")]
        value = target
    return value


def _yaml(schema: Json) -> str:
    return yaml.safe_dump(schema, sort_keys=False, allow_unicode=True, width=100)


if __name__ == "__main__":
    PAGE.write_text(openapi_page(), encoding="utf-8")
