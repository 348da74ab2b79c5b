"""The official message and reports, from a RIS by MLLP to the DMP, through a running Source.

Each document is sent as it was published by others; the PACS holds studies that carry the ids the
document names. Rows of refusals send it with other study UIDs, of studies that do not agree.
"""

import asyncio
import contextlib
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.system.small_studies import study_facts, write_study
from tests.system.source_site import SiteOptions, SourceSite, source_site

from drimbox.model.manifest import ImagingOrder
from drimbox.model.patient import (
    AssigningAuthority,
    BirthDate,
    District,
    Gender,
    Ins,
    InsAuthority,
    LocalPatientId,
    PatientTraits,
)
from drimbox.model.practice import Code, Practitioner, Structure
from drimbox.model.study import AccessionNumber, StudyPatient
from drimbox.model.uids import Oid, StudyInstanceUid
from drimbox.sandbox.ris.report import RisReport, RisStudy
from drimbox.sandbox.ris.report_message import MessageKind, Sending, encode_report_message
from drimbox.standards.dicom.kos import parse_kos

pytestmark = [pytest.mark.anyio, pytest.mark.system, pytest.mark.xdist_group("official")]

INS = Ins("279035121518989", InsAuthority.NIR_TEST)
IPP = LocalPatientId("1234567890121", AssigningAuthority(None, Oid("1.2.3.4.567.8.9.10")))
IN_PACS = StudyPatient(IPP, "PAT-TROIS^DOMINIQUE", "19790328", "F")
ISSUER, OTHER_ISSUER = Oid("1.2.250.1.925.994044785528.27"), Oid("1.2.250.1.925.994044.27")
NUMBER = "105234751"
AGREED = AccessionNumber(NUMBER, ISSUER)
MESSAGE_STUDY = "1.3.6.1.4.1.5962.99.1.3711725607.829148806.1687338938407.3.0"
STRUCTURES = (
    Structure("1750803447", "Centre de radiologie Ambroise"),
    Structure("300000000023911", "CENTRE HOSPITALIER XXXXXX"),
)


@dataclass(frozen=True)
class Official:
    """A document of the samples: its studies, which share a prefix, and the order's issuer."""

    name: str
    prefix: str
    endings: tuple[str, ...]
    issuer: Oid

    @property
    def studies(self) -> tuple[str, ...]:
        return tuple(self.prefix + ending for ending in self.endings)

    def text(self, samples: Path) -> str:
        return (samples / "cda" / f"{self.name}.xml").read_text(encoding="utf-8")


_CENTRE = "1.2.250.1.925.994044.27.123.18763"
N1 = Official("report-n1", _CENTRE, ("50", "51", "52"), OTHER_ISSUER)
N3 = Official("report-n3", _CENTRE, ("60", "61", "62"), ISSUER)
THREE = Official(
    "report-three-studies-n1", "1.2.250.1.3.152.235.2.12.1876364", ("74", "75", "76"), ISSUER
)
OFFICIAL = [pytest.param(document, id=document.name) for document in (N1, N3, THREE)]


@dataclass(frozen=True)
class Disagreement:
    """What the PACS says of a study against report N3, and the alert that it must raise."""

    key: str
    alert: str
    patient: StudyPatient = IN_PACS
    accession: AccessionNumber | None = AGREED
    is_in_pacs: bool = True
    is_number_given_twice: bool = False

    @property
    def prefix(self) -> str:
        return f"1.2.250.1.999.{DISAGREEMENTS.index(self) + 500}."

    @property
    def studies(self) -> tuple[str, ...]:
        return tuple(self.prefix + ending for ending in N3.endings)


DISAGREEMENTS = (
    Disagreement("study missing", "study-not-in-pacs", is_in_pacs=False),
    Disagreement(
        "another IPP",
        "patient-mismatch",
        patient=replace(IN_PACS, patient_id=replace(IPP, value="1234567890122")),
    ),
    Disagreement(
        "the IPP of another domain",
        "patient-mismatch",
        patient=replace(
            IN_PACS, patient_id=LocalPatientId(IPP.value, AssigningAuthority(None, Oid("1.2.3.9")))
        ),
    ),
    Disagreement(
        "another INS",
        "patient-mismatch",
        patient=replace(
            IN_PACS,
            other_patient_ids=(
                LocalPatientId("160012A00402037", AssigningAuthority(None, Oid(INS.authority.oid))),
            ),
        ),
    ),
    Disagreement(
        "another accession number", "accession-mismatch", accession=AccessionNumber("1", ISSUER)
    ),
    Disagreement(
        "the number of another issuer",
        "accession-mismatch",
        accession=AccessionNumber(NUMBER, Oid("1.2.250.1.925.9")),
    ),
    Disagreement("no accession number", "accession-mismatch", accession=None),
    Disagreement(
        "a number that two issuers gave, and a PACS that names none",
        "accession-mismatch",
        accession=AccessionNumber(NUMBER),
        is_number_given_twice=True,
    ),
)
_REQUIREMENTS = {
    "study-not-in-pacs": "SO.15",
    "patient-mismatch": "SO.16",
    "accession-mismatch": "SO.17",
}
_WITHOUT_ISSUER_PREFIX = "1.2.250.1.999.490."


