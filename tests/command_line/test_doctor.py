"""`drimbox doctor` on a box whose files are there and whose partners are not."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.fixtures.set_up_box import SetUpBox

from drimbox.errors import SettingsError
from drimbox.gateway.certificates_in_use import (
    CertificateInUse,
    certificates_in_use,
    check_certificate,
)
from drimbox.sandbox.network.keys import NetworkKeys
from drimbox.sandbox.trusted_space.pki import organisation_name
from drimbox.settings.load import load_settings

SUBJECT = organisation_name("db9.test", structure="399900010200015", organisation="TEST")


def findings(box: SetUpBox) -> dict[str, tuple[bool, str]]:
    result = box.run("doctor", "--json")
    assert result.exit_code == 1
    return {row["subject"]: (row["is_well"], row["detail"]) for row in json.loads(result.stdout)}


@pytest.mark.requirement("EC-3")
def test_files_are_well_and_partners_that_do_not_answer_are_not(source_box: SetUpBox) -> None:
    found = findings(source_box)
    wrong = {subject for subject, (is_well, _) in found.items() if not is_well}
    assert wrong == {"pacs", "dmp 1990781015", "pro_sante_connect", "white list"}
    assert {"storage.key_file", "oauth signing keys", "peer.tls", "peer_client"} <= set(found)


def test_a_look_makes_no_database_and_writes_nothing(source_box: SetUpBox) -> None:
    found = findings(source_box)
    assert found["database"] == (True, "not there yet: the first start makes it")
    assert not list(source_box.folder.iterdir())


def test_a_database_of_this_version_is_known(source_box: SetUpBox) -> None:
    source_box.do(lambda box: box.stores.database.ping())
    assert findings(source_box)["database"] == (True, "schema of this version")


def test_a_database_sealed_with_another_key_is_told(source_box: SetUpBox, tmp_path: Path) -> None:
    source_box.do(lambda box: box.stores.database.ping())
    other = tmp_path / "other.key"
    other.write_bytes(b"k" * 32)
    other.chmod(0o600)
    text = source_box.settings_file.read_text()
    key = str(source_box.keys.source.storage_key)
    source_box.settings_file.write_text(text.replace(key, str(other)))
    is_well, detail = findings(source_box)["database"]
    assert (is_well, "another key" in detail or "not the key" in detail) == (False, True)


def test_a_key_open_to_others_is_told(source_box: SetUpBox, tmp_path: Path) -> None:
    loose = tmp_path / "loose.key"
    loose.write_bytes(b"k" * 32)
    loose.chmod(0o644)
    text = source_box.settings_file.read_text()
    key = str(source_box.keys.source.storage_key)
    source_box.settings_file.write_text(text.replace(key, str(loose)))
    is_well, detail = findings(source_box)["storage.key_file"]
    assert not is_well
    assert "open to other users" in detail


@pytest.mark.parametrize(
    ("days", "told"),
    [
        pytest.param(31, None, id="a month is enough"),
        pytest.param(29, "ends ", id="soon over"),
        pytest.param(-1, "ended ", id="over"),
    ],
)
def test_a_certificate_is_told_thirty_days_before_its_end(
    network_keys: NetworkKeys, days: int, told: str | None
) -> None:
    now = datetime.now(UTC)
    issued = network_keys.pki.issue_client(
        f"ends-in-{days}", SUBJECT, not_after=now + timedelta(days=days, hours=1)
    )
    certificate = CertificateInUse("peer_client", issued.certificate_file, issued.key_file)
    if told is None:
        assert "CN=db9.test" in check_certificate(certificate, now)
        return
    with pytest.raises(SettingsError, match=f"peer_client: {told}"):
        check_certificate(certificate, now)


def test_every_section_that_names_a_certificate_is_looked_at(
    source_box: SetUpBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = str(source_box.keys.services.certificate_file)
    monkeypatch.setenv("DRIMBOX_PACS__DICOMWEB__URL", "https://localhost:1/dicom-web")
    monkeypatch.setenv("DRIMBOX_PACS__DICOMWEB__CERTIFICATE_FILE", certificate)
    monkeypatch.setenv("DRIMBOX_PACS__DICOMWEB__KEY_FILE", str(source_box.keys.services.key_file))
    settings = load_settings(source_box.settings_file)
    named = {one.setting for one in certificates_in_use(settings)}
    assert "pacs.dicomweb.certificate_file" in named
    assert {
        "peer.tls",
        "peer_client",
        "dmp.establishments 1.authentication",
        "dmp.establishments 1.signature",
        "pro_sante_connect.tls",
    } <= named


def test_the_key_of_another_certificate_is_told(network_keys: NetworkKeys) -> None:
    source = network_keys.source
    mixed = CertificateInUse(
        "peer_client", source.peer_client.certificate_file, source.server.key_file
    )
    with pytest.raises(SettingsError, match="not the key of the certificate"):
        check_certificate(mixed, datetime.now(UTC))


def test_settings_that_cannot_be_read_end_with_one_and_their_fault(source_box: SetUpBox) -> None:
    text = source_box.settings_file.read_text()
    source_box.settings_file.write_text(text.replace('role = "source"', 'role = "mirror"'))
    result = source_box.run("doctor")
    assert result.exit_code == 1
    assert "role" in result.stderr


def in_memory(box: SetUpBox, folder: Path) -> None:
    """Want the image cache in memory only, in that folder."""
    text = box.settings_file.read_text()
    directory = load_settings(box.settings_file).storage.cache_directory
    wanted = f'cache_directory = "{folder}"\ncache_must_be_in_memory = true'
    told = f'cache_directory = "{directory}"'
    assert told in text
    box.settings_file.write_text(text.replace(told, wanted))


@pytest.mark.skipif(not Path("/dev/shm").is_mount(), reason="this system has no /dev/shm")
def test_a_cache_in_memory_is_well_where_it_is_wanted(source_box: SetUpBox) -> None:
    in_memory(source_box, Path("/dev/shm/drimbox-of-a-test/images"))
    _, detail = findings(source_box)["disk of the image cache"]
    assert "tmpfs" in detail or "wanted" in detail  # a small host has too little memory


def test_a_cache_on_a_disk_is_found_and_the_box_does_not_start(source_box: SetUpBox) -> None:
    in_memory(source_box, Path("/proc/self/images"))
    is_well, detail = findings(source_box)["disk of the image cache"]
    assert (is_well, "wants a tmpfs" in detail) == (False, True)
    result = source_box.run("serve")
    assert result.exit_code != 0
    assert "storage.cache_directory" in result.output + result.stderr
    assert not list(source_box.folder.iterdir())
