"""Who asks our authorization server: a client of the site, or another box.

private_key_jwt   a registered client's assertion, once                        RFC 7523 3
tls_client_auth   client_id = db of the white list, proven by the certificate  RFC 8705 2.1
none              a registered client without keys, to redeem a code alone     RFC 6749 2.1
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from drimbox.errors import Conflict, NotAuthenticated, Refused
from drimbox.model.access import Peer
from drimbox.ports.clock import Clock
from drimbox.ports.session_store import UsedTokens
from drimbox.ports.trusted_space import TrustedSpace
from drimbox.standards.iua.client_assertion import claimed_client_id, parse_client_assertion
from drimbox.standards.iua.iti71_get_access_token import ClientCredentials
from drimbox.standards.iua.jwks import PublicKeys

# What a box may ask of another: the images of a study whose KOS it holds.
PEER_SCOPES = frozenset({"RAD-107"})


@dataclass(frozen=True, slots=True)
class RegisteredClient:
    """A client: its public keys, none for a public one, and the scopes it may ask for.

    redirect_uris are where a professional's browser may be sent back to; name is shown to that
    professional. peer is set where the client is another box.
    """

    client_id: str
    keys: PublicKeys
    scopes: frozenset[str]
    redirect_uris: frozenset[str] = frozenset()
    name: str = ""
    peer: Peer | None = None

    @property
    def is_public(self) -> bool:
        return not self.keys.kids and self.peer is None


@dataclass(frozen=True, slots=True)
class AuthenticateClient:
    """audiences are the names of ours; trusted_space where the listener asks for certificates."""

    clients: Mapping[str, RegisteredClient]
    audiences: frozenset[str]
    used_tokens: UsedTokens
    clock: Clock
    trusted_space: TrustedSpace | None = None

    async def __call__(
        self,
        credentials: ClientCredentials,
        certificate_der: bytes | None = None,
        *,
        may_be_public: bool = False,
    ) -> RegisteredClient:
        """Return the client.

        Raises:
            NotAuthenticated: unknown, or a proof that does not hold or served before
                (invalid_client).
            Unavailable: there is no verified white list.
        """
        if credentials.assertion is not None:
            return await self._by_assertion(credentials.assertion, credentials.client_id)
        if self.trusted_space is not None and certificate_der is not None:
            return _by_certificate(self.trusted_space, certificate_der, credentials.client_id)
        client = self.get(credentials.client_id)
        if not (may_be_public and client.is_public):
            raise NotAuthenticated("no proof of the client", error="invalid_client")
        return client

    def get(self, client_id: str | None) -> RegisteredClient:
        """Return a registered client that has proven nothing yet.

        Raises:
            NotAuthenticated: unknown (invalid_client).
        """
        client = self.clients.get(client_id) if client_id is not None else None
        if client is None:
            raise NotAuthenticated("no such client", error="invalid_client")
        return client

    async def use_once(self, issuer: str, identifier: str, expires_at: datetime) -> None:
        """Use up the jti of an assertion.

        Raises:
            Conflict: it served before, at whatever worker.
        """
        await self.used_tokens.use_once(issuer, identifier, expires_at)

    async def _by_assertion(self, assertion: str, client_id: str | None) -> RegisteredClient:
        claimed = claimed_client_id(assertion)
        if client_id not in {None, claimed}:
            raise NotAuthenticated("client_id of another", error="invalid_client")
        client = self.get(claimed)
        try:
            believed = parse_client_assertion(
                assertion,
                client.keys,
                client_id=client.client_id,
                audiences=self.audiences,
                now=self.clock.now(),
            )
            await self.use_once(client.client_id, believed.identifier, believed.expires_at)
        except Conflict as error:
            raise NotAuthenticated("assertion served before", error="invalid_client") from error
        except NotAuthenticated as error:
            raise NotAuthenticated(str(error), error="invalid_client") from error
        return client


def _by_certificate(
    trusted_space: TrustedSpace, certificate_der: bytes, client_id: str | None
) -> RegisteredClient:
    try:
        peer = trusted_space.check_peer_certificate(certificate_der)
    except Refused as error:
        raise NotAuthenticated(str(error), error="invalid_client") from error
    # RFC 8705 2: client_id is required, to tell which client the certificate should prove.
    if client_id != peer.db_host:
        raise NotAuthenticated(
            "client_id is not the box of this certificate", error="invalid_client"
        )
    return RegisteredClient(client_id, PublicKeys(), PEER_SCOPES, name=peer.name, peer=peer)
