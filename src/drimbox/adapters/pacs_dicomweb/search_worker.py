"""One client of dicomweb-client and its connections, used by one thread at a time.

dicomweb-client brings numpy, Pillow and pydicom: loaded only where a PACS is asked by QIDO-RS
(search_client.py). It and urllib3 name addresses, and so patients, in logs and exceptions: both
stay here.
"""

import logging
from typing import Any

import requests
from dicomweb_client.api import DICOMwebClient
from requests.adapters import HTTPAdapter

from drimbox.adapters.pacs_dicomweb.search import Search
from drimbox.adapters.pacs_dicomweb.service_connection import error_of_status, password_of
from drimbox.errors import RejectedByPartner, TimedOut, TooLarge, Unavailable
from drimbox.model.retrieval import DicomJson, QueryLevel
from drimbox.settings.partners import DicomwebServiceSettings

for _name in ("dicomweb_client", "urllib3"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class SearchWorker:
    """Searches one page at a time; has_more tells whether the service said that there are others.

    Args:
        settings: where the service is, and how we prove who we are.
        partner: how errors name it.
    """

    def __init__(self, settings: DicomwebServiceSettings, partner: str) -> None:
        self._partner = partner
        self._idle_timeout_seconds = settings.idle_timeout_seconds
        self._session = session = requests.Session()
        session.trust_env = False
        session.max_redirects = 0
        session.headers["Accept-Encoding"] = "identity"
        session.verify = str(settings.ca_file) if settings.ca_file else True
        if settings.certificate_file is not None:
            session.cert = (str(settings.certificate_file), str(settings.key_file))
        if settings.user:
            session.auth = (settings.user, password_of(settings))
        for scheme in ("http://", "https://"):
            session.mount(scheme, _OwnHost())
        self.has_more = False
        self._max_bytes = settings.max_search_bytes
        self._client = DICOMwebClient(
            settings.url.rstrip("/"),
            session,
            callback=self._received,
            timeout=(settings.connect_timeout_seconds, settings.idle_timeout_seconds),
        )
        self._client.set_http_retry_params(retry=False)

    def page(self, search: Search, limit: int | None, offset: int) -> list[DicomJson]:
        """Return the matches from offset on, as many as the service gives at once.

        Raises:
            Unavailable, TimedOut: it does not answer, or sends what cannot be read.
            RejectedByPartner, NotFound, TooLarge: it refuses, or answers more than is allowed.
        """
        try:
            rows = self._ask(search, limit, offset or None)
        except requests.Timeout:
            raise TimedOut(self._partner, self._idle_timeout_seconds) from None
        except requests.TooManyRedirects:
            raise RejectedByPartner(self._partner, "3xx", "redirects elsewhere") from None
        except requests.HTTPError as error:
            status = error.response.status_code if error.response is not None else 500
            raise error_of_status(self._partner, status) from None
        except requests.RequestException:
            raise Unavailable(self._partner, "is unreachable or stopped") from None
        except ValueError:
            raise Unavailable(self._partner, "sent an answer that is not JSON") from None
        if not all(isinstance(row, dict) for row in rows):
            raise Unavailable(self._partner, "sent an answer that is not DICOM JSON")
        return rows

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _ask(self, search: Search, limit: int | None, offset: int | None) -> list[DicomJson]:
        values: dict[str, Any] = {
            "limit": limit,
            "offset": offset,
            "fields": list(search.fields),
            "search_filters": dict(search.keys),
        }
        client = self._client
        if search.level is QueryLevel.STUDY:
            return list(client.search_for_studies(**values))
        if search.level is QueryLevel.SERIES:
            return list(client.search_for_series(search.study, **values))
        return list(client.search_for_instances(search.study, search.series, **values))

    def _received(self, response: requests.Response, *args: object, **kwargs: object) -> None:
        """Look at an answer before its body is read (a hook of requests)."""
        del args, kwargs
        # PS3.18 8.3.4.4.1: 299 tells that there is more than was given.
        self.has_more = response.headers.get("Warning", "").startswith("299")
        response.raw = _BoundedBody(response.raw, self._max_bytes)


class _OwnHost(HTTPAdapter):
    """Leaves Host to the connection: dicomweb-client writes it without its port."""

    def add_headers(self, request: requests.PreparedRequest, **kwargs: object) -> None:
        del kwargs
        request.headers.pop("Host", None)


class _BoundedBody:
    """The octets of an answer (a response of urllib3), counted while they are read."""

    def __init__(self, raw: Any, max_bytes: int) -> None:  # noqa: ANN401
        self._raw = raw
        self._left = max_bytes

    def read(self, size: int) -> bytes:
        octets: bytes = self._raw.read(size)
        self._left -= len(octets)
        if self._left < 0:
            self._raw.close()
            raise TooLarge("the answer of the PACS to a search; ask for less")
        return octets

    def close(self) -> None:
        self._raw.close()

    def release_conn(self) -> None:
        self._raw.release_conn()
