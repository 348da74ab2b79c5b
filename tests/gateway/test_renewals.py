"""A box follows every certificate that its settings name (R15)."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from structlog.testing import capture_logs
from tests.fakes.conditions import until
from tests.fakes.replaced_files import ReplacedFiles
from tests.fixtures.set_up_box import SetUpBox

from drimbox.gateway import renewals
from drimbox.gateway.box import Box
from drimbox.gateway.certificates_in_use import certificates_in_use
from drimbox.gateway.renewals import Renewals
from drimbox.sandbox.trusted_space.pki import Issued, organisation_name
from drimbox.settings.load import Settings, load_settings
from drimbox.settings.renewed import Renewed

pytestmark = pytest.mark.anyio
LISTENERS = ("browser", "peer")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewals, "RENEWED_EVERY_SECONDS", 0.05)


@pytest.fixture
def followed(monkeypatch: pytest.MonkeyPatch) -> list[Renewals]:
    """Those of the boxes that a test starts."""
    made: list[Renewals] = []
    run = Renewals.run

    async def noted(self: Renewals) -> None:
        made.append(self)
        await run(self)

    monkeypatch.setattr(Renewals, "run", noted)
    return made


def _issue(source_box: SetUpBox, name: str) -> Issued:
    subject = organisation_name("localhost", structure="31", organisation="SITE")
    return source_box.keys.pki.issue_server(f"renewed-{name}", ["localhost"], subject)


@pytest.fixture
def places(
    source_box: SetUpBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, ReplacedFiles]:
    """Where the certificates of both listeners are."""
    made = {}
    for name in LISTENERS:
        first = _issue(source_box, f"{name}-first")
        made[name] = ReplacedFiles.in_folder(tmp_path / name, first, source_box.keys.pki.ca_file)
        section = "PEER__TLS" if name == "peer" else "BROWSER"
        for file in ("certificate_file", "key_file"):
            value = str(getattr(made[name].files, file))
            monkeypatch.setenv(f"DRIMBOX_{section}__{file.upper()}", value)
    monkeypatch.setenv("DRIMBOX_TRUSTED_SPACE__PEER_TOKEN_KIND", "iua")
    return made


@pytest.fixture
async def settings(
    source_box: SetUpBox, places: dict[str, ReplacedFiles]
) -> AsyncIterator[Settings]:
    """Of a box that has started."""
    del places
    loaded = load_settings(source_box.settings_file)
    box = Box(loaded, on_failure=lambda: None)
    await box.start()
    yield loaded
    await box.stop()
    assert not box.has_failed


async def test_every_file_of_a_certificate_is_followed(
    followed: list[Renewals], settings: Settings
) -> None:
    await until(lambda: bool(followed))
    named = {
        file
        for one in certificates_in_use(settings)
        for file in (one.certificate_file, one.key_file)
        if file is not None
    }
    # The authorities of a signature are not read by us: the DMP judges it.
    assert named <= followed[0].files | {e.signature.ca_file for e in settings.dmp.establishments}


async def test_a_listener_shows_the_certificate_that_was_put_in_place_of_the_first(
    source_box: SetUpBox, places: dict[str, ReplacedFiles], settings: Settings
) -> None:
    assert settings.peer is not None
    ports = {"browser": settings.browser.port, "peer": settings.peer.port}
    for name in LISTENERS:
        for number in ("second", "third"):
            issued = _issue(source_box, f"{name}-{number}")
            places[name].replace(issued)
            await _until_shown(ports[name], issued)


async def test_what_cannot_be_used_is_told_once_and_what_was_there_serves_on(
    source_box: SetUpBox, places: dict[str, ReplacedFiles], settings: Settings
) -> None:
    place = places["browser"]
    first = x509.load_pem_x509_certificate(place.files.certificate_file.read_bytes())
    with capture_logs() as logs:
        place.files.certificate_file.write_bytes(b"half a cert")
        await until(lambda: "certificate_not_renewed" in [log["event"] for log in logs])
        assert await _shown(settings.browser.port) == first.serial_number
        issued = _issue(source_box, "browser-at-last")
        place.replace(issued)
        await _until_shown(settings.browser.port, issued)
    told = [log for log in logs if log["event"] == "certificate_not_renewed"]
    assert {log["setting"] for log in told} == {"browser.certificate_file"}
    assert len({log["reason"] for log in told}) == len(told), "the same is told once"


def test_a_link_that_moves_is_a_file_that_was_replaced(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    link = tmp_path / "live"
    link.symlink_to(tmp_path / "a")
    renewed = Renewed([link], link.read_text)
    assert not renewed.renew()
    (tmp_path / "next").symlink_to(tmp_path / "b")
    (tmp_path / "next").replace(link)
    assert renewed.renew()
    assert renewed.current == "b"
    link.unlink()
    with pytest.raises(FileNotFoundError):
        renewed.renew()
    assert renewed.current == "b"


async def _until_shown(port: int, issued: Issued) -> None:
    async with asyncio.timeout(30):
        while await _shown(port) != issued.certificate.serial_number:
            pass


async def _shown(port: int) -> int:
    """Return the serial number of the certificate of a listener."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return x509.load_der_x509_certificate(der).serial_number
