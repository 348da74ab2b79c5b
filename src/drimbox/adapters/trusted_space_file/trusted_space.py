"""The white list and the CRLs: downloaded, verified each time, kept, checked on each request.

The last list that verified stays in force when a download fails, across restarts too; an older
one is refused (rollback); one past maximum_age is refused altogether, and so is everything when
there is none (fail closed). The CRLs are asked for more often than the list: a certificate may be
revoked at any hour (R15).
"""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from cryptography import x509

from drimbox.adapters.trusted_space_file.downloads import Download, download, download_newer
from drimbox.errors import DrimboxError, NotFound, Refused, Unavailable
from drimbox.model.access import Peer
from drimbox.ports.clock import Clock
from drimbox.ports.trusted_space import Address
from drimbox.settings.partners import TrustedSpaceSettings
from drimbox.settings.renewed import Renewed
from drimbox.standards.trusted_space.certificates import (
    CLIENT_AUTHENTICATION,
    RevocationLists,
    check_path,
    distinguished_name,
    dns_names,
    has_extended_key_usage,
    load_certificates,
    load_crl,
    name_attributes,
)
from drimbox.standards.trusted_space.verification import ExpectedSigner, verify_white_list
from drimbox.standards.trusted_space.white_list import WhiteList

_log = structlog.get_logger("trusted_space")
_RETRY_SECONDS = 60.0
_HTTPS_PORT = 443
_LIST = "liste-blanche.xml"


@dataclass(frozen=True, slots=True)
class _State:
    """What holds at one moment; replaced whole, so that a request sees one list and its CRLs."""

    white_list: WhiteList
    by_subject: dict[frozenset[tuple[str, str]], Peer]
    by_host: dict[str, Peer]
    revocation: RevocationLists


