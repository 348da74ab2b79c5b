"""Conformance resources of /fhir: read and searched by anyone, as profiles/definitions has them.

A validator that meets one of our canonicals in meta.profile asks [base]/StructureDefinition?url=.
"""

from dataclasses import dataclass
from pathlib import Path

import orjson
from starlette.requests import Request
from starlette.responses import Response

from drimbox.entrypoints.http.fhir.reads import written_public
from drimbox.entrypoints.http.fhir.search_answers import SearchAnswers
from drimbox.errors import NotFound
from drimbox.flows.read_fhir import Answer
from drimbox.standards.fhir.capability_statement import encode_capability_statement
from drimbox.standards.fhir.code_systems import Json
from drimbox.standards.fhir.definition_search import Definition, definition_of_json, of_kind
from drimbox.standards.fhir.search import SearchableResource
from drimbox.standards.fhir.search_page import select

_IN_THE_WHEEL = Path(__file__).parent / "definitions"
_IN_A_CHECKOUT = Path(__file__).parents[5] / "profiles" / "definitions"
# Pages of what anybody may read are nobody's.
_ANYBODY = "anybody"


def load_definitions() -> tuple[Definition, ...]:
    """Read profiles/definitions, as the wheel carries it; a checkout has it at its root."""
    folder = _IN_THE_WHEEL if _IN_THE_WHEEL.is_dir() else _IN_A_CHECKOUT
    contents = (file.read_bytes() for file in sorted(folder.glob("*.json")))
    return tuple(definition_of_json(orjson.loads(content), content) for content in contents)


@dataclass(frozen=True, slots=True)
class PublicDefinitions:
    """The statement of what this box does, and its definitions; neither needs a token."""

    answers: SearchAnswers
    capability: Json
    definitions: tuple[Definition, ...]

    async def metadata(self, request: Request) -> Response:
        """Return /metadata; of its modes only `full` and `normative` are the same here."""
        if request.query_params.get("mode", "full") not in {"full", "normative"}:
            raise NotFound("no such mode of /metadata")
        return written_public(request, self.capability)

    async def read(self, request: Request) -> Response:
        kind = request.url.path.rsplit("/", 2)[1]
        for one in of_kind(self.definitions, kind):
            if one.identifier == request.path_params["id"]:
                return written_public(request, orjson.loads(one.content))
        raise NotFound("no such definition")

    async def search(self, request: Request, resource: SearchableResource[Definition]) -> Response:
        asked = await self.answers.read(request, _ANYBODY, resource)
        known = of_kind(self.definitions, resource.name)
        page = select(asked.search, known, asked.position)
        matches = (orjson.loads(one.content) for one in page.matches)
        return self.answers.write(request, asked, Answer(page), matches)


def public_definitions(
    answers: SearchAnswers, definitions: tuple[Definition, ...]
) -> PublicDefinitions:
    """Return them with this box's own statement, which is found as /metadata and by its url."""
    statement = encode_capability_statement(answers.facts)
    own = definition_of_json(statement, orjson.dumps(statement))
    return PublicDefinitions(answers, statement, (*definitions, own))
