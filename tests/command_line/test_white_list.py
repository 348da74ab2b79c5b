"""`drimbox white-list verify`: what it checks, what it says it did not, how it ends."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.fixtures.set_up_box import Run

from drimbox.sandbox.network.keys import NetworkKeys
from drimbox.sandbox.trusted_space.pki import TestPki, organisation_name
from drimbox.sandbox.trusted_space.white_list import sign_white_list

NOW = datetime.now(UTC)
pytestmark = pytest.mark.requirement("EC-2")


@pytest.fixture
def signed(tmp_path: Path, network_keys: NetworkKeys) -> Path:
    file = tmp_path / "list.xml"
    content = sign_white_list(network_keys.peers, network_keys.white_list_signer, generated_at=NOW)
    file.write_bytes(content)
    return file


@pytest.fixture
def crl(tmp_path: Path, network_keys: NetworkKeys) -> Path:
    file = tmp_path / "list.crl"
    file.write_bytes(network_keys.pki.crl())
    return file


def test_with_anchors_and_crl_everything_is_checked(
    drimbox: Run, signed: Path, crl: Path, network_keys: NetworkKeys
) -> None:
    result = drimbox(
        "white-list", "verify", str(signed), "--anchors", str(network_keys.anchors),
        "--crl", str(crl), "--json",
    )  # fmt: skip
    told = json.loads(result.stdout)
    checks = ("is_signature_valid", "is_path_valid", "is_signer_not_revoked")
    assert (result.exit_code, result.stderr) == (0, "")
    assert [told[check] for check in checks] == [True, True, True]
    assert [peer["db"] for peer in told["peers"]] == [p.db_host for p in network_keys.peers]


def test_without_a_crl_it_is_said_that_revocation_was_not_checked(
    drimbox: Run, signed: Path, network_keys: NetworkKeys
) -> None:
    result = drimbox("white-list", "verify", str(signed), "--anchors", str(network_keys.anchors))
    assert result.exit_code == 0
    assert result.stderr == "drimbox: revocation was not checked (--crl)\n"


def test_without_anchors_it_is_said_that_the_path_was_not_checked(
    drimbox: Run, signed: Path
) -> None:
    result = drimbox("white-list", "verify", str(signed), "--json")
    assert (result.exit_code, json.loads(result.stdout)["is_path_valid"]) == (0, None)
    assert "the path to an authority was not checked" in result.stderr


def test_a_list_altered_after_its_signature_is_found_wrong(drimbox: Run, signed: Path) -> None:
    signed.write_bytes(signed.read_bytes().replace(b"<db>db1.", b"<db>db7."))
    result = drimbox("white-list", "verify", str(signed))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "does not hold" in result.stderr


def test_a_list_signed_by_someone_else_is_found_wrong(
    drimbox: Run, tmp_path: Path, network_keys: NetworkKeys
) -> None:
    signature = network_keys.source.establishments[0].signature
    file = tmp_path / "other.xml"
    file.write_bytes(sign_white_list(network_keys.peers, signature, generated_at=NOW))
    result = drimbox("white-list", "verify", str(file))
    assert result.exit_code == 1
    assert "not signed by the expected signer" in result.stderr


def test_a_signer_of_another_authority_is_found_wrong(
    drimbox: Run, signed: Path, tmp_path: Path
) -> None:
    other = TestPki(tmp_path / "other")
    result = drimbox("white-list", "verify", str(signed), "--anchors", str(other.ca_file))
    assert result.exit_code == 1
    assert "no path" in result.stderr


def test_a_revoked_signer_is_found_wrong(drimbox: Run, tmp_path: Path) -> None:
    pki = TestPki(tmp_path / "pki")
    name = organisation_name(
        "Liste Blanche DRIM-M", structure="318751275100020", organisation="ANS"
    )
    signer = pki.issue_signing("signer", name)
    pki.revoke(signer)
    crl, file = tmp_path / "revoked.crl", tmp_path / "list.xml"
    crl.write_bytes(pki.crl())
    file.write_bytes(sign_white_list([], signer, generated_at=NOW))
    result = drimbox(
        "white-list", "verify", str(file), "--anchors", str(pki.ca_file), "--crl", str(crl)
    )
    assert result.exit_code == 1
    assert "revoked" in result.stderr


@pytest.mark.parametrize("day", ["2020-01-01", "2120-01-01"])
def test_a_day_outside_of_the_signer_s_dates_is_found_wrong(
    drimbox: Run, signed: Path, day: str
) -> None:
    result = drimbox("white-list", "verify", str(signed), "--at", day)
    assert result.exit_code == 1
    assert "out of its dates" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["no-such-file.xml"], id="no such file"),
        pytest.param([], id="no file"),
        pytest.param(["{signed}", "--at", "yesterday"], id="no date"),
        pytest.param(["{signed}", "--crl", "{crl}"], id="revocation without a path"),
    ],
)
def test_misuse_ends_with_two(drimbox: Run, signed: Path, crl: Path, arguments: list[str]) -> None:
    places = {"signed": signed, "crl": crl}
    result = drimbox("white-list", "verify", *(a.format(**places) for a in arguments))
    assert result.exit_code == 2
