"""Exports: queued, counted, under the local IPP, and whoever broke them named."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from tests.fakes.conditions import until
from tests.fakes.consultation_site import DOCTOR, ConsultationSite
from tests.fakes.contexts import made_up_caller, made_up_context
from tests.fakes.manifests import STUDY, made_up_manifest, made_up_series

from drimbox.errors import (
    ConsentMissing,
    DrimboxError,
    Mismatch,
    NotAuthenticated,
    NotFound,
    RejectedByPartner,
    Unavailable,
)
from drimbox.flows.consumer import import_studies
from drimbox.model.audit import AuditAction, AuditOutcome
from drimbox.model.consent import InformationEtOppositionConsultation as Consent
from drimbox.model.export import Export, ExportFailure, ExportState
from drimbox.model.export_syntax import ExportSyntax, SyntaxRule
from drimbox.model.manifest import Manifest
from drimbox.model.uids import SopInstanceUid, StudyInstanceUid
from drimbox.standards.dicom import tags
from drimbox.standards.dicom.attributes import Attributes
from drimbox.standards.dicom.data_set import Encoding, read_data_set
from drimbox.standards.dicom.data_set_encoding import encode_data_set

pytestmark = pytest.mark.anyio


@pytest.fixture
def site(tmp_path: Path) -> ConsultationSite:
    return ConsultationSite(tmp_path)


def _hold(site: ConsultationSite, images: int = 3) -> Manifest:
    manifest = made_up_manifest(series=(made_up_series(2, images),))
    site.dmp.hold(manifest)
    for instance in manifest.series[0].instances:
        site.images.data_sets[instance.sop_instance_uid] = _image(instance.sop_instance_uid)
    return manifest


def _image(uid: SopInstanceUid) -> bytes:
    return encode_data_set(
        {
            tags.SOP_INSTANCE_UID: ("UI", uid.encode()),
            tags.PATIENT_NAME: ("PN", b"PAQUERETTE^ZOE"),
            tags.PATIENT_ID: ("LO", b"IPP-OF-THE-SOURCE "),
            tags.ISSUER_OF_PATIENT_ID: ("LO", b"CH-DEMOVILLE"),
            tags.STUDY_INSTANCE_UID: ("UI", STUDY.encode()),
            tags.PIXEL_DATA: ("OW", bytes(range(256)) * 20),
        }
    )


@asynccontextmanager
async def _running(site: ConsultationSite) -> AsyncIterator[None]:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(site.import_studies.run)
        yield
        tasks.cancel_scope.cancel()


async def _finished(site: ConsultationSite, export: Export) -> Export:
    await until(lambda: site.exports.exports[export.identifier].state.is_over)
    return site.exports.exports[export.identifier]


async def _export(site: ConsultationSite, syntax: ExportSyntax | None = None) -> Export:
    (export,) = await site.import_studies.request(
        made_up_caller(made_up_context()), [STUDY], "PACS", syntax=syntax
    )
    async with _running(site):
        return await _finished(site, export)


@pytest.mark.requirement("CO.60")
@pytest.mark.requirement("CO.77")
async def test_images_arrive_under_the_local_ipp_with_their_pixels_untouched(
    site: ConsultationSite,
) -> None:
    manifest = _hold(site)
    export = await _export(site)
    assert (export.state, export.stored, export.total) == (ExportState.DONE, 3, 3)
    assert [i.sop_instance_uid for i, _ in site.destination.received] == [
        i.sop_instance_uid for i in manifest.series[0].instances
    ]
    for _, octets in site.destination.received:
        data_set = read_data_set(octets, Encoding.EXPLICIT_LITTLE)
        attributes = Attributes(data_set)
        assert attributes.text(tags.PATIENT_ID) == "C001-2026"
        assert attributes.text(tags.ISSUER_OF_PATIENT_ID) == "CLINIQUE-ESSAIS"
        assert data_set[tags.PIXEL_DATA][1] == bytes(range(256)) * 20


@pytest.mark.requirement("CO.74")
@pytest.mark.requirement("CO.75")
@pytest.mark.parametrize(
    ("rule", "chosen", "expected"),
    [
        pytest.param(SyntaxRule(), None, ".1", id="as received"),
        pytest.param(SyntaxRule(ExportSyntax.JPEG_LS), None, ".4.80", id="of the destination"),
        pytest.param(
            SyntaxRule(ExportSyntax.JPEG_LS, {"CT": ExportSyntax.JPEG_2000_LOSSLESS}),
            None,
            ".4.90",
            id="of the modality",
        ),
        pytest.param(
            SyntaxRule(ExportSyntax.JPEG_LS, {"MR": ExportSyntax.JPEG_2000_LOSSLESS}),
            None,
            ".4.80",
            id="of another modality",
        ),
        pytest.param(
            SyntaxRule(ExportSyntax.JPEG_LS, {"CT": ExportSyntax.JPEG_LS}),
            ExportSyntax.UNCOMPRESSED,
            ".1",
            id="chosen",
        ),
    ],
)
async def test_images_leave_in_the_syntax_chosen_or_that_of_modality_or_destination(
    site: ConsultationSite, rule: SyntaxRule, chosen: ExportSyntax | None, expected: str
) -> None:
    site.syntax_rules["PACS"] = rule
    manifest = _hold(site)
    assert manifest.series[0].modality == "CT"
    export = await _export(site, chosen)
    assert (export.state, export.syntax) == (ExportState.DONE, chosen)
    syntaxes = {image.transfer_syntax_uid for image, _ in site.destination.received}
    assert syntaxes == {f"1.2.840.10008.1.2{expected}"}
    assert {len(octets) for _, octets in site.destination.received} != {0}


async def test_what_cannot_be_in_that_syntax_leaves_as_it_came(site: ConsultationSite) -> None:
    site.syntax_rules["PACS"] = SyntaxRule(ExportSyntax.JPEG_LS)
    manifest = _hold(site)
    report = manifest.series[0].instances[1].sop_instance_uid
    site.transcoder.without_pixels = {report}
    export = await _export(site)
    assert (export.state, export.stored) == (ExportState.DONE, 3)
    syntaxes = {i.sop_instance_uid: i.transfer_syntax_uid for i, _ in site.destination.received}
    assert syntaxes.pop(report) == "1.2.840.10008.1.2.1"
    assert set(syntaxes.values()) == {"1.2.840.10008.1.2.4.80"}


async def test_each_export_is_traced(site: ConsultationSite) -> None:
    _hold(site)
    await _export(site)
    actions = (AuditAction.IMAGES_EXPORT_BEGUN, AuditAction.IMAGES_EXPORTED)
    events = [event for event in site.audit.events if event.action in actions]
    assert tuple(event.action for event in events) == actions
    for event in events:
        assert event.outcome is AuditOutcome.SUCCESS
        assert (event.user, event.study_instance_uid) == (DOCTOR.national_id, STUDY)
        assert event.destination == "PACS"


async def test_no_image_leaves_that_is_not_traced_before(site: ConsultationSite) -> None:
    """R16: a crash in the middle leaves a trace, and where there can be none, nothing leaves."""
    _hold(site)
    site.destination.opened, caller = anyio.Event(), made_up_caller(made_up_context())
    await site.import_studies.request(caller, [STUDY], "PACS")
    async with _running(site):
        await until(lambda: site.audit.events != [] and site.audit.events[-1].destination == "PACS")
        assert site.audit.events[-1].action is AuditAction.IMAGES_EXPORT_BEGUN
        assert site.destination.received == []
        site.audit.is_away = True
        (second,) = await site.import_studies.request(caller, [STUDY], "PACS")
        await until(lambda: second.identifier not in site.import_studies._under_way)
        assert site.destination.received == []


_FAILURES = [
    pytest.param(Unavailable("peer"), None, ExportFailure.SOURCE_UNAVAILABLE, id="Source away"),
    pytest.param(NotAuthenticated("401"), None, ExportFailure.SOURCE_REFUSED, id="Source refuses"),
    pytest.param(Mismatch("INS"), None, ExportFailure.OTHER_PATIENT, id="another patient's images"),
    pytest.param(
        None, Unavailable("PACS"), ExportFailure.DESTINATION_UNAVAILABLE, id="destination away"
    ),
    pytest.param(
        None,
        RejectedByPartner("PACS", "A700"),
        ExportFailure.DESTINATION_REFUSED,
        id="destination refuses",
    ),
]


@pytest.mark.requirement("CO.61")
@pytest.mark.parametrize(("source", "destination", "failure"), _FAILURES)
async def test_a_failure_says_who_broke_it(
    site: ConsultationSite,
    source: DrimboxError | None,
    destination: DrimboxError | None,
    failure: ExportFailure,
) -> None:
    _hold(site)
    site.images.failure = source
    site.destination.failure, site.destination.accepts = destination, 1
    export = await _export(site)
    assert (export.state, export.failure) == (ExportState.FAILED, failure)
    assert export.finished_at is not None
    assert site.audit.events[-1].outcome is AuditOutcome.SERIOUS_FAILURE


@pytest.mark.requirement("CO.68")
async def test_images_of_another_patient_stop_an_export(site: ConsultationSite) -> None:
    _hold(site)
    site.images.failure = Mismatch("an image does not carry the INS of the contextual call")
    export = await _export(site)
    assert export.failure is ExportFailure.OTHER_PATIENT
    assert site.destination.received == []


@pytest.mark.requirement("CO.78")
async def test_a_failed_export_does_not_stop_the_next(site: ConsultationSite) -> None:
    _hold(site)
    caller = made_up_caller(made_up_context())
    site.destination.failure, site.destination.accepts = RejectedByPartner("PACS", "A700"), 0
    (first,) = await site.import_studies.request(caller, [STUDY], "PACS")
    async with _running(site):
        assert (await _finished(site, first)).state is ExportState.FAILED
        site.destination.accepts = 100
        (second,) = await site.import_studies.request(caller, [STUDY], "PACS")
        assert (await _finished(site, second)).state is ExportState.DONE


async def test_a_fault_of_ours_ends_one_export_only(site: ConsultationSite) -> None:
    manifest = _hold(site)
    del site.images.data_sets[manifest.series[0].instances[0].sop_instance_uid]
    caller = made_up_caller(made_up_context())
    (first,) = await site.import_studies.request(caller, [STUDY], "PACS")
    async with _running(site):
        assert (await _finished(site, first)).failure is ExportFailure.INTERRUPTED
        _hold(site)
        (second,) = await site.import_studies.request(caller, [STUDY], "PACS")
        assert (await _finished(site, second)).state is ExportState.DONE


async def test_a_trail_that_is_away_ends_one_export_only(site: ConsultationSite) -> None:
    _hold(site)
    caller = made_up_caller(made_up_context())
    await site.import_studies.request(caller, [STUDY], "PACS")
    site.audit.is_away = True
    async with _running(site):
        await until(lambda: not site.import_studies._under_way)
        site.audit.is_away = False
        (second,) = await site.import_studies.request(caller, [STUDY], "PACS")
        assert (await _finished(site, second)).state is ExportState.DONE


async def test_a_register_that_is_away_for_a_moment_ends_no_export(
    site: ConsultationSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An export says every few seconds that it is alive; here it cannot, three times."""
    monkeypatch.setattr(import_studies, "_SECONDS_BETWEEN_LOOKS", 0.01)
    _hold(site)
    site.destination.opened = anyio.Event()
    caller = made_up_caller(made_up_context())
    (export,) = await site.import_studies.request(caller, [STUDY], "PACS")
    async with _running(site):
        await until(lambda: site.exports.exports[export.identifier].state is ExportState.RUNNING)
        site.exports.is_away = True
        with pytest.raises(Unavailable):
            await site.import_studies.request(caller, [STUDY], "PACS")
        site.clock.advance(11)
        await until(lambda: site.exports.refusals > 3)
        site.exports.is_away = False
        site.destination.opened.set()
        assert (await _finished(site, export)).state is ExportState.DONE
    assert await site.import_studies.count_under_way(["a-context"]) == 0


