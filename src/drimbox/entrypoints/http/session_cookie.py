"""The two cookies of the browser listener: the session, and the binding of a sign-in to a browser.

On HTTPS their names carry `__Host-` (RFC 6265bis 4.1.3.2): no other host can plant them. Plain HTTP
exists on loopback for the demo only, where a browser refuses that prefix.
"""

import re
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

# new_secret: 256 bits, base64url.
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}\Z", re.ASCII)
_SIGN_IN_SECONDS = 600


@dataclass(frozen=True, slots=True)
class BrowserCookies:
    """Reads and writes both; is_secure is whether the listener speaks HTTPS to browsers."""

    is_secure: bool

    @property
    def session_name(self) -> str:
        return self._prefixed("drimbox")

    @property
    def sign_in_name(self) -> str:
        return self._prefixed("drimbox-sign-in")

    def session_of(self, request: Request) -> str | None:
        return _secret(request, self.session_name)

    def sign_in_of(self, request: Request) -> str | None:
        return _secret(request, self.sign_in_name)

    def set_session(self, response: Response, identifier: str) -> None:
        """Without Max-Age: it ends with the browser, or with the session on our side."""
        self._set(response, self.session_name, identifier, None)

    def set_sign_in(self, response: Response, binding: str) -> None:
        self._set(response, self.sign_in_name, binding, _SIGN_IN_SECONDS)

    def clear_session(self, response: Response) -> None:
        self._set(response, self.session_name, "", 0)

    def clear_sign_in(self, response: Response) -> None:
        self._set(response, self.sign_in_name, "", 0)

    def _set(self, response: Response, name: str, value: str, max_age: int | None) -> None:
        # Lax: the callback is a navigation from the provider's site and must find its binding.
        response.set_cookie(
            name,
            value,
            max_age=max_age,
            path="/",
            secure=self.is_secure,
            httponly=True,
            samesite="lax",
        )

    def _prefixed(self, name: str) -> str:
        return f"__Host-{name}" if self.is_secure else name


def _secret(request: Request, name: str) -> str | None:
    value = request.cookies.get(name)
    return value if value is not None and _SECRET.match(value) else None
