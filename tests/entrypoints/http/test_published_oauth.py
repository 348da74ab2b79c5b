"""Answers of openapi/oauth.yaml that no other test provokes, each by what causes it."""

from datetime import datetime

import pytest
from tests.fakes.application_site import ApplicationSite, query
from tests.fakes.oauth_server import OAuthServer

from drimbox.errors import Unavailable
from drimbox.standards.iua.client_assertion import CLIENT_ASSERTION_TYPE

pytestmark = pytest.mark.requirement("FA.6")
AUTHORIZE = "/oauth2/authorize"
# Once in the life of a token of Pro Santé Connect it must be had anew.
SIGN_IN_LIFETIME_SECONDS = 121


class StoreAway:
    """Used tokens of which nobody can say anything now."""

    async def use_once(self, issuer: str, identifier: str, expires_at: datetime) -> None:
        del issuer, identifier, expires_at
        raise Unavailable("storage")


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("asked", "status"),
    [
        pytest.param("client_id=%FF", 400, id="no text"),
        pytest.param("client_id=" + "x" * 9000, 400, id="no address of any length"),
        pytest.param(query(client_id="nobody"), 404, id="a client that is not registered"),
    ],
)
def test_who_asks_what_cannot_be_answered_is_told_on_our_own_page(
    method: str, asked: str, status: int
) -> None:
    """RFC 6749 4.1.2.1: nobody is sent to an address that is not a registered client's."""
    answer = ApplicationSite().browser().request(method, f"{AUTHORIZE}?{asked}")
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert "location" not in answer.headers


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_sign_in_that_cannot_be_renewed_now_is_told_to_be_tried_later(method: str) -> None:
    site = ApplicationSite()
    browser = site.browser()
    site.server.clock.advance(SIGN_IN_LIFETIME_SECONDS)
    site.server.provider.is_away = True
    answer = browser.request(method, f"{AUTHORIZE}?{query()}")
    assert answer.status_code == 503
    assert answer.headers["content-type"].startswith("text/html")


def test_introspection_waits_for_who_knows_which_tokens_were_used() -> None:
    """A client's assertion serves once (O3): while that cannot be known, it serves not at all."""
    site = ApplicationSite(OAuthServer(used_tokens=StoreAway()))
    answer = site.browser(None).post(
        "/oauth2/introspect",
        data={
            "token": "x.y.z",
            "client_assertion_type": CLIENT_ASSERTION_TYPE,
            "client_assertion": site.server.assertion(),
        },
    )
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["error"] == "temporarily_unavailable"
