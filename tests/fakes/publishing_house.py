"""The publication of reports with everything around it in memory."""

from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from tests.fakes.fake_clock import START, FakeClock, FakeIdentifiers
from tests.fakes.fake_lot_signer import FakeLotSigner
from tests.fakes.fake_pacs import FakePacs
from tests.fakes.fake_study_register import FakeStudyRegister
from tests.fakes.reports import STRUCTURE

from drimbox.flows.source.publication_rules import PublicationRules
from drimbox.flows.source.publish_study import PublishReport
from drimbox.model.practice import Code, Practitioner
from drimbox.model.publication import AlertKind, IntakeState, ReceivedMessage

RULES = PublicationRules(
    retrieve_url_host="db1.test.mesimagesmedicales.fr",
    local_zone=ZoneInfo("Europe/Paris"),
    device=Practitioner("899711256811", "DRIMbox", "drimbox"),
    source_id="1.2.250.1.999.1",
    establishments=(STRUCTURE,),
    facility_type=Code("SA07", "1.2.250.1.71.4.2.4", "Cabinet individuel"),
    practice_setting=Code("AMBULATOIRE", "1.2.250.1.213.1.1.4.9", "Ambulatoire"),
)


@dataclass
class PublishingHouse:
    """The flow with everything around it in memory."""

    pacs: FakePacs = field(default_factory=FakePacs)
    register: FakeStudyRegister = field(default_factory=FakeStudyRegister)
    signer: FakeLotSigner = field(default_factory=lambda: FakeLotSigner((STRUCTURE.identifier,)))
    identifiers: FakeIdentifiers = field(default_factory=FakeIdentifiers)
    clock: FakeClock = field(default_factory=FakeClock)
    rules: PublicationRules = RULES
    count: int = 0

    async def publish(self, content: bytes) -> None:
        self.count += 1
        publish = PublishReport(
            pacs=self.pacs,
            register=self.register,
            signer=self.signer,
            identifiers=self.identifiers,
            clock=self.clock,
            rules=self.rules,
        )
        await publish(
            ReceivedMessage(
                self.count, f"key {self.count}", content, START, IntakeState.PROCESSING, attempts=1
            )
        )

    @property
    def alert_kinds(self) -> list[AlertKind]:
        return [alert.kind for alert in self.register.alerts.alerts]
