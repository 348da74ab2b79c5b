"""Authorization codes: only their SHA-256 is stored, and what they open is sealed."""

from datetime import datetime

from sqlalchemy import delete

from drimbox.adapters.storage_sql.engine import Database
from drimbox.adapters.storage_sql.records import decode_record, encode_record
from drimbox.adapters.storage_sql.sealing import Sealing, digest_of_secret
from drimbox.adapters.storage_sql.tables import authorization_codes
from drimbox.errors import Conflict, NotFound
from drimbox.model.authorization import AuthorizationCode

_PLACE = ("authorization_codes", "authorization")


class SqlAuthorizationCodes:
    """Implements ports.authorization_codes.AuthorizationCodes."""

    def __init__(self, database: Database, sealing: Sealing) -> None:
        self._database = database
        self._sealing = sealing

    async def add(self, code: AuthorizationCode) -> None:
        digest = digest_of_secret(code.code)
        row = {
            "code_digest": digest,
            "authorization": self._sealing.seal(encode_record(code), *_PLACE, digest),
            "expires_at": code.expires_at,
        }
        write = self._database.write
        if not await write(lambda c: self._database.insert_once(c, authorization_codes, row)):
            raise Conflict("this code is taken")

    async def take(self, code: str, now: datetime) -> AuthorizationCode:
        digest = digest_of_secret(code)
        # The deletion itself decides: of any number of racers one gets the row.
        statement = (
            delete(authorization_codes)
            .where(authorization_codes.c.code_digest == digest)
            .returning(authorization_codes.c.authorization, authorization_codes.c.expires_at)
        )
        row = await self._database.write(lambda c: c.execute(statement).one_or_none())
        if row is None or row.expires_at <= now:
            raise NotFound("no such code, or its time is over")
        return decode_record(
            AuthorizationCode, self._sealing.unseal(row.authorization, *_PLACE, digest)
        )
