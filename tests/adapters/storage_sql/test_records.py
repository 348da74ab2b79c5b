"""Records read back as they were, and older ones read on."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time

import pytest
from tests.fakes.manifests import made_up_manifest
from tests.fakes.publications import made_up_identity

from drimbox.adapters.storage_sql.records import decode_record, encode_record
from drimbox.model.manifest import Manifest
from drimbox.model.publication import DmpIdentity
from drimbox.model.uids import StudyInstanceUid


@dataclass(frozen=True)
class Before:
    name: str


@dataclass(frozen=True)
class After:
    name: str
    since: date | None = None
    counts: tuple[int, ...] = (1, 2)


@dataclass(frozen=True)
class Everything:
    octets: bytes
    moment: datetime
    hour: time | None
    is_true: bool
    number: float
    uid: StudyInstanceUid | None
    text: str


@pytest.mark.parametrize(
    ("kind", "record"),
    [
        pytest.param(Manifest, made_up_manifest(), id="a manifest with everything"),
        pytest.param(
            Manifest, made_up_manifest(patient=None, order=None, study_time=None), id="or less"
        ),
        pytest.param(DmpIdentity, made_up_identity(), id="an identity"),
        pytest.param(
            Everything,
            Everything(
                b"\x00\xff", datetime(2026, 1, 1, 2, 3, 4, 5, UTC), time(1, 2, 3), is_true=True,
                number=1.5, uid=StudyInstanceUid("1.2"), text="é\x00\ud800\u2028\"",
            ),
            id="every kind of field",
        ),
    ],
)  # fmt: skip
def test_a_record_comes_back_equal_and_of_the_same_types(kind: type, record: object) -> None:
    decoded = decode_record(kind, encode_record(record))
    assert decoded == record
    if isinstance(decoded, Everything):
        assert type(decoded.uid) is StudyInstanceUid


def test_a_field_added_later_takes_its_default_in_older_records() -> None:
    assert decode_record(After, encode_record(Before("a"))) == After("a")


def test_a_field_that_is_no_more_is_left() -> None:
    assert decode_record(Before, encode_record(After("a", date(2026, 1, 1)))) == Before("a")
