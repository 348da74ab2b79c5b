"""Which kind of token each Source box is shown, by the settings."""

from collections.abc import Mapping

from drimbox.adapters.peer_dicomweb.iua_tokens import IuaTokens
from drimbox.model.access import ConsultationContext, Peer
from drimbox.settings.partners import PeerTokenKind, TrustedSpaceSettings


class PeerTokensByBox:
    """Implements ports.peer_tokens.PeerTokens; iua_tokens is None where no box takes those."""

    def __init__(self, settings: TrustedSpaceSettings, iua_tokens: IuaTokens | None) -> None:
        self._default: PeerTokenKind = settings.peer_token_kind
        self._kinds: Mapping[str, PeerTokenKind] = settings.peer_token_kinds
        self.iua_tokens = iua_tokens

    async def token_for(self, peer: Peer, context: ConsultationContext, access_token: str) -> str:
        """See ports.peer_tokens."""
        tokens = self._iua_tokens_of(peer)
        return (
            access_token if tokens is None else await tokens.token_for(peer, context, access_token)
        )

    def forget(self, peer: Peer, context: ConsultationContext) -> bool:
        """See ports.peer_tokens; the professional's own token is the only one there is."""
        tokens = self._iua_tokens_of(peer)
        return tokens is not None and tokens.forget(peer, context)

    def _iua_tokens_of(self, peer: Peer) -> IuaTokens | None:
        kind = self._kinds.get(peer.db_host, self._default)
        return self.iua_tokens if kind == "iua" else None


def takes_iua(settings: TrustedSpaceSettings) -> bool:
    """Tell whether some box is shown tokens of its own."""
    return "iua" in {settings.peer_token_kind, *settings.peer_token_kinds.values()}
