"""Whether a box is well, from beside it: everything is looked at, nothing is changed.

Files first, then what answers: database, disks, PACS, DMP, Pro Santé Connect, trusted space. Each
look has its own line and its own time limit; one that fails hides none of the others.
"""

import asyncio
import os
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from drimbox.adapters.dmp_soap.establishments import Establishments
from drimbox.adapters.dmp_soap.reachability import reach
from drimbox.adapters.image_cache_disk.memory_folder import check_in_memory
from drimbox.adapters.pacs_dicomweb.pacs import DicomwebPacs
from drimbox.adapters.pacs_dimse.pacs import DimsePacs
from drimbox.adapters.pro_sante_connect.identity_provider import ProSanteConnect
from drimbox.adapters.storage_sql.engine import Database
from drimbox.adapters.storage_sql.schema import examine as examine_schema
from drimbox.adapters.storage_sql.sealing import load_sealing
from drimbox.adapters.system_clock import RandomIdentifiers, SystemClock
from drimbox.adapters.trusted_space_file.trusted_space import VerifiedTrustedSpace
from drimbox.errors import (
    DrimboxError,
    Mismatch,
    NotAuthenticated,
    Refused,
    SettingsError,
    Unavailable,
)
from drimbox.gateway.authorization import read_signing_key
from drimbox.gateway.certificates_in_use import (
    CertificateInUse,
    certificates_in_use,
    check_certificate,
    read_leaf,
)
from drimbox.settings.load import Settings
from drimbox.settings.partners import DicomPartner, Establishment, PacsSettings

MINIMUM_FREE_BYTES = 1024**3
CLOCK_TOLERANCE = timedelta(seconds=60)
_LOOK_SECONDS = 30.0

Look = Callable[[], Awaitable[str]]
"""Returns what is worth knowing; raises a DrimboxError when it is not well."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, whether it is well, and what was seen."""

    subject: str
    is_well: bool
    detail: str


async def examine(settings: Settings) -> tuple[Finding, ...]:
    """Look at everything that the settings name, in the order of this file."""
    doctor = _Doctor(settings, SystemClock())
    findings = [await _take(subject, look) for subject, look in doctor.files()]
    partners = [_take(subject, look) for subject, look in doctor.partners()]
    return (*findings, *await asyncio.gather(*partners))


async def _take(subject: str, look: Look) -> Finding:
    try:
        async with asyncio.timeout(_LOOK_SECONDS):
            return Finding(subject, is_well=True, detail=await look())
    except TimeoutError:
        return Finding(subject, is_well=False, detail=f"no answer within {_LOOK_SECONDS:g} s")
    except (DrimboxError, OSError) as error:
        return Finding(subject, is_well=False, detail=str(error))