class VerifiedTrustedSpace:
    """Implements ports.trusted_space.TrustedSpace; `refresh` once at start, then `run`."""

    def __init__(self, settings: TrustedSpaceSettings, clock: Clock) -> None:
        """Read the anchors, which follow their files.

        Raises:
            MalformedMessage: an anchors file holds no certificate.
        """
        self._settings = settings
        self._clock = clock
        self.anchors = _certificates_of(settings.anchors_file)
        self.peer_anchors = _certificates_of(settings.peer_anchors_file)
        self._directory = settings.state_directory
        self._state: _State | None = None
        self._refreshed_at: datetime | None = None
        self._crls: tuple[Download, ...] = ()

    async def run(self) -> None:
        """Refresh daily, and every minute while the last try failed; until cancelled.

        Between two refreshes, ask whether there are newer CRLs.
        """
        while True:
            try:
                await self.refresh()
                pause = self._settings.refresh_seconds
            except DrimboxError as error:
                _log.warning("white_list_not_refreshed", reason=str(error))
                self.restore()
                pause = _RETRY_SECONDS
            await self._follow_revocation(pause)

    async def refresh(self) -> None:
        """Download, verify, keep, put in force.

        Raises:
            Unavailable: a download failed, or what came cannot be kept.
            MalformedMessage: the list or a CRL is not what it should be.
            NotAuthenticated: the signature does not hold.
            Refused: the signer is not the one expected, or the list is older than the one in force.
        """
        content, crls = await self._fetch()
        white_list, revocation = self._verify_newest(content, crls)
        try:
            self._keep(content, white_list.generated_at)
            self._keep_crls(crls)
        except OSError as error:
            # Not put in force either: the next start would not know an older one for a rollback.
            raise Unavailable("folder of the white list", "cannot be written") from error
        self._put_in_force(white_list, revocation)
        self._crls = crls
        _log.info("white_list_in_force", peers=len(white_list.peers))

    async def refresh_revocation(self) -> bool:
        """Put newer CRLs in force with the list of before; tell whether there were any.

        A server that does not tell versions is not asked: it would send the whole each time.

        Raises:
            Unavailable, MalformedMessage, NotAuthenticated, Refused: as for refresh; what was in
                force stays.
        """
        state, refreshed_at = self._state, self._refreshed_at
        if state is None or not self._crls:
            return False
        urls = self._settings.crl_urls
        newer = await asyncio.gather(
            *(
                download_newer(url, crl) if crl.has_version else _nothing()
                for url, crl in zip(urls, self._crls, strict=True)
            )
        )
        if not any(newer):
            return False
        crls = tuple(new or old for new, old in zip(newer, self._crls, strict=True))
        revocation = _revocation([crl.content for crl in crls])
        # The signer of the list may be who was revoked.
        kept = self._directory / _LIST
        try:
            white_list = self.verify(kept.read_bytes(), revocation)
            self._keep_crls(crls)
        except OSError as error:
            raise Unavailable("folder of the white list", "cannot be read or written") from error
        self._put_in_force(white_list, revocation)
        self._refreshed_at = refreshed_at  # the age of the list is that of its own download
        self._crls = crls
        _log.info("crl_in_force", lists=len(crls))
        return True

    async def preview(self) -> WhiteList:
        """Do the same, in this process only: nothing on disk changes, for a look from beside.

        Raises:
            The same.
        """
        content, crls = await self._fetch()
        white_list, revocation = self._verify_newest(content, crls)
        self._put_in_force(white_list, revocation)
        return white_list

    def restore(self) -> bool:
        """Put the kept list in force when none is, after verifying it again; tell whether it is.

        Its age counts from when its file was written, so that a box that starts cut off from the
        world does not trust an old list for longer.
        """
        kept = self._directory / _LIST
        if self._state is not None or not kept.is_file():
            return self._state is not None
        try:
            revocation = _revocation(
                [p.read_bytes() for p in sorted(self._directory.glob("*.crl"))]
            )
            white_list = self.verify(kept.read_bytes(), revocation)
        except (DrimboxError, OSError) as error:
            _log.warning("kept_white_list_not_usable", reason=str(error))
            return False
        self._put_in_force(white_list, revocation)
        self._refreshed_at = datetime.fromtimestamp(kept.stat().st_mtime, UTC)
        return True

    def verify(self, content: bytes, revocation: RevocationLists | None) -> WhiteList:
        """Verify signature, path, signer and (unless None) revocation; return the list."""
        settings = self._settings
        verified = verify_white_list(
            content,
            signer=ExpectedSigner(settings.signer_common_name, settings.signer_organizational_unit),
            anchors=self.anchors.current,
            revocation=revocation,
            now=self._clock.now(),
        )
        return verified.white_list

    def check_peer_certificate(self, certificate_der: bytes) -> Peer:
        """See ports.trusted_space."""
        state = self._current()
        try:
            certificate = x509.load_der_x509_certificate(certificate_der)
        except ValueError as error:
            raise Refused("not a certificate") from error
        peer = state.by_subject.get(name_attributes(certificate.subject))
        if peer is None:
            raise Refused("this certificate's subject is not on the white list")
        if not has_extended_key_usage(certificate, CLIENT_AUTHENTICATION):
            raise Refused("this certificate is not issued for client authentication")
        names = dns_names(certificate)
        if names and peer.db_host not in names:
            raise Refused("this certificate names another host than the white list")
        check_path(
            certificate,
            (),
            self.peer_anchors.current,
            now=self._clock.now(),
            revocation=state.revocation,
        )
        return peer

    def get_peer(self, db_host: str) -> Peer:
        """See ports.trusted_space."""
        peer = self._current().by_host.get(db_host)
        if peer is None:
            raise Refused("this host is not on the white list")
        return peer

    def address_of(self, peer: Peer) -> Address:
        """See ports.trusted_space."""
        mapped = self._settings.addresses.get(peer.db_host)
        if mapped is None:
            return Address(peer.db_host, _HTTPS_PORT)
        host, _, port = mapped.rpartition(":")
        return Address(host, int(port))

    def generated_at(self) -> datetime:
        """Return when the list in force was made.

        Raises:
            NotFound: there is none.
        """
        if self._state is None:
            raise NotFound("no white list is in force")
        return self._state.white_list.generated_at

    async def _follow_revocation(self, seconds: float) -> None:
        """Wait so long, asking for newer CRLs meanwhile."""
        until = self._clock.monotonic() + seconds
        while (left := until - self._clock.monotonic()) > 0:
            await asyncio.sleep(min(left, self._settings.crl_refresh_seconds))
            try:
                await self.refresh_revocation()
            except DrimboxError as error:
                _log.warning("crl_not_refreshed", reason=str(error))

    async def _fetch(self) -> tuple[bytes, tuple[Download, ...]]:
        urls = (self._settings.white_list_url, *self._settings.crl_urls)
        white_list, *crls = await asyncio.gather(*(download(url) for url in urls))
        return white_list.content, tuple(crls)

    def _verify_newest(
        self, content: bytes, crls: Sequence[Download]
    ) -> tuple[WhiteList, RevocationLists]:
        revocation = _revocation([crl.content for crl in crls])
        white_list = self.verify(content, revocation)
        kept = self._kept_generation()
        if kept is not None and white_list.generated_at < kept:
            raise Refused("the white list is older than the one in force")
        return white_list, revocation

    def _keep(self, content: bytes, generated_at: datetime) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _replace(self._directory / _LIST, content)
        _replace(self._directory / "generation", generated_at.isoformat().encode())

    def _keep_crls(self, crls: Sequence[Download]) -> None:
        for number, crl in enumerate(crls):
            _replace(self._directory / f"{number}.crl", crl.content)

    def _current(self) -> _State:
        state, refreshed_at = self._state, self._refreshed_at
        if state is None or refreshed_at is None:
            raise Unavailable("white list", "is not there yet")
        age = self._clock.now() - refreshed_at
        if age > timedelta(seconds=self._settings.maximum_age_seconds):
            raise Unavailable("white list", "was not verified for too long")
        return state

    def _put_in_force(self, white_list: WhiteList, revocation: RevocationLists) -> None:
        self._state = _State(
            white_list,
            {distinguished_name(p.operator_dn): p for p in white_list.peers},
            {p.db_host: p for p in white_list.peers},
            revocation,
        )
        self._refreshed_at = self._clock.now()

    def _kept_generation(self) -> datetime | None:
        try:
            text = (self._directory / "generation").read_text()
        except FileNotFoundError:
            return None
        return datetime.fromisoformat(text).astimezone(UTC)


def _revocation(crls: Sequence[bytes]) -> RevocationLists:
    return RevocationLists(tuple(load_crl(c) for c in crls))


async def _nothing() -> None:
    """Stand for the download of what is not asked for."""


def _certificates_of(path: Path) -> Renewed[tuple[x509.Certificate, ...]]:
    return Renewed([path], lambda: load_certificates(path.read_bytes()))


def _replace(path: Path, content: bytes) -> None:
    """Write beside, sync, rename: a reader sees the old file or the new one, whole."""
    beside = path.with_suffix(".new")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
