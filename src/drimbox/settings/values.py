"""What the value of a setting may be; a fault says what is allowed, in an operator's words."""

import re
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field

from drimbox.errors import InvalidValue
from drimbox.model.uids import Oid

_ORIGIN = re.compile(r"https?://[^/?#\s]+")
_PATH = re.compile(r"(?:/[A-Za-z0-9_.~-]+)+")


def _check_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        is_address = False
    if not is_address or re.search(r"[\s#]", text):
        raise ValueError("an address that begins with https:// (or http://) and a host")
    return text


def _check_base_url(text: str) -> str:
    if text.endswith("/") or "?" in text:
        raise ValueError("an address without a final / and without ?")
    return _check_url(text)


def _check_origin(text: str) -> str:
    if not _ORIGIN.fullmatch(text):
        raise ValueError("an origin: https://host, or https://host:port, and nothing behind it")
    return text


def _check_path(text: str) -> str:
    if not _PATH.fullmatch(text):
        raise ValueError("a path of this box, as /drim")
    return text


def _check_zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("a time zone of the IANA database, as Europe/Paris") from error
    return text


def _check_oid(text: str) -> str:
    try:
        Oid(text)
    except InvalidValue as error:
        raise ValueError(f"an OID: {error.rule}") from error
    return text


TIME_ZONE_OF_FRANCE = "Europe/Paris"

# 0, any free port, is for tests.
Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Octets = Annotated[int, Field(gt=0)]
Url = Annotated[str, AfterValidator(_check_url)]
BaseUrl = Annotated[str, AfterValidator(_check_base_url)]
Origin = Annotated[str, AfterValidator(_check_origin)]
OwnPath = Annotated[str, AfterValidator(_check_path)]
TimeZone = Annotated[str, AfterValidator(_check_zone)]
OidText = Annotated[str, AfterValidator(_check_oid)]
