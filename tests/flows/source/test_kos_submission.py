"""The metadata of a KOS, its submission set, in whose name; judged by the DMP stand-in's tables."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.fakes.fake_clock import START
from tests.fakes.publishing_house import RULES, PublishingHouse
from tests.fakes.reports import (
    RADIOLOGIST,
    REPORT,
    SENDING,
    STRUCTURE,
    STUDY,
    message_of,
    study_in_pacs,
    without_ipp,
)
from tests.fakes.seals import write_tls_files

from drimbox.adapters.dmp_soap.establishments import Establishments
from drimbox.adapters.dmp_soap.lot_signer import CertificateLotSigner
from drimbox.flows.source.kos_submission import read_roles
from drimbox.model.document_entry import DocumentEntry, SubmissionSet
from drimbox.model.manifest import ImagingOrder
from drimbox.model.practice import Code, Practitioner
from drimbox.model.publication import AlertKind, EncodedSubmission
from drimbox.model.report import Visibility
from drimbox.model.study import AccessionNumber
from drimbox.sandbox.dmp.document_kinds import KOS
from drimbox.sandbox.dmp.judge_entry import entry_kind
from drimbox.sandbox.dmp.judge_kos import judge_kos
from drimbox.sandbox.dmp.judge_submission import judge_lot, judge_metadata, read_submission
from drimbox.sandbox.ris.report import RisReport
from drimbox.sandbox.ris.report_document import encode_report_document
from drimbox.sandbox.ris.report_message import Sending
from drimbox.settings.partners import Establishment
from drimbox.standards.safe_xml import parse_xml
from drimbox.standards.saml.signing_key import SignatureAlgorithm
from drimbox.standards.xds.submit_objects import SubmittedObjects, parse_submit_objects

DCM, SNOMED = "1.2.840.10008.2.16.4", "2.16.840.1.113883.6.96"
LIMIT = 1 << 20


async def lot_of(
    report: RisReport = REPORT,
    sending: Sending = SENDING,
    house: PublishingHouse | None = None,
    **in_pacs: object,
) -> EncodedSubmission:
    house = house or PublishingHouse()
    house.pacs.hold(study_in_pacs(**in_pacs))  # type: ignore[arg-type]
    await house.publish(message_of(report, sending))
    (lot,) = house.register.lots
    return lot


def objects_of(lot: EncodedSubmission) -> SubmittedObjects:
    return parse_submit_objects(parse_xml(lot.metadata, max_bytes=LIMIT))


def entry_of(lot: EncodedSubmission) -> DocumentEntry:
    return next(e for e in objects_of(lot).entries.values() if e.type_code.value == "IMG-KOS")


def set_of(lot: EncodedSubmission) -> SubmissionSet:
    return objects_of(lot).submission_set


@pytest.mark.anyio
async def test_says_of_the_kos_what_report_message_and_pacs_say() -> None:
    lot = await lot_of()
    entry = entry_of(lot)
    assert entry.unique_id == lot.document_unique_id
    assert entry.patient_id == REPORT.patient.ins.xds_patient_id
    assert entry.creation_time == START
    assert (entry.service_start_time, entry.service_stop_time) == (STUDY.started_at, STUDY.ended_at)
    assert entry.facility_type == REPORT.facility_type
    assert entry.practice_setting == REPORT.practice_setting
    assert entry.legal_authenticator == RADIOLOGIST
    assert entry.source_patient_id is not None
    assert entry.source_patient_id.value == "IPP101"
    assert [code.value for code in entry.confidentiality_codes] == ["N"]
    assert [(code.value, code.system) for code in entry.event_codes] == [
        ("ACQH004", "1.2.250.1.213.2.5"),
        ("CT", DCM),
        ("774007", SNOMED),
    ]
    assert [(r.value, r.issuer and r.issuer.universal_id) for r in entry.reference_ids] == [
        ("ACN103", "1.2.250.1.999.10.2"),
        (STUDY.study_instance_uid, None),
        ("OPN7", "1.2.250.1.999.10.3"),
    ]
    (author,) = entry.authors
    assert author.is_device
    assert (author.person, author.structures) == (RULES.device, (STRUCTURE,))


@pytest.mark.anyio
async def test_hides_what_the_message_asks_to_hide() -> None:
    entry = entry_of(await lot_of(sending=replace(SENDING, visibility=frozenset(Visibility))))
    assert [code.value for code in entry.confidentiality_codes] == [
        "N",
        "MASQUE_PS",
        "INVISIBLE_PATIENT",
        "INVISIBLE_REPRESENTANTS_LEGAUX",
    ]


def _study(**changes: object) -> RisReport:
    return replace(REPORT, studies=(replace(STUDY, **changes),))  # type: ignore[arg-type]


EVENTS = [
    pytest.param(_study(modalities=()), ("CR", "MG", "SR"), ["CR", "MG"], id="the PACS's"),
    pytest.param(
        _study(modalities=(Code("RM", DCM, "x"),)), ("MR",), ["MR"], id="a word of no value set"
    ),
    pytest.param(REPORT, ("MR",), ["CT"], id="the report's, when it names one"),
    pytest.param(
        _study(modalities=(Code("PT", DCM, "x"), Code("CT", DCM, "y"))),
        ("PT", "CT"),
        ["PT", "CT"],
        id="two",
    ),
]


@pytest.mark.anyio
@pytest.mark.parametrize(("report", "stored", "modalities"), EVENTS)
async def test_a_modality_that_the_report_does_not_name_comes_from_the_pacs(
    report: RisReport, stored: tuple[str, ...], modalities: list[str]
) -> None:
    entry = entry_of(await lot_of(report, modalities=stored))
    assert [code.value for code in entry.event_codes if code.system == DCM] == modalities


@pytest.mark.anyio
async def test_a_region_of_no_value_set_is_left_out() -> None:
    regions = (Code("69536005", SNOMED, "Tête"), Code("76752008", SNOMED, "sein"))
    entry = entry_of(await lot_of(_study(anatomic_regions=regions)))
    assert [code.value for code in entry.event_codes if code.system == SNOMED] == ["76752008"]


@pytest.mark.anyio
async def test_an_act_that_ends_before_it_begins_has_no_end() -> None:
    earlier = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
    entry = entry_of(await lot_of(_study(ended_at=earlier)))
    assert (entry.service_start_time, entry.service_stop_time) == (STUDY.started_at, None)


DOCUMENT = encode_report_document(REPORT)
UNDATED = re.sub(rb"<effectiveTime><low.*?</effectiveTime>", b"", DOCUMENT)


@pytest.mark.anyio
async def test_an_act_without_times_began_when_the_pacs_says() -> None:
    house = PublishingHouse()
    house.pacs.hold(study_in_pacs())
    await house.publish(message_of(document=UNDATED))
    entry = entry_of(house.register.lots[0])
    # 23 November 2026, 9:00 in Paris.
    assert entry.service_start_time == datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
    assert entry.service_stop_time is None


@pytest.mark.anyio
async def test_an_act_that_nobody_dates_began_when_its_report_was_made() -> None:
    house = PublishingHouse()
    house.pacs.hold(replace(study_in_pacs(), study_date=None, study_time=None))
    await house.publish(message_of(document=UNDATED))
    assert entry_of(house.register.lots[0]).service_start_time == REPORT.created_at


@pytest.mark.anyio
async def test_what_the_report_does_not_say_of_its_place_the_site_says() -> None:
    said = rb"<standardIndustryClassCode[^>]*/>|<componentOf>.*</componentOf>"
    document = re.sub(said, b"", DOCUMENT)
    house = PublishingHouse()
    house.rules = replace(RULES, facility_type=replace(RULES.facility_type, display=""))
    house.pacs.hold(study_in_pacs())
    await house.publish(message_of(document=document))
    (lot,) = house.register.lots
    assert entry_of(lot).facility_type == replace(RULES.facility_type, display="SA07")
    assert entry_of(lot).practice_setting == RULES.practice_setting
    assert lot.identity.sector == "SA07"


@pytest.mark.anyio
async def test_a_report_that_nobody_signed_is_not_published_but_alerted() -> None:
    house = PublishingHouse()
    house.pacs.hold(study_in_pacs())
    anonymous = DOCUMENT.replace(b"assignedPerson", b"nobody")
    await house.publish(message_of(document=anonymous))
    assert house.alert_kinds == [AlertKind.REPORT_NOT_PUBLISHABLE]
    assert house.register.lots == []


@pytest.mark.anyio
async def test_a_message_without_send_by_goes_in_the_name_of_who_signed() -> None:
    house = PublishingHouse()
    house.pacs.hold(study_in_pacs())
    await house.publish(message_of().replace(b"\rPRT|", b"\rZRT|"))
    assert house.register.lots[0].identity.user == RADIOLOGIST


@pytest.mark.anyio
async def test_references_without_an_issuer_are_left_out() -> None:
    orders = (ImagingOrder(AccessionNumber("ACN103"), "OPN7"),)
    accession = AccessionNumber("ACN103")
    entry = entry_of(await lot_of(replace(REPORT, orders=orders), accession=accession))
    assert [reference.value for reference in entry.reference_ids] == [STUDY.study_instance_uid]


@pytest.mark.anyio
async def test_without_ipp_the_source_patient_is_the_ins() -> None:
    lot = await lot_of(without_ipp())
    assert b"PI</" not in lot.metadata
    assert entry_of(lot).patient_id == REPORT.patient.ins.xds_patient_id


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("patient_class", "content_type"),
    [("I", "03"), ("O", "07"), ("R", "19"), ("N", "97"), ("E", "07"), ("Z", "07")],
)
async def test_why_the_patient_came_is_the_content_type(
    patient_class: str, content_type: str
) -> None:
    house = PublishingHouse()
    house.pacs.hold(study_in_pacs())
    await house.publish(message_of().replace(b"PV1|1|O", f"PV1|1|{patient_class}".encode()))
    assert set_of(house.register.lots[0]).content_type.value == content_type


@pytest.mark.anyio
@pytest.mark.requirement("SO.01")
async def test_the_lot_goes_in_the_name_of_who_sent_the_report() -> None:
    lot = await lot_of()
    identity = lot.identity
    assert (identity.user, identity.sector) == (RADIOLOGIST, "SA08")
    assert identity.structure_identifier == STRUCTURE.identifier
    assert [role.value for role in identity.roles] == ["10", "SM44"]
    assert identity.patient_id == REPORT.patient.ins.xds_patient_id
    (author,) = set_of(lot).authors
    assert (author.person, author.structures) == (RADIOLOGIST, (STRUCTURE,))
    assert (set_of(lot).source_id, set_of(lot).submission_time) == (RULES.source_id, START)


@pytest.mark.anyio
async def test_a_sender_whose_role_no_one_tells_is_a_radiologist() -> None:
    house = PublishingHouse()
    house.pacs.hold(study_in_pacs())
    await house.publish(message_of().replace(b"899900000001^RADIO", b"899900000077^AUTRE"))
    identity = house.register.lots[0].identity
    assert identity.user == Practitioner("899900000077", "AUTRE", "Léa")
    assert identity.roles == RULES.default_roles


@pytest.mark.parametrize(
    ("value", "display", "roles"),
    [
        (
            "G15_10/SM44",
            "Médecin - Radio-diagnostic (SM)",
            [("10", "Médecin"), ("SM44", "Radio-diagnostic (SM)")],
        ),
        ("G15_21/D", "Pharmacien - Section D", [("21", "Pharmacien"), ("D", "Section D")]),
        ("G15_60", "Infirmier", [("60", "Infirmier")]),
        ("G15_10", "Médecin", []),
        ("G15_60/SM44", "?", []),
        ("SECRETARIAT", "Secrétariat", []),
    ],
)
def test_reads_a_speciality_as_profession_and_know_how(
    value: str, display: str, roles: list[tuple[str, str]]
) -> None:
    found = read_roles(Code(value, "1.2.250.1.213.1.1.4.5", display))
    assert [(role.value, role.display) for role in found] == roles


@pytest.fixture
def signed_house(tmp_path: Path) -> PublishingHouse:
    """The flow with the real signer."""
    files = write_tls_files(tmp_path, STRUCTURE.identifier)
    establishment = Establishment(
        identifier=STRUCTURE.identifier,
        name=STRUCTURE.name,
        authentication=files,
        signature=files,
    )
    house = PublishingHouse()
    signer = CertificateLotSigner(Establishments((establishment,)), SignatureAlgorithm.RSA_SHA256)
    house.signer = signer  # type: ignore[assignment]
    return house


@pytest.mark.anyio
@pytest.mark.requirement("SO.18")
@pytest.mark.parametrize(
    "report",
    [
        pytest.param(REPORT, id="everything"),
        pytest.param(without_ipp(), id="no local id"),
        pytest.param(_study(modalities=(), anatomic_regions=(), ccam=None), id="the least codes"),
    ],
)
async def test_the_dmp_finds_nothing_wrong(
    signed_house: PublishingHouse, report: RisReport
) -> None:
    lot = await lot_of(report, house=signed_house)
    request = parse_xml(lot.metadata, max_bytes=LIMIT)
    submission = read_submission(request[0], "refused")
    assert list(judge_metadata(submission, START, "refused")) == []
    assert list(judge_lot(submission, "refused")) == []
    (entry,) = (e for e in submission.entries if entry_kind(e) is KOS)
    assert list(judge_kos(entry, lot.documents[0].content)) == []