def fill_pacs(images: Path) -> None:
    """Write every study that the tests below speak of."""
    for document in (N1, N3, THREE):
        accession = AccessionNumber(NUMBER, document.issuer)
        for uid in document.studies:
            write_study(study_facts(uid, IN_PACS, accession), images)
    accession = AccessionNumber("7252295367250056", Oid("1.2.840.113619.6.197"))
    nameless = replace(IN_PACS, patient_id=None, patient_name="PAT TROIS^DOMINIQUE")
    write_study(study_facts(MESSAGE_STUDY, nameless, accession), images, ("CR", "KO"))
    for ending in N3.endings:
        facts = study_facts(_WITHOUT_ISSUER_PREFIX + ending, IN_PACS, AccessionNumber(NUMBER))
        write_study(facts, images)
    for row in DISAGREEMENTS:
        for uid in row.studies if row.is_in_pacs else ():
            write_study(study_facts(uid, row.patient, row.accession), images)


@contextlib.asynccontextmanager
async def running_site(folder: Path, **variables: str) -> AsyncIterator[SourceSite]:
    images = folder / "images"
    await asyncio.to_thread(fill_pacs, images)
    options = SiteOptions(folder, images, (INS,), STRUCTURES, variables=variables)
    async with source_site(options) as site:
        yield site


@pytest.fixture(scope="module", params=list(MessageKind), ids=lambda kind: kind.name)
async def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[SourceSite, MessageKind]]:
    """A site for each kind of message, so that each document comes to a box that knows nothing."""
    folder = tmp_path_factory.mktemp(f"site-{request.param.name}")
    async with running_site(folder) as running:
        yield running, request.param


def wrapped(document: str, kind: MessageKind) -> bytes:
    """Wrap a report as a RIS does, with the patient and the IPP that it carries."""
    report = RisReport(
        document_id=_first(r'<id root="([^"]+)"/>', document),
        set_id="1.2.3",
        created_at=datetime(2026, 11, 24, 9, tzinfo=UTC),
        title="",
        sections=(),
        patient=PatientTraits(
            ins=INS,
            family_name="PAT-TROIS",
            given_name="DOMINIQUE",
            gender=Gender.FEMALE,
            birth_date=BirthDate("19790328"),
            birth_place=District(_first(r"<county>(\w+)</county>", document)),
        ),
        local_patient_id=IPP,
        studies=(RisStudy(StudyInstanceUid("1.2.3"), _NOTHING, (), (), _NOON, _NOON),),
        orders=(ImagingOrder(AccessionNumber(NUMBER)),),
        author=Practitioner("801234560801", "BIDEAULT", "Jacques"),
        author_role=_NOTHING,
        structure=STRUCTURES[0],
        facility_type=_NOTHING,
        practice_setting=_NOTHING,
        viewer_host="",
    )
    sending = Sending(f"MSG-{hash(document)}", _NOON, kind)
    return encode_report_message(report, document.encode(), sending)


# What the wrapper does not write: all of it stands in the document.
_NOTHING = Code("", "1.2.3")
_NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found is not None
    return found.group(1)


@pytest.mark.requirement("S-trigger")
@pytest.mark.requirement("SO.03")
@pytest.mark.requirement("SO.12")
@pytest.mark.parametrize("document", OFFICIAL)
async def test_each_official_report_brings_one_kos_a_study_to_the_dmp(
    site: tuple[SourceSite, MessageKind], samples: Path, tmp_path: Path, document: Official
) -> None:
    running, kind = site
    message = wrapped(document.text(samples), kind)
    assert (await running.send(message)).code == "AA"
    held = await running.wait_for_kos(document.studies)
    assert sorted(row.study_instance_uid or "" for row in held) == sorted(document.studies)
    assert {row.status for row in held} == {"Approved"}
    assert await running.alerts_of(document.studies) == []
    for row in held:
        _, kos = running.stored(row.unique_id)
        manifest = parse_kos(kos)
        assert manifest.order is not None
        assert manifest.order.accession_number == AccessionNumber(NUMBER, document.issuer)
        await asyncio.to_thread(check_by_others, kos, tmp_path / "kos.dcm")
    # A RIS that did not hear the answer sends the same again.
    assert (await running.send(message)).code == "AA"
    await asyncio.sleep(0.5)
    assert len(await running.kos_of(document.studies)) == len(document.studies)


