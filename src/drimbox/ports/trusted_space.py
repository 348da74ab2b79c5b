"""The trusted space: who is on the verified white list, and where to reach them."""

from dataclasses import dataclass
from typing import Protocol

from drimbox.model.access import Peer


@dataclass(frozen=True, slots=True)
class Address:
    """Where to connect; host is not the FQDN in demo and tests only (trusted_space.addresses)."""

    host: str
    port: int


class TrustedSpace(Protocol):
    def check_peer_certificate(self, certificate_der: bytes) -> Peer:
        """Return the Domaine whose DNCertificatOperateur is the leaf's subject.

        Raises:
            Refused: not on the list, revoked, expired, wrong key usage.
            Unavailable: there is no verified list or CRL at all (fail closed).
        """

    def get_peer(self, db_host: str) -> Peer:
        """Return the Domaine whose db is exactly this host; Refused otherwise."""

    def address_of(self, peer: Peer) -> Address:
        """Return where to connect."""
