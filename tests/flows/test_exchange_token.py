"""What a box must bring to get a token for a professional (RFC 8693; rows O1 to O4, O10)."""

from collections.abc import Callable
from dataclasses import replace

import anyio
import pytest
from tests.fakes.boxes import CONSUMER, OTHER, ListedBoxes, box
from tests.fakes.hostile_tokens import CORPUS, GoodToken
from tests.fakes.oauth_server import OAuthServer
from tests.fakes.professionals import HELENE, JOSIANE

from drimbox.errors import InvalidValue, NotAuthenticated, Refused, Unavailable
from drimbox.flows.get_access_token import Connection, GrantedToken
from drimbox.flows.issue_token import professional_of
from drimbox.model.audit import AuditAction, AuditOutcome
from drimbox.model.consent import InformationEtOppositionConsultation as Consent
from drimbox.standards.iua.access_token import AccessToken
from drimbox.standards.iua.assertion import Assertion, encode_assertion
from drimbox.standards.iua.iti71_get_access_token import (
    ClientCredentials,
    ExchangeGrant,
    TokenRequest,
)
from drimbox.standards.iua.iua_extensions import NORMAL_ACCESS, IheIua

PLACE = HELENE.activities[1].structure


@pytest.fixture
def source() -> OAuthServer:
    return OAuthServer(issuer="https://db1.test", trusted_space=ListedBoxes())


def _actor(source: OAuthServer, *, signed_by: str = CONSUMER, **changes: object) -> str:
    """Return what the Consommatrice says; signed_by is whose certificate's key signs it."""
    said = Assertion(
        CONSUMER,
        CONSUMER,
        source.identifiers.new_secret(),
        source.clock.now(),
        IheIua("Boîte 2", PLACE.name, PLACE.identifier, purpose_of_use=(NORMAL_ACCESS,)),
        Consent.INFORME_ET_NON_OPPOSE,
    )
    audience = changes.pop("audience", source.token_url)
    asserted = replace(said, **changes)  # type: ignore[arg-type]
    return encode_assertion(
        asserted, box(signed_by).key, audience=str(audience), now=source.clock.now()
    )


async def _exchange(
    source: OAuthServer,
    *scopes: str,
    subject_token: str | None = None,
    actor_token: str | None = None,
    by: str = CONSUMER,
) -> GrantedToken:
    grant = ExchangeGrant(subject_token or source.provider.sign_in().access_token, actor_token)
    request = TokenRequest(ClientCredentials(by), frozenset(scopes), (), grant)
    connection = Connection(box(by).certificate_der, "192.0.2.2")
    return await source.get_access_token(request, connection)


def _read(source: OAuthServer, granted: GrantedToken, by: str = CONSUMER) -> AccessToken:
    return source.tokens.read(granted.issued.access_token, box(by).certificate_der)


@pytest.mark.anyio
@pytest.mark.requirement("FA.4")
@pytest.mark.requirement("SO.33")
async def test_the_token_says_who_where_why_for_whom_and_with_what_consent(
    source: OAuthServer,
) -> None:
    granted = await _exchange(source, "RAD-107", actor_token=_actor(source))
    token = _read(source, granted)
    assert (token.subject, token.client_id, token.actor) == (HELENE.national_id, CONSUMER, CONSUMER)
    assert (token.scopes, token.consent) == ({"RAD-107"}, Consent.INFORME_ET_NON_OPPOSE)
    assert token.ihe_iua is not None
    assert token.ihe_iua.subject_organization_id == PLACE.identifier
    assert token.ihe_iua.purpose_of_use == (NORMAL_ACCESS,)
    known = professional_of(token)
    assert (known.family_name, known.profession_code) == (HELENE.family_name, "10")
    (event,) = source.audit.events
    assert (event.action, event.outcome, event.user, event.consent) == (
        AuditAction.TOKEN_ISSUED,
        AuditOutcome.SUCCESS,
        HELENE.national_id,
        "InforméEtNonOpposé",
    )
    assert event.user_name == f"{HELENE.family_name} {HELENE.given_name}"


@pytest.mark.anyio
async def test_without_a_word_of_the_box_there_is_no_consent_in_the_token(
    source: OAuthServer,
) -> None:
    token = _read(source, await _exchange(source))
    assert (token.consent, token.actor) == (None, CONSUMER)


@pytest.mark.anyio
@pytest.mark.requirement("TRA.04")
@pytest.mark.parametrize("consent", [c for c in Consent if not c.allows_consultation])
async def test_no_token_for_a_patient_whom_nobody_may_consult(
    source: OAuthServer, consent: Consent
) -> None:
    with pytest.raises(InvalidValue) as refusal:
        await _exchange(source, actor_token=_actor(source, consent=consent))
    assert refusal.value.what == "actor_token"


