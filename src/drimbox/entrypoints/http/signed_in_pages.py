"""Pages of a signed-in professional: who is signed in, where to sign in, proof that a form is ours.

A form of ours carries a token made from the session's secret, so that no other site can post it
(CSRF); `Referrer-Policy: no-referrer` makes browsers send `Origin: null`, which proves nothing.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from drimbox.entrypoints.http.bearer import BrowserAuthentication
from drimbox.entrypoints.http.encoded_bodies import check_not_encoded
from drimbox.entrypoints.http.pages import Pages
from drimbox.entrypoints.http.problems import problem_response
from drimbox.entrypoints.http.sign_in import SignInDoor, address_of
from drimbox.errors import DrimboxError, MalformedMessage, NotAuthenticated, Refused
from drimbox.model.session import Session

FORM_TOKEN = "form_token"  # noqa: S105  # the field's name
_MAX_FIELDS = 300
_MAX_VALUE_BYTES = 4096

Endpoint = Callable[[Request], Awaitable[Response]]
SessionEndpoint = Callable[[Request, Session], Awaitable[Response]]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SignedInPages:
    """Wraps handlers that need a session."""

    authentication: BrowserAuthentication
    sign_in: SignInDoor
    pages: Pages

    def page(self, handler: SessionEndpoint) -> Endpoint:
        """Show a page; without a session a GET goes to the provider, and comes back here."""

        async def answer(request: Request) -> Response:
            try:
                session = await self.authentication.session_of(request)
            except NotAuthenticated as error:
                return await self._without_session(request, error)
            except DrimboxError as error:
                return self._refuse(request, error)
            try:
                return await handler(request, session)
            except DrimboxError as error:
                return self._refuse(request, error)

        return answer

    def script(self, handler: SessionEndpoint) -> Endpoint:
        """Answer a script of a page: errors are problem+json, and nothing redirects."""

        async def answer(request: Request) -> Response:
            try:
                session = await self.authentication.session_of(request)
                return await handler(request, session)
            except DrimboxError as error:
                _log.info("page_script_refused", error=type(error).__name__)
                return problem_response(request, error)

        return answer

    async def _without_session(self, request: Request, error: NotAuthenticated) -> Response:
        if request.method != "GET":
            return self._refuse(request, error)
        try:
            return await self.sign_in.send_to_provider(request, address_of(request))
        except DrimboxError as refusal:
            return self._refuse(request, refusal)

    def _refuse(self, request: Request, error: DrimboxError) -> Response:
        _log.info("page_refused", error=type(error).__name__)
        return self.pages.refusal(request, error)


def form_token(session: Session) -> str:
    """Return what a form of this session must carry."""
    digest = hashlib.sha256(b"drimbox form " + session.identifier.encode()).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


async def read_form(request: Request, session: Session) -> FormData:
    """Read a form posted by a page of ours.

    Raises:
        MalformedMessage: no form, or one of more than we ever show.
        EncodedBody: a compressed one (N7).
        Refused: it was not made for this session.
    """
    check_not_encoded(request)
    try:
        form = await request.form(
            max_files=0, max_fields=_MAX_FIELDS, max_part_size=_MAX_VALUE_BYTES
        )
    except HTTPException as error:
        raise MalformedMessage("cannot be read", where="form") from error
    presented = form.get(FORM_TOKEN)
    expected = form_token(session)
    if not isinstance(presented, str) or not hmac.compare_digest(
        presented.encode(), expected.encode()
    ):
        raise Refused("the form was not made for this session")
    return form
