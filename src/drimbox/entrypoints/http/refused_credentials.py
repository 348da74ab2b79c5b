"""Authentication that leaves a trace of every credential that did not hold, then answers as before.

No credential at all is no attempt: a client asks so what it needs (RFC 6750 3).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request

from drimbox.entrypoints.http.fhir.edge import request_id_of
from drimbox.errors import NotAuthenticated, Refused
from drimbox.flows.record_refusal import UNKNOWN_USER, RecordRefusal, RefusedRequest
from drimbox.model.access import Caller
from drimbox.standards.iua.access_token import TokenExpired

Authenticate = Callable[[Request], Awaitable[Caller]]


@dataclass(frozen=True, slots=True)
class RefusalsRecorded:
    """Authenticates as authenticate does; raises what it raises, once that is in the trail."""

    authenticate: Authenticate
    record: RecordRefusal

    async def __call__(self, request: Request) -> Caller:
        try:
            return await self.authenticate(request)
        except Refused as error:
            await self.record(_refused(request), error)
            raise
        except NotAuthenticated as error:
            if error.error is not None:
                await self.record(_refused(request, error), error)
            raise


def _refused(request: Request, error: NotAuthenticated | None = None) -> RefusedRequest:
    return RefusedRequest(
        door=request.url.path.split("/", 2)[1][:32],
        source_address=request.client.host if request.client is not None else "",
        user=error.subject if isinstance(error, TokenExpired) else UNKNOWN_USER,
        request_id=request_id_of(request),
    )
