"""Settings fail at start, with the name of what is wrong, never later."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from drimbox.errors import SettingsError
from drimbox.sandbox.network.addresses import Addresses
from drimbox.sandbox.network.box_settings import consumer_settings, source_settings
from drimbox.sandbox.network.keys import NetworkKeys, make_keys
from drimbox.sandbox.network.national_services import ServiceAddresses
from drimbox.sandbox.network.site_pacs import PacsAddress
from drimbox.settings.load import Role, load_settings
from drimbox.settings.partners import Environment

SERVICES = ServiceAddresses(
    registry_url="https://localhost:1/registry",
    repository_url="https://localhost:1/repository",
    patients_url="https://localhost:1/patients",
    documents_url="http://localhost:2/documents",
    pro_sante_connect_issuer="http://localhost:3/psc",
    pro_sante_connect_discovery_url="http://localhost:3/psc/.well-known",
    france_connect_issuer="http://localhost:4/fc",
    white_list_url="http://127.0.0.1:5/list",
    crl_url="http://127.0.0.1:5/crl",
)
PACS = PacsAddress("127.0.0.1", 104, "PACS")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> NetworkKeys:
    return make_keys(tmp_path_factory.mktemp("keys"), crl_url="http://127.0.0.1:5/crl")


@pytest.fixture
def source_toml(tmp_path: Path, keys: NetworkKeys) -> str:
    return source_settings(tmp_path, Addresses(8440), keys, SERVICES, PACS)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "box.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_demo_writes_settings_that_load(
    tmp_path: Path, keys: NetworkKeys, source_toml: str
) -> None:
    source = load_settings(write(tmp_path, source_toml))
    assert source.role is Role.SOURCE
    assert source.environment is Environment.TEST
    assert source.peer is not None
    assert source.peer.tls.certificate_file.is_file()
    text = consumer_settings(tmp_path, Addresses(8440), keys, SERVICES, PACS)
    consumer = load_settings(write(tmp_path, text))
    assert consumer.is_consumer
    assert not consumer.is_source
    assert consumer.export_destinations[0].ae_title == "PACS"


def test_the_environment_overrides_the_file(
    tmp_path: Path, source_toml: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRIMBOX_PACS__PORT", "11112")
    assert load_settings(write(tmp_path, source_toml)).pacs.port == 11112


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("browser.base_url", "https://db1.test/", "without a final /"),
        ("browser.base_url", "db1.test", "begins with https://"),
        ("browser.port", "70000", "less than or equal to 65535"),
        ("dmp.registry_url", "https:///registry", "and a host"),
        ("dmp.registry_url", "ftp://dmp.test/registry", "begins with https://"),
        ("dmp.registry_url", "https://[dmp.test/registry", "begins with https://"),
        ("dmp.source_id", "1.2.a", "an OID"),
        ("dmp.read_timeout_seconds", "0", "greater than 0"),
        ("dmp.read_timeout_seconds", "inf", "finite"),
        ("dmp.max_response_bytes", "-1", "greater than 0"),
        ("dmp.establishments", "[]", "at least 1"),
        ("publication.time_zone", "Europe/Pari", "a time zone of the IANA database"),
        ("publication.time_zone", "../../etc", "a time zone of the IANA database"),
        ("publication.uid_root", "drimbox", "an OID"),
        ("contextual_call.path", "drim", "a path of this box"),
        ("contextual_call.allowed_origins", '["https://dpi.test/"]', "an origin"),
        ("fhir.allowed_origins", '["*"]', "an origin"),
    ],
)
def test_a_value_that_could_not_work_is_refused_with_what_is_allowed(
    tmp_path: Path,
    source_toml: str,
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
    value: str,
    said: str,
) -> None:
    monkeypatch.setenv("DRIMBOX_" + setting.upper().replace(".", "__"), value)
    with pytest.raises(SettingsError, match=re.escape(setting)) as error:
        load_settings(write(tmp_path, source_toml))
    assert said in error.value.why


def test_a_role_that_is_asked_for_is_checked_as_that_of_the_file(
    tmp_path: Path, source_toml: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is whole for a Consommatrice is not for a Source."""
    path = write(tmp_path, without_section("mllp")(source_toml))
    assert load_settings(path, role=Role.CONSUMER).role is Role.CONSUMER
    with pytest.raises(SettingsError, match="a source needs the sections peer, mllp"):
        load_settings(path, role=Role.BOTH)
    monkeypatch.setenv("DRIMBOX_ROLE", "consumer")
    with pytest.raises(SettingsError, match="DRIMBOX_ROLE: consumer, where source is asked for"):
        load_settings(path, role=Role.SOURCE)


def test_a_file_that_is_not_utf8_or_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "box.toml"
    with pytest.raises(SettingsError, match=r"box\.toml: no such file"):
        load_settings(path)
    path.write_bytes(b'environment = "t\xe9st"')
    with pytest.raises(SettingsError, match=r"box\.toml: .*utf-8"):
        load_settings(path)


