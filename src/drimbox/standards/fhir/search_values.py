"""What a search compares (FHIR R4 3.1.1.4): tokens, intervals, references, texts."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, date, datetime, time, timedelta, tzinfo

from drimbox.errors import InvalidValue
from drimbox.standards.fhir.code_systems import DICOM_UID_SYSTEM, OID_PREFIX, URI, same_system
from drimbox.standards.fhir.date_times import SITE_ZONE

_UUID_PREFIX = "urn:uuid:"
_DATE_TIME = re.compile(
    r"(?P<year>[0-9]{4})(?:-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2})"
    r"(?:T(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.(?P<part>[0-9]+))?)?"
    # A + that a form turned into a space is still an offset.
    r"(?P<zone>Z|[+ -][0-9]{2}:[0-9]{2})?)?)?)?\Z",
    re.ASCII,
)
BEGINNING = datetime.min.replace(tzinfo=UTC)
END = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Token:
    """A code or an identifier; system is empty where there is none, text its display."""

    system: str
    code: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Interval:
    """From low (included) to high (excluded), aware."""

    low: datetime
    high: datetime

    def contains(self, other: "Interval") -> bool:
        return self.low <= other.low and other.high <= self.high

    def overlaps(self, other: "Interval") -> bool:
        return self.low < other.high and other.low < self.high

    def widened(self, by: timedelta) -> "Interval":
        try:
            return Interval(self.low - by, self.high + by)
        except OverflowError:
            return Interval(BEGINNING, END)


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference to a resource of ours; tokens are the identifiers of what it names."""

    resource_type: str
    identifier: str
    tokens: tuple[Token, ...] = ()


Value = Token | Interval | Reference | str


def code_token(system: str, code: str, text: str = "") -> Token:
    """Return a token whose system is spelled as we write it."""
    return Token(same_system(system), code, text)


def identifier_token(system: str, value: str) -> Token:
    """Return an identifier so that every spelling of a UID is the same one.

    `1.2.3`, `urn:oid:1.2.3`, `urn:dicom:uid|1.2.3` and `urn:dicom:uid|urn:oid:1.2.3` are (D9).
    """
    lowered = value.lower()
    if lowered.startswith(OID_PREFIX):
        return Token(URI, value[len(OID_PREFIX) :])
    if lowered.startswith(_UUID_PREFIX):
        return Token(URI, lowered)
    if system in {URI, DICOM_UID_SYSTEM}:
        return Token(URI, value)
    return Token(system, value)


def uid_token(uid: str) -> Token:
    """Return a UID of a record."""
    return Token(URI, uid)


def instant_interval(moment: datetime) -> Interval:
    """Return the second that a written instant stands for."""
    low = moment.astimezone(UTC).replace(microsecond=0)
    return Interval(low, low + timedelta(seconds=1))


def local_interval(day: date, at: time | None, zone: tzinfo = SITE_ZONE) -> Interval:
    """Return a day of the site, or the second of it."""
    if at is not None:
        return instant_interval(datetime.combine(day, at, zone))
    low = datetime.combine(day, time.min, zone)
    return _interval(low, _after(low, timedelta(days=1)))


def parse_interval(text: str) -> Interval:
    """Read a date or dateTime of any precision; without an offset it is the site's time.

    Raises:
        InvalidValue: not one, or a day that no calendar has.
    """
    rule = "AAAA[-MM[-JJ[Thh:mm[:ss][±hh:mm]]]]"
    match = _DATE_TIME.match(text)
    if match is None:
        raise InvalidValue("date", rule)
    parts = match.groupdict()
    year, month, day, hour, minute, second = (
        int(parts[name]) if parts[name] else None
        for name in ("year", "month", "day", "hour", "minute", "second")
    )
    try:
        low = datetime(
            year or 0, month or 1, day or 1, hour or 0, minute or 0, second or 0, tzinfo=SITE_ZONE
        )
        low = low.replace(tzinfo=_zone(parts["zone"]))
        return _interval(low, _end_of(low, (month, day, hour, second)))
    except (ValueError, OverflowError):
        raise InvalidValue("date", rule) from None


def folded(text: str) -> str:
    """Return a text without case, accents and repeated spaces, for string search."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(c for c in decomposed if not unicodedata.combining(c)).split())


def _end_of(
    low: datetime, precision: tuple[int | None, int | None, int | None, int | None]
) -> datetime:
    month, day, hour, second = precision
    if month is None:
        return _following(low, low.year + 1, 1)
    if day is None:
        return _following(low, low.year + low.month // 12, low.month % 12 + 1)
    if hour is None:
        return _after(low, timedelta(days=1))
    return _after(low, timedelta(minutes=1) if second is None else timedelta(seconds=1))


def _following(low: datetime, year: int, month: int) -> datetime:
    return low.replace(year=year, month=month) if year <= MAXYEAR else END


def _after(low: datetime, span: timedelta) -> datetime:
    """Add in the wall clock's time: a day has 23 or 25 hours when the clocks change."""
    try:
        return low + span
    except OverflowError:
        return END


def _interval(low: datetime, high: datetime) -> Interval:
    return Interval(_utc(low, BEGINNING), _utc(high, END))


def _utc(moment: datetime, limit: datetime) -> datetime:
    """Return the moment in UTC; at either end of the calendar, the calendar's own limit."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return limit


def _zone(text: str | None) -> tzinfo:
    if text is None:
        return SITE_ZONE
    return datetime.strptime(text.replace(" ", "+"), "%z").tzinfo or UTC
