"""A professional's browser, as far as the journey needs one: cookies, redirects, forms."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape
from urllib.parse import urljoin

import aiohttp

from drimbox.errors import RejectedByPartner

_INPUT = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')
_ACTION = re.compile(r'<form[^>]* action="([^"]+)"')
_MAX_REDIRECTS = 10


@dataclass(frozen=True, slots=True)
class Page:
    """What the browser shows: its address and its text."""

    url: str
    text: str

    def hidden_fields(self) -> dict[str, str]:
        return {unescape(n): unescape(v) for n, v in _INPUT.findall(self.text)}

    def form_action(self, ending: str) -> str:
        """Return where the form leads whose address ends so.

        Raises:
            RejectedByPartner: the page has no such form.
        """
        for action in _ACTION.findall(self.text):
            if action.endswith(ending):
                return urljoin(self.url, unescape(action))
        raise RejectedByPartner("page", f"no form {ending} where one was expected")


class Browser:
    """One cookie jar; follows redirects itself, so that each step can be looked at."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def post_without_following(self, url: str, form: Mapping[str, str]) -> tuple[int, str]:
        """Post a form; return the status, and where it redirects to (or an empty text)."""
        async with self._session.post(url, data=form, allow_redirects=False) as answer:
            return answer.status, urljoin(url, answer.headers.get("Location", ""))

    async def open(self, url: str) -> Page:
        """Follow redirects to a page.

        Raises:
            RejectedByPartner: it ends with another status than 200.
        """
        return await self._follow("GET", url, None)

    async def submit(self, page: Page, ending: str, changes: Mapping[str, str]) -> Page:
        """Post the form whose address ends so, with the hidden fields and these, and follow."""
        form = page.hidden_fields() | dict(changes)
        return await self._follow("POST", page.form_action(ending), form)

    async def get_bytes(self, url: str) -> tuple[str, bytes]:
        """Return content type and octets.

        Raises:
            RejectedByPartner: another status than 200.
        """
        async with self._session.get(url, allow_redirects=False) as answer:
            if answer.status != 200:
                raise RejectedByPartner("page", str(answer.status))
            return answer.content_type, await answer.read()

    async def _follow(self, method: str, url: str, form: Mapping[str, str] | None) -> Page:
        for _ in range(_MAX_REDIRECTS):
            async with self._session.request(
                method, url, data=form, allow_redirects=False
            ) as answer:
                if answer.status in {302, 303, 307}:
                    url = urljoin(url, answer.headers["Location"])
                    method, form = "GET", None
                    continue
                if answer.status != 200:
                    raise RejectedByPartner("page", str(answer.status))
                return Page(url, await answer.text())
        raise RejectedByPartner("page", "too many redirections")