@pytest.mark.requirement("CO.76")
async def test_exports_under_way_are_counted_until_they_end(site: ConsultationSite) -> None:
    _hold(site)
    (export,) = await site.import_studies.request(
        made_up_caller(made_up_context()), [STUDY], "PACS"
    )
    assert await site.import_studies.count_under_way(["a-context", "another"]) == 1
    async with _running(site):
        await _finished(site, export)
    assert await site.import_studies.count_under_way(["a-context"]) == 0


@pytest.mark.requirement("CO.79")
async def test_an_exam_exported_before_is_known(site: ConsultationSite) -> None:
    _hold(site)
    await _export(site)
    (done,) = await site.import_studies.find_done([STUDY, StudyInstanceUid("1.2.3")])
    assert done.destination == "PACS"


async def test_the_session_s_present_token_is_used(site: ConsultationSite) -> None:
    _hold(site)
    session = site.session_of(DOCTOR)
    (export,) = await site.import_studies.request(
        made_up_caller(made_up_context()), [STUDY], "PACS", session_identifier=session.identifier
    )
    site.sessions.sessions[session.identifier] = replace(session, access_token="fresh")
    async with _running(site):
        await _finished(site, export)
    assert site.images.tokens == ["fresh"]


@pytest.mark.requirement("CO.93")
async def test_an_opposed_patient_s_exam_is_not_queued(site: ConsultationSite) -> None:
    _hold(site)
    caller = made_up_caller(made_up_context(consent=Consent.INFORME_ET_OPPOSE))
    with pytest.raises(ConsentMissing):
        await site.import_studies.request(caller, [STUDY], "PACS")
    assert site.exports.history == []


