"""The host's clock, and identifiers from the host's randomness."""

import secrets
import time
from datetime import UTC, datetime

from drimbox.errors import InvalidValue, SettingsError
from drimbox.model.uids import MAX_UID_LENGTH, Oid

_MAX_DIGITS = 39  # of 128 random bits
_MIN_DIGITS = 30  # about 100 random bits: never twice


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class RandomIdentifiers:
    def __init__(self, uid_root: str | None = None) -> None:
        """Take the OID arc of the box; without one, UIDs are made under 2.25 (PS3.5 B.2).

        Raises:
            SettingsError: not an OID, or so long that no room is left to be unique.
        """
        path = "publication.uid_root"
        try:
            self._root = "2.25" if uid_root is None else Oid(uid_root)
        except InvalidValue as error:
            raise SettingsError(path, error.rule) from error
        self._digits = min(_MAX_DIGITS, MAX_UID_LENGTH - len(self._root) - 1)
        if self._digits < _MIN_DIGITS:
            raise SettingsError(path, f"{MAX_UID_LENGTH - 1 - _MIN_DIGITS} characters at most")

    def new_uid(self) -> str:
        if self._root == "2.25":
            # Under 2.25 the number is a UUID's, version 4 (ITU-T X.667): 122 random bits.
            bits = secrets.randbits(128) & ~(0xF << 76) & ~(0x3 << 62)
            return f"2.25.{bits | (0x4 << 76) | (0x2 << 62)}"
        return f"{self._root}.{secrets.randbelow(10**self._digits)}"

    def new_secret(self) -> str:
        return secrets.token_urlsafe(32)
