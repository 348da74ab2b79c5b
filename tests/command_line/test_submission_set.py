"""`drimbox submission-set`: judged by the tables of the sandbox DMP and by published schemas."""

import zipfile
from datetime import UTC, datetime
from hashlib import sha1
from pathlib import Path

import pytest
from lxml import etree
from tests.fakes.reports import REPORT
from tests.fakes.xds_schemas import XdsSchemas
from tests.fixtures.set_up_box import Run, SetUpBox

from drimbox.model.document_entry import DocumentEntry
from drimbox.sandbox.dmp.ebrim import part
from drimbox.sandbox.dmp.judge_report import judge_report
from drimbox.sandbox.dmp.judge_structure import judge_structure
from drimbox.sandbox.dmp.judge_submission import judge_lot, judge_metadata, read_submission
from drimbox.sandbox.dmp.names import LCM, RIM, qualified
from drimbox.sandbox.ris.report_document import encode_report_document
from drimbox.standards.xds.iti41_provide_and_register import parse_provide_and_register
from drimbox.standards.xds.submit_objects import parse_submit_objects

pytestmark = pytest.mark.requirement("PFI.01")
REPORT_XML = encode_report_document(REPORT)
REPORTS = ("report-n1.xml", "report-n3.xml", "report-three-studies-n1.xml")
OBJECTS = f"{qualified(LCM, 'SubmitObjectsRequest')}/{qualified(RIM, 'RegistryObjectList')}"


def made(drimbox: Run, report: Path, *arguments: str) -> etree._Element:
    result = drimbox("submission-set", str(report), *arguments)
    assert result.exit_code == 0, result.stderr
    return etree.fromstring(result.stdout.encode())


def entry_of(request: etree._Element) -> DocumentEntry:
    return parse_provide_and_register(request, {}).objects.entries["Document01"]


@pytest.mark.parametrize("name", REPORTS)
def test_the_dmp_finds_no_fault_with_the_lot_of_an_official_report(
    source_box: SetUpBox, samples: Path, name: str
) -> None:
    report = samples / "cda" / name
    request = made(source_box.drimbox, report, "--settings", str(source_box.settings_file))
    assert list(judge_structure(request)) == []
    submission = read_submission(part(request, OBJECTS), "code")
    assert list(judge_metadata(submission, datetime.now(UTC), "code")) == []
    assert list(judge_lot(submission, "code")) == []
    document, signature = submission.entries
    assert list(judge_report(document, report.read_bytes())) == []
    assert signature.object_id == "Signature01"
    assert XdsSchemas(samples).faults(request, "XDS.b_DocumentRepository") == []


@pytest.mark.parametrize(
    ("name", "studies", "accessions", "format_code"),
    [
        (REPORTS[0], 3, 1, "urn:ihe:iti:xds-sd:pdf:2008"),
        (REPORTS[1], 3, 2, "urn:ihe:rad:CDA:ImagingReportStructuredHeadings:2013"),
        (REPORTS[2], 3, 1, "urn:ihe:iti:xds-sd:pdf:2008"),
    ],
)
def test_the_imaging_metadata_of_a_report_find_it_beside_its_kos(
    drimbox: Run, samples: Path, name: str, studies: int, accessions: int, format_code: str
) -> None:
    entry = entry_of(made(drimbox, samples / "cda" / name))
    kinds = [reference.kind.rpartition(":")[2] for reference in entry.reference_ids]
    assert (kinds.count("studyInstanceUID"), kinds.count("accession")) == (studies, accessions)
    assert entry.format_code.value == format_code
    assert (entry.class_code.value, entry.type_code.value) == ("10", "18748-4")
    assert entry.event_codes


def test_a_report_is_one_document_as_it_came(drimbox: Run, tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_bytes(REPORT_XML)
    provided = parse_provide_and_register(made(drimbox, report), {})
    (entry,) = provided.objects.entries.values()
    content = provided.contents["Document01"]
    assert content == report.read_bytes()
    assert entry.hash_hex == sha1(content, usedforsecurity=False).hexdigest()
    assert entry.unique_id in content.decode()


def test_an_archive_has_the_layout_of_xdm(drimbox: Run, samples: Path, tmp_path: Path) -> None:
    report, archive = samples / "cda" / REPORTS[0], tmp_path / "report.zip"
    assert drimbox("submission-set", str(report), "--xdm", str(archive)).exit_code == 0
    with zipfile.ZipFile(archive) as files:
        assert set(files.namelist()) == {
            "INDEX.HTM",
            "README.TXT",
            "IHE_XDM/SUBSET01/METADATA.XML",
            "IHE_XDM/SUBSET01/DOC0001.XML",
        }
        metadata = etree.fromstring(files.read("IHE_XDM/SUBSET01/METADATA.XML"))
        content = files.read("IHE_XDM/SUBSET01/DOC0001.XML")
    assert content == report.read_bytes()
    (entry,) = parse_submit_objects(metadata).entries.values()
    assert entry.size == len(content)
    uri = metadata.xpath("string(//*[@name='URI']//*[local-name()='Value'])")
    assert uri == "DOC0001.XML"
    assert XdsSchemas(samples).faults(metadata, "lcm") == []


def test_no_file_is_overwritten(drimbox: Run, tmp_path: Path) -> None:
    report, output = tmp_path / "report.xml", tmp_path / "request.xml"
    report.write_bytes(REPORT_XML)
    assert drimbox("submission-set", str(report), "--output", str(output)).exit_code == 0
    content = output.read_bytes()
    again = drimbox("submission-set", str(report), "--output", str(output))
    assert (again.exit_code, output.read_bytes()) == (1, content)


@pytest.mark.parametrize("content", [b"", b"<a/>", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"])
def test_what_is_no_report_is_found_wrong(drimbox: Run, tmp_path: Path, content: bytes) -> None:
    report = tmp_path / "other.xml"
    report.write_bytes(content)
    result = drimbox("submission-set", str(report))
    assert (result.exit_code, result.stdout) == (1, "")


def test_misuse_ends_with_two(drimbox: Run) -> None:
    assert drimbox("submission-set", "no-such-file").exit_code == 2
