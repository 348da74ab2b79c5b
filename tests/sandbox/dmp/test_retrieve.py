"""ITI-43: octets as they came, each by its uniqueId, or an error for it."""

from dataclasses import replace

import pytest
from tests.sandbox.dmp import kos as kos_file
from tests.sandbox.dmp.bench import OTHER_PATIENT, REPOSITORY_ID, Answered, Bench, Recipe
from tests.sandbox.dmp.kos import KOS_UID
from tests.sandbox.dmp.lot import SIGNATURE_UID

CONSULTING = Recipe(mode="INDIRECTE_RENFORCEE")


def texts(answer: Answered, name: str) -> list[str]:
    return [element.text or "" for element in answer.body.iter(f"{{*}}{name}")]


def test_returns_the_octets_attached(bench: Bench) -> None:
    bench.provide()

    answer = bench.retrieve(KOS_UID)

    assert answer.status == "Success", answer.said()
    assert answer.reply.content_type.startswith("multipart/related")
    assert texts(answer, "DocumentUniqueId") == [KOS_UID]
    assert texts(answer, "mimeType") == ["application/dicom"]
    (include,) = answer.body.iter("{http://www.w3.org/2004/08/xop/include}Include")
    assert answer.parts[include.get("href", "").removeprefix("cid:")] == kos_file.build()


def test_tells_what_is_missing_beside_what_is_there(bench: Bench) -> None:
    bench.provide()

    answer = bench.retrieve("1.2.3", KOS_UID, SIGNATURE_UID)

    assert answer.status == "PartialSuccess"
    assert [code for code, _ in answer.errors] == ["XDSDocumentUniqueIdError"]
    assert next(answer.body.iter("{*}RegistryError")).get("location") == "1.2.3"
    assert texts(answer, "DocumentUniqueId") == [KOS_UID, SIGNATURE_UID]


def test_gives_home_back_only_where_it_came(bench: Bench) -> None:
    bench.provide()

    def home(body: object) -> None:
        request = body[0]  # type: ignore[index]
        made = request.makeelement(request[0].tag.replace("RepositoryUniqueId", "HomeCommunityId"))
        made.text = "urn:oid:1.2.3"
        request.insert(0, made)

    with_home = bench.retrieve(KOS_UID, recipe=replace(CONSULTING, body=home))

    assert texts(with_home, "HomeCommunityId") == ["urn:oid:1.2.3"]
    assert texts(bench.retrieve(KOS_UID), "HomeCommunityId") == []


@pytest.mark.parametrize(
    ("unique_id", "repository", "recipe", "code"),
    [
        pytest.param("1.2.3", REPOSITORY_ID, CONSULTING, "XDSDocumentUniqueIdError", id="unknown"),
        pytest.param(KOS_UID, "1.2.3", CONSULTING, "XDSUnknownRepositoryId", id="repository"),
        pytest.param(
            KOS_UID,
            REPOSITORY_ID,
            replace(CONSULTING, vihf_patient=OTHER_PATIENT),
            "XDSDocumentUniqueIdError",
            id="another patient's",
        ),
        pytest.param(
            SIGNATURE_UID,
            REPOSITORY_ID,
            replace(CONSULTING, structure="499700367909006"),
            "XDSDocumentUniqueIdError",
            id="masked",
        ),
    ],
)
def test_has_no_document_that_is(
    bench: Bench, unique_id: str, repository: str, recipe: Recipe, code: str
) -> None:
    bench.provide()

    answer = bench.retrieve(unique_id, repository=repository, recipe=recipe)

    assert answer.status == "Failure"
    assert [found for found, _ in answer.errors] == [code]


def test_refuses_a_feeder(bench: Bench) -> None:
    bench.provide()

    assert "gives no right" in bench.retrieve(KOS_UID, recipe=Recipe()).fault


def test_refuses_a_simple_soap_request(bench: Bench) -> None:
    """A transaction is MTOM or SIMPLE; request and answer alike (appendix V.8.1)."""
    body = '<RetrieveDocumentSetRequest xmlns="urn:ihe:iti:xds-b:2007"/>'
    action = "urn:ihe:iti:2007:RetrieveDocumentSet"

    answer = bench.send(bench.message("repository", action, body, CONSULTING))

    assert "MTOM is required" in answer.fault
    assert answer.reply.status == 400


def test_refuses_a_request_without_documents(bench: Bench) -> None:
    answer = bench.retrieve()

    assert [code for code, _ in answer.errors] == ["XDSRepositoryError"]
