"""POST /fhir/$contextual-call: the contextual call of a program, as a FHIR operation.

    no bearer, or one that does not hold     401
    other type, over 64 KiB, any fault       400, one E200 issue for each
    otherwise                                200 Parameters: a token bound to the new context

The rules, the consent and the trail are those of the form (entrypoints/http/contextual_call.py).
"""

from dataclasses import asdict, dataclass

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from drimbox.entrypoints.http.bearer import bearer_token
from drimbox.entrypoints.http.calling_program import CallingProgram
from drimbox.entrypoints.http.fhir.formats import format_of, resource_response
from drimbox.entrypoints.http.fhir.requests import media_type, read_body
from drimbox.errors import NotAuthenticated, TooLarge
from drimbox.flows.consumer.open_contextual_call import CallOrigin
from drimbox.model.access import ConsultationContext
from drimbox.model.contextual_call import CallFault, MalformedCall
from drimbox.standards.fhir.contextual_call import (
    MAX_BODY_BYTES,
    OPERATION,
    CallAnswer,
    CallSyntax,
    ReadCall,
    encode_answer,
    parse_call,
)

_SYNTAXES = {
    "application/fhir+json": CallSyntax.JSON,
    "application/json": CallSyntax.JSON,
    "application/fhir+xml": CallSyntax.XML,
    "application/xml": CallSyntax.XML,
}


@dataclass(frozen=True, slots=True)
class FhirContextualCall:
    """program knows who may call and what a call opens: the same as for the form."""

    program: CallingProgram

    async def call(self, request: Request) -> Response:
        written_as = format_of(request)
        token = bearer_token(request)
        if token is None:
            raise NotAuthenticated("the operation is called with a professional's token")
        address = request.client.host if request.client else ""
        origin = await self.program.identify(token, CallOrigin(address))
        try:
            read = await self._read(request)
            context = await self._open(read, origin)
        except _ShapeFault as error:
            await self.program.open_call.record_refusal(origin, str(error))
            raise
        answer = await self.program.answer(context)
        # An EHR launch of SMART names the context by this very word (flows/consumer).
        call = CallAnswer(**asdict(answer), launch=context.identifier)
        return resource_response(encode_answer(call), written_as)

    async def _read(self, request: Request) -> ReadCall:
        syntax = _SYNTAXES.get(media_type(request))
        try:
            body = await read_body(request, MAX_BODY_BYTES)
        except TooLarge:
            raise _ShapeFault((CallFault(None, f"{MAX_BODY_BYTES // 1024} Kio au plus"),)) from None
        if syntax is None:
            rule = "Content-Type : application/fhir+json ou application/fhir+xml"
            raise _ShapeFault((CallFault(None, rule),))
        try:
            return await anyio.to_thread.run_sync(parse_call, body, syntax)
        except MalformedCall as error:
            raise _ShapeFault(error.faults) from None

    async def _open(self, read: ReadCall, origin: CallOrigin) -> ConsultationContext:
        """Open the context; a shape at fault is told together with the values at fault."""
        if not read.faults:
            return await self.program.open_call(read.parameters, origin)
        named = {fault.parameter for fault in read.faults}
        others = self.program.open_call.faults_of(read.parameters)
        raise _ShapeFault((*read.faults, *(f for f in others if f.parameter not in named)))


class _ShapeFault(MalformedCall):
    """Refused before the call's own check, which records its refusals itself."""


def fhir_contextual_call_routes(door: FhirContextualCall, prefix: str) -> list[BaseRoute]:
    return [Route(f"{prefix}/{OPERATION}", door.call, methods=["POST"])]
