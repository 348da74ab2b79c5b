"""private_key_jwt: a client proves itself by a signed assertion that serves once (RFC 7523 2.2)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from drimbox.standards.iua.assertion import (
    Assertion,
    claimed_issuer,
    encode_assertion,
    parse_assertion,
)
from drimbox.standards.iua.jwks import PublicKeys, SigningKey
from drimbox.standards.iua.signed_token import refuse

CLIENT_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True, repr=False)
class ClientAssertion:
    """An assertion that holds; identifier (jti) is to be used up by the caller until expires_at.

    expires_at includes the clock skew that we allow.
    """

    client_id: str
    identifier: str
    expires_at: datetime


def claimed_client_id(text: str) -> str | None:
    """Return who the assertion says it comes from, to find that client's keys."""
    return claimed_issuer(text)


def parse_client_assertion(
    text: str, keys: PublicKeys, *, client_id: str, audiences: Collection[str], now: datetime
) -> ClientAssertion:
    """Return the assertion if this client signed it, for us, for five minutes at most.

    Raises:
        NotAuthenticated: anything else.
    """
    assertion = parse_assertion(text, keys, issuer=client_id, audiences=audiences, now=now)
    if assertion.subject != client_id:
        refuse("iss and sub differ")
    return ClientAssertion(client_id, assertion.identifier, assertion.expires_at)


def encode_client_assertion(
    key: SigningKey, *, client_id: str, audience: str, identifier: str, now: datetime
) -> str:
    """Sign an assertion of our own, for one minute."""
    assertion = Assertion(client_id, client_id, identifier, now)
    return encode_assertion(assertion, key, audience=audience, now=now)
