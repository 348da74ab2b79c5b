"""Metadata of a published lot are read once, and no more of them are kept than is allowed."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from tests.fakes.fhir_site import made_up_publication_of
from tests.fakes.manifests import made_up_manifest

from drimbox.errors import DrimboxError
from drimbox.flows.source.submitted_lots import SubmittedLots
from drimbox.model.publication import Publication
from drimbox.model.uids import SopInstanceUid

pytestmark = pytest.mark.anyio


def published(count: int) -> Sequence[Publication]:
    manifest = made_up_manifest()
    return [
        made_up_publication_of(
            replace(manifest, sop_instance_uid=SopInstanceUid(f"1.2.250.1.999.9.{number}"))
        )
        for number in range(1, count + 1)
    ]


def without_metadata(publications: Sequence[Publication]) -> Sequence[Publication]:
    """Return the same, which nobody can parse any more."""
    return [replace(one, metadata=b"<") for one in publications]


async def test_each_lot_is_told_by_its_kos() -> None:
    publications = published(3)
    found = await SubmittedLots().read(publications)
    assert list(found) == [one.kos_sop_instance_uid for one in publications]
    assert all(lot.entry.unique_id == kos for kos, lot in found.items())


async def test_what_was_read_is_not_parsed_again() -> None:
    lots, publications = SubmittedLots(), published(3)
    first = await lots.read(publications)
    assert await lots.read(without_metadata(publications)) == first


async def test_the_least_recently_used_is_forgotten() -> None:
    lots, publications = SubmittedLots(max_lots=2), published(3)
    await lots.read(publications)
    assert len(await lots.read(without_metadata(publications[1:]))) == 2
    with pytest.raises(DrimboxError):
        await lots.read(without_metadata(publications[:1]))


async def test_a_lot_that_does_not_speak_of_its_kos_is_left_out() -> None:
    one, other = published(2)
    assert await SubmittedLots().read([replace(one, metadata=other.metadata)]) == {}