async def test_nothing_is_queued_unless_all_may_be(site: ConsultationSite) -> None:
    _hold(site)
    caller = made_up_caller(made_up_context())
    with pytest.raises(NotFound):
        await site.import_studies.request(caller, [STUDY, StudyInstanceUid("1.2.3")], "PACS")
    with pytest.raises(NotFound):
        await site.import_studies.request(caller, [STUDY], "ELSEWHERE")
    assert site.exports.history == []


async def test_an_export_of_which_nobody_says_anything_any_more_is_interrupted(
    site: ConsultationSite,
) -> None:
    _hold(site)
    context = made_up_context()
    await site.import_studies.request(made_up_caller(context), [STUDY], "PACS")
    site.clock.advance(59)
    (export,) = await site.import_studies.find(context)
    assert export.state is ExportState.QUEUED
    site.clock.advance(1)
    (export,) = await site.import_studies.find(context)
    assert (export.state, export.failure) == (ExportState.FAILED, ExportFailure.INTERRUPTED)
    assert await site.import_studies.count_under_way([context.identifier]) == 0


async def test_a_clock_set_back_hides_no_interrupted_export(site: ConsultationSite) -> None:
    """R7: what its box said last, an hour ahead of now, is no sign of life."""
    _hold(site)
    context = made_up_context()
    await site.import_studies.request(made_up_caller(context), [STUDY], "PACS")
    site.clock.set_back(3600)
    (export,) = await site.import_studies.find(context)
    assert (export.state, export.failure) == (ExportState.FAILED, ExportFailure.INTERRUPTED)


