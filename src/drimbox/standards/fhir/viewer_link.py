"""What the address of a viewer Endpoint carries: an exam of a context, sealed (spec 5.5).

AES-SIV (RFC 5297), as for pages: nobody without the box's key can tell or make one, so that neither
an INS nor a UID stands in an address that programs keep and log.
"""

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from drimbox.errors import NotFound
from drimbox.model.uids import StudyInstanceUid

LINK_KEY_LENGTH = 64
_PURPOSE = [b"drimbox viewer link"]
_MAX_LENGTH = 1024


@dataclass(frozen=True, slots=True)
class ViewerLink:
    """secret makes two links to one exam different."""

    context: str
    study: StudyInstanceUid
    secret: str
    expires_at: datetime

    def __repr__(self) -> str:
        return "ViewerLink()"


class LinkSeal:
    """Makes and reads links with one key."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESSIV(key)

    def seal(self, link: ViewerLink) -> str:
        expires_at = int(link.expires_at.timestamp())
        content = orjson.dumps([link.context, link.study, link.secret, expires_at])
        sealed = self._cipher.encrypt(content, _PURPOSE)
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def open(self, text: str, now: datetime) -> ViewerLink:
        """Return what a link carries.

        Raises:
            NotFound: altered, made by another box, or over: all the same answer.
        """
        if len(text) > _MAX_LENGTH:
            raise NotFound("no such link")
        try:
            sealed = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
            content = self._cipher.decrypt(sealed, _PURPOSE)
        except (UnicodeEncodeError, binascii.Error, ValueError, InvalidTag):
            raise NotFound("no such link") from None
        context, study, secret, expires_at = orjson.loads(content)
        until = datetime.fromtimestamp(expires_at, UTC)
        if until <= now:
            raise NotFound("no such link")
        return ViewerLink(context, StudyInstanceUid(study), secret, until)
