"""Read the settings file (TOML) and the environment into one frozen object."""

import tomllib
from enum import Enum
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from drimbox.errors import SettingsError
from drimbox.settings.listeners import (
    BrowserListenerSettings,
    OperatorListenerSettings,
    PeerListenerSettings,
)
from drimbox.settings.partners import (
    ContextualCallSettings,
    DicomListenerSettings,
    DmpSettings,
    Environment,
    ExportDestination,
    FhirSettings,
    LocalQuerySettings,
    MllpSettings,
    OAuthSettings,
    OpenIdProviderSettings,
    PacsSettings,
    PeerRetrievalSettings,
    PublicationSettings,
    StorageSettings,
    TlsFiles,
    TrustedSpaceSettings,
)
from drimbox.settings.values import TIME_ZONE_OF_FRANCE

# Names are given by the national register of DRIMboxes.
_NATIONAL_DOMAIN = ".mesimagesmedicales.fr"
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Role(Enum):
    """Which of the two functions this box has."""

    SOURCE = "source"
    CONSUMER = "consumer"
    BOTH = "both"


class Settings(BaseSettings):
    """The whole box.

    peer_client is the ORG AUTH_CLI certificate we present to other boxes.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="DRIMBOX_", env_nested_delimiter="__"
    )

    environment: Environment
    role: Role = Role.BOTH
    browser: BrowserListenerSettings
    peer: PeerListenerSettings | None = None
    operator: OperatorListenerSettings
    storage: StorageSettings
    dmp: DmpSettings
    pacs: PacsSettings
    more_pacs: tuple[PacsSettings, ...] = ()
    dicom: DicomListenerSettings | None = None
    mllp: MllpSettings | None = None
    publication: PublicationSettings | None = None
    pro_sante_connect: OpenIdProviderSettings
    trusted_space: TrustedSpaceSettings
    peer_client: TlsFiles
    peer_retrieval: PeerRetrievalSettings = PeerRetrievalSettings()
    oauth: OAuthSettings
    fhir: FhirSettings = FhirSettings()
    contextual_call: ContextualCallSettings = ContextualCallSettings()
    export_destinations: tuple[ExportDestination, ...] = ()
    local_query: LocalQuerySettings | None = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment override the file; no .env file, no secrets directory."""
        del settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings

    @property
    def is_source(self) -> bool:
        return self.role in {Role.SOURCE, Role.BOTH}

    @property
    def is_consumer(self) -> bool:
        return self.role in {Role.CONSUMER, Role.BOTH}

    @property
    def time_zone(self) -> ZoneInfo:
        """The site's, named in the section of the Source; that of France without one."""
        publication = self.publication
        return ZoneInfo(publication.time_zone if publication else TIME_ZONE_OF_FRANCE)

    @model_validator(mode="after")
    def _check_whole(self) -> "Settings":
        if self.is_source and None in {self.peer, self.mllp, self.publication}:
            raise ValueError("a source needs the sections peer, mllp and publication")
        is_test = self.environment is Environment.TEST
        is_plain = self.browser.certificate_file is None
        if is_plain and not (is_test and self.browser.host in _LOOPBACK):
            raise ValueError("browser: plain HTTP only on loopback with environment = test")
        if self.trusted_space.addresses and not is_test:
            raise ValueError("trusted_space.addresses: only with environment = test")
        if not is_test:
            _check_production(self)
        session = self.contextual_call.context_lifetime_seconds
        if self.is_consumer and self.storage.cache_max_age_seconds < session:
            # CO.69: images are kept for the session at least.
            raise ValueError("storage.cache_max_age_seconds: at least the lifetime of a context")
        return self


def _check_production(settings: Settings) -> None:
    """Check that nothing but the download of CRLs is plain HTTP (EC-4), and our own name (EC-1)."""
    dmp, provider = settings.dmp, settings.pro_sante_connect
    addresses = {
        "browser.base_url": settings.browser.base_url,
        "peer.base_url": settings.peer.base_url if settings.peer else None,
        "dmp.registry_url": dmp.registry_url,
        "dmp.repository_url": dmp.repository_url,
        "dmp.patients_url": dmp.patients_url,
        "pro_sante_connect.issuer": provider.issuer,
        "pro_sante_connect.discovery_url": provider.discovery_url,
        "trusted_space.white_list_url": settings.trusted_space.white_list_url,
    }
    for name, url in addresses.items():
        if url is not None and urlsplit(url).scheme != "https":
            raise ValueError(f"{name}: https in production")
    publication = settings.publication
    if publication and not publication.retrieve_url_host.endswith(_NATIONAL_DOMAIN):
        raise ValueError(f"publication.retrieve_url_host: a name under *{_NATIONAL_DOMAIN}")


def load_settings(path: Path, *, role: Role | None = None) -> Settings:
    """Read and check the settings; role, where it is given, stands for the file's.

    Raises:
        SettingsError: the file cannot be read, or a value is wrong; the first fault is named.
    """
    if not path.is_file():
        raise SettingsError(str(path), "no such file")
    try:
        values = TomlConfigSettingsSource(Settings, toml_file=path)()
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(str(path), str(error)) from error
    if role is not None:
        values["role"] = role
    try:
        settings = Settings(**values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"]) or "settings"
        raise SettingsError(f"{path}: {name}", first["msg"].removeprefix("Value error, ")) from None
    if role is not None and settings.role is not role:
        raise SettingsError(
            "DRIMBOX_ROLE", f"{settings.role.value}, where {role.value} is asked for"
        )
    return settings
