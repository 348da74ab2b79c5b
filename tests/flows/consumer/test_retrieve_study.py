"""A series from its Source: with the token that it takes, for a patient who may be consulted."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from tests.fakes.boxes import SOURCE, ListedBoxes
from tests.fakes.consultation_site import ConsultationSite
from tests.fakes.contexts import made_up_caller, made_up_context
from tests.fakes.dicom_files import STUDY_UID, made_up_image, write_image
from tests.fakes.folder_pacs import FolderPacs
from tests.fakes.manifests import made_up_ins, made_up_manifest, made_up_series

from drimbox.adapters.image_cache_disk.cache import DiskImageCache
from drimbox.errors import (
    ConsentMissing,
    DrimboxError,
    NotAuthenticated,
    NotFound,
    Refused,
    RejectedByPartner,
    Unavailable,
)
from drimbox.flows.consumer.retrieve_study import RetrieveStudy
from drimbox.flows.image_streams import outgoing
from drimbox.flows.recent_accesses import RecentAccesses
from drimbox.model.access import Caller, ConsultationContext, Peer
from drimbox.model.consent import InformationEtOppositionConsultation as Consent
from drimbox.model.manifest import Manifest
from drimbox.model.patient import InsAuthority
from drimbox.model.retrieval import InstanceStream, TargetResource
from drimbox.model.uids import SopInstanceUid, TransferSyntaxUid
from drimbox.standards.dicom.outgoing import OutgoingIdentity
from drimbox.standards.dicom.transfer_syntaxes import (
    JPEG_BASELINE,
    JPEG_EXTENDED,
    JPEG_LOSSLESS_SV1,
    JPEG_LS_LOSSLESS,
    RLE_LOSSLESS,
)

pytestmark = pytest.mark.anyio
URL = f"https://{SOURCE}/dicom-web/studies/1/series/2"


@dataclass
class FakePeerTokens:
    """Gives a fresh token each time it has none; failure is raised instead."""

    can_forget: bool = True
    failure: DrimboxError | None = None
    given: list[str] = field(default_factory=list)
    kept: str | None = None

    async def token_for(self, peer: Peer, context: ConsultationContext, access_token: str) -> str:
        del peer, context
        if self.failure is not None:
            raise self.failure
        if self.kept is None:
            self.kept = f"token-{len(self.given) + 1} for {access_token}"
            self.given.append(self.kept)
        return self.kept

    def forget(self, peer: Peer, context: ConsultationContext) -> bool:
        del peer, context
        was_kept, self.kept = self.kept is not None, None
        return self.can_forget and was_kept


@dataclass
class FakePeer:
    """A Source that refuses some tokens; after stops_after instances an answer is cut.

    pacs_syntax is what its images claim to be in.
    """

    pacs: FolderPacs
    refused: set[str] = field(default_factory=set)
    stops_after: int | None = None
    pacs_syntax: TransferSyntaxUid | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)
    targets: list[str | None] = field(default_factory=list)
    rankings: list[Sequence[tuple[TransferSyntaxUid, float]]] = field(default_factory=list)

    async def retrieve(
        self,
        peer: Peer,
        target: TargetResource,
        *,
        access_token: str,
        kos_sop_instance_uid: SopInstanceUid,
        transfer_syntaxes: Sequence[tuple[TransferSyntaxUid, float]],
    ) -> AsyncIterator[InstanceStream]:
        del kos_sop_instance_uid
        self.asked.append((peer.db_host, access_token))
        self.targets.append(target.sop_instance_uid)
        self.rankings.append(transfer_syntaxes)
        if access_token in self.refused:
            raise NotAuthenticated("the Source box answered 401")
        identity = OutgoingIdentity(ins=made_up_ins())
        count = 0
        async for instance in outgoing(self.pacs.retrieve(target), identity, target):
            if count == self.stops_after:
                raise Unavailable("Source box", "stopped")
            count += 1
            syntax = self.pacs_syntax or instance.transfer_syntax_uid
            yield replace(instance, transfer_syntax_uid=syntax)


@dataclass
class Box:
    """A Consommatrice whose DMP holds one exam, of three images at one Source."""

    site: ConsultationSite
    manifest: Manifest
    peer: FakePeer
    tokens: FakePeerTokens
    retrieve_study: RetrieveStudy

    async def images(
        self, context: ConsultationContext | None = None, *, caller: Caller | None = None
    ) -> list[str]:
        caller = caller or made_up_caller(context or made_up_context())
        target = TargetResource(self.manifest.study_instance_uid)
        opened = await self.retrieve_study.open_study(caller, target)
        copy = opened.open_series(self.manifest.series[0].series_instance_uid)
        return [instance.sop_instance_uid async for instance in copy.instances()]

    async def objects(self) -> list[str]:
        """Retrieve the study as DICOM objects, as an export does."""
        target = TargetResource(self.manifest.study_instance_uid)
        caller = made_up_caller(made_up_context())
        opened = await self.retrieve_study.open_study(caller, target)
        uids = []
        async for instance in opened.retrieve(target, ()):
            uids.append(instance.sop_instance_uid)
            assert [chunk async for chunk in instance.chunks]
        return uids


async def no_pause(seconds: float) -> None:
    assert 0 < seconds < 5


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    folder = tmp_path / "pacs"
    folder.mkdir()
    for number in (1, 2, 3):
        write_image(made_up_image(number), folder / f"{number}.dcm")
    site = ConsultationSite(tmp_path)
    manifest = made_up_manifest(series=(made_up_series(2, 3, retrieve_url=URL),))
    site.dmp.hold(manifest)
    peer, tokens = FakePeer(FolderPacs(folder)), FakePeerTokens()
    cache = DiskImageCache(tmp_path / "cache", max_bytes=10**8, max_age_seconds=60)
    retrieve_study = RetrieveStudy(
        find_prior_studies=site.find_prior_studies,
        trusted_space=ListedBoxes(),
        peer=peer,
        cache=cache,
        audit=site.trail,
        accesses=RecentAccesses(site.clock),
        peer_tokens=tokens,
        pause=no_pause,
    )
    yield Box(site, manifest, peer, tokens, retrieve_study)
    await cache.stop()


@pytest.mark.requirement("FA.4")
async def test_a_source_is_shown_the_token_that_it_takes(box: Box) -> None:
    assert len(await box.images()) == 3
    assert box.peer.asked == [(SOURCE, "token-1 for psc-token")]


async def test_a_token_that_the_source_refuses_is_asked_for_anew_once(box: Box) -> None:
    box.peer.refused = {"token-1 for psc-token"}
    assert len(await box.images()) == 3
    assert box.tokens.given == ["token-1 for psc-token", "token-2 for psc-token"]


@pytest.mark.parametrize(
    ("can_forget", "tries"),
    [
        pytest.param(True, 2, id="a token of the Source, twice"),
        pytest.param(False, 1, id="the professional's own token, once"),
    ],
)
async def test_a_source_that_refuses_is_not_asked_again_and_again(
    box: Box, can_forget: bool, tries: int
) -> None:
    box.tokens.can_forget = can_forget
    box.peer.refused = {f"token-{n} for psc-token" for n in range(1, 9)}
    with pytest.raises(NotAuthenticated):
        await box.images()
    assert len(box.peer.asked) == tries


async def test_a_source_that_gives_no_token_is_asked_for_no_images(box: Box) -> None:
    box.tokens.failure = RejectedByPartner("Source box", "invalid_request")
    with pytest.raises(RejectedByPartner):
        await box.images()
    assert box.peer.asked == []


async def test_a_series_that_is_cut_goes_on_with_what_is_missing(box: Box) -> None:
    box.peer.stops_after = 1
    assert len(set(await box.images())) == 3
    assert box.peer.targets == [None, *(f"{STUDY_UID}.2.{number}" for number in (2, 3))]


async def test_a_source_that_is_away_is_asked_three_times(box: Box) -> None:
    box.peer.stops_after = 0
    with pytest.raises(Unavailable):
        await box.images()
    assert box.peer.targets == [None, None, None]


@pytest.mark.requirement("VI-CO.15")
@pytest.mark.requirement("CO.84")
@pytest.mark.requirement("CO.73")
async def test_lossy_syntaxes_rank_first_for_viewing_and_lossless_ones_for_what_is_kept(
    box: Box,
) -> None:
    box.peer.pacs_syntax = JPEG_BASELINE
    await box.images()
    await box.objects()
    viewing, kept = (dict(ranking) for ranking in box.peer.rankings)
    assert viewing[JPEG_BASELINE] == viewing[JPEG_EXTENDED] == 0.9
    assert viewing[JPEG_LOSSLESS_SV1] == 0.6
    assert (kept[JPEG_LOSSLESS_SV1], kept[JPEG_BASELINE], kept[JPEG_EXTENDED]) == (0.9, 0.5, 0.5)
    assert len(viewing) == len(kept) == 10


@pytest.mark.requirement("CO.69 / CO.70")
async def test_what_is_here_is_asked_of_no_source_again(box: Box) -> None:
    """As stored serves viewing too; the copy for viewing serves both where nothing was lost."""
    await box.objects()
    await box.objects()
    await box.images()
    assert len(box.peer.asked) == 1


async def test_a_copy_for_viewing_that_lost_nothing_is_exported_as_it_is(box: Box) -> None:
    box.peer.pacs_syntax = JPEG_LS_LOSSLESS
    await box.images()
    await box.objects()
    assert len(box.peer.asked) == 1


async def test_a_copy_for_viewing_that_may_be_lossy_is_not_exported(box: Box) -> None:
    box.peer.pacs_syntax = JPEG_BASELINE
    await box.images()
    await box.objects()
    assert len(box.peer.asked) == 2


@pytest.mark.requirement("VI-CO.27")
async def test_an_image_in_a_syntax_that_was_not_offered_is_refused(box: Box) -> None:
    box.peer.pacs_syntax = RLE_LOSSLESS
    with pytest.raises(RejectedByPartner):
        await box.images()


@pytest.mark.requirement("TRA.04")
@pytest.mark.parametrize("consent", [c for c in Consent if not c.allows_consultation])
async def test_nothing_leaves_for_a_patient_whom_nobody_may_consult(
    box: Box, consent: Consent
) -> None:
    with pytest.raises(ConsentMissing):
        await box.images(made_up_context(consent=consent))
    assert (box.peer.asked, box.tokens.given, box.site.dmp.calls) == ([], [], [])


async def test_without_the_professionals_own_token_no_source_is_asked(box: Box) -> None:
    caller = replace(made_up_caller(made_up_context()), access_token=None)
    with pytest.raises(NotAuthenticated):
        await box.images(caller=caller)
    assert box.peer.asked == []


@pytest.mark.parametrize(
    "url", [URL.replace("db1", "db8"), "https://evil.test/a", "not an address"]
)
async def test_a_host_on_no_white_list_is_never_asked(box: Box, url: str) -> None:
    series = made_up_series(2, 3, retrieve_url=url)
    box.site.dmp.entries.clear()
    box.site.dmp.hold(made_up_manifest(series=(series,)))
    with pytest.raises(Refused):
        await box.images()
    assert (box.peer.asked, box.tokens.given) == ([], [])


async def test_an_exam_of_another_patient_does_not_exist(box: Box) -> None:
    other = replace(made_up_context().patient, ins=made_up_ins(InsAuthority.NIR_DEMO))
    with pytest.raises(NotFound):
        await box.images(made_up_context(patient=other))
    assert box.peer.asked == []
