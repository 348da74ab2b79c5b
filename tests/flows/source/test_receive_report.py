"""A message arrives: what is taken in charge, what is refused, what is recorded."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from tests.fakes.fake_audit_repository import FakeAuditRepository
from tests.fakes.fake_clock import START, FakeClock
from tests.fakes.fake_intake import FakeIntake
from tests.fakes.fake_study_register import FakeAlerts
from tests.fakes.manifests import made_up_ins, made_up_patient
from tests.fakes.reports import REPORT, SENDING, STUDY, message_of

from drimbox.errors import (
    DrimboxError,
    InvalidValue,
    MalformedMessage,
    Mismatch,
    Refused,
    Unavailable,
    UnsupportedMessage,
)
from drimbox.flows.source.receive_report import Receipt, ReceiveReport
from drimbox.model.audit import AuditAction, AuditOutcome
from drimbox.model.patient import Ins, InsAuthority, ins_control_key
from drimbox.model.publication import AlertKind
from drimbox.sandbox.ris.report_document import encode_report_document
from drimbox.sandbox.ris.report_message import MessageKind
from drimbox.standards.hl7v2.faults import MessageFault

ADDRESS = "192.0.2.7"
OTHER_INS = Ins("1800313032001" + ins_control_key("1800313032001"), InsAuthority.NIR_TEST)


@dataclass
class House:
    """The flow with everything around it in memory."""

    intake: FakeIntake = field(default_factory=FakeIntake)
    alerts: FakeAlerts = field(default_factory=FakeAlerts)
    audit: FakeAuditRepository = field(default_factory=FakeAuditRepository)

    async def receive(self, content: bytes, *, is_test: bool = True) -> Receipt:
        receive = ReceiveReport(
            intake=self.intake,
            alerts=self.alerts,
            audit=self.audit,
            clock=FakeClock(),
            local_zone=ZoneInfo("Europe/Paris"),
            is_test=is_test,
        )
        return await receive(content, source_address=ADDRESS)

    @property
    def kept(self) -> list[bytes]:
        return [message.content for message in self.intake.messages.values()]


@pytest.fixture
def house() -> House:
    return House()


@pytest.mark.anyio
@pytest.mark.requirement("S-trigger")
@pytest.mark.parametrize("kind", list(MessageKind), ids=lambda kind: kind.name)
async def test_a_report_is_durable_when_it_is_taken_in_charge(
    house: House, kind: MessageKind
) -> None:
    content = message_of(sending=replace(SENDING, kind=kind))
    assert await house.receive(content) == Receipt("MSG1", is_new=True)
    assert house.kept == [content]
    (message,) = house.intake.messages.values()
    assert message.received_at == START
    assert message.key.startswith("RIS-DEMO^CH-DEMOVILLE|MSG1|")


@pytest.mark.anyio
async def test_a_message_sent_again_is_accepted_and_changes_nothing(house: House) -> None:
    content = message_of()
    await house.receive(content)
    assert await house.receive(content) == Receipt("MSG1", is_new=False)
    assert house.kept == [content]


@pytest.mark.anyio
async def test_the_same_number_on_another_message_is_another_message(house: House) -> None:
    await house.receive(message_of())
    other = message_of(replace(REPORT, title="Another"))
    assert await house.receive(other) == Receipt("MSG1", is_new=True)
    assert len(house.kept) == 2


@pytest.mark.anyio
@pytest.mark.requirement("SO.43")
async def test_a_reception_is_recorded_for_each_study(house: House) -> None:
    second = replace(STUDY, study_instance_uid=STUDY.study_instance_uid + ".9")
    await house.receive(message_of(replace(REPORT, studies=(STUDY, second))))
    assert house.audit.actions == [AuditAction.REPORT_RECEIVED] * 2
    first, other = house.audit.events
    assert first.outcome is AuditOutcome.SUCCESS
    assert (first.user, first.source_address) == ("RIS-DEMO^CH-DEMOVILLE", ADDRESS)
    assert first.patient_id == made_up_ins().xds_patient_id
    assert first.document_unique_id == REPORT.document_id
    assert [first.study_instance_uid, other.study_instance_uid] == [
        STUDY.study_instance_uid,
        second.study_instance_uid,
    ]


REFUSED = [
    pytest.param(b"no message", MessageFault, id="no message"),
    pytest.param(message_of(document=b"<a/>"), UnsupportedMessage, id="no CDA"),
    pytest.param(message_of(document=b"<a>"), MalformedMessage, id="no XML"),
    pytest.param(
        message_of(document=encode_report_document(REPORT).replace(b'code="F"', b'code="U"')),
        InvalidValue,
        id="a trait that is none",
    ),
]


@pytest.mark.anyio
@pytest.mark.requirement("SO.45")
@pytest.mark.parametrize(("content", "error"), REFUSED)
async def test_a_refusal_keeps_nothing_and_is_recorded(
    house: House, content: bytes, error: type[DrimboxError]
) -> None:
    with pytest.raises(error):
        await house.receive(content)
    assert house.kept == []
    (event,) = house.audit.events
    assert event.outcome is AuditOutcome.SERIOUS_FAILURE
    assert event.description
    assert event.user == ADDRESS


@pytest.mark.anyio
@pytest.mark.requirement("SO.11")
@pytest.mark.parametrize("status", ["PROV", "DOUT", ""])
async def test_an_identity_that_is_not_qualified_is_refused_and_alerted(
    house: House, status: str
) -> None:
    content = message_of(sending=replace(SENDING, identity_status=status))
    for _ in range(2):
        with pytest.raises(Refused):
            await house.receive(content)
    assert house.kept == []
    assert [alert.kind for alert in house.alerts.alerts] == [AlertKind.IDENTITY_NOT_QUALIFIED]
    assert house.alerts.alerts[0].report_id == REPORT.document_id


@pytest.mark.anyio
@pytest.mark.requirement("INS")
async def test_message_and_report_of_two_patients_are_refused_and_alerted(house: House) -> None:
    stranger = replace(REPORT, patient=made_up_patient(ins=OTHER_INS))
    content = message_of(document=encode_report_document(stranger))
    with pytest.raises(Mismatch) as refusal:
        await house.receive(content)
    assert OTHER_INS.value not in str(refusal.value)
    assert house.kept == []
    assert [alert.kind for alert in house.alerts.alerts] == [AlertKind.PATIENT_MISMATCH]


@pytest.mark.anyio
@pytest.mark.parametrize("processing_id", ["T", "D"])
async def test_production_refuses_what_is_marked_a_test(house: House, processing_id: str) -> None:
    production = made_up_patient(ins=made_up_ins(InsAuthority.NIR))
    content = message_of(
        replace(REPORT, patient=production), replace(SENDING, processing_id=processing_id)
    )
    with pytest.raises(MessageFault) as fault:
        await house.receive(content, is_test=False)
    assert fault.value.where == "MSH-11"
    assert (await house.receive(content, is_test=True)).is_new


@pytest.mark.anyio
@pytest.mark.parametrize("authority", [InsAuthority.NIR_TEST, InsAuthority.NIR_DEMO])
async def test_production_refuses_numbers_made_for_tests(
    house: House, authority: InsAuthority
) -> None:
    content = message_of(replace(REPORT, patient=made_up_patient(ins=made_up_ins(authority))))
    with pytest.raises(Refused):
        await house.receive(content, is_test=False)
    assert house.kept == []
    assert (await house.receive(content, is_test=True)).is_new


@pytest.mark.anyio
@pytest.mark.parametrize("authority", [InsAuthority.NIR, InsAuthority.NIA])
async def test_production_takes_real_numbers(house: House, authority: InsAuthority) -> None:
    content = message_of(replace(REPORT, patient=made_up_patient(ins=made_up_ins(authority))))
    assert (await house.receive(content, is_test=False)).is_new


@pytest.mark.anyio
async def test_a_message_that_cannot_be_stored_is_not_taken_in_charge(house: House) -> None:
    house.intake.is_away = True
    with pytest.raises(Unavailable):
        await house.receive(message_of())
    assert house.audit.events == []


@pytest.mark.anyio
async def test_a_reception_that_cannot_be_recorded_is_not_taken_in_charge(house: House) -> None:
    house.audit.is_away = True
    with pytest.raises(Unavailable):
        await house.receive(message_of())
    house.audit.is_away = False
    assert await house.receive(message_of()) == Receipt("MSG1", is_new=False)
    assert house.audit.actions == [AuditAction.REPORT_RECEIVED]


@pytest.mark.anyio
async def test_takes_the_official_message_in_charge(house: House, samples: Path) -> None:
    content = (samples / "hl7v2" / "mdm-t02-initial.er7").read_bytes()
    assert await house.receive(content) == Receipt("015", is_new=True)


@pytest.mark.anyio
@pytest.mark.parametrize("kind", list(MessageKind), ids=lambda kind: kind.name)
@pytest.mark.parametrize("name", ["report-n1", "report-n3", "report-three-studies-n1"])
async def test_takes_the_official_reports_in_charge(
    house: House, samples: Path, name: str, kind: MessageKind
) -> None:
    document = (samples / "cda" / f"{name}.xml").read_bytes()
    patient = made_up_patient(ins=Ins("279035121518989", InsAuthority.NIR_TEST))
    content = message_of(replace(REPORT, patient=patient), replace(SENDING, kind=kind), document)
    assert (await house.receive(content)).is_new
    assert len(house.audit.events) == 3