async def test_a_long_export_goes_on_saying_so(
    site: ConsultationSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For two minutes nothing of it moves; then the clock is set back an hour (R7)."""
    monkeypatch.setattr(import_studies, "_SECONDS_BETWEEN_LOOKS", 0.01)
    _hold(site)
    site.destination.opened = anyio.Event()
    context = made_up_context()
    (asked,) = await site.import_studies.request(made_up_caller(context), [STUDY], "PACS")
    async with _running(site):
        await until(lambda: site.exports.exports[asked.identifier].state is ExportState.RUNNING)
        for _ in range(2):
            said = len(site.exports.history)
            site.clock.advance(59)
            await until(lambda said=said: len(site.exports.history) > said)
            (export,) = await site.import_studies.find(context)
            assert export.state is ExportState.RUNNING
        said = len(site.exports.history)
        site.clock.set_back(3600)
        await until(lambda: len(site.exports.history) > said)
        (export,) = await site.import_studies.find(context)
        assert export.state is ExportState.RUNNING
        site.destination.opened.set()
        assert (await _finished(site, export)).stored == 3


async def test_what_a_box_left_behind_days_ago_is_settled_when_it_starts(
    site: ConsultationSite,
) -> None:
    _hold(site)
    (export,) = await site.import_studies.request(
        made_up_caller(made_up_context()), [STUDY], "PACS"
    )
    site.clock.advance(2 * 86400)
    again = ConsultationSite(site.folder, clock=site.clock, exports=site.exports)
    async with _running(again):
        await anyio.sleep(0.05)
    assert site.exports.exports[export.identifier].failure is ExportFailure.INTERRUPTED
