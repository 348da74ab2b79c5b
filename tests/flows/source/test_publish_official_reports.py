"""The official reports and the official message, up to the outbox."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.fakes.publishing_house import PublishingHouse
from tests.fakes.reports import SENDING, message_of, study_in_pacs, without_ipp

from drimbox.model.patient import LocalPatientId
from drimbox.model.publication import AlertKind
from drimbox.model.study import AccessionNumber, StudyPatient
from drimbox.model.uids import Oid
from drimbox.sandbox.ris.report_message import MessageKind
from drimbox.standards.dicom.kos import parse_kos


@pytest.fixture
def house() -> PublishingHouse:
    return PublishingHouse()


OFFICIAL_STUDIES = {
    "report-n1": ("1.2.250.1.925.994044.27.123.187635", 0, "1.2.250.1.925.994044.27"),
    "report-n3": ("1.2.250.1.925.994044.27.123.187636", 0, "1.2.250.1.925.994044785528.27"),
    "report-three-studies-n1": (
        "1.2.250.1.3.152.235.2.12.18763647",
        4,
        "1.2.250.1.925.994044785528.27",
    ),
}


@pytest.mark.anyio
@pytest.mark.requirement("SO.12")
@pytest.mark.parametrize("kind", list(MessageKind), ids=lambda kind: kind.name)
@pytest.mark.parametrize("name", OFFICIAL_STUDIES)
async def test_each_official_report_of_three_studies_makes_three_kos(
    house: PublishingHouse, samples: Path, name: str, kind: MessageKind
) -> None:
    root, first, issuer = OFFICIAL_STUDIES[name]
    studies = [f"{root}{first + i}" for i in range(3)]
    patient = StudyPatient(LocalPatientId("1234567890121"), "PAT-TROIS^DOMINIQUE")
    accession = AccessionNumber("105234751", Oid(issuer))
    house.pacs.hold(*(study_in_pacs(uid, accession=accession, patient=patient) for uid in studies))
    document = (samples / "cda" / f"{name}.xml").read_bytes()
    sending = replace(SENDING, kind=kind)
    await house.publish(message_of(without_ipp(), sending, document))
    assert house.alert_kinds == []
    assert [parse_kos(p.kos).study_instance_uid for p in house.register.publications] == studies


@pytest.mark.anyio
async def test_the_second_order_of_the_official_level_3_report_may_be_the_pacs_s(
    house: PublishingHouse, samples: Path
) -> None:
    uid = "1.2.250.1.925.994044.27.123.1876361"
    patient = StudyPatient(LocalPatientId("1234567890121"))
    house.pacs.hold(study_in_pacs(uid, accession=AccessionNumber("105234752"), patient=patient))
    document = (samples / "cda" / "report-n3.xml").read_bytes()
    await house.publish(message_of(without_ipp(), document=document))
    (publication,) = house.register.publications
    order = publication.manifest.order
    assert order is not None
    assert order.placer_order_number == "984375863"
    assert house.alert_kinds == [AlertKind.STUDY_NOT_IN_PACS] * 2


@pytest.mark.anyio
async def test_the_official_message_takes_its_modality_from_the_pacs(
    house: PublishingHouse, samples: Path
) -> None:
    uid = "1.3.6.1.4.1.5962.99.1.3711725607.829148806.1687338938407.3.0"
    accession = AccessionNumber("7252295367250056", Oid("1.2.840.113619.6.197"))
    patient = StudyPatient(None, "PAT TROIS^DOMINIQUE", "19790328", "F")
    house.pacs.hold(
        study_in_pacs(uid, accession=accession, patient=patient, modalities=("CR", "KO"))
    )
    await house.publish((samples / "hl7v2" / "mdm-t02-initial.er7").read_bytes())
    assert house.alert_kinds == []
    (lot,) = house.register.lots
    assert b'nodeRepresentation="CR"' in lot.metadata
    assert b'nodeRepresentation="KO"' not in lot.metadata
    assert b'nodeRepresentation="INVISIBLE_PATIENT"' in lot.metadata
    assert lot.identity.authenticated_at == datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
