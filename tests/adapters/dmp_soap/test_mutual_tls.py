"""TLS: our certificate goes out, nobody but the configured authority is believed."""

import base64
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from tests.fakes.fake_clock import FakeClock, FakeIdentifiers
from tests.fakes.loopback_dmp import LoopbackDmp, envelope_of
from tests.fakes.seals import STRUCTURE, certificate_pem, signing_key, write_tls_files
from tests.fakes.submissions import IDENTITY, MAXIMAL

from drimbox.adapters.dmp_soap.dmp import SoapDmpFeeding
from drimbox.adapters.dmp_soap.establishments import Establishments
from drimbox.adapters.dmp_soap.mutual_tls import client_context
from drimbox.adapters.dmp_soap.soap_client import DmpSoapClient
from drimbox.errors import SettingsError, Unavailable
from drimbox.settings.partners import DmpSettings, Establishment, TlsFiles
from drimbox.standards.xds.iti41_provide_and_register import encode_submission

OTHER_STRUCTURE = "1750000001"
LOT = encode_submission(MAXIMAL, IDENTITY)


@pytest.fixture
def server_files(tmp_path: Path) -> tuple[Path, Path]:
    """A server certificate for localhost, and its key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = tmp_path / "server.crt", tmp_path / "server.key"
    certificate_file.write_bytes(certificate.public_bytes(Encoding.PEM))
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return certificate_file, key_file


def _server_context(files: tuple[Path, Path], client_ca: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    context.load_verify_locations(client_ca)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def _settings(base_url: str, *structures: tuple[str, TlsFiles]) -> DmpSettings:
    return DmpSettings(
        registry_url=f"{base_url}/registry",
        repository_url=f"{base_url}/repository",
        patients_url=f"{base_url}/patients",
        establishments=tuple(
            Establishment(identifier=s, name=s, authentication=files, signature=files)
            for s, files in structures
        ),
    )


@asynccontextmanager
async def _feeding(
    settings: DmpSettings, establishments: Establishments
) -> AsyncIterator[SoapDmpFeeding]:
    client = DmpSoapClient(
        settings,
        establishments=establishments,
        clock=FakeClock(),
        identifiers=FakeIdentifiers(),
    )
    try:
        yield SoapDmpFeeding(client, settings, FakeClock(), FakeIdentifiers())
    finally:
        await client.aclose()


async def _provide(
    base_url: str, *structures: tuple[str, TlsFiles], acting: str = STRUCTURE
) -> None:
    settings = _settings(base_url, *structures)
    async with _feeding(settings, Establishments(settings.establishments)) as feeding:
        identity = replace(IDENTITY, structure_identifier=acting)
        await feeding.provide(replace(LOT, identity=identity))


@pytest.mark.anyio
async def test_both_ends_prove_who_they_are(
    tmp_path: Path, server_files: tuple[Path, Path]
) -> None:
    files = write_tls_files(tmp_path, ca=server_files[0].read_bytes())
    client_ca = tmp_path / "client.ca"
    client_ca.write_bytes(certificate_pem(signing_key()))
    async with LoopbackDmp().serve(_server_context(server_files, client_ca)) as dmp:
        await _provide(dmp.base_url, (STRUCTURE, files))
        assert len(dmp.requests) == 1


@pytest.mark.requirement("SO.89")
@pytest.mark.requirement("CO.91")
@pytest.mark.anyio
@pytest.mark.parametrize("structure", [STRUCTURE, OTHER_STRUCTURE])
async def test_the_structure_that_acts_chooses_both_certificates(
    tmp_path: Path, server_files: tuple[Path, Path], structure: str
) -> None:
    structures = (STRUCTURE, OTHER_STRUCTURE)
    ca = server_files[0].read_bytes()
    held = [(s, write_tls_files(tmp_path, s, ca=ca)) for s in structures]
    client_ca = tmp_path / "clients.ca"
    client_ca.write_bytes(b"".join(certificate_pem(signing_key(structure=s)) for s in structures))
    async with LoopbackDmp().serve(_server_context(server_files, client_ca)) as dmp:
        await _provide(dmp.base_url, *held, acting=structure)
    own = signing_key(structure=structure).certificate_der
    assertion = envelope_of(dmp.requests[0][2]).find(".//{*}Assertion")
    assert assertion is not None
    assert dmp.client_certificates == [own]
    assert base64.b64decode(assertion.findtext(".//{*}X509Certificate", "")) == own
    told = assertion.findtext(".//{*}Attribute[@Name='Identifiant_Structure']/{*}AttributeValue")
    assert told == structure


@pytest.mark.anyio
async def test_renewed_certificates_prove_the_structure_from_the_next_call_on(
    tmp_path: Path, server_files: tuple[Path, Path]
) -> None:
    """R15: that of the connection and that of the signature."""
    ca = server_files[0].read_bytes()
    files = write_tls_files(tmp_path, ca=ca)
    renewed = write_tls_files(tmp_path, OTHER_STRUCTURE, ca=ca)
    keys = [signing_key(), signing_key(structure=OTHER_STRUCTURE)]
    client_ca = tmp_path / "client.ca"
    client_ca.write_bytes(b"".join(certificate_pem(key) for key in keys))
    async with LoopbackDmp().serve(_server_context(server_files, client_ca)) as dmp:
        settings = _settings(dmp.base_url, (STRUCTURE, files))
        establishments = Establishments(settings.establishments)
        async with _feeding(settings, establishments) as feeding:
            lot = replace(LOT, identity=replace(IDENTITY, structure_identifier=STRUCTURE))
            await feeding.provide(lot)
            renewed.certificate_file.replace(files.certificate_file)
            with pytest.raises(SettingsError):
                establishments.renewed[0].renew()
            await feeding.provide(lot)
            renewed.key_file.replace(files.key_file)
            assert establishments.renewed[0].renew()
            await feeding.provide(lot)
    former, latter = (key.certificate_der for key in keys)
    assert dmp.client_certificates == [former, former, latter]
    assert [_signer_of(request) for *_, request in dmp.requests] == [former, former, latter]


def _signer_of(request: bytes) -> bytes:
    return base64.b64decode(
        envelope_of(request).findtext(".//{*}Assertion//{*}X509Certificate", "")
    )


@pytest.mark.anyio
@pytest.mark.parametrize("who", ["the server", "the client"])
async def test_an_unknown_certificate_ends_before_anything_is_sent(
    tmp_path: Path, server_files: tuple[Path, Path], who: str
) -> None:
    is_server = who == "the server"
    ca = certificate_pem(signing_key()) if is_server else server_files[0].read_bytes()
    files = write_tls_files(tmp_path, ca=ca)
    client_ca = tmp_path / "client.ca"
    client_ca.write_bytes(certificate_pem(signing_key("somebody else")))
    async with LoopbackDmp().serve(_server_context(server_files, client_ca)) as dmp:
        with pytest.raises(Unavailable):
            await _provide(dmp.base_url, (STRUCTURE, files))
        assert dmp.requests == []


def test_old_protocols_and_system_authorities_are_not_used(tmp_path: Path) -> None:
    context = client_context(write_tls_files(tmp_path))
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert len(context.get_ca_certs()) <= 1
    assert all("GCM" in c["name"] or "CHACHA20" in c["name"] for c in context.get_ciphers())


def _without_certificate(files: TlsFiles) -> None:
    files.certificate_file.unlink()


def _with_the_key_of_another(files: TlsFiles) -> None:
    files.key_file.write_bytes(signing_key("other").private_key_pem)


def _with_an_authority_that_is_none(files: TlsFiles) -> None:
    files.ca_file.write_text("nothing")


@pytest.mark.parametrize(
    "spoil", [_without_certificate, _with_the_key_of_another, _with_an_authority_that_is_none]
)
def test_files_that_do_not_fit_are_a_wrong_setting(
    tmp_path: Path, spoil: Callable[[TlsFiles], None]
) -> None:
    files = write_tls_files(tmp_path)
    spoil(files)
    establishment = Establishment(
        identifier=STRUCTURE, name="x", authentication=files, signature=files
    )
    with pytest.raises(SettingsError):
        Establishments([establishment])


@pytest.mark.parametrize(
    "spoil",
    [_without_certificate, _with_the_key_of_another, lambda files: files.key_file.unlink()],
    ids=["no certificate", "the key of another", "no key"],
)
def test_a_seal_that_does_not_fit_is_a_wrong_setting(
    tmp_path: Path, spoil: Callable[[TlsFiles], None]
) -> None:
    (tmp_path / "seal").mkdir()
    authentication, seal = write_tls_files(tmp_path), write_tls_files(tmp_path / "seal")
    spoil(seal)
    with pytest.raises(SettingsError):
        Establishments(
            [
                Establishment(
                    identifier=STRUCTURE, name="x", authentication=authentication, signature=seal
                )
            ]
        )


@pytest.mark.parametrize("count", [0, 2])
def test_establishments_are_there_and_distinct(tmp_path: Path, count: int) -> None:
    files = write_tls_files(tmp_path)
    establishment = Establishment(
        identifier=STRUCTURE, name="x", authentication=files, signature=files
    )
    with pytest.raises(SettingsError):
        Establishments([establishment] * count)


@pytest.mark.parametrize("url", ["http://dmp.example/registry", "http://localhost.evil.test/"])
def test_an_address_in_the_clear_is_for_loopback_only(tmp_path: Path, url: str) -> None:
    files = write_tls_files(tmp_path)
    settings = DmpSettings(
        registry_url=url,
        repository_url="https://dmp.example/repository",
        patients_url="https://dmp.example/patients",
        establishments=(
            Establishment(identifier=STRUCTURE, name="x", authentication=files, signature=files),
        ),
    )
    with pytest.raises(SettingsError):
        DmpSoapClient(
            settings,
            establishments=Establishments(settings.establishments),
            clock=FakeClock(),
            identifiers=FakeIdentifiers(),
        )
