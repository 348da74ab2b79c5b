"""What a Consommatrice presents to a Source for a professional: that one's token, or the Source's.

pro-sante-connect   the professional's own token                      volet DRIM-M
iua                 a token that the Source gives in exchange for it  RFC 8693, ITI-71
"""

from typing import Protocol

from drimbox.model.access import ConsultationContext, Peer


class PeerTokens(Protocol):
    async def token_for(self, peer: Peer, context: ConsultationContext, access_token: str) -> str:
        """Return the bearer token to present to this box, for the professional of this context.

        access_token is the professional's own, live.

        Raises:
            NotAuthenticated: the professional's own token is over.
            RejectedByPartner: the box gives none.
            Unavailable: the box does not answer.
            Refused: we are not on the white list ourselves.
        """

    def forget(self, peer: Peer, context: ConsultationContext) -> bool:
        """Forget a token that the box has refused; tell whether another may be had."""
