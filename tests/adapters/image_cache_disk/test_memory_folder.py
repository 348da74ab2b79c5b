"""Whether the copies are in memory only, told by the system's list of mounts."""

from pathlib import Path

import pytest

from drimbox.adapters.image_cache_disk.memory_folder import SHARED_MEMORY, check_in_memory
from drimbox.errors import SettingsError

MOUNTS = """\
21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw
22 21 0:20 / /images rw,nosuid shared:2 - tmpfs tmpfs rw,size=5g
23 22 254:1 / /images/kept rw shared:3 master:4 - ext4 /dev/sdb rw
24 21 0:21 / /of\\040the\\040box rw - ramfs ramfs rw
25 21 0:22 / /twice rw - tmpfs tmpfs rw
26 21 254:2 / /twice rw - xfs /dev/sdc rw
"""


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    file = tmp_path / "mountinfo"
    file.write_text(MOUNTS)
    return file


@pytest.mark.parametrize(
    ("folder", "kind"),
    [("/images", "tmpfs"), ("/images/drimbox/cache", "tmpfs"), ("/of the box/cache", "ramfs")],
)
def test_a_folder_in_memory_is_known(mounts: Path, folder: str, kind: str) -> None:
    assert check_in_memory(Path(folder), mounts=mounts) == kind


@pytest.mark.parametrize(
    "folder", ["/", "/imagesque", "/images/kept/cache", "/var/cache", "/images/../var", "/twice"]
)
def test_a_folder_on_a_disk_is_refused_with_what_to_do(mounts: Path, folder: str) -> None:
    with pytest.raises(SettingsError, match=r"storage.cache_directory: .* mount one there"):
        check_in_memory(Path(folder), mounts=mounts)


def test_a_link_is_followed(mounts: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/images")
    assert check_in_memory(tmp_path / "link" / "cache", mounts=mounts) == "tmpfs"


def test_a_system_that_does_not_tell_is_no_proof(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="unknown file system"):
        check_in_memory(tmp_path, mounts=tmp_path / "none")


@pytest.mark.skipif(not SHARED_MEMORY.is_mount(), reason="this system has no /dev/shm")
def test_shared_memory_of_this_host_is_in_memory() -> None:
    assert check_in_memory(SHARED_MEMORY / "drimbox" / "images") == "tmpfs"


def test_what_a_disk_backs_is_told_of_this_host() -> None:
    with pytest.raises(SettingsError):
        check_in_memory(Path("/proc/self"))
