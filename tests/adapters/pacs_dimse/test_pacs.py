"""One PACS: features are detected once, failures are counted, memory is not trusted too long."""

import asyncio

import pytest
from tests.fakes.fake_clock import FakeClock
from tests.fakes.fake_pacs_features import FakePacsFeatures
from tests.fakes.scripted_pacs import Peer, scripted_pacs

from drimbox.adapters.pacs_dimse import pacs as pacs_module
from drimbox.adapters.pacs_dimse.get_scu import NotAllSent
from drimbox.adapters.pacs_dimse.pacs import DimsePacs
from drimbox.adapters.pacs_dimse.presentation_contexts import storage_proposals
from drimbox.adapters.pacs_dimse.search import SeriesOutline, StudyOutline
from drimbox.adapters.pacs_dimse.study_memory import LIFETIME_SECONDS, MAX_STUDIES, StudyMemory
from drimbox.errors import NotFound, RejectedByPartner, Unavailable
from drimbox.model.retrieval import TargetResource
from drimbox.model.uids import SeriesInstanceUid, SopClassUid, StudyInstanceUid
from drimbox.ports.circuit_breaker import FAILURES, OPEN_SECONDS, CircuitBreaker
from drimbox.ports.pacs_features import PacsFeature
from drimbox.settings.partners import DicomListenerSettings, PacsSettings
from drimbox.standards.dicom.sop_classes import STORAGE_SOP_CLASSES
from drimbox.standards.dicom.transfer_syntaxes import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    JPEG_LS_LOSSLESS,
)
from drimbox.standards.dimse.messages import (
    STUDY_ROOT_GET,
    STUDY_ROOT_MOVE,
    CommandField,
    SubOperations,
)

CT, SR = SopClassUid("1.2.840.10008.5.1.4.1.1.2"), SopClassUid("1.2.840.10008.5.1.4.1.1.88.22")
STUDY, SERIES = StudyInstanceUid("1.2.3"), SeriesInstanceUid("1.2.3.1")
pytestmark = pytest.mark.anyio


def made_up_pacs(port: int, **changes: object) -> DimsePacs:
    values = {"host": "127.0.0.1", "port": port, "ae_title": "PACS", "idle_timeout_seconds": 2}
    settings = PacsSettings(**(values | changes))  # type: ignore[arg-type]
    return DimsePacs(settings, DicomListenerSettings(port=0))


