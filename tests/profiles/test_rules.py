"""Each rule of our profiles holds for what we write, and is broken by a resource that breaks it."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.fakes.fhir_examples import examples
from tests.fakes.fhir_gate import FhirGate, broken
from tests.fakes.node_judge import our_profiles

Json = dict[str, Any]
Change = Callable[[Json], object]
KOS = "drimbox-document-reference-kos"
STUDY = "drimbox-imaging-study"
PATIENT = "drimbox-patient-ins"
WADO = "drimbox-endpoint-wado"
VIEWER = "drimbox-endpoint-viewer"
OUTCOME = "drimbox-operation-outcome"
SET = "drimbox-submission-set"


def _related(document: Json, code: str) -> Json:
    found: Json = next(
        one["identifier"]
        for one in document["context"]["related"]
        if any(coding["code"] == code for coding in one["identifier"]["type"]["coding"])
    )
    return found


STUDY_UID_URN = "urn:ihe:iti:xds:2016:studyInstanceUID"
BREAKS: dict[str, tuple[str, Change]] = {
    "drimbox-mhd-1": (KOS, lambda d: d.update(status="entered-in-error")),
    "drimbox-mhd-2": (KOS, lambda d: d["masterIdentifier"].update(use="official")),
    "drimbox-mhd-3": (KOS, lambda d: d["identifier"][0].update(value="2f5a6b1c")),
    "drimbox-mhd-4": (KOS, lambda d: d["author"].append({"reference": "Practitioner/1"})),
    "drimbox-mhd-5": (KOS, lambda d: d["content"][0]["attachment"].update(hash="ZGEzOWE=")),
    "drimbox-pdsm-1": (KOS, lambda d: d["author"].append({"reference": "#organization-1-1"})),
    "drimbox-pdsm-2": (KOS, lambda d: d["extension"].append(d["extension"][-1])),
    "drimbox-pdsm-3": (KOS, lambda d: _related(d, STUDY_UID_URN).update(system="urn:oid:1.2.3")),
    "drimbox-pdsm-4": (KOS, lambda d: d["content"][0]["attachment"].update(language="en-US")),
    "drimbox-mado-1": (KOS, lambda d: d["identifier"].pop()),
    "drimbox-mado-2": (KOS, lambda d: d["extension"].pop(0)),
    "drimbox-mado-3": (KOS, lambda d: d["content"][0]["format"].update(display="KOS")),
    "drimbox-mado-4": (KOS, lambda d: _related(d, "110180").update(system="urn:oid:1.2.3")),
    "drimbox-mado-5": (KOS, lambda d: _related(d, "ACSN")["type"]["coding"].pop()),
    "drimbox-mado-6": (KOS, lambda d: _related(d, "110180").update(value="urn:oid:1.2.3")),
    "drimbox-kos-1": (KOS, lambda d: d["type"]["coding"].pop()),
    "drimbox-kos-2": (KOS, lambda d: d["subject"].update(identifier={"value": "1"})),
    "drimbox-study-1": (STUDY, lambda d: d["identifier"][0].update(value="1.2.3")),
    "drimbox-study-2": (STUDY, lambda d: d["basedOn"][0]["identifier"]["type"]["coding"].pop()),
    "drimbox-study-3": (STUDY, lambda d: d.update(numberOfSeries=7)),
    "drimbox-study-4": (STUDY, lambda d: d["series"][0].update(numberOfInstances=7)),
    "drimbox-study-5": (STUDY, lambda d: d["series"][0]["modality"].update(code="MR")),
    "drimbox-study-6": (STUDY, lambda d: d["series"][0].update(endpoint=[{"display": "PACS"}])),
    "drimbox-study-7": (STUDY, lambda d: d["series"][0].update(uid="urn-oid-1.2")),
    "drimbox-study-8": (STUDY, lambda d: d.update(procedureCode=[{"coding": [{"code": "x"}]}])),
    "drimbox-study-9": (STUDY, lambda d: d["subject"].update(identifier={"value": "1"})),
    "drimbox-study-10": (STUDY, lambda d: d["modality"][0].update(system="urn:oid:1.2")),
    "drimbox-ins-1": (PATIENT, lambda d: d["identifier"].append(d["identifier"][0])),
    "drimbox-ins-2": (PATIENT, lambda d: d["identifier"][0].update(use="usual")),
    "drimbox-ins-3": (PATIENT, lambda d: d["identifier"][0].update(value="12")),
    "drimbox-ins-4": (PATIENT, lambda d: d["name"][0].pop("extension")),
    "drimbox-ins-5": (PATIENT, lambda d: d.update(gender="other")),
    "drimbox-ins-6": (PATIENT, lambda d: d["extension"].pop()),
    "drimbox-ins-7": (PATIENT, lambda d: d["extension"].pop(0)),
    "drimbox-ins-8": (
        PATIENT,
        lambda d: [d["identifier"][1].pop(n, 0) for n in ("system", "assigner")],
    ),
    "drimbox-wado-1": (WADO, lambda d: d["payloadType"][0].update(text="WADO")),
    "drimbox-wado-2": (WADO, lambda d: d.update(address="https://box.test/dicom-web/studies/1")),
    "drimbox-wado-3": (WADO, lambda d: d.pop("identifier")),
    "drimbox-wado-4": (WADO, lambda d: d["extension"].pop(0)),
    "drimbox-viewer-1": (VIEWER, lambda d: d.update(address="mailto:box@box.test")),
    "drimbox-viewer-2": (
        VIEWER,
        lambda d: d.update(address="https://box.test/viewer?study=1.2.250.1.999.7.1"),
    ),
    "drimbox-viewer-3": (VIEWER, lambda d: d.update(payloadMimeType=["image/jpeg"])),
    "drimbox-set-1": (SET, lambda d: d["identifier"][1].update(value="1.2.3")),
    "drimbox-set-2": (SET, lambda d: d["extension"].pop()),
    "drimbox-set-3": (SET, lambda d: d["extension"].pop(0)),
    "drimbox-set-4": (SET, lambda d: d.update(source={"display": "Dr X"})),
    "drimbox-set-5": (SET, lambda d: d["entry"][0].update(item={"reference": "List/1"})),
    "drimbox-outcome-1": (OUTCOME, lambda d: d["issue"][0]["details"].pop("coding")),
}

# What stands in the profiles as a cardinality or a fixed value, and not as an invariant.
CARDINALITIES: dict[str, tuple[str, Change]] = {
    "MHD: no contained resource": (KOS, lambda d: d.pop("contained")),
    "MHD: no masterIdentifier": (KOS, lambda d: d.pop("masterIdentifier")),
    "MHD: a docStatus": (KOS, lambda d: d.update(docStatus="final")),
    "MHD: no type": (KOS, lambda d: d.pop("type")),
    "MHD: no category": (KOS, lambda d: d.pop("category")),
    "MHD: two categories": (KOS, lambda d: d.update(category=d["category"] * 2)),
    "MHD: no subject": (KOS, lambda d: d.pop("subject")),
    "MHD: no confidentiality": (KOS, lambda d: d.pop("securityLabel")),
    "MHD: two contents": (KOS, lambda d: d.update(content=d["content"] * 2)),
    "MHD: no media type": (KOS, lambda d: d["content"][0]["attachment"].pop("contentType")),
    "MHD: no language": (KOS, lambda d: d["content"][0]["attachment"].pop("language")),
    "MHD: no url": (KOS, lambda d: d["content"][0]["attachment"].pop("url")),
    "MHD: no creation": (KOS, lambda d: d["content"][0]["attachment"].pop("creation")),
    "MHD: octets in place": (KOS, lambda d: d["content"][0]["attachment"].update(data="AAAA")),
    "MHD: no format": (KOS, lambda d: d["content"][0].pop("format")),
    "MHD: no facility type": (KOS, lambda d: d["context"].pop("facilityType")),
    "MHD: no practice setting": (KOS, lambda d: d["context"].pop("practiceSetting")),
    "MHD: no source patient": (KOS, lambda d: d["context"].pop("sourcePatientInfo")),
    "PDSm: no date": (KOS, lambda d: d.pop("date")),
    "PDSm: no author": (KOS, lambda d: d.pop("author")),
    "PDSm: no custodian": (KOS, lambda d: d.pop("custodian")),
    "PDSm: no size": (KOS, lambda d: d["content"][0]["attachment"].pop("size")),
    "PDSm: no hash": (KOS, lambda d: d["content"][0]["attachment"].pop("hash")),
    "PDSm: no title": (KOS, lambda d: d["content"][0]["attachment"].pop("title")),
    "PDSm: no period": (KOS, lambda d: d["context"].pop("period")),
    "PDSm: no start": (KOS, lambda d: d["context"]["period"].pop("start")),
    "MADO: no related": (KOS, lambda d: d["context"].pop("related")),
    "MADO: no modality": (STUDY, lambda d: d.pop("modality")),
    "MADO: no numberOfSeries": (STUDY, lambda d: d.pop("numberOfSeries")),
    "MADO: series without a count": (STUDY, lambda d: d["series"][0].pop("numberOfInstances")),
    "MADO: series without an endpoint": (STUDY, lambda d: d["series"][0].pop("endpoint")),
    "FR Core: no sex": (PATIENT, lambda d: d.pop("gender")),
    "FR Core: no birth date": (PATIENT, lambda d: d.pop("birthDate")),
    "FR Core: no name": (PATIENT, lambda d: d.pop("name")),
    "MADO: another connection": (
        WADO,
        lambda d: d["connectionType"].update(code="dicom-qido-rs"),
    ),
    "an endpoint that is off": (WADO, lambda d: d.update(status="off")),
    "MHD: a list of another kind": (
        SET,
        lambda d: d["code"]["coding"][0].update(code="folder"),
    ),
    "MHD: a list at one moment": (SET, lambda d: d.update(mode="snapshot")),
    "MHD: a list of nobody": (SET, lambda d: d.pop("subject")),
    "MHD: a list without a date": (SET, lambda d: d.pop("date")),
    "MHD: a list without a source": (SET, lambda d: [d.pop("source"), d.pop("contained")]),
    "MHD: a list without an entry": (SET, lambda d: d.pop("entry")),
    "MHD: a date of its own": (SET, lambda d: d["entry"][0].update(date="2026-01-01")),
    "an issue without a text": (OUTCOME, lambda d: d["issue"][0].pop("details")),
    "what was sent, told back": (OUTCOME, lambda d: d["issue"][0].update(diagnostics="x")),
}


@pytest.mark.requirement("FA.6")
@pytest.mark.parametrize("profile", examples())
def test_what_we_write_passes_every_reader(fhir_gate: FhirGate, profile: str) -> None:
    resource = examples()[profile]
    assert [url.rpartition("/")[2] for url in resource["meta"]["profile"]] == [profile]
    fhir_gate.check(resource)


@pytest.mark.parametrize("rule", BREAKS)
def test_a_resource_that_breaks_a_rule_is_told(fhir_gate: FhirGate, rule: str) -> None:
    profile, change = BREAKS[rule]
    resource = examples()[profile]
    (url,) = resource["meta"]["profile"]
    change(resource)
    assert rule in broken(resource, url)
    faults = "\n".join(fhir_gate.profile_faults(resource))
    assert f"pyrofile: profile.invariant.{rule}" in faults
    assert "Medplum: error" in faults


@pytest.mark.parametrize("what", CARDINALITIES)
def test_a_resource_that_lacks_what_a_profile_requires_is_told(
    fhir_gate: FhirGate, what: str
) -> None:
    profile, change = CARDINALITIES[what]
    resource = examples()[profile]
    change(resource)
    assert fhir_gate.profile_faults(resource)


def test_every_rule_has_a_resource_that_breaks_it() -> None:
    rules = {
        rule["key"]
        for profile in our_profiles().values()
        for element in profile["differential"]["element"]
        for rule in element.get("constraint", ())
    }
    assert rules == BREAKS.keys()
