"""Rows O2 and O4: a token is worth something where, from whom and to whom it was issued."""

import pytest
from tests.fakes.callers import (
    ANOTHER_PEER,
    BROWSER,
    CERTIFICATE,
    COOKIE,
    PEER,
    STRANGER,
    Box,
    request,
)
from tests.fakes.fake_clock import START
from tests.fakes.fake_identity_provider import ISSUER as PSC
from tests.fakes.hostile_tokens import GoodToken
from tests.fakes.professionals import HELENE
from tests.fakes.signing_keys import ec_key, rsa_key

from drimbox.errors import (
    DrimboxError,
    NotAuthenticated,
    Refused,
    Unavailable,
)
from drimbox.model.access import CallerKind


@pytest.fixture
def box() -> Box:
    return Box()


# Row O4: who issued a token, for whom, and where it is shown.


def _foreign_jwt(issuer: str, *, is_signed_by_us: bool) -> str:
    claims = {
        "iss": issuer,
        "aud": BROWSER,
        "sub": HELENE.national_id,
        "client_id": "dpi",
        "scope": "patient/*.rs",
        "jti": "1",
        "iat": int(START.timestamp()),
        "exp": int(START.timestamp()) + 300,
    }
    if is_signed_by_us:
        header = {"alg": "ES256", "typ": "at+jwt", "kid": "box"}
        return GoodToken(header, claims, ec_key("box", "P-256")).signed()
    header = {"alg": "RS256", "kid": "psc"}
    return GoodToken(header, claims, rsa_key("psc")).signed()


@pytest.mark.anyio
@pytest.mark.parametrize("is_signed_by_us", [True, False], ids=["our key", "another key"])
@pytest.mark.parametrize(
    "issuer",
    [PEER, PSC, "https://psc.evil.test", f"{BROWSER}/", f"{PSC}/", BROWSER.upper(), ""],
)
async def test_the_browser_listener_refuses_what_others_issued(
    box: Box, issuer: str, is_signed_by_us: bool
) -> None:
    token = _foreign_jwt(issuer, is_signed_by_us=is_signed_by_us)
    with pytest.raises(NotAuthenticated) as refusal:
        await box.browser(request(f"Bearer {token}"))
    assert refusal.value.error == "invalid_token"


@pytest.mark.anyio
async def test_a_token_signed_by_another_under_our_name_is_never_asked_about(box: Box) -> None:
    box.provider.is_away = True
    with pytest.raises(NotAuthenticated):
        await box.browser(request(f"Bearer {_foreign_jwt(BROWSER, is_signed_by_us=False)}"))


@pytest.mark.anyio
async def test_a_foreign_issuer_is_never_asked_about(box: Box) -> None:
    box.provider.is_away = True
    token = _foreign_jwt("https://psc.evil.test", is_signed_by_us=False)
    with pytest.raises(NotAuthenticated):
        await box.browser(request(f"Bearer {token}"))


@pytest.mark.anyio
async def test_a_token_of_one_listener_is_refused_at_the_other(box: Box) -> None:
    at_browser = box.tokens.issue_client_token("dpi", frozenset({"a"}), None).access_token
    at_peer = box.peer_tokens.issue_client_token("dpi", frozenset({"a"}), CERTIFICATE).access_token
    with pytest.raises(NotAuthenticated):
        await box.peer(request(f"Bearer {at_browser}", certificate=CERTIFICATE))
    with pytest.raises(NotAuthenticated):
        await box.browser(request(f"Bearer {at_peer}"))
    with pytest.raises(NotAuthenticated):
        await box.browser(request(f"Bearer {at_peer}", certificate=CERTIFICATE))


# Row O2: a token is worth something with its certificate only.


@pytest.mark.anyio
async def test_a_bound_token_opens_to_its_certificate(box: Box) -> None:
    issued = box.peer_tokens.issue_client_token("dpi", frozenset({"a"}), CERTIFICATE)
    caller = await box.peer(request(f"Bearer {issued.access_token}", certificate=CERTIFICATE))
    assert (caller.kind, caller.subject) == (CallerKind.SYSTEM, "dpi")
    assert caller.peer is not None
    assert caller.peer.identifier == "peer A"


@pytest.mark.anyio
async def test_a_token_of_one_peer_is_worth_nothing_to_another(box: Box) -> None:
    issued = box.peer_tokens.issue_client_token("dpi", frozenset({"a"}), CERTIFICATE)
    with pytest.raises(NotAuthenticated) as refusal:
        await box.peer(request(f"Bearer {issued.access_token}", certificate=ANOTHER_PEER))
    assert refusal.value.error == "invalid_token"


@pytest.mark.anyio
async def test_an_unbound_token_is_worth_nothing_at_the_peer_listener(box: Box) -> None:
    issued = box.peer_tokens.issue_client_token("dpi", frozenset({"a"}), None)
    with pytest.raises(NotAuthenticated):
        await box.peer(request(f"Bearer {issued.access_token}", certificate=CERTIFICATE))


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("certificate", "authorizations", "error"),
    [
        pytest.param(STRANGER, ("Bearer bad",), Refused, id="a stranger is told 403 first"),
        pytest.param(None, ("Bearer bad",), Refused, id="so is one without certificate"),
        pytest.param(CERTIFICATE, (), NotAuthenticated, id="a peer without token 401"),
        pytest.param(CERTIFICATE, ("Bearer bad",), NotAuthenticated, id="a bad token 401"),
    ],
)
async def test_the_peer_listener_answers_in_its_order(
    box: Box,
    certificate: bytes | None,
    authorizations: tuple[str, ...],
    error: type[DrimboxError],
) -> None:
    with pytest.raises(error):
        await box.peer(request(*authorizations, certificate=certificate))


@pytest.mark.anyio
async def test_without_a_verified_white_list_nobody_comes_in(box: Box) -> None:
    box.trusted_space.has_list = False
    with pytest.raises(Unavailable):
        await box.peer(request("Bearer x", certificate=CERTIFICATE))


@pytest.mark.anyio
async def test_a_cookie_opens_nothing_at_the_peer_listener(box: Box) -> None:
    await box.open_session()
    with pytest.raises(NotAuthenticated):
        await box.peer(request(cookie=COOKIE, certificate=CERTIFICATE))