@dataclass(frozen=True, slots=True)
class _Doctor:
    settings: Settings
    clock: SystemClock

    def files(self) -> list[tuple[str, Look]]:
        """List the looks at keys, certificates and disks."""
        certificates = certificates_in_use(self.settings)
        return [
            ("storage.key_file", self._storage_key),
            ("oauth signing keys", self._signing_keys),
            *((one.setting, partial(self._certificate, one)) for one in certificates),
            ("disk of the database", self._database_disk),
            ("disk of the image cache", self._cache_disk),
        ]

    def partners(self) -> list[tuple[str, Look]]:
        """List the looks at what answers, or should."""
        settings = self.settings
        destinations = settings.export_destinations if settings.is_consumer else ()
        return [
            ("database", self._database),
            ("pacs", partial(self._echo, settings.pacs)),
            *(
                (f"more_pacs {number}", partial(self._echo, one))
                for number, one in enumerate(settings.more_pacs, 1)
            ),
            *(
                (f"export_destinations {one.name}", partial(self._echo, one))
                for one in destinations
            ),
            *(
                (f"dmp {one.identifier}", partial(self._dmp, one))
                for one in settings.dmp.establishments
            ),
            ("pro_sante_connect", self._provider),
            ("white list", self._white_list),
        ]

    async def _storage_key(self) -> str:
        load_sealing(self.settings.storage.key_file)
        return "32 octets, closed to others"

    async def _signing_keys(self) -> str:
        oauth = self.settings.oauth
        keys = [read_signing_key(file) for file in (oauth.signing_key_file, *oauth.other_key_files)]
        return "kid " + ", ".join(key.kid for key in keys)

    async def _certificate(self, certificate: CertificateInUse) -> str:
        return check_certificate(certificate, self.clock.now())

    async def _database_disk(self) -> str:
        file = Database(self.settings.storage.url).file
        if file is None:
            return "PostgreSQL: its own"
        return _check_free(file.absolute().parent, MINIMUM_FREE_BYTES)

    async def _cache_disk(self) -> str:
        """The cache may still grow by what it does not hold yet."""
        storage = self.settings.storage
        folder = storage.cache_directory.absolute()
        where = f", {check_in_memory(folder)}" if storage.cache_must_be_in_memory else ""
        held = await asyncio.to_thread(_octets_below, folder)
        wanted = max(storage.cache_max_bytes - held, 0) + MINIMUM_FREE_BYTES
        return _check_free(folder, wanted) + where

    async def _database(self) -> str:
        storage = self.settings.storage
        database = Database(storage.url)
        if database.file is not None and not database.file.exists():
            # Opening it would make it, for whoever runs this command.
            return "not there yet: the first start makes it"
        try:
            is_last = await examine_schema(database, load_sealing(storage.key_file))
        finally:
            await database.close()
        return "schema of this version" if is_last else "the next start brings its schema forward"

    async def _echo(self, partner: DicomPartner) -> str:
        service = partner.dicomweb
        pacs = DicomwebPacs(service) if service else DimsePacs(_as_pacs(partner), None)
        started = time.monotonic()
        try:
            await pacs.echo()
        finally:
            await pacs.close()
        milliseconds = (time.monotonic() - started) * 1000
        if service is not None:
            return f"{service.url}, answers a search in {milliseconds:.0f} ms"
        where = f"{partner.ae_title} at {partner.host}:{partner.port}"
        return f"{where}, C-ECHO in {milliseconds:.0f} ms"

    async def _dmp(self, establishment: Establishment) -> str:
        dmp = self.settings.dmp
        credentials = Establishments([establishment]).choose(establishment.identifier)
        for url in dict.fromkeys((dmp.registry_url, dmp.repository_url, dmp.patients_url)):
            there = await reach(url, credentials.tls, timeout_seconds=dmp.connect_timeout_seconds)
            if there is not None and abs(there - self.clock.now()) > CLOCK_TOLERANCE:
                raise Mismatch(f"its clock says {there:%H:%M:%S} UTC: ours or its own is wrong")
        return "registry, repository and patients answer; their certificate and ours hold"

    async def _provider(self) -> str:
        settings = self.settings
        provider = ProSanteConnect(
            settings.pro_sante_connect, base_url=settings.browser.base_url, clock=self.clock
        )
        try:
            # Only a client that is known is told that a token is not active.
            await provider.introspect(RandomIdentifiers().new_secret())
        except NotAuthenticated:
            return "answers, and knows us"
        finally:
            await provider.close()
        raise Mismatch("it takes any token for a live one")

    async def _white_list(self) -> str:
        settings = self.settings
        space = VerifiedTrustedSpace(settings.trusted_space, self.clock)
        white_list = await space.preview()
        seen = f"{len(white_list.peers)} peers, made {white_list.generated_at:%Y-%m-%d %H:%M} UTC"
        leaf = read_leaf(settings.peer_client).public_bytes(Encoding.DER)
        try:
            own = space.check_peer_certificate(leaf)
            if settings.publication is not None:
                space.get_peer(settings.publication.retrieve_url_host)
        except Refused as error:
            raise Mismatch(f"{seen}; but our own entry: {error}") from error
        return f"{seen}; we are {own.db_host}"


def _as_pacs(partner: DicomPartner) -> PacsSettings:
    return PacsSettings(
        host=partner.host,
        port=partner.port,
        ae_title=partner.ae_title,
        calling_ae_title=partner.calling_ae_title,
    )


def _check_free(folder: Path, wanted: int) -> str:
    """Return how much is free where the folder is, or will be."""
    existing = next(one for one in (folder, *folder.parents) if one.exists())
    if not os.access(existing, os.W_OK):
        raise SettingsError(str(existing), "cannot be written to by this user")
    free = shutil.disk_usage(existing).free
    if free < wanted:
        raise Unavailable("disk", f"has {_gibibytes(free)} free, {_gibibytes(wanted)} wanted")
    return f"{_gibibytes(free)} free"


def _octets_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _gibibytes(octets: int) -> str:
    return f"{octets / 1024**3:.1f} GiB"
