"""The same searches on the same thousand studies, ours and Medplum's: the same found.

We search records, by functions of our own; Medplum searches the resources that we write of them,
by the expressions of the SearchParameters of R4, and of those that we publish. Left out is what
Medplum 4.5 does not do as R4 says: chains and :identifier (it has no index of them), :text, string
starts (it looks within), `ap`, several dates at once, months shorter than 31 days, and the other
spellings of a UID, which are our own courtesy.
"""

from collections.abc import Iterator
from random import Random
from typing import Any
from urllib.parse import quote

import pytest
from tests.fakes.fhir_searches import parse
from tests.fakes.node_judge import SearchOracle, why_no_node
from tests.fakes.search_population import made_up_population

from drimbox.model.imaging_record import ImagingRecord
from drimbox.standards.fhir.document_reference import encode_document_reference
from drimbox.standards.fhir.document_reference_search import DOCUMENT_REFERENCE
from drimbox.standards.fhir.imaging_study import encode_imaging_study
from drimbox.standards.fhir.imaging_study_search import IMAGING_STUDY
from drimbox.standards.fhir.search import SearchableResource
from drimbox.standards.fhir.search_values import Token

pytestmark = [pytest.mark.requirement("FA.1"), pytest.mark.xdist_group("search oracle")]

POPULATION = made_up_population(1000)
DCM = "http://dicom.nema.org/resources/ontology/DCM"
SNOMED = "http://snomed.info/sct"
ISSUER = "urn:oid:1.2.250.1.999.1"
CLASS_SYSTEM = "https://mos.esante.gouv.fr/NOS/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument"
DATES = (
    "{}=2024", "{}=2024-07", "{}=2024-06-11", "{}=ge2024-06-11", "{}=gt2024-06-11",
    "{}=le2024-06-11", "{}=lt2024-06-11", "{}=sa2024-06-11", "{}=eb2024-06-11",
    "{}=ge2024-06-11T10:00:00Z", "{}=lt2024-06-11T10:00:00Z",
    "{}=ge2024-02&{}=lt2024-09", "{}:missing=true", "{}:missing=false",
)  # fmt: skip

STUDIES = (
    "_id=1.2.3.7", "_id=1.2.3.7,1.2.3.8,1.2.3", "_id:not=1.2.3.7",
    "identifier=urn:oid:1.2.3.9", "identifier=urn:dicom:uid|urn:oid:1.2.3.9",
    "identifier=urn:dicom:uid|", "identifier=nothing",
    "status=available", "status=cancelled", "status:not=cancelled", "status:missing=true",
    "modality=CT", "modality=CT,MR", "modality=CT&modality=MR", f"modality={DCM}|PT",
    f"modality={DCM}|", "modality=|CT", f"modality={SNOMED}|CT", "modality:not=CT",
    "modality:not=CT,MR", "modality:missing=true", "modality:missing=false",
    "series=1.2.250.1.999.7.1.120", "instance=1.2.250.1.999.7.1.120.2", "instance=1.2.9",
    "dicom-class=urn:oid:1.2.840.10008.5.1.4.1.1.2", "dicom-class=urn:ietf:rfc:3986|urn:oid:1.2.3",
    "patient=Patient/p-1", "patient=Patient/p-2", "subject=Patient/p-1",
    "endpoint=Endpoint/dicom-web", "endpoint=Endpoint/other", "endpoint:missing=true",
    "accession-number=A00012", "accession-number=A00012,A00013,A00014",
    f"accession-number={ISSUER}|A00012", f"accession-number={ISSUER}|", "accession-number=|A00012",
    "accession-number:not=A00012", "accession-number:missing=true",
    "procedure=ZBQK002", "procedure=urn:oid:1.2.250.1.213.2.5|ZBQK002", "procedure:not=ZBQK002",
    "basedon:missing=true", "basedon:missing=false",
    "reason:missing=true", "performer:missing=true", "referrer:missing=false",
    "_lastUpdated=2026-07-03", "_lastUpdated=ge2026-07-20", "_lastUpdated=lt2026-07-20T09:00:00Z",
    "modality=CT&started=ge2025", "modality:not=CT&status=available&started=lt2025-02-01",
    *(one.replace("{}", "started") for one in DATES),
)  # fmt: skip

