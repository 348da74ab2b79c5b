"""How a sandbox provider says no: to the browser, to the client by redirection, to the machine."""


class PageRefused(Exception):
    """Nobody trustworthy to redirect to: the person sees a page (RFC 6749 4.1.2.1)."""


class AuthorizationRefused(Exception):
    """The client is told by redirection; error is the code of RFC 6749 4.1.2.1."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


class MachineRefused(Exception):
    """A machine is told in JSON (RFC 6749 5.2) or by WWW-Authenticate (RFC 6750 3)."""

    def __init__(self, error: str, description: str, *, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status
