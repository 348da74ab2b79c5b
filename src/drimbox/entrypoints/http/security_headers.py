"""Headers that every answer to a browser carries (V2, V3, V4, N11).

Only our own scripts, styles and images are let in, nothing is stored, nothing tells where the user
comes from, and only the configured calling software may frame a page. An answer that has set one of
these headers keeps its own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# The pages' scripts build HTML in one place only, under this name (static/fragment.js).
_TRUSTED_TYPES_POLICY = "drimbox-fragment"
_ALWAYS: Mapping[str, str] = MappingProxyType(
    {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    }
)


@dataclass(frozen=True, slots=True)
class BrowserPolicy:
    """frame_ancestors may frame our pages; form_targets are where our forms may lead beside us.

    form_targets are the origins of the identity providers: a sign-out is a form whose answer
    redirects there, which CSP form-action counts too.
    """

    is_secure: bool
    frame_ancestors: tuple[str, ...] = ()
    form_targets: tuple[str, ...] = ()

    @property
    def content_security_policy(self) -> str:
        directives = {
            "default-src": ("'self'",),
            "script-src": ("'self'",),
            "style-src": ("'self'",),
            "img-src": ("'self'", "blob:"),
            "object-src": ("'none'",),
            "base-uri": ("'none'",),
            "form-action": ("'self'", *self.form_targets),
            "frame-ancestors": self.frame_ancestors or ("'none'",),
            "require-trusted-types-for": ("'script'",),
            "trusted-types": (_TRUSTED_TYPES_POLICY,),
        }
        return "; ".join(f"{name} {' '.join(values)}" for name, values in directives.items())

    def headers(self) -> Iterable[tuple[str, str]]:
        yield from _ALWAYS.items()
        yield "Content-Security-Policy", self.content_security_policy
        if not self.frame_ancestors:
            yield "X-Frame-Options", "DENY"
        if self.is_secure:
            yield "Strict-Transport-Security", "max-age=31536000"


def framed_by_our_pages(frame_ancestors: tuple[str, ...]) -> Mapping[str, str]:
    """Return the headers of a page of ours that our own pages may frame too."""
    policy = BrowserPolicy(is_secure=False, frame_ancestors=("'self'", *frame_ancestors))
    return {
        "Content-Security-Policy": policy.content_security_policy,
        "X-Frame-Options": "SAMEORIGIN",
    }


class SecurityHeaders:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, policy: BrowserPolicy) -> None:
        self._app = app
        self._headers = tuple(policy.headers())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers:
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)
