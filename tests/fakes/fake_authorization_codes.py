"""Authorization codes, in memory."""

from dataclasses import dataclass, field
from datetime import datetime

from drimbox.errors import NotFound
from drimbox.model.authorization import AuthorizationCode


@dataclass
class FakeAuthorizationCodes:
    codes: dict[str, AuthorizationCode] = field(default_factory=dict)

    async def add(self, code: AuthorizationCode) -> None:
        self.codes[code.code] = code

    async def take(self, code: str, now: datetime) -> AuthorizationCode:
        found = self.codes.pop(code, None)
        if found is None or found.expires_at <= now:
            raise NotFound("no such code")
        return found