@pytest.fixture
def known_study(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the scripts the queries before a retrieval."""

    async def outline(self: DimsePacs, study: StudyInstanceUid) -> StudyOutline:
        del self, study
        return StudyOutline((SeriesOutline(SERIES, 1),), (CT,))

    monkeypatch.setattr(DimsePacs, "_outline", outline)


async def test_a_pacs_without_c_get_is_asked_by_c_move_from_then_on(known_study: None) -> None:
    proposed: list[str] = []

    async def has_no_get(peer: Peer) -> None:
        await peer.accept(refused={STUDY_ROOT_GET})
        assert peer.request is not None
        proposed.append(peer.request.contexts[0].abstract_syntax)
        context, request, _ = await peer.message()
        peer.answer(context, request, 0xA801)
        await peer.finish()

    async with scripted_pacs(has_no_get) as port:
        pacs = made_up_pacs(port)
        for _ in range(2):
            with pytest.raises(RejectedByPartner) as raised:
                await anext(pacs.retrieve(TargetResource(STUDY)))
            assert raised.value.code == "A801"
        await pacs.close()
    assert proposed == [STUDY_ROOT_GET, STUDY_ROOT_MOVE, STUDY_ROOT_MOVE]


async def test_a_pacs_without_c_get_is_not_tried_again_after_a_restart(known_study: None) -> None:
    proposed: list[str] = []
    features = FakePacsFeatures(FakeClock())

    async def has_no_get(peer: Peer) -> None:
        await peer.accept(refused={STUDY_ROOT_GET})
        assert peer.request is not None
        proposed.append(peer.request.contexts[0].abstract_syntax)
        context, request, _ = await peer.message()
        peer.answer(context, request, 0xA801)
        await peer.finish()

    async with scripted_pacs(has_no_get) as port:
        settings = PacsSettings(host="127.0.0.1", port=port, ae_title="PACS")
        for _ in range(2):
            pacs = DimsePacs(settings, DicomListenerSettings(port=0), features)
            await pacs.start()
            with pytest.raises(RejectedByPartner):
                await anext(pacs.retrieve(TargetResource(STUDY)))
            await pacs.close()
    assert proposed == [STUDY_ROOT_GET, STUDY_ROOT_MOVE, STUDY_ROOT_MOVE]


async def test_what_is_remembered_is_no_rule_where_c_get_was_chosen(known_study: None) -> None:
    features = FakePacsFeatures(FakeClock())
    proposed: list[str] = []

    async def has_get(peer: Peer) -> None:
        await peer.accept()
        assert peer.request is not None
        proposed.append(peer.request.contexts[0].abstract_syntax)
        context, request, _ = await peer.message()
        peer.answer(context, request, 0xA900)
        await peer.finish()

    async with scripted_pacs(has_get) as port:
        await features.note_lack(f"PACS at 127.0.0.1:{port}", PacsFeature.C_GET)
        settings = PacsSettings(host="127.0.0.1", port=port, ae_title="PACS", retrieve_mode="c-get")
        pacs = DimsePacs(settings, DicomListenerSettings(port=0), features)
        await pacs.start()
        with pytest.raises(RejectedByPartner):
            await anext(pacs.retrieve(TargetResource(STUDY)))
        await pacs.close()
    assert proposed == [STUDY_ROOT_GET]


@pytest.mark.parametrize("status", [0xA702, 0xB000])
async def test_what_c_get_cannot_send_is_asked_by_c_move(known_study: None, status: int) -> None:
    """So it is with a PACS that passes over our role, and with one that cannot send this syntax."""
    asked: list[CommandField] = []

    async def sends_nothing(peer: Peer) -> None:
        await peer.accept()
        context, request, _ = await peer.message()
        asked.append(request.field)
        is_get = request.field is CommandField.C_GET_RQ
        counts = SubOperations(0, 0, 2, 0) if is_get else SubOperations()
        peer.answer(context, request, status if is_get else 0xA801, counts)
        await peer.finish()

    async with scripted_pacs(sends_nothing) as port:
        pacs = made_up_pacs(port)
        for _ in range(2):
            with pytest.raises(RejectedByPartner) as raised:
                await anext(pacs.retrieve(TargetResource(STUDY)))
            assert raised.value.code == "A801"
        await pacs.close()
    # Of another study it may be able to: that is not remembered.
    assert asked == [CommandField.C_GET_RQ, CommandField.C_MOVE_RQ] * 2


async def test_by_c_get_only_means_so(known_study: None) -> None:
    async def has_no_get(peer: Peer) -> None:
        await peer.accept(refused={STUDY_ROOT_GET})
        await peer.finish()

    async with scripted_pacs(has_no_get) as port:
        pacs = made_up_pacs(port, retrieve_mode="c-get")
        with pytest.raises(RejectedByPartner):
            await anext(pacs.retrieve(TargetResource(STUDY)))
        await pacs.close()


async def test_a_pacs_that_keeps_failing_is_left_alone(known_study: None) -> None:
    calls: list[int] = []

    async def closes(peer: Peer) -> None:
        calls.append(1)
        await asyncio.sleep(0)

    async with scripted_pacs(closes) as port:
        pacs = made_up_pacs(port)
        for _ in range(FAILURES + 3):
            with pytest.raises(Unavailable):
                await pacs.find_study(STUDY)
    assert len(calls) == FAILURES


async def test_a_study_that_it_cannot_send_whole_hides_no_other(known_study: None) -> None:
    """A viewer asks for it again and again: the PACS is there all the same."""
    asked: list[CommandField] = []

    async def lacks_one(peer: Peer) -> None:
        await peer.accept()
        context, request, _ = await peer.message()
        asked.append(request.field)
        peer.store(CT, "1.2.3.1", bytes(100))
        peer.answer(context, request, 0xB000, SubOperations(0, 1, 1, 0))
        await peer.finish()

    async with scripted_pacs(lacks_one) as port:
        pacs = made_up_pacs(port)
        for _ in range(FAILURES + 3):
            with pytest.raises(NotAllSent):
                _ = [i async for i in pacs.retrieve(TargetResource(STUDY))]
        await pacs.close()
    assert len(asked) == FAILURES + 3


def test_the_circuit_lets_one_call_through_after_a_while() -> None:
    now = 0.0
    breaker = CircuitBreaker("PACS", lambda: now)

    def call(*, fails: bool) -> str:
        try:
            with breaker.guard():
                return answer(fails=fails)
        except Unavailable as error:
            return str(error)

    def answer(*, fails: bool) -> str:
        if fails:
            raise Unavailable("PACS", "was called")
        return "answered"

    assert [call(fails=True) for _ in range(FAILURES)] == ["PACS was called"] * FAILURES
    assert "left alone" in call(fails=False)
    now = OPEN_SECONDS + 1
    assert call(fails=True) == "PACS was called"
    assert "left alone" in call(fails=False)
    now = 2 * OPEN_SECONDS + 2
    assert [call(fails=False), call(fails=False)] == ["answered", "answered"]


def test_an_answer_that_something_is_missing_does_not_open_the_circuit() -> None:
    breaker = CircuitBreaker("PACS", lambda: 0.0)
    for _ in range(FAILURES + 1):
        with pytest.raises(NotFound), breaker.guard():
            raise NotFound("no such study")
    with breaker.guard():
        pass


def test_memory_ends_with_time_with_number_and_with_a_new_series() -> None:
    now = 0.0
    memory = StudyMemory(lambda: now)
    memory.remember(STUDY, [CT, SR, CT], [SERIES])
    assert memory.sop_classes(STUDY, [SERIES]) == (CT, SR)
    assert memory.sop_classes(STUDY, [SERIES, SeriesInstanceUid("1.2.3.2")]) == ()
    now = LIFETIME_SECONDS + 1
    assert memory.sop_classes(STUDY, [SERIES]) == ()
    memory.remember(STUDY, [CT], [SERIES])
    for number in range(MAX_STUDIES):
        memory.remember(StudyInstanceUid(f"1.2.4.{number}"), [CT], [SERIES])
    assert memory.sop_classes(STUDY, [SERIES]) == ()


@pytest.mark.parametrize(
    ("classes", "accepted", "expected"),
    [
        pytest.param(
            (CT,),
            (JPEG_LS_LOSSLESS, EXPLICIT_VR_LITTLE_ENDIAN),
            [
                (CT, (JPEG_LS_LOSSLESS,)),
                (CT, (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN)),
            ],
            id="what the caller takes, best first, implicit being made explicit",
        ),
        pytest.param(
            (CT,),
            (JPEG_LS_LOSSLESS,),
            [(CT, (JPEG_LS_LOSSLESS,))],
            id="nothing the caller does not take",
        ),
        pytest.param((), (), [], id="no class, no context"),
    ],
)
def test_contexts_follow_the_caller(
    classes: tuple[SopClassUid, ...], accepted: tuple[object, ...], expected: list[object]
) -> None:
    assert storage_proposals(classes, accepted, room=127) == expected  # type: ignore[arg-type]


@pytest.mark.requirement("CS.86")
def test_contexts_never_exceed_their_number() -> None:
    few = storage_proposals((CT, SR), (), room=127)
    assert len({syntaxes for uid, syntaxes in few if uid == CT}) == len(few) // 2 > 10
    assert few[len(few) // 2 - 1][1] == (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN)
    many = storage_proposals(STORAGE_SOP_CLASSES, (), room=127)
    assert len(many) <= 127
    assert {uid for uid, _ in many} == set(STORAGE_SOP_CLASSES)


def test_series_are_dealt_out_by_their_size() -> None:
    series = [SeriesOutline(SeriesInstanceUid(f"1.2.{n}"), n) for n in (300, 3, 200, 90)]
    groups = pacs_module._share(STUDY, StudyOutline(tuple(series), (CT,)), 2)
    sizes = [[str(one.series_instance_uid) for one in group] for group in groups]
    assert sizes == [["1.2.300"], ["1.2.200", "1.2.90", "1.2.3"]]
