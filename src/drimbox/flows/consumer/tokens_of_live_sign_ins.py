"""A box that exchanges no token: is it the box, or a professional's token that is over?

A token of Pro Santé Connect lives two minutes; between the call that brought it and the use of it
for images it may end. RFC 8693 2.2.2 has one error for whatever is wrong, so that Pro Santé Connect
is asked: only a caller who signs in anew is helped by a 401.
"""

from dataclasses import dataclass

from drimbox.errors import RejectedByPartner
from drimbox.flows.professional_tokens import KnowProfessional
from drimbox.model.access import ConsultationContext, Peer
from drimbox.ports.peer_tokens import PeerTokens


@dataclass(frozen=True, slots=True)
class TokensOfLiveSignIns:
    """Implements ports.peer_tokens.PeerTokens."""

    tokens: PeerTokens
    know_professional: KnowProfessional

    async def token_for(self, peer: Peer, context: ConsultationContext, access_token: str) -> str:
        """See ports.peer_tokens.

        Raises:
            NotAuthenticated: the box gives none, for the professional's own token is over
                (invalid_token).
        """
        try:
            return await self.tokens.token_for(peer, context, access_token)
        except RejectedByPartner:
            await self.know_professional(access_token)
            raise

    def forget(self, peer: Peer, context: ConsultationContext) -> bool:
        """See ports.peer_tokens."""
        return self.tokens.forget(peer, context)
