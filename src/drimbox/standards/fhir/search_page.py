"""Filters applied, records ordered, one page cut out; and the sealed token of the next one.

A token holds the search itself, so that any worker can go on; it is encrypted and authenticated
(AES-SIV, RFC 5297), because a search may name a patient, and bound to who made the search.
"""

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Generic

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from drimbox.errors import NotFound
from drimbox.standards.fhir.search import Search, SortKey
from drimbox.standards.fhir.search_parameters import Kind, Record, SearchParameter
from drimbox.standards.fhir.search_values import Interval, Reference, Token, Value, folded

PAGE_PARAMETER = "_page"
SEAL_KEY_LENGTH = 64
_MAX_TOKEN = 16384


class PageExpired(NotFound):
    """A page that was valid, too long ago (410)."""


@dataclass(frozen=True, slots=True)
class Position:
    """After how many matches the page starts; after is the logical id of the last one shown.

    place is where a register that is walked through goes on; None where all was read and ordered.
    """

    offset: int = 0
    after: str = ""
    place: int | None = None


BEGINNING = Position()


@dataclass(frozen=True, slots=True)
class Page(Generic[Record]):
    """total counts every match, None where nobody has; next is None on the last page."""

    total: int | None
    matches: tuple[Record, ...]
    next: Position | None


@dataclass(frozen=True, slots=True)
class PageState:
    """A search under way; owner is who made it."""

    resource: str
    pairs: tuple[tuple[str, str], ...]
    position: Position
    expires_at: datetime


class PageSeal:
    """Makes and reads page tokens with the box's own key."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESSIV(key)

    def seal(self, state: PageState, owner: str) -> str:
        content = orjson.dumps(
            [
                state.resource,
                state.pairs,
                state.position.offset,
                state.position.after,
                state.position.place,
                int(state.expires_at.timestamp()),
            ]
        )
        sealed = self._cipher.encrypt(content, [owner.encode()])
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def open(self, token: str, owner: str, now: datetime) -> PageState:
        """Return the search of a token.

        Raises:
            NotFound: altered, made by another box, or another caller's: all the same answer.
            PageExpired: too old.
        """
        if len(token) > _MAX_TOKEN:
            raise NotFound("no such page")
        try:
            sealed = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
            content = self._cipher.decrypt(sealed, [owner.encode()])
        except (UnicodeEncodeError, binascii.Error, ValueError, InvalidTag):
            raise NotFound("no such page") from None
        try:
            resource, pairs, offset, after, place, expires_at = orjson.loads(content)
        except ValueError:
            raise NotFound("a page of another version of this box") from None
        state = PageState(
            resource,
            tuple((name, value) for name, value in pairs),
            Position(offset, after, place),
            datetime.fromtimestamp(expires_at, UTC),
        )
        if state.expires_at <= now:
            raise PageExpired("the page has expired")
        return state


def select(
    search: Search[Record], records: Iterable[Record], position: Position = BEGINNING
) -> Page[Record]:
    """Apply the filters and the order, and cut out the page that starts at the position."""
    matches = [record for record in records if accepts(search, record)]
    identify = search.resource.parameters["_id"]
    # The logical id last, so that the order is the same at each page.
    matches.sort(key=lambda record: _text(identify, record))
    for key in reversed(search.sort):
        matches.sort(key=partial(_sort_value, key), reverse=key.is_descending)
    start = _start(position, [_text(identify, record) for record in matches])
    page = tuple(matches[start : start + search.count])
    end = start + len(page)
    following = None
    if page and end < len(matches):
        following = Position(end, _text(identify, page[-1]))
    return Page(len(matches), page, following)


def accepts(search: Search[Record], record: Record) -> bool:
    return all(one.accepts(record) for one in search.filters)


def logical_id(search: Search[Record], record: Record) -> str:
    return _text(search.resource.parameters["_id"], record)


def _start(position: Position, identifiers: list[str]) -> int:
    """Go on after the last one shown, wherever it is now; a record gone leaves its place."""
    if position.after in identifiers:
        return identifiers.index(position.after) + 1
    return min(position.offset, len(identifiers))


def _text(parameter: SearchParameter[Record], record: Record) -> str:
    first = next(iter(parameter.values(record)), None)
    return first.code if isinstance(first, Token) else ""


def _sort_value(key: SortKey[Record], record: Record) -> tuple[bool, object]:
    """Return what to order by: the earliest value, or the latest when descending; none comes last.

    FHIR R4 3.1.1.5.1 leaves the place of records without a value open.
    """
    values = [_comparable(v, key.parameter.kind) for v in key.parameter.values(record)]
    if not values:
        return (not key.is_descending, "")
    chosen = max(values) if key.is_descending else min(values)
    return (key.is_descending, chosen)


def _comparable(value: Value, kind: Kind) -> str:
    if kind is Kind.DATE and isinstance(value, Interval):
        return value.low.isoformat()
    if isinstance(value, Token):
        return value.code
    return value.identifier if isinstance(value, Reference) else folded(str(value))
