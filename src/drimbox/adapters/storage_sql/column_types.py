"""Column types that both engines hold in the same way."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import BigInteger, Dialect, Integer, Text
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

RowNumber = BigInteger().with_variant(Integer(), "sqlite")
"""A key the database numbers; SQLite only does so for INTEGER."""


class Instant(TypeDecorator[datetime]):
    """An aware instant as microseconds since 1970 in UTC: exact, and ordered as a number."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        del dialect
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        del dialect
        return None if value is None else _EPOCH + timedelta(microseconds=value)


class CleanText(TypeDecorator[str]):
    """Text from outside: what PostgreSQL refuses (NUL, lone surrogates) is written as U+FFFD."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        del dialect
        return clean_text(value)


def clean_text(text: str | None) -> str | None:
    """Return the text as CleanText stores it."""
    if text is None:
        return None
    cleaned = str(text).replace("\x00", "\ufffd")
    return cleaned.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
