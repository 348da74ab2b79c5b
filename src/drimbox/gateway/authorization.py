"""Our authorization servers, one for each listener: their keys, their clients, their grants."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from drimbox.errors import InvalidValue, MalformedMessage, SettingsError
from drimbox.flows.authenticate_client import (
    PEER_SCOPES,
    AuthenticateClient,
    RegisteredClient,
)
from drimbox.flows.consumer.authorize_application import RedeemCode
from drimbox.flows.consumer.exchange_for_context import ExchangeForContext
from drimbox.flows.exchange_token import CheckSubject, ExchangeForPeer
from drimbox.flows.get_access_token import GetAccessToken, GrantFlow
from drimbox.flows.introspect_token import IntrospectToken
from drimbox.flows.issue_token import TokenIssuer
from drimbox.flows.machine_grants import GrantByAssertion, GrantToClient
from drimbox.gateway.stores import Stores
from drimbox.ports.clock import Clock, Identifiers
from drimbox.ports.trusted_space import TrustedSpace
from drimbox.settings.load import Settings
from drimbox.settings.partners import OAuthClientSettings
from drimbox.standards.iua.authorization_request import check_redirect_uri
from drimbox.standards.iua.iti71_get_access_token import GrantType
from drimbox.standards.iua.iti103_metadata import TOKEN_PATH, ServerFeatures
from drimbox.standards.iua.jwks import PublicKeys, SigningKey, parse_jwks, parse_signing_key

_Grants = Mapping[GrantType, GrantFlow]


@dataclass(frozen=True, slots=True)
class TokenServer:
    """The authorization server of one listener."""

    issuer: TokenIssuer
    get_access_token: GetAccessToken
    introspect_token: IntrospectToken
    features: ServerFeatures


@dataclass(frozen=True, slots=True)
class AuthorizationParts:
    """What the authorization servers of a box are made of."""

    settings: Settings
    stores: Stores
    clock: Clock
    identifiers: Identifiers
    check_subject: CheckSubject


def make_browser_server(parts: AuthorizationParts) -> TokenServer:
    """Make the server of the browser listener.

    Raises:
        SettingsError: a key file or a client cannot be used.
    """
    settings, stores = parts.settings, parts.stores
    issuer = _token_issuer(parts, settings.browser.base_url)
    clients = {c.client_id: _client(c) for c in settings.oauth.clients}
    authenticate = AuthenticateClient(
        clients, _names_of(issuer.issuer), stores.used_tokens, parts.clock
    )
    grants: dict[GrantType, GrantFlow] = {
        GrantType.CLIENT_CREDENTIALS: GrantToClient(issuer),
        GrantType.JWT_BEARER: GrantByAssertion(authenticate, issuer),
    }
    if settings.is_consumer:
        # Only the Consommatrice knows patients and consents, by its contextual calls.
        codes, contexts = stores.authorization_codes, stores.contexts
        grants[GrantType.AUTHORIZATION_CODE] = RedeemCode(issuer, codes, contexts)
        grants[GrantType.TOKEN_EXCHANGE] = ExchangeForContext(issuer, parts.check_subject, contexts)
    scopes = frozenset(scope for client in clients.values() for scope in client.scopes)
    features = ServerFeatures(issuer.issuer, tuple(grants), scopes)
    return _server(parts, authenticate, issuer, grants, features)


def make_peer_server(parts: AuthorizationParts, trusted_space: TrustedSpace) -> TokenServer | None:
    """Make the server of the peer listener, None where the box has none."""
    settings = parts.settings
    if settings.peer is None:
        return None
    issuer = _token_issuer(parts, settings.peer.base_url)
    names = _names_of(issuer.issuer)
    if settings.publication is not None:
        # Other boxes know us by the name of the white list, whatever the base URL is.
        names |= _names_of(f"https://{settings.publication.retrieve_url_host}")
    clients = {c.client_id: _client(c) for c in settings.oauth.clients}
    authenticate = AuthenticateClient(
        clients, names, parts.stores.used_tokens, parts.clock, trusted_space
    )
    grants: _Grants = {
        GrantType.CLIENT_CREDENTIALS: GrantToClient(issuer),
        GrantType.TOKEN_EXCHANGE: ExchangeForPeer(authenticate, issuer, parts.check_subject),
    }
    features = ServerFeatures(issuer.issuer, tuple(grants), PEER_SCOPES, are_tokens_bound=True)
    return _server(parts, authenticate, issuer, grants, features)


def _server(
    parts: AuthorizationParts,
    authenticate: AuthenticateClient,
    issuer: TokenIssuer,
    grants: _Grants,
    features: ServerFeatures,
) -> TokenServer:
    return TokenServer(
        issuer,
        GetAccessToken(authenticate, issuer, parts.stores.audit, grants),
        IntrospectToken(authenticate, issuer, parts.stores.contexts),
        features,
    )


def _token_issuer(parts: AuthorizationParts, base_url: str) -> TokenIssuer:
    oauth = parts.settings.oauth
    signing_key = read_signing_key(oauth.signing_key_file)
    return TokenIssuer(
        issuer=base_url,
        signing_key=signing_key,
        clock=parts.clock,
        identifiers=parts.identifiers,
        client_token_lifetime=timedelta(seconds=oauth.access_token_seconds),
        context_token_lifetime=timedelta(seconds=oauth.context_token_seconds),
        other_keys=_other_keys(oauth.other_key_files, signing_key),
    )


def _names_of(base_url: str) -> frozenset[str]:
    """Return what an assertion may call us: the issuer, or its token endpoint."""
    return frozenset({base_url, base_url + TOKEN_PATH})


def _client(settings: OAuthClientSettings) -> RegisteredClient:
    where = f"oauth.clients {settings.client_id}"
    try:
        for uri in settings.redirect_uris:
            check_redirect_uri(uri)
        file = settings.jwks_file
        keys = parse_jwks(_read(file)) if file is not None else PublicKeys()
    except (InvalidValue, MalformedMessage) as error:
        raise SettingsError(where, str(error)) from error
    return RegisteredClient(
        settings.client_id,
        keys,
        frozenset(settings.scopes),
        frozenset(settings.redirect_uris),
        settings.name,
    )


def read_signing_key(file: Path) -> SigningKey:
    try:
        return parse_signing_key(_read(file))
    except MalformedMessage as error:
        raise SettingsError(str(file), str(error)) from error


def _other_keys(files: tuple[Path, ...], signing_key: SigningKey) -> PublicKeys:
    """Read the keys beside; two with one kid would leave one of them without a voice."""
    keys, kids = PublicKeys(), {signing_key.kid}
    for file in files:
        key = read_signing_key(file)
        if key.kid in kids:
            raise SettingsError(str(file), "has the kid of another of our keys")
        kids.add(key.kid)
        keys = keys.joined(key.public)
    return keys


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(str(path), error.strerror or "cannot be read") from error
