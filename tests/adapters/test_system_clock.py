"""Fresh identifiers are valid, under their root, and never the same."""

import base64
from datetime import UTC, datetime, timedelta

import pytest

from drimbox.adapters.system_clock import RandomIdentifiers, SystemClock
from drimbox.errors import SettingsError
from drimbox.model.uids import Uid


def test_the_present_is_aware_and_in_utc() -> None:
    now = SystemClock().now()
    assert now.tzinfo is UTC
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=5)


@pytest.mark.parametrize("root", [None, "1.2.250.1.999.1", "1." + "2" * 31])
def test_new_uids_are_valid_under_their_root_and_all_different(root: str | None) -> None:
    identifiers = RandomIdentifiers(root)
    made = {Uid(identifiers.new_uid()) for _ in range(2000)}
    assert len(made) == 2000
    assert all(uid.startswith(f"{root or '2.25'}.") for uid in made)


def test_without_a_root_the_number_is_that_of_a_random_uuid() -> None:
    for _ in range(100):
        number = int(RandomIdentifiers().new_uid().removeprefix("2.25."))
        assert (number >> 76) & 0xF == 4
        assert (number >> 62) & 0x3 == 2


@pytest.mark.parametrize("root", ["", "1.02", "urn:oid:1.2", "1." + "2" * 40])
def test_a_root_that_cannot_serve_is_a_settings_error(root: str) -> None:
    with pytest.raises(SettingsError, match="uid_root"):
        RandomIdentifiers(root)


def test_secrets_have_256_bits() -> None:
    made = {RandomIdentifiers().new_secret() for _ in range(1000)}
    assert len(made) == 1000
    assert all(len(base64.urlsafe_b64decode(secret + "=")) == 32 for secret in made)
