"""Structure that ebRIM and XDS.b do not allow is refused, element by element (rim.xsd, XDS.b)."""

from collections.abc import Callable
from copy import deepcopy

import pytest
from lxml import etree
from tests.sandbox.dmp import lot as lots
from tests.sandbox.dmp.bench import Bench, Recipe
from tests.sandbox.dmp.lot import RIM

METADATA = "XDSRepositoryMetadataError"
REFERENCES = "urn:ihe:iti:xds:2013:referenceIdList"


def rim(body: etree._Element, name: str) -> etree._Element:
    return next(body.iter(f"{{{RIM}}}{name}"))


def slot_last(body: etree._Element) -> None:
    """What both official samples do: referenceIdList after the Classifications."""
    entry = rim(body, "ExtrinsicObject")
    slot = next(s for s in entry if s.get("name") == REFERENCES)
    entry.insert(len(entry) - 2, slot)


def long_value(body: etree._Element) -> None:
    rim(body, "Value").text = "1" * 257


def folder(body: etree._Element) -> None:
    package = deepcopy(rim(body, "RegistryPackage"))
    rim(body, "RegistryObjectList").append(package)


def same_id(body: etree._Element) -> None:
    first, second, *_ = body.iter(f"{{{RIM}}}Classification")
    second.set("id", first.get("id", ""))


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        pytest.param(slot_last, "Slot stands after Classification", id="a Slot too late"),
        pytest.param(long_value, "Value is longer than 256", id="a Value of 257 characters"),
        pytest.param(
            lambda b: rim(b, "Classification").attrib.pop("classifiedObject"),
            "Classification has no classifiedObject",
            id="a Classification of nothing",
        ),
        pytest.param(
            lambda b: rim(b, "Slot").set("Name", "x"),
            "the attribute Name",
            id="a foreign attribute",
        ),
        pytest.param(
            lambda b: setattr(rim(b, "ValueList"), "tag", f"{{{RIM}}}Values"),
            "may not hold Values",
            id="a misspelt element",
        ),
        pytest.param(
            lambda b: setattr(rim(b, "Slot"), "text", "x"), "may not hold text", id="loose text"
        ),
        pytest.param(
            lambda b: rim(b, "Slot").append(deepcopy(rim(b, "ValueList"))),
            "Slot holds 2 ValueList",
            id="two ValueLists",
        ),
        pytest.param(lambda b: b.append(b[0]), "stands after Document", id="the metadata last"),
        pytest.param(folder, "exactly one RegistryPackage", id="two packages"),
        pytest.param(same_id, "an id stands twice", id="an id twice"),
        pytest.param(
            lambda b: rim(b, "Classification").set("classifiedObject", "Else"),
            "is not the submission set it stands in",
            id="a Classification of another object",
        ),
        pytest.param(
            lambda b: rim(b, "ExtrinsicObject").set(
                "objectType", "urn:uuid:34268e47-fdf5-41a6-ba33-82133c465248"
            ),
            "stable document",
            id="an on-demand entry",
        ),
        pytest.param(
            lambda b: rim(b, "ExternalIdentifier").set("registryObject", "Else"),
            "registryObject is not the object",
            id="an identifier of another object",
        ),
        pytest.param(
            lambda b: rim(b, "RegistryObjectList").remove(rim(b, "Association")),
            "exactly one HasMember",
            id="an entry out of the set",
        ),
        pytest.param(
            lambda b: setattr(next(rim(b, "Association").iter(f"{{{RIM}}}Value")), "text", "Kept"),
            "SubmissionSetStatus must be Original",
            id="SubmissionSetStatus Kept",
        ),
        pytest.param(
            lambda b: [
                c.getparent().remove(c)
                for c in list(b.iter(f"{{{RIM}}}Classification"))
                if c.get("classificationNode")
            ],
            "classified once, as a submission set",
            id="a package that is no submission set",
        ),
    ],
)
def test_refuses_a_structure_with(
    bench: Bench, change: Callable[[etree._Element], object], rule: str
) -> None:
    answer = bench.provide(Recipe(body=change))

    assert any(c == METADATA and rule in text for c, text in answer.errors), answer.said()


def test_names_the_document_that_no_entry_describes(bench: Bench) -> None:
    answer = bench.provide(Recipe(contents=lambda c: c.update(Else=b"x")))

    assert answer.errors == [("XDSMissingDocumentMetadata", "a Document has no entry")]


def test_refuses_two_documents_of_one_id(bench: Bench) -> None:
    def repeat(body: etree._Element) -> None:
        body.append(deepcopy(body[-1]))

    answer = bench.provide(Recipe(body=repeat))

    assert answer.errors == [("XDSRepositoryError", "two Documents have the same id")]


def test_takes_a_submission_set_classified_from_beside(bench: Bench) -> None:
    """The node may stand in the RegistryObjectList, as NIST writes it; it is kept in the set."""

    def move(body: etree._Element) -> None:
        node = next(c for c in body.iter(f"{{{RIM}}}Classification") if c.get("classificationNode"))
        rim(body, "RegistryObjectList").append(node)

    answer = bench.provide(Recipe(body=move))

    assert answer.status == "Success", answer.said()
    (stored,) = bench.store.find_submission_sets(lots.PATIENT_ID)
    assert b"a54d6aa5-d40d-43f9-88c5-b4633d873bdd" in stored.xml
