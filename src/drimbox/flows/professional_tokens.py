"""Tokens of Pro Santé Connect, told by their issuer and believed by introspection (SO.33)."""

from dataclasses import dataclass

from drimbox.errors import NotAuthenticated
from drimbox.model.practice import Professional
from drimbox.ports.identity_provider import TokenIntrospection
from drimbox.standards.iua.signed_token import peek_issuer


@dataclass(frozen=True, slots=True)
class KnowProfessional:
    """issuer is Pro Santé Connect's, character for character."""

    issuer: str
    introspection: TokenIntrospection

    async def __call__(self, token: str) -> Professional:
        """Return the professional whose live token this is.

        A token that names another issuer is refused without asking anybody; an opaque one is asked
        about. cnf is not compared with the peer's certificate: it names the one that the
        Consommatrice (or its proxy e-santé) shows to Pro Santé Connect, which need not be the one
        that it shows to other boxes.

        Raises:
            NotAuthenticated: not live (invalid_token).
            Unavailable: Pro Santé Connect does not answer.
        """
        if peek_issuer(token) not in {None, self.issuer}:
            raise NotAuthenticated("a token of another issuer", error="invalid_token")
        return (await self.introspection.introspect(token)).professional
