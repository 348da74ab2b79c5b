"""A Consommatrice in front of a Source, over real mutual TLS; the DMP and the PACS are fake."""

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.fakes.boxes import CONSUMER, SOURCE, box
from tests.fakes.consultation_site import ConsultationSite
from tests.fakes.contexts import made_up_caller, made_up_context
from tests.fakes.manifests import made_up_series
from tests.fakes.peer_source import NUMBERS, PeerSource

from drimbox.adapters.image_cache_disk.cache import DiskImageCache
from drimbox.adapters.peer_dicomweb.peer_connection import PeerConnection, Timeouts
from drimbox.adapters.peer_dicomweb.peer_drimbox import DicomwebPeerDrimbox
from drimbox.flows.consumer.retrieve_study import RetrieveStudy
from drimbox.flows.consumer.series_from_source import Pause
from drimbox.flows.recent_accesses import RecentAccesses
from drimbox.model.access import Caller, ConsultationContext, Peer
from drimbox.model.manifest import Manifest
from drimbox.model.retrieval import TargetResource
from drimbox.ports.peer_tokens import PeerTokens

IN_THE_FIELD = Timeouts()


class ProfessionalsToken:
    """Presents the professional's own token, as a box without IUA does."""

    async def token_for(self, peer: Peer, context: ConsultationContext, access_token: str) -> str:
        del peer, context
        return access_token

    def forget(self, peer: Peer, context: ConsultationContext) -> bool:
        del peer, context
        return False


@dataclass
class TwoBoxes:
    """retrieve_study is the Consommatrice's; its DMP holds the Source's KOS, of three images."""

    source: PeerSource
    site: ConsultationSite
    manifest: Manifest
    retrieve_study: RetrieveStudy

    @property
    def caller(self) -> Caller:
        token = self.source.server.provider.sign_in().access_token
        return replace(made_up_caller(made_up_context()), access_token=token)

    async def hashes(self, caller: Caller | None = None) -> dict[str, str]:
        """Retrieve the study; return the hash of each data set by its SOP Instance UID."""
        target = TargetResource(self.manifest.study_instance_uid)
        opened = await self.retrieve_study.open_study(caller or self.caller, target)
        found = {}
        async for instance in opened.retrieve(target, ()):
            data_set = hashlib.sha256()
            async for chunk in instance.chunks:
                data_set.update(chunk)
            assert instance.sop_instance_uid not in found
            found[str(instance.sop_instance_uid)] = data_set.hexdigest()
        return found


async def no_pause(seconds: float) -> None:
    assert 0 < seconds < 5


@asynccontextmanager
async def consommatrice(
    source: PeerSource,
    folder: Path,
    *,
    timeouts: Timeouts = IN_THE_FIELD,
    site: ConsultationSite | None = None,
    pause: Pause = no_pause,
    make_tokens: Callable[[PeerConnection], PeerTokens] = lambda _: ProfessionalsToken(),
) -> AsyncIterator[TwoBoxes]:
    """Make the Consommatrice of a running Source; it keeps nothing of an earlier one."""
    url = f"https://{SOURCE}/dicom-web/studies/1/series/2"
    series = (made_up_series(2, len(NUMBERS), retrieve_url=url),)
    manifest = replace(source.publication.manifest, series=series)
    site = site or ConsultationSite(folder)
    site.dmp.hold(manifest)
    connection = PeerConnection(box(CONSUMER).tls(), source.boxes, timeouts=timeouts)
    peer = DicomwebPeerDrimbox(connection)
    cache = DiskImageCache(folder / "cache", max_bytes=10**9, max_age_seconds=60)
    await peer.start()
    try:
        yield TwoBoxes(
            source,
            site,
            manifest,
            RetrieveStudy(
                find_prior_studies=site.find_prior_studies,
                trusted_space=source.boxes,
                peer=peer,
                cache=cache,
                audit=site.trail,
                accesses=RecentAccesses(site.clock),
                peer_tokens=make_tokens(connection),
                pause=pause,
            ),
        )
    finally:
        await cache.stop()
        await peer.stop()
