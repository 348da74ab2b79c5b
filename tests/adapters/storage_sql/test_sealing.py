"""What is sealed opens with its key, in its place, unaltered; and not otherwise (F1)."""

from pathlib import Path

import pytest

from drimbox.adapters.storage_sql.sealing import Sealing, load_sealing
from drimbox.errors import Mismatch, SettingsError

KEY = bytes(range(32))
PLACE = ("sessions", "session", b"row")


@pytest.mark.parametrize("size", [0, 1, 511, 512, 5000, 1024 * 1024, 3 * 1024 * 1024])
def test_octets_come_back_as_they_were(size: int) -> None:
    octets = (bytes(range(256)) * (size // 256 + 1))[:size]
    sealed = Sealing(KEY).seal(octets, *PLACE)
    assert Sealing(KEY).unseal(sealed, *PLACE) == octets


def test_the_same_octets_never_look_the_same() -> None:
    sealing = Sealing(KEY)
    assert sealing.seal(b"octets", *PLACE) != sealing.seal(b"octets", *PLACE)


def test_what_repeats_is_deflated_first() -> None:
    assert len(Sealing(KEY).seal(b"1.2.840.10008." * 1000, *PLACE)) < 1000


@pytest.mark.parametrize(
    "place", [("sessions", "session", b"other"), ("sessions", "sessionr", b"ow")]
)
def test_a_value_moved_elsewhere_does_not_open(place: tuple[str, str, bytes]) -> None:
    sealed = Sealing(KEY).seal(b"octets", *PLACE)
    with pytest.raises(Mismatch):
        Sealing(KEY).unseal(sealed, *place)


def test_no_altered_octet_opens() -> None:
    sealed = Sealing(KEY).seal(b"octets" * 200, *PLACE)
    for position in range(len(sealed)):
        altered = bytearray(sealed)
        altered[position] ^= 3
        with pytest.raises(Mismatch):
            Sealing(KEY).unseal(bytes(altered), *PLACE)
    for length in range(len(sealed)):
        with pytest.raises(Mismatch):
            Sealing(KEY).unseal(sealed[:length], *PLACE)


def test_another_key_opens_nothing() -> None:
    sealed = Sealing(KEY).seal(b"octets", *PLACE)
    with pytest.raises(Mismatch):
        Sealing(bytes(32)).unseal(sealed, *PLACE)


def test_an_index_is_stable_keyed_and_unambiguous() -> None:
    sealing = Sealing(KEY)
    assert sealing.index("patient", "1") == Sealing(KEY).index("patient", "1")
    others = [
        sealing.index("patient", "2"),
        sealing.index("user", "1"),
        sealing.index("patient1", ""),
        Sealing(bytes(32)).index("patient", "1"),
    ]
    assert sealing.index("patient", "1") not in others


@pytest.mark.parametrize(
    ("mode", "is_allowed"),
    [(0o600, True), (0o400, True), (0o440, True), (0o644, False), (0o604, False), (0o660, False)],
)
def test_a_key_that_others_can_read_or_write_stops_the_start(
    tmp_path: Path, mode: int, is_allowed: bool
) -> None:
    key_file = tmp_path / "key"
    key_file.write_bytes(KEY)
    key_file.chmod(mode)
    if is_allowed:
        assert load_sealing(key_file).index("a") == Sealing(KEY).index("a")
    else:
        with pytest.raises(SettingsError, match="chmod"):
            load_sealing(key_file)


@pytest.mark.parametrize("key", [b"", KEY[:31], KEY + b"\n"])
def test_a_key_of_another_length_stops_the_start(tmp_path: Path, key: bytes) -> None:
    key_file = tmp_path / "key"
    key_file.write_bytes(key)
    key_file.chmod(0o600)
    with pytest.raises(SettingsError, match="32 octets"):
        load_sealing(key_file)
    with pytest.raises(SettingsError, match="32 octets"):
        Sealing(key)


def test_a_missing_key_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        load_sealing(tmp_path / "absent")
