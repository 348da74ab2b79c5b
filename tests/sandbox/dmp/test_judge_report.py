"""An imaging report (CDA) is taken as a PFI provides it, if it is what its entry says."""

from collections.abc import Callable

import pytest
from tests.sandbox.dmp import lot as lots
from tests.sandbox.dmp.bench import Bench, Recipe
from tests.sandbox.dmp.kos import INS, INS_OID, KOS_UID
from tests.sandbox.dmp.signatures import C14N, b64, canonical, sha1

CDA = (
    '<ClinicalDocument xmlns="urn:hl7-org:v3"><typeId root="2.16.840.1.113883.1.3"/>'
    f'<id root="{KOS_UID}"/><!-- kept --><recordTarget><patientRole>'
    f'<id root="{INS_OID}" extension="{INS}"/><id root="1.2.250.1.999.3" extension="IPP0001"/>'
    "</patientRole></recordTarget></ClinicalDocument>"
)


def as_report(lot: lots.Lot) -> None:
    entry = lot.entries[0]
    entry.mime_type, entry.title = "text/xml", "Compte rendu d'imagerie"
    entry.codes = [
        ("class", "10", lots.NH_CLASSES),
        ("type", "18748-4", "2.16.840.1.113883.6.1"),
        ("format", "urn:ihe:iti:xds-sd:pdf:2008", "1.3.6.1.4.1.19376.1.2.3"),
        *(code for code in entry.codes if code[0] not in {"class", "type", "format"}),
    ]


def report(text: str, xades: Callable[[dict[str, str]], object] | None = None) -> Recipe:
    return Recipe(kos_octets=lambda _: text.encode(), lot=as_report, xades=xades)


def test_takes_a_report(bench: Bench) -> None:
    answer = bench.provide(report(CDA))

    assert answer.status == "Success", answer.said()
    (stored,) = bench.store.find_entries_by_unique_id(KOS_UID)
    assert b"18748-4" in stored.xml


def test_takes_a_report_signed_after_canonicalization(bench: Bench) -> None:
    """The kit of the CNAM signs a CDA in its canonical form, and says so by a transform."""
    raw, transformed = b64(sha1(CDA.encode())), b64(sha1(canonical(CDA)))
    assert raw != transformed
    transform = f'<Transforms><Transform Algorithm="{C14N}"/></Transforms>'

    def change(texts: dict[str, str]) -> None:
        head, _, last = texts["manifest"].rpartition("<DigestMethod")
        texts["manifest"] = f"{head}{transform}<DigestMethod{last.replace(raw, transformed)}"

    answer = bench.provide(report(CDA, change))

    assert answer.status == "Success", answer.said()


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        pytest.param("%PDF-1.7", "not readable as XML", id="a PDF"),
        pytest.param("<html/>", "not a CDA", id="another document"),
        pytest.param(CDA.replace(KOS_UID, "1.2.3", 1), "not the id of the CDA", id="another id"),
        pytest.param(
            CDA.replace(f'"{KOS_UID}"', f'"{KOS_UID}" extension="7"'),
            "not the id of the CDA",
            id="an extension that uniqueId does not have",
        ),
        pytest.param(
            CDA.replace(INS, "279035121518989"), "not that of patientId", id="another patient"
        ),
    ],
)
def test_refuses_a_report_that_is(bench: Bench, text: str, rule: str) -> None:
    answer = bench.provide(report(text))

    assert any(c == "InvalidDocumentContent" and rule in r for c, r in answer.errors), answer.said()
