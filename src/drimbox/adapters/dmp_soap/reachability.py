"""Whether the DMP answers one establishment: its address, its certificate, and ours.

A transaction needs a patient, and would be traced as an access to a record; a plain GET needs none.
Any HTTP answer shows that both handshakes held (TLS 1.3 tells a refused certificate on first read).
"""

import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp

from drimbox.adapters.dmp_soap.answers import PARTNER
from drimbox.errors import TimedOut, Unavailable


async def reach(url: str, tls: ssl.SSLContext, *, timeout_seconds: float) -> datetime | None:
    """Ask for the address; return the time of day at the other end, where it tells one (aware).

    Raises:
        Unavailable: no connection, a certificate refused on either side, or no HTTP answer.
        TimedOut: nothing in time.
    """
    timeout = aiohttp.ClientTimeout(total=timeout_seconds)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
            session.get(url, ssl=tls, allow_redirects=False) as answer,
        ):
            return _instant(answer.headers.get("Date"))
    except TimeoutError as error:
        raise TimedOut(PARTNER, timeout_seconds) from error
    except aiohttp.ClientConnectorCertificateError as error:
        raise Unavailable(PARTNER, "shows a certificate that we do not trust") from error
    except (aiohttp.ClientError, ssl.SSLError, OSError) as error:
        raise Unavailable(PARTNER, f"cannot be reached: {type(error).__name__}") from error


def _instant(value: str | None) -> datetime | None:
    try:
        instant = parsedate_to_datetime(value or "")
    except ValueError:
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
