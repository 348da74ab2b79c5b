"""What both functions of a box are made of: storage, partners, cache, pixel workers."""

from dataclasses import dataclass
from datetime import timedelta

from drimbox.adapters.dmp_soap.establishments import Establishments
from drimbox.adapters.dmp_soap.soap_client import DmpSoapClient
from drimbox.adapters.image_cache_disk.cache import DiskImageCache
from drimbox.adapters.image_cache_disk.memory_folder import check_in_memory
from drimbox.adapters.peer_dicomweb.iua_tokens import IuaTokens
from drimbox.adapters.peer_dicomweb.peer_connection import PeerConnection
from drimbox.adapters.peer_dicomweb.peer_drimbox import DicomwebPeerDrimbox
from drimbox.adapters.peer_dicomweb.peer_tokens import PeerTokensByBox, takes_iua
from drimbox.adapters.pixel_worker_process.pool import PixelWorkerPool
from drimbox.adapters.system_clock import RandomIdentifiers, SystemClock
from drimbox.adapters.trusted_space_file.trusted_space import VerifiedTrustedSpace
from drimbox.flows.consumer.consultation_memory import (
    ConsultationMemory,
    make_consultation_memory,
)
from drimbox.flows.draw_ahead import DrawAhead
from drimbox.flows.fetch_ahead import FetchAhead
from drimbox.gateway.named_files import check_named_files, naming
from drimbox.gateway.renewals import Renewals
from drimbox.gateway.site_pacs import SitePacs, make_site_pacs
from drimbox.gateway.stores import Stores, open_stores
from drimbox.settings.load import Settings
from drimbox.settings.renewed import Renewed


@dataclass(frozen=True, slots=True)
class DmpPartner:
    """The DMP's client and the credentials of each establishment."""

    client: DmpSoapClient
    establishments: Establishments


@dataclass(frozen=True, slots=True)
class Parts:
    """Opened by `make_parts`, started and stopped by the box."""

    settings: Settings
    clock: SystemClock
    identifiers: RandomIdentifiers
    stores: Stores
    trusted_space: VerifiedTrustedSpace
    dmp: DmpPartner
    pacs: SitePacs
    peer: DicomwebPeerDrimbox
    peer_tokens: PeerTokensByBox
    cache: DiskImageCache
    fetch_ahead: FetchAhead
    memory: ConsultationMemory
    pixels: PixelWorkerPool
    draw_ahead: DrawAhead
    renewals: Renewals

    @property
    def renewed(self) -> dict[str, Renewed[object]]:
        """What follows the files of certificates, under the settings that name them."""
        followed: dict[str, Renewed[object]] = {
            "trusted_space.anchors_file": self.trusted_space.anchors,
            "trusted_space.peer_anchors_file": self.trusted_space.peer_anchors,
            "peer_client": self.peer.connection.tls,
            **self.pacs.renewed,
        }
        for number, one in enumerate(self.dmp.establishments.renewed, 1):
            followed[f"dmp.establishments {number}"] = one
        if self.peer_tokens.iua_tokens is not None:
            followed["peer_client, of tokens"] = self.peer_tokens.iua_tokens.credentials
        return followed


async def make_parts(settings: Settings) -> Parts:
    """Open the storage and make every adapter; nothing listens or calls yet.

    Raises:
        SettingsError: a file or an address of the settings cannot be used.
        Unavailable: the database does not answer.
    """
    check_named_files(settings)
    storage = settings.storage
    if storage.cache_must_be_in_memory:
        check_in_memory(storage.cache_directory)
    clock = SystemClock()
    root = settings.publication.uid_root if settings.publication else None
    identifiers = RandomIdentifiers(root)
    establishments = Establishments(settings.dmp.establishments)
    client = DmpSoapClient(
        settings.dmp, establishments=establishments, clock=clock, identifiers=identifiers
    )
    with naming("trusted_space: anchors_file, peer_anchors_file"):
        trusted_space = VerifiedTrustedSpace(settings.trusted_space, clock)
    with naming("peer_client"):
        connection = PeerConnection(
            settings.peer_client,
            trusted_space,
            allow_private_addresses=settings.peer_retrieval.allow_private_addresses,
        )
    iua_tokens = None
    if takes_iua(settings.trusted_space):
        iua_tokens = IuaTokens(connection, settings.peer_client, trusted_space, clock, identifiers)
    cache = DiskImageCache(
        storage.cache_directory,
        max_bytes=storage.cache_max_bytes,
        max_age_seconds=storage.cache_max_age_seconds,
        base_url=f"{settings.browser.base_url}/dicom-web",
    )
    pixels = PixelWorkerPool(temporary_directory=cache.temporary_directory)
    stores = await open_stores(settings, clock)
    return Parts(
        settings=settings,
        clock=clock,
        identifiers=identifiers,
        stores=stores,
        trusted_space=trusted_space,
        dmp=DmpPartner(client, establishments),
        pacs=make_site_pacs(settings, stores.pacs_features),
        peer=DicomwebPeerDrimbox(connection),
        peer_tokens=PeerTokensByBox(settings.trusted_space, iua_tokens),
        cache=cache,
        fetch_ahead=FetchAhead(is_on=storage.fetch_ahead),
        memory=make_consultation_memory(clock, timedelta(seconds=settings.fhir.dmp_list_seconds)),
        pixels=pixels,
        draw_ahead=DrawAhead(pixels),
        renewals=Renewals(),
    )
