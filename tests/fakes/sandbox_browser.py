"""A browser at a sandbox OpenID provider: asks, chooses somebody, comes back with the answer."""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import aiohttp

_HIDDEN = re.compile(r'name="request" value="([^"]+)"')
_ACTION = re.compile(r'action="([^"]+)"')


async def answer_of(url: str, subject: str) -> dict[str, str]:
    """Return the parameters that come back for this choice; subject "" cancels."""
    async with aiohttp.ClientSession() as session:
        async with session.get(url, allow_redirects=False) as page:
            if page.status == 303:
                return _parameters(page.headers["Location"])
            text = await page.text()
            assert page.status == 200, text
        form = {"request": _HIDDEN.findall(text)[0], "subject": subject}
        action = urljoin(url, _ACTION.findall(text)[0])
        async with session.post(action, data=form, allow_redirects=False) as answer:
            assert answer.status == 303, await answer.text()
            return _parameters(answer.headers["Location"])


def with_parameters(url: str, changes: Mapping[str, str | None]) -> str:
    """Return the address with parameters changed, or removed where None."""
    parts = urlsplit(url)
    parameters: dict[str, str | None] = {**dict(parse_qsl(parts.query)), **changes}
    kept = {name: value for name, value in parameters.items() if value is not None}
    return parts._replace(query=urlencode(kept)).geturl()


def _parameters(location: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(location).query))