@pytest.mark.anyio
@pytest.mark.requirement("SO.34")
async def test_no_token_for_a_profession_that_may_see_no_images(source: OAuthServer) -> None:
    source.provider.professional = JOSIANE
    with pytest.raises(InvalidValue) as refusal:
        await _exchange(source, actor_token=_actor(source))
    assert refusal.value.what == "subject_token"


@pytest.mark.anyio
@pytest.mark.parametrize("token", ["never-issued", "", "x.y.z"])
async def test_no_token_for_a_token_that_is_not_live(source: OAuthServer, token: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        await _exchange(source, subject_token=token or "over")
    assert refusal.value.what == "subject_token"


@pytest.mark.anyio
async def test_our_own_token_is_no_professionals(source: OAuthServer) -> None:
    own = (await _exchange(source, actor_token=_actor(source))).issued.access_token
    with pytest.raises(InvalidValue):
        await _exchange(source, subject_token=own)


@pytest.mark.anyio
async def test_no_token_while_pro_sante_connect_is_away(source: OAuthServer) -> None:
    source.provider.is_away = True
    with pytest.raises(Unavailable):
        await _exchange(source, subject_token="psc-access-1")


@pytest.mark.anyio
async def test_a_box_may_ask_for_images_and_nothing_else(source: OAuthServer) -> None:
    with pytest.raises(InvalidValue) as refusal:
        await _exchange(source, "RAD-107", "system/*.rs")
    assert refusal.value.what == "scope"


@pytest.mark.anyio
async def test_a_client_of_the_site_exchanges_nothing_at_the_peer_listener(
    source: OAuthServer,
) -> None:
    grant = ExchangeGrant(source.provider.sign_in().access_token)
    request = TokenRequest(ClientCredentials(None, source.assertion()), frozenset(), (), grant)
    with pytest.raises(Refused):
        await source.get_access_token(request, Connection(box(CONSUMER).certificate_der, ""))


# Row O2: bound to the certificate it was asked with.


@pytest.mark.anyio
async def test_the_token_of_one_box_is_worth_nothing_to_another(source: OAuthServer) -> None:
    granted = await _exchange(source, actor_token=_actor(source))
    for other in (OTHER, "db9.test"):
        with pytest.raises(NotAuthenticated):
            _read(source, granted, by=other)


# Rows O1, O3, O4: what the box says must be its own, for us, once.


@pytest.mark.anyio
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"signed_by": OTHER}, id="signed by another box"),
        pytest.param({"issuer": OTHER, "subject": OTHER}, id="said by another box"),
        pytest.param(
            {"issuer": OTHER, "subject": OTHER, "signed_by": OTHER}, id="brought for another box"
        ),
        pytest.param({"subject": OTHER}, id="about another box"),
        pytest.param({"audience": "https://db3.test/oauth2/token"}, id="said to another box"),
        pytest.param({"audience": "https://db1.test/"}, id="said to a look-alike of ours"),
    ],
)
async def test_what_another_says_is_not_believed(
    source: OAuthServer, changes: dict[str, object]
) -> None:
    with pytest.raises(InvalidValue) as refusal:
        await _exchange(source, actor_token=_actor(source, **changes))  # type: ignore[arg-type]
    assert refusal.value.what == "actor_token"


@pytest.mark.anyio
@pytest.mark.parametrize("attack", CORPUS.values(), ids=CORPUS)
async def test_a_hostile_actor_token_gives_nothing(
    source: OAuthServer, attack: Callable[[GoodToken], str]
) -> None:
    now = int(source.clock.now().timestamp())
    claims = {"iss": CONSUMER, "sub": CONSUMER, "aud": source.token_url, "jti": "1", "iat": now}
    key = box(CONSUMER).key
    good = GoodToken({"alg": "ES256", "kid": key.kid}, claims | {"exp": now + 60}, key.private)
    with pytest.raises(InvalidValue) as refusal:
        await _exchange(source, actor_token=attack(good) or ".")
    assert refusal.value.what == "actor_token"
    await _exchange(source, actor_token=good.signed())


@pytest.mark.anyio
async def test_of_a_hundred_uses_of_one_actor_token_one_counts(source: OAuthServer) -> None:
    actor_token, outcomes = _actor(source), []

    async def exchange() -> None:
        try:
            await _exchange(source, actor_token=actor_token)
        except InvalidValue:
            return
        outcomes.append("issued")

    async with anyio.create_task_group() as group:
        for _ in range(100):
            group.start_soon(exchange)
    assert outcomes == ["issued"]
