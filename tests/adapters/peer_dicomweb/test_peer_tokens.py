"""A Consommatrice at a Source with either kind of token, over real mutual TLS (FA.4, O2, O10)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import pytest
from tests.fakes.boxes import CONSUMER, OTHER, SOURCE, STRANGER, box
from tests.fakes.fake_clock import FakeIdentifiers
from tests.fakes.peer_source import NUMBERS, PeerSource, peer_source
from tests.fakes.professionals import HELENE, JOSIANE
from tests.flows.test_issue_token import CONTEXT

from drimbox.adapters.peer_dicomweb.iua_tokens import IuaTokens
from drimbox.adapters.peer_dicomweb.peer_connection import PeerConnection
from drimbox.adapters.peer_dicomweb.peer_drimbox import DicomwebPeerDrimbox
from drimbox.adapters.peer_dicomweb.peer_tokens import PeerTokensByBox
from drimbox.errors import (
    NotAuthenticated,
    Refused,
    RejectedByPartner,
    SettingsError,
    Unavailable,
)
from drimbox.flows.issue_token import Subject
from drimbox.model.access import ConsultationContext
from drimbox.model.audit import AuditAction
from drimbox.model.consent import InformationEtOppositionConsultation as Consent
from drimbox.settings.partners import PeerTokenKind, TlsFiles, TrustedSpaceSettings
from drimbox.standards.dicomweb.exchange_syntaxes import LOSSLESS_FIRST, ranking

pytestmark = pytest.mark.anyio
ANOTHER_CONTEXT = replace(CONTEXT, identifier="another")


@dataclass
class Consumer:
    """One box that asks the Source; which it is, its certificate says."""

    source: PeerSource
    peer: DicomwebPeerDrimbox
    tokens: IuaTokens

    async def token(self, context: ConsultationContext = CONTEXT) -> str:
        psc = self.source.server.provider.sign_in().access_token
        return await self.tokens.token_for(box(SOURCE).peer, context, psc)

    async def retrieve(self, token: str) -> int:
        """Return how many images the Source gives for this token."""
        received = self.peer.retrieve(
            box(SOURCE).peer,
            self.source.series,
            access_token=token,
            kos_sop_instance_uid=self.source.publication.kos_sop_instance_uid,
            transfer_syntaxes=ranking(LOSSLESS_FIRST),
        )
        return len([instance async for instance in received])

    @property
    def issued(self) -> int:
        return self.source.audit.actions.count(AuditAction.TOKEN_ISSUED)


@asynccontextmanager
async def box_of(source: PeerSource, host: str) -> AsyncIterator[Consumer]:
    tls = box(host).tls()
    peer = DicomwebPeerDrimbox(PeerConnection(tls, source.boxes))
    tokens = IuaTokens(
        peer.connection, tls, source.boxes, source.server.clock, FakeIdentifiers(hash(host) % 10**9)
    )
    await peer.start()
    try:
        yield Consumer(source, peer, tokens)
    finally:
        await peer.stop()


@pytest.fixture
async def source(tmp_path: Path) -> AsyncIterator[PeerSource]:
    async with peer_source(tmp_path) as running:
        yield running


@pytest.fixture
async def consumer(source: PeerSource) -> AsyncIterator[Consumer]:
    async with box_of(source, CONSUMER) as running:
        yield running


@pytest.mark.requirement("FA.4")
@pytest.mark.requirement("SO.33")
@pytest.mark.parametrize("kind", ["pro-sante-connect", "iua"])
async def test_either_kind_of_token_brings_the_images(
    consumer: Consumer, kind: PeerTokenKind
) -> None:
    chosen = PeerTokensByBox(_settings(kind), consumer.tokens)
    psc = consumer.source.server.provider.sign_in().access_token
    token = await chosen.token_for(box(SOURCE).peer, CONTEXT, psc)
    assert (token == psc) is (kind == "pro-sante-connect")
    assert await consumer.retrieve(token) == len(NUMBERS)
    served = consumer.source.audit.events[-1]
    assert (served.action, served.user, served.user_role) == (
        AuditAction.IMAGES_SERVED,
        HELENE.national_id,
        HELENE.profession_code,
    )
    assert served.user_name == f"{HELENE.family_name} {HELENE.given_name}"
    # With the professional's own token, only the Consommatrice knows the consent.
    assert served.consent == (None if token == psc else "InforméEtNonOpposé")


async def test_a_box_may_take_another_kind_than_the_others(consumer: Consumer) -> None:
    settings = _settings("pro-sante-connect", {SOURCE: "iua"})
    chosen = PeerTokensByBox(settings, consumer.tokens)
    psc = consumer.source.server.provider.sign_in().access_token
    assert await chosen.token_for(box(SOURCE).peer, CONTEXT, psc) != psc
    assert await chosen.token_for(box(OTHER).peer, CONTEXT, psc) == psc
    assert chosen.forget(box(SOURCE).peer, CONTEXT)
    assert not chosen.forget(box(OTHER).peer, CONTEXT)


async def test_a_token_serves_its_context_until_shortly_before_it_ends(consumer: Consumer) -> None:
    first = await consumer.token()
    assert await consumer.token() == first
    assert await consumer.token(ANOTHER_CONTEXT) != first
    consumer.source.server.clock.advance(269)
    assert await consumer.token() == first
    consumer.source.server.clock.advance(1)
    assert await consumer.token() != first
    assert consumer.issued == 3


async def test_another_professional_gets_another_token(consumer: Consumer) -> None:
    colleague = replace(HELENE, national_id="899700000099")
    first = await consumer.token()
    assert await consumer.token(replace(CONTEXT, professional=colleague)) != first


async def test_fifty_who_want_one_token_ask_once(consumer: Consumer) -> None:
    found: set[str] = set()

    async def ask() -> None:
        found.add(await consumer.token())

    async with anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(ask)
    assert (len(found), consumer.issued) == (1, 1)


async def test_a_forgotten_token_is_asked_for_anew(consumer: Consumer) -> None:
    first = await consumer.token()
    assert consumer.tokens.forget(box(SOURCE).peer, CONTEXT)
    assert not consumer.tokens.forget(box(SOURCE).peer, CONTEXT)
    assert await consumer.token() != first


# Row O2: on every request, the certificate of this very connection.


async def test_a_token_of_one_box_is_worth_nothing_over_anothers_connection(
    source: PeerSource, consumer: Consumer
) -> None:
    token = await consumer.token()
    async with box_of(source, OTHER) as other:
        with pytest.raises(NotAuthenticated):
            await other.retrieve(token)
        assert await other.retrieve(await other.token()) == len(NUMBERS)
    assert await consumer.retrieve(token) == len(NUMBERS)


async def test_a_box_that_leaves_the_white_list_is_out_at_once(
    source: PeerSource, consumer: Consumer
) -> None:
    token = await consumer.token()
    source.boxes.hosts = (SOURCE, OTHER)
    with pytest.raises(Refused):
        await consumer.retrieve(token)
    with pytest.raises(Refused):
        await consumer.token(ANOTHER_CONTEXT)


async def test_a_box_on_no_list_knows_it_before_it_asks(source: PeerSource) -> None:
    async with box_of(source, STRANGER) as stranger:
        with pytest.raises(Refused):
            await stranger.token()
    assert source.audit.events == []


# Row O10: consent, at the exchange and at the images.


@pytest.mark.requirement("TRA.04")
@pytest.mark.parametrize("consent", [c for c in Consent if not c.allows_consultation])
async def test_a_source_gives_no_token_without_a_consent_that_opens(
    consumer: Consumer, consent: Consent
) -> None:
    with pytest.raises(RejectedByPartner) as refusal:
        await consumer.token(replace(CONTEXT, consent=consent))
    assert refusal.value.code == "invalid_request"


@pytest.mark.requirement("TRA.04")
@pytest.mark.parametrize("consent", [None, *(c for c in Consent if not c.allows_consultation)])
async def test_a_source_serves_nothing_for_a_token_without_a_consent_that_opens(
    consumer: Consumer, consent: Consent | None
) -> None:
    """Whatever the exchange let through: the claim is read again for each image."""
    token = _signed(consumer, consent=consent)
    with pytest.raises(Refused):
        await consumer.retrieve(token)
    refused = consumer.source.audit.events[-1]
    assert (refused.action, refused.user) == (AuditAction.ACCESS_REFUSED, HELENE.national_id)


async def test_a_source_reads_profession_scope_and_actor_in_its_own_token_too(
    consumer: Consumer,
) -> None:
    assert await consumer.retrieve(_signed(consumer)) == len(NUMBERS)
    for token in (
        _signed(consumer, professional=JOSIANE),
        _signed(consumer, scopes=frozenset({"ITI-67"})),
        _signed(consumer, actor=None),
    ):
        with pytest.raises(Refused):
            await consumer.retrieve(token)
    with pytest.raises(NotAuthenticated):
        await consumer.retrieve(_signed(consumer, actor=OTHER))


async def test_a_profession_that_may_see_no_images_gets_no_token(consumer: Consumer) -> None:
    consumer.source.server.provider.professional = JOSIANE
    with pytest.raises(RejectedByPartner):
        await consumer.token()


async def test_a_source_that_is_away_is_said_so(consumer: Consumer) -> None:
    consumer.source.server.provider.is_away = True
    psc = "psc-access-0"
    with pytest.raises(Unavailable):
        await consumer.tokens.token_for(box(SOURCE).peer, CONTEXT, psc)
    consumer.source.boxes.port = 9
    with pytest.raises(Unavailable):
        await consumer.tokens.token_for(box(SOURCE).peer, CONTEXT, psc)


async def test_nobody_signed_in_is_nobody_to_ask_for(consumer: Consumer) -> None:
    with pytest.raises(NotAuthenticated):
        await consumer.token(replace(CONTEXT, professional=None))


def test_a_key_that_signs_nothing_is_refused_at_start(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text("no key")
    files = box(CONSUMER).tls()
    broken = TlsFiles(certificate_file=files.certificate_file, key_file=key, ca_file=files.ca_file)
    with pytest.raises(SettingsError):
        IuaTokens(None, broken, None, None, None)  # type: ignore[arg-type]


def _signed(consumer: Consumer, **changes: object) -> str:
    """Return a token as the Source could have signed it for this box."""
    values: dict[str, object] = {
        "identifier": HELENE.national_id,
        "client_id": CONSUMER,
        "scopes": frozenset({"RAD-107"}),
        "certificate_der": box(CONSUMER).certificate_der,
        "actor": CONSUMER,
        "professional": HELENE,
        "consent": Consent.INFORME_ET_NON_OPPOSE,
    }
    subject = Subject(**(values | changes))  # type: ignore[arg-type]
    return consumer.source.server.tokens.issue(subject).access_token


def _settings(
    kind: PeerTokenKind, kinds: dict[str, PeerTokenKind] | None = None
) -> TrustedSpaceSettings:
    nowhere = Path("/nowhere")
    return TrustedSpaceSettings(
        white_list_url="http://localhost/list",
        crl_urls=(),
        anchors_file=nowhere,
        peer_anchors_file=nowhere,
        state_directory=nowhere,
        peer_token_kind=kind,
        peer_token_kinds=kinds or {},
    )
