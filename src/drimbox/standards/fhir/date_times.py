"""Instants and days in FHIR (R4 2.24.0.1): what we write."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from drimbox.model.patient import BirthDate

# A KOS without an offset speaks the time of the site (spec 5.4).
SITE_ZONE = ZoneInfo("Europe/Paris")


def instant(moment: datetime) -> str:
    """Write an aware moment as an `instant`, which is a `dateTime` too, in UTC to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def local_date_time(day: date, at: time | None) -> str:
    """Write a day, with its time and the site's offset where the time is known."""
    if at is None:
        return day.isoformat()
    moment = datetime.combine(day, at.replace(microsecond=0), SITE_ZONE)
    return moment.isoformat()


def birth_date(value: BirthDate) -> str:
    """Write AAAA-MM-JJ, less what is unknown (00)."""
    year, month, day = value.value[:4], value.value[4:6], value.value[6:]
    if month == "00":
        return year
    return f"{year}-{month}" if day == "00" else f"{year}-{month}-{day}"