# What IMG-KOS adds to the IOD, and a used family name that came without a given one.
_EXPECTED = ("Attribute is not present in standard DICOM IOD", "Retired Person Name form")


def check_by_others(kos: bytes, file: Path) -> None:
    """Let dicom3tools and dcmtk read a KOS."""
    if not shutil.which("dciodvfy") or not shutil.which("dsrdump"):
        pytest.skip("apt-get install dicom3tools dcmtk")
    file.write_bytes(kos)
    verdict = subprocess.run(["dciodvfy", "-new", file], capture_output=True, check=False)
    said = (verdict.stdout + verdict.stderr).decode("latin-1").splitlines()
    assert [line for line in said if not line.endswith(_EXPECTED)] == ["KeyObjectSelectionDocument"]
    read = subprocess.run(["dsrdump", "+U8", file], capture_output=True, check=True)
    assert "Manifest" in read.stdout.decode(), read.stdout


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, id=row.key, marks=pytest.mark.requirement(_REQUIREMENTS[row.alert]))
        for row in DISAGREEMENTS
    ],
)
async def test_a_study_that_disagrees_is_not_published_and_the_operator_is_told(
    site: tuple[SourceSite, MessageKind], samples: Path, row: Disagreement
) -> None:
    running, kind = site
    document = N3.text(samples).replace(N3.prefix, row.prefix)
    if row.is_number_given_twice:
        document = document.replace("105234752", NUMBER)
    assert (await running.send(wrapped(document, kind))).code == "AA"
    alerts = await running.wait_for_alerts(row.studies)
    assert alerts == dict.fromkeys(row.studies, row.alert)
    assert await running.kos_of(row.studies) == []
    jobs = await running.box.admin("publications")
    assert not {job["study_instance_uid"] for job in jobs} & set(row.studies)
    for alert in await running.alerts_of(row.studies):
        assert INS.value not in str(alert)
        assert IPP.value not in str(alert)
        assert "PAT-TROIS" not in str(alert)


@pytest.mark.requirement("SO.17")
async def test_without_issuer_in_the_pacs_the_only_order_with_that_number_will_do(
    site: tuple[SourceSite, MessageKind], samples: Path
) -> None:
    running, kind = site
    studies = [_WITHOUT_ISSUER_PREFIX + ending for ending in N3.endings]
    document = N3.text(samples).replace(N3.prefix, _WITHOUT_ISSUER_PREFIX)
    await running.send(wrapped(document, kind))
    for row in await running.wait_for_kos(studies):
        order = parse_kos(running.stored(row.unique_id)[1]).order
        assert order is not None
        assert order.accession_number == AccessionNumber(NUMBER, ISSUER)


async def test_the_official_message_is_published_with_the_modality_of_the_pacs(
    site: tuple[SourceSite, MessageKind], samples: Path, tmp_path: Path
) -> None:
    """No IPP anywhere, LF between segments, a stray extension beside the study UID."""
    running, _ = site
    answer = await running.send((samples / "hl7v2" / "mdm-t02-initial.er7").read_bytes())
    assert (answer.code, answer.control_id) == ("AA", "015")
    (row,) = await running.wait_for_kos([MESSAGE_STUDY])
    entry, kos = running.stored(row.unique_id)
    assert b'nodeRepresentation="CR"' in entry.xml
    assert b'nodeRepresentation="KO"' not in entry.xml
    assert {series.modality for series in parse_kos(kos).series} == {"CR", "KO"}
    await asyncio.to_thread(check_by_others, kos, tmp_path / "kos.dcm")


@pytest.mark.requirement("SO.16")
async def test_a_setting_makes_the_ipp_mandatory(samples: Path, tmp_path: Path) -> None:
    variable = "DRIMBOX_PUBLICATION__IS_LOCAL_PATIENT_ID_REQUIRED"
    async with running_site(tmp_path, **{variable: "true"}) as running:
        await running.send((samples / "hl7v2" / "mdm-t02-initial.er7").read_bytes())
        assert await running.wait_for_alerts([MESSAGE_STUDY]) == {MESSAGE_STUDY: "patient-mismatch"}
        assert await running.kos_of([MESSAGE_STUDY]) == []
        await running.send(wrapped(N1.text(samples), MessageKind.ORU))
        assert len(await running.wait_for_kos(N1.studies)) == 3
