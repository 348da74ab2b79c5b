"""Other boxes: their images by WADO-RS (RAD-107), over mutual TLS."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from drimbox.model.access import Peer
from drimbox.model.retrieval import InstanceStream, TargetResource
from drimbox.model.uids import SopInstanceUid, TransferSyntaxUid


class PeerDrimbox(Protocol):
    def retrieve(
        self,
        peer: Peer,
        target: TargetResource,
        *,
        access_token: str,
        kos_sop_instance_uid: SopInstanceUid,
        transfer_syntaxes: Sequence[tuple[TransferSyntaxUid, float]],
    ) -> AsyncIterator[InstanceStream]:
        """Yield the instances as they arrive; transfer_syntaxes carry their q.

        Raises:
            Unavailable: unreachable, 5xx, or a stream that stops before its end.
            NotAuthenticated: 401.
            Refused: 403.
            NotFound: 404.
            NotAcceptable: 406.
        """
