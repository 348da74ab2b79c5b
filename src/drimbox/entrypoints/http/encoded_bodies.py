"""Bodies of requests come as they are: one that is compressed is refused before it is read (N7)."""

from starlette.requests import Request

from drimbox.errors import UnsupportedMessage


class EncodedBody(UnsupportedMessage):
    """A body with a content coding: nothing of it is ever inflated (415, RFC 9110 8.4)."""


def check_not_encoded(request: Request) -> None:
    """Check that the body is what it says it is.

    Raises:
        EncodedBody: it has another content coding than identity.
    """
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise EncodedBody("a compressed body", where="Content-Encoding")
