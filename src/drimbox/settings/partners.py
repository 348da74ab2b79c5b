"""What an operator may change, one frozen model per partner. Every name is in docs/settings.md.

Paths are files; secrets live in files, never in this file. Times are seconds, sizes octets.
"""

from enum import Enum
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from drimbox.errors import InvalidValue
from drimbox.model.export_syntax import ExportSyntax
from drimbox.settings.values import (
    TIME_ZONE_OF_FRANCE,
    Octets,
    OidText,
    Origin,
    OwnPath,
    Port,
    Seconds,
    TimeZone,
    Url,
)
from drimbox.standards.dicomweb.exchange_syntaxes import LOSSLESS_FIRST, ranking


class Section(BaseModel):
    """Frozen; an unknown name is a fault."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Environment(Enum):
    """production refuses test INS authorities, MSH-11 T and D, and everything marked demo."""

    PRODUCTION = "production"
    TEST = "test"


class TlsFiles(Section):
    """A certificate chain, its key, and the authorities we trust on this side (PEM files)."""

    certificate_file: Path
    key_file: Path
    ca_file: Path

    @property
    def every_file(self) -> tuple[Path, Path, Path]:
        return self.certificate_file, self.key_file, self.ca_file


class DicomwebServiceSettings(Section):
    """A DICOMweb service of the site, by the root of its addresses.

    user and password_file serve HTTP basic authentication, certificate_file and key_file mutual
    TLS; ca_file is trusted instead of the system's authorities.
    """

    url: str = Field(pattern=r"^https?://[^/?#]+[^?#]*$")
    user: str = ""
    password_file: Path | None = None
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    connect_timeout_seconds: Seconds = 10
    idle_timeout_seconds: Seconds = 30
    max_search_bytes: Octets = 64 * 1024 * 1024


class DicomPartner(Section):
    """Who is spoken to by its DICOMweb service, or else by DIMSE, which needs host and ae_title.

    calling_ae_title is our own, known to the partner.
    """

    host: str = ""
    port: Port = 104
    ae_title: str = ""
    calling_ae_title: str = "DRIMBOX"
    dicomweb: DicomwebServiceSettings | None = None

    @property
    def speaks_dimse(self) -> bool:
        return bool(self.host and self.ae_title)

    @model_validator(mode="after")
    def _check_address(self) -> Self:
        if not self.speaks_dimse and self.dicomweb is None:
            raise ValueError("host and ae_title, or the section dicomweb")
        return self


class PacsSettings(DicomPartner):
    """A PACS of the site (CS.05, SO.04)."""

    retrieve_mode: Literal["auto", "c-get", "c-move"] = "auto"
    associations: int = Field(default=2, ge=1, le=8)
    connect_timeout_seconds: Seconds = 10
    idle_timeout_seconds: Seconds = 30
    maximum_pdu: Octets = 131072
    issuer_of_patient_id: str | None = None


class DicomListenerSettings(Section):
    """Our own Storage SCP: arrivals of our C-MOVE."""

    host: str = "127.0.0.1"
    port: Port
    ae_title: str = "DRIMBOX"
    allowed_calling_ae_titles: tuple[str, ...] = ()


class ExportDestination(DicomPartner):
    """A PACS or workstation offered for export, by C-STORE or STOW-RS (CO.60).

    transfer_syntax is what it gets where nobody chose (CO.74); transfer_syntaxes says otherwise for
    some modalities, by their code (CO.75).
    """

    name: str
    transfer_syntax: ExportSyntax = ExportSyntax.AS_RECEIVED
    transfer_syntaxes: dict[str, ExportSyntax] = {}


class LocalQueryPeer(Section):
    """A local system that may ask, from this address, and to which images may be sent there."""

    ae_title: str
    host: str = Field(pattern=r"^[0-9A-Fa-f.:]+$")
    port: Port


class LocalQuerySettings(Section):
    """C-FIND and C-MOVE for local systems, of exams kept in the image cache (CO.72)."""

    host: str = "127.0.0.1"
    port: Port
    ae_title: str = "DRIMBOX"
    peers: tuple[LocalQueryPeer, ...]


class MllpSettings(Section):
    """The listener of the RIS."""

    host: str = "127.0.0.1"
    port: Port
    max_message_bytes: Octets = 64 * 1024 * 1024
    max_connections: int = Field(default=50, ge=1)
    idle_timeout_seconds: Seconds = 60
    allowed_addresses: tuple[str, ...] = ()


class Establishment(Section):
    """One structure that feeds the DMP, by Struct_IdNat, with its certificates (SO.19, SO.89).

    contact is how who holds a medium made here reaches it (address, telephone), in one line.
    """

    identifier: str
    name: str
    contact: str = ""
    authentication: TlsFiles
    signature: TlsFiles


class DmpSettings(Section):
    """The DMP, and how our VIHF speaks (xds-dmp section 8).

    signature_algorithm is the VIHF's, lot_signature_algorithm the XAdES's. authn_context_class is
    the SAML class of the local authentication; air_authn_context_declaration stands beside it when
    a professional is signed in (AIR), empty for none. processing_code is that of HL7 v3 messages.
    registry_time is how the registry's times without an offset are read and asked for: IHE wants
    UTC, and samples of the ANS are in local time.
    """

    registry_url: Url
    repository_url: Url
    patients_url: Url
    repository_unique_id: OidText | None = None
    establishments: tuple[Establishment, ...] = Field(min_length=1)
    vihf_version: str = "4.0"
    issuer_format: Literal["rfc4514", "rfc4514-spaced", "reversed"] = "rfc4514"
    signature_algorithm: Literal["rsa-sha256", "rsa-sha1"] = "rsa-sha256"
    lot_signature_algorithm: Literal["rsa-sha256", "rsa-sha1"] = "rsa-sha256"
    authn_context_class: str = "urn:oasis:names:tc:SAML:2.0:ac:classes:TLSClient"
    air_authn_context_declaration: str = "APP_BROWSER_AUTH"
    processing_code: Literal["P", "T", "D"] = "P"
    software_name: str = "drimbox"
    software_version: str = "0.1"
    homologation_id: SecretStr = SecretStr("")
    source_id: OidText = "1.2.250.1.999.1"
    sector: str = "SA07"
    registry_time: Literal["utc", "europe-paris"] = "utc"
    modality_code_system: str = "1.2.840.10008.2.16.4"
    region_code_system: str = "2.16.840.1.113883.6.96"
    connect_timeout_seconds: Seconds = 10
    read_timeout_seconds: Seconds = 60
    max_response_bytes: Octets = 64 * 1024 * 1024


class PublicationSettings(Section):
    """How the Source publishes.

    time_zone is the site's, for times without an offset and those of the KOS; practice_setting
    (JDV_J04) is said of reports that name none; lots_at_once are on their way to the DMP at most.
    """

    retrieve_url_host: str
    uid_root: OidText | None = None
    retrieve_location_uid: OidText | None = None
    institution_name: str = ""
    time_zone: TimeZone = TIME_ZONE_OF_FRANCE
    practice_setting: str = "AMBULATOIRE"
    is_local_patient_id_required: bool = False
    first_retry_seconds: Seconds = 30
    last_retry_seconds: Seconds = 900
    give_up_after_seconds: Seconds = 7 * 24 * 3600
    alarm_after_seconds: Seconds = 900
    lease_seconds: Seconds = 120
    lots_at_once: int = Field(default=4, ge=1, le=32)


class OpenIdProviderSettings(Section):
    """Pro Santé Connect or FranceConnect+ as OpenID provider.

    client_secret_file serves client_secret_basic; without it the client proves itself by tls
    (RFC 8705).
    """

    issuer: Url
    discovery_url: Url
    client_id: str
    client_secret_file: Path | None = None
    tls: TlsFiles | None = None
    scope: str = "openid scope_all"
    acr_values: str = "eidas1"
    redirect_path: OwnPath = "/sign-in/callback"
    allowed_professions: tuple[str, ...] = ("10", "21", "40", "50", "60", "86")


PeerTokenKind = Literal["pro-sante-connect", "iua"]


class TrustedSpaceSettings(Section):
    """White list and its checks; addresses maps an FQDN to host:port (demo and tests only).

    refresh_seconds is how often list and CRLs are downloaded; crl_refresh_seconds how often the
    CRLs' servers are asked meanwhile whether there is a newer one.

    peer_token_kind is what we present to Source boxes: the professional's own Pro Santé Connect
    token, or one that the Source gives for it (IUA); peer_token_kinds says otherwise for some, by
    their db FQDN.
    """

    white_list_url: Url
    crl_urls: tuple[Url, ...]
    anchors_file: Path
    peer_anchors_file: Path
    state_directory: Path
    signer_common_name: str = "Liste Blanche DRIM-M"
    signer_organizational_unit: str = "318751275100020"
    refresh_seconds: Seconds = 24 * 3600
    maximum_age_seconds: Seconds = 7 * 24 * 3600
    crl_refresh_seconds: Seconds = 60
    addresses: dict[str, str] = {}
    peer_token_kind: PeerTokenKind = "pro-sante-connect"  # noqa: S105  # a kind of token
    peer_token_kinds: dict[str, PeerTokenKind] = {}


class PeerRetrievalSettings(Section):
    """How the Consommatrice asks Sources for images.

    viewing_q and export_q change the q of single transfer syntaxes, by their UIDs, from those of
    the official requests; q 0 names a syntax no more. An address in a private network is refused
    for a box of the white list unless private addresses are allowed.
    """

    viewing_q: dict[str, float] = {}
    export_q: dict[str, float] = {}
    series_at_once: int = Field(default=4, ge=1, le=16)
    allow_private_addresses: bool = False

    @field_validator("viewing_q", "export_q")
    @classmethod
    def _check_q(cls, q_by_syntax: dict[str, float]) -> dict[str, float]:
        try:
            ranking({**LOSSLESS_FIRST, **q_by_syntax})
        except InvalidValue as error:
            raise ValueError(str(error)) from error
        return q_by_syntax


class StorageSettings(Section):
    """Where the box keeps its state; key_file (32 octets) seals tokens and patients at rest.

    cache_must_be_in_memory refuses a cache_directory that is on a disk;
    cache_from says from which request on a Source keeps whole studies and series (SO.40);
    fetch_ahead whether a viewer's first look at a study brings all of it.
    """

    url: str = "sqlite:///drimbox.sqlite"
    key_file: Path
    cache_directory: Path
    cache_must_be_in_memory: bool = False
    cache_from: Literal["first-request", "second-request", "never"] = "second-request"
    fetch_ahead: bool = False
    cache_max_bytes: Octets = 4 * 1024**3
    cache_max_age_seconds: Seconds = 3600


class ContextualCallSettings(Section):
    """TRA.04: where it is, who may call it from a browser, how long a context lives."""

    path: OwnPath = "/drim"
    allowed_origins: tuple[Origin, ...] = ()
    allow_null_origin: bool = False
    context_lifetime_seconds: Seconds = 1200
    session_idle_seconds: Seconds = 1200
    frame_ancestors: tuple[str, ...] = ()


class FhirSettings(Section):
    """The FHIR facade.

    allowed_origins are those of pages that may call it from a browser, and our DICOMweb and token
    endpoint with it. serve_superseded gives the octets of a document that was replaced, which MHD
    would call gone. fr_core_release chooses the code of a qualified identity. dmp_list_seconds is
    how long an answer of the DMP serves the same program.
    """

    allowed_origins: tuple[Origin, ...] = ()
    iua_strict_401: bool = False
    serve_superseded: bool = False
    requests_a_minute: int = Field(default=12_000, ge=1)
    fr_core_release: Literal["2.1", "2.2"] = "2.1"
    dmp_list_seconds: float = Field(default=30, ge=0, le=300)


class OAuthClientSettings(Section):
    """A FHIR client of the site: its public JWK set, and the scopes it may have.

    Without jwks_file it is a public client: a SMART application in a browser, which redeems codes
    and nothing else. redirect_uris are where a professional's browser may be sent back to; name is
    shown to the professional who is asked.
    """

    client_id: str
    jwks_file: Path | None = None
    scopes: tuple[str, ...]
    redirect_uris: tuple[str, ...] = ()
    name: str = ""


class OAuthSettings(Section):
    """Our authorization server (IUA).

    signing_key_file signs; other_key_files verify too and are published: the keys of before, until
    their last token is over, and the one to come, before it signs.
    """

    signing_key_file: Path
    other_key_files: tuple[Path, ...] = ()
    clients: tuple[OAuthClientSettings, ...] = ()
    access_token_seconds: Seconds = 300
    context_token_seconds: Seconds = 1200