DOCUMENTS = (
    "_id=2.25.7", "_id=2.25.7,2.25.8", "identifier=urn:oid:2.25.9",
    "identifier=urn:ietf:rfc:3986|urn:oid:2.25.9", "identifier=urn:ietf:rfc:3986|",
    "status=current", "status=superseded", "status=current,superseded", "status:not=current",
    "type=IMG-KOS", "type=http://loinc.org|18748-4", "type=http://loinc.org|1",
    "category=31", f"category={CLASS_SYSTEM}|31", "category=32", "category:missing=true",
    "event=CT", f"event={DCM}|CT", "event=774007", f"event={SNOMED}|774007",
    "event=CT&event=774007", "event=ZBQK002", "event:not=CT",
    "modality=CT", f"modality={DCM}|CT", "modality=CT,US", "modality:not=CT",
    "anatomical-region=774007", f"anatomical-region={SNOMED}|67734004",
    "anatomical-region:missing=true", "modality=CT&anatomical-region=774007,69536005",
    "study-instance-uid=urn:oid:1.2.3.9", "study-instance-uid=urn:dicom:uid|urn:oid:1.2.3.9",
    "accession-number=A00012", f"accession-number={ISSUER}|A00012", f"accession-number={ISSUER}|",
    "accession-number=|A00012",
    "facility=SA07", "setting=AMBULATOIRE", "setting=OTHER", "format:missing=true",
    "format=1.2.840.10008.5.1.4.1.1.88.59", "security-label=N", "security-label=MASQUE_PS",
    "security-label=N&security-label=MASQUE_PS", "security-label=R", "security-label:not=R",
    "contenttype=application/dicom", "contenttype=text/xml", "language=fr-FR",
    "description:contains=abdomen", "description:contains=THORAX", "description:missing=true",
    "patient=Patient/p-1", "subject=Patient/p-1", "patient=Patient/p-2",
    "author:missing=true", "custodian:missing=true", "relatesto:missing=true",
    "isArchived=true", "isArchived=false", "relation=transforms",
    "_lastUpdated=2026-07-03", "_lastUpdated=ge2026-07-20",
    "creation=2026-01-09", "creation=ge2026-02", "date=2026-01-09", "date=lt2026-02-01",
    "period-start=ge2024-06-11", "period-end=lt2024-06-11", "period-end:missing=true",
    *(one.replace("{}", "period") for one in DATES),
)  # fmt: skip

RESOURCES: dict[str, SearchableResource[ImagingRecord]] = {
    "ImagingStudy": IMAGING_STUDY,
    "DocumentReference": DOCUMENT_REFERENCE,
}
# What the oracle cannot be asked: see above; and the second names of one parameter.
UNASKED = {
    "ImagingStudy": {"bodysite", "body-site", "based-on"},
    "DocumentReference": {"bodysite", "related"},
}


@pytest.fixture(scope="module")
def oracle() -> Iterator[SearchOracle]:
    missing = why_no_node()
    if missing is not None:
        pytest.skip(missing)
    resources: list[dict[str, Any]] = [
        *(encode_imaging_study(one, "https://box.test/dicom-web") for one in POPULATION),
        *(encode_document_reference(one, "https://box.test/fhir") for one in POPULATION),
    ]
    with SearchOracle(resources) as oracle:
        yield oracle


def found(kind: str, query: str) -> set[str]:
    resource = RESOURCES[kind]
    search = parse(resource, quote(query, safe="=&:,|-"), is_strict=True)
    # A server without our default for status (D14) is asked the same without it.
    assumed = (search.assumed or ("",))[0]
    filters = [one for one in search.filters if one.parameter.name != assumed]
    matches = [r for r in POPULATION if all(one.accepts(r) for one in filters)]
    identify = resource.parameters["_id"].values
    return {one.code for r in matches for one in identify(r) if isinstance(one, Token)}


def asked(kind: str) -> tuple[str, ...]:
    return STUDIES if kind == "ImagingStudy" else DOCUMENTS


@pytest.mark.parametrize(
    ("kind", "query"), [(kind, query) for kind in RESOURCES for query in asked(kind)]
)
def test_medplum_finds_the_same(oracle: SearchOracle, kind: str, query: str) -> None:
    assert found(kind, query) == oracle.search(f"{kind}?{query}")


@pytest.mark.parametrize("kind", RESOURCES)
def test_medplum_finds_the_same_by_several_at_once(oracle: SearchOracle, kind: str) -> None:
    random = Random(4)  # no secret: the same each time
    for _ in range(25):
        query = "&".join(random.sample(asked(kind), 2))
        assert found(kind, query) == oracle.search(f"{kind}?{query}"), query


@pytest.mark.parametrize("kind", RESOURCES)
def test_the_oracle_is_asked_about_each_parameter(kind: str) -> None:
    named = {part.split("=")[0].split(":")[0] for query in asked(kind) for part in query.split("&")}
    assert named | UNASKED[kind] == set(RESOURCES[kind].parameters)


@pytest.mark.parametrize("kind", RESOURCES)
def test_the_searches_tell_records_apart(kind: str) -> None:
    """A table of searches that find all or nothing would show little."""
    parts = [len(found(kind, query)) for query in asked(kind)]
    assert sum(0 < count < len(POPULATION) for count in parts) > len(parts) // 2
