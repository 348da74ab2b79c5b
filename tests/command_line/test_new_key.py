"""`drimbox new-key`: keys that a box takes, closed to others, never overwritten."""

import stat
from pathlib import Path

import pytest
from tests.fixtures.set_up_box import Run

from drimbox.adapters.storage_sql.sealing import load_sealing
from drimbox.standards.iua.jwks import parse_signing_key

pytestmark = pytest.mark.requirement("SSI/GEN")


@pytest.mark.parametrize("kind", ["storage", "signing"])
def test_a_key_is_its_owner_s_only_and_never_overwritten(
    drimbox: Run, tmp_path: Path, kind: str
) -> None:
    file = tmp_path / "new.key"
    assert drimbox("new-key", kind, str(file)).exit_code == 0
    content = file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = drimbox("new-key", kind, str(file))
    assert (again.exit_code, file.read_bytes()) == (1, content)
    assert "exists" in again.stderr


def test_a_box_takes_both(drimbox: Run, tmp_path: Path) -> None:
    storage, signing = tmp_path / "storage.key", tmp_path / "signing.json"
    drimbox("new-key", "storage", str(storage))
    drimbox("new-key", "signing", str(signing))
    sealing = load_sealing(storage)
    assert sealing.unseal(sealing.seal(b"traits", "here"), "here") == b"traits"
    key = parse_signing_key(signing.read_bytes())
    assert (key.algorithm, key.kid in key.public.kids) == ("ES256", True)


def test_two_keys_differ(drimbox: Run, tmp_path: Path) -> None:
    for name in ("one", "two"):
        drimbox("new-key", "signing", str(tmp_path / name))
    kids = {parse_signing_key((tmp_path / name).read_bytes()).kid for name in ("one", "two")}
    assert len(kids) == 2


def test_a_folder_that_is_not_there_is_told(drimbox: Run, tmp_path: Path) -> None:
    assert drimbox("new-key", "storage", str(tmp_path / "no" / "key")).exit_code == 1