@pytest.mark.requirement("CS.05")
def test_a_pacs_is_asked_by_dimse_or_by_dicomweb_and_there_may_be_several(
    tmp_path: Path, source_toml: str
) -> None:
    more = """
[pacs.dicomweb]
url = "https://pacs.test/dicom-web"
user = "drimbox"

[[more_pacs]]
host = "192.0.2.7"
ae_title = "ECHO"
issuer_of_patient_id = "1.2.250.1.999.3"

[[more_pacs]]
dicomweb.url = "http://192.0.2.8/dicom-web"
"""
    settings = load_settings(write(tmp_path, source_toml + more))
    first, second = settings.more_pacs
    assert settings.pacs.dicomweb is not None
    assert settings.pacs.speaks_dimse
    assert (first.port, first.speaks_dimse, first.dicomweb) == (104, True, None)
    assert (second.speaks_dimse, second.dicomweb is not None) == (False, True)


def without_section(name: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        sections = text.split("\n\n")
        return "\n\n".join(s for s in sections if not s.startswith((f"[{name}]", f"[{name}.")))

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(without_section("mllp"), "mllp", id="a Source without MLLP"),
        pytest.param(without_section("dmp"), "dmp", id="no DMP"),
        pytest.param(lambda t: t + "[nonsense]\na = 1\n", "nonsense", id="an unknown section"),
        pytest.param(
            lambda t: t.replace("[browser]", "[browser]\nprot = 1"), "browser.prot", id="a typo"
        ),
        pytest.param(
            lambda t: t.replace('"test"', '"production"'),
            "plain HTTP",
            id="plain HTTP in production",
        ),
        pytest.param(
            lambda t: t.replace("[browser]", '[browser]\nhost = "0.0.0.0"'),
            "plain HTTP",
            id="plain HTTP on every address",
        ),
        pytest.param(
            lambda t: re.sub(r'\[pacs\]\nhost = "[^"]*"', "[pacs]", t),
            "pacs: host and ae_title, or the section dicomweb",
            id="a PACS that is nowhere",
        ),
        pytest.param(
            lambda t: t + '[pacs.dicomweb]\nurl = "ftp://pacs/dicom-web"\n',
            "pacs.dicomweb.url",
            id="a PACS by FTP",
        ),
        pytest.param(lambda t: t + "= = =", "", id="no TOML"),
    ],
)
def test_a_wrong_setting_is_named(
    tmp_path: Path, source_toml: str, change: Callable[[str], str], said: str
) -> None:
    with pytest.raises(SettingsError) as error:
        load_settings(write(tmp_path, change(source_toml)))
    assert said in str(error.value)


def production(text: str) -> str:
    """Return the settings of a box in production, from those of the demo."""
    sections = [s for s in text.split("\n\n") if not s.startswith("[trusted_space.addresses]")]
    text = "\n\n".join(sections).replace('"test"', '"production"', 1)
    text = text.replace("[browser]", '[browser]\ncertificate_file = "a.pem"\nkey_file = "a.key"')
    for line in text.splitlines():
        if "http://" in line and not line.startswith("crl_urls"):
            text = text.replace(line, line.replace("http://", "https://"))
    return text


@pytest.mark.requirement("EC-4")
def test_in_production_only_crls_are_fetched_over_plain_http(
    tmp_path: Path, source_toml: str
) -> None:
    settings = load_settings(write(tmp_path, production(source_toml)))
    assert settings.environment is Environment.PRODUCTION
    assert settings.trusted_space.crl_urls == ("http://127.0.0.1:5/crl",)


@pytest.mark.requirement("EC-4")
@pytest.mark.parametrize(
    "name",
    [
        "browser.base_url",
        "peer.base_url",
        "dmp.registry_url",
        "dmp.repository_url",
        "dmp.patients_url",
        "pro_sante_connect.issuer",
        "pro_sante_connect.discovery_url",
        "trusted_space.white_list_url",
    ],
)
def test_in_production_every_other_address_is_https(
    tmp_path: Path, source_toml: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = f"DRIMBOX_{name.upper().replace('.', '__')}"
    monkeypatch.setenv(variable, "http://plain.example")
    with pytest.raises(SettingsError, match=rf"{name}: https in production"):
        load_settings(write(tmp_path, production(source_toml)))


@pytest.mark.requirement("EC-1")
def test_in_production_a_source_has_a_name_of_the_national_register(
    tmp_path: Path, source_toml: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_settings(write(tmp_path, production(source_toml))).publication is not None
    monkeypatch.setenv("DRIMBOX_PUBLICATION__RETRIEVE_URL_HOST", "box.hopital.example")
    with pytest.raises(SettingsError, match="retrieve_url_host"):
        load_settings(write(tmp_path, production(source_toml)))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml"):
        load_settings(tmp_path / "none.toml")


def test_a_secret_does_not_show(tmp_path: Path, source_toml: str) -> None:
    assert "SANDBOX-0001" not in repr(load_settings(write(tmp_path, source_toml)))
