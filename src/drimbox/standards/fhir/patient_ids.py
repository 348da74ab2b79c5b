"""The logical id of a patient of the Source: the INS, encrypted; the same one each time.

AES-SIV (RFC 5297) of 16 octets gives 32, written as the 64 hexadecimal digits that an id may have.
Nothing is stored, nobody without the box's key can tell or make one, and a digest that anybody
could compute of each possible INS would be none.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from drimbox.errors import InvalidValue, NotFound
from drimbox.model.patient import Ins, InsAuthority

ID_KEY_LENGTH = 64
_PURPOSE = [b"drimbox Patient.id"]
_ID_LENGTH = 64
# Their order is part of the format: add at the end only.
_AUTHORITIES = (InsAuthority.NIR, InsAuthority.NIA, InsAuthority.NIR_TEST, InsAuthority.NIR_DEMO)


class PatientIds:
    """Seals and opens ids with one key."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESSIV(key)

    def seal(self, ins: Ins) -> str:
        content = f"{ins.value}{_AUTHORITIES.index(ins.authority)}"
        return self._cipher.encrypt(content.encode("ascii"), _PURPOSE).hex()

    def open(self, identifier: str) -> Ins:
        """Return the INS of an id.

        Raises:
            NotFound: not one of ours.
        """
        try:
            octets = bytes.fromhex(identifier) if len(identifier) == _ID_LENGTH else b""
            content = self._cipher.decrypt(octets, _PURPOSE).decode("ascii")
            return Ins(content[:-1], _AUTHORITIES[int(content[-1])])
        except (ValueError, InvalidTag, InvalidValue, IndexError):
            raise NotFound("no such patient") from None
