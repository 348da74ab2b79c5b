"""rs:RegistryResponse: what a registry or repository says of a request, and its error codes.

ITI TF-3 4.2.4 (table 4.2.4.1-2), Metadata Update. Foreign codes are kept as text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from lxml import etree

from drimbox.errors import MalformedMessage, UnsupportedMessage
from drimbox.standards.xds.names import NAMESPACES, QUERY, RS, XDSB


class ResponseStatus(Enum):
    SUCCESS = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success"
    PARTIAL_SUCCESS = "urn:ihe:iti:2007:ResponseStatusType:PartialSuccess"
    FAILURE = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Failure"


class Severity(Enum):
    ERROR = "urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Error"
    WARNING = "urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Warning"


class ErrorCode(Enum):
    """Every code of the standard; which of them are worth another try is in RETRYABLE."""

    DOCUMENT_QUEUED = "DocumentQueued"
    INVALID_DOCUMENT_CONTENT = "InvalidDocumentContent"
    LOCAL_POLICY_RESTRICTION = "LocalPolicyRestrictionError"
    PARTIAL_APPEND_CONTENT_NOT_PROCESSED = "PartialAppendContentNotProcessed"
    PARTIAL_FOLDER_CONTENT_NOT_PROCESSED = "PartialFolderContentNotProcessed"
    PARTIAL_RELATIONSHIP_CONTENT_NOT_PROCESSED = "PartialRelationshipContentNotProcessed"
    PARTIAL_REPLACE_CONTENT_NOT_PROCESSED = "PartialReplaceContentNotProcessed"
    PARTIAL_TRANSFORM_NOT_PROCESSED = "PartialTransformNotProcessed"
    PARTIAL_TRANSFORM_REPLACE_NOT_PROCESSED = "PartialTransformReplaceNotProcessed"
    REFERENCES_EXIST = "ReferencesExistException"
    UNMODIFIABLE_METADATA = "UnmodifiableMetadataError"
    UNRESOLVED_REFERENCE = "UnresolvedReferenceException"
    DOCUMENT_UNIQUE_ID = "XDSDocumentUniqueIdError"
    DUPLICATE_UNIQUE_ID_IN_REGISTRY = "XDSDuplicateUniqueIdInRegistry"
    EXTRA_METADATA_NOT_SAVED = "XDSExtraMetadataNotSaved"
    INVALID_REQUEST = "XDSInvalidRequestException"
    METADATA_ANNOTATION = "XDSMetadataAnnotationError"
    METADATA_IDENTIFIER = "XDSMetadataIdentifierError"
    METADATA_UPDATE = "XDSMetadataUpdateError"
    METADATA_UPDATE_OPERATION = "XDSMetadataUpdateOperationError"
    METADATA_VERSION = "XDSMetadataVersionError"
    MISSING_DOCUMENT = "XDSMissingDocument"
    MISSING_DOCUMENT_METADATA = "XDSMissingDocumentMetadata"
    MISSING_HOME_COMMUNITY_ID = "XDSMissingHomeCommunityId"
    NON_IDENTICAL_HASH = "XDSNonIdenticalHash"
    NON_IDENTICAL_SIZE = "XDSNonIdenticalSize"
    OBJECT_TYPE = "XDSObjectTypeError"
    PATIENT_ID_DOES_NOT_MATCH = "XDSPatientIdDoesNotMatch"
    PATIENT_ID_RECONCILIATION = "XDSPatientIDReconciliationError"
    REGISTRY_BUSY = "XDSRegistryBusy"
    REGISTRY_DEPRECATED_DOCUMENT = "XDSRegistryDeprecatedDocumentError"
    REGISTRY_DUPLICATE_UNIQUE_ID_IN_MESSAGE = "XDSRegistryDuplicateUniqueIdInMessage"
    REGISTRY_ERROR = "XDSRegistryError"
    REGISTRY_METADATA = "XDSRegistryMetadataError"
    REGISTRY_NOT_AVAILABLE = "XDSRegistryNotAvailable"
    REGISTRY_OUT_OF_RESOURCES = "XDSRegistryOutOfResources"
    REMOVE_DOCUMENTS = "XDSRemoveDocumentsError"
    REPLACE_FAILED = "XDSReplaceFailed"
    REPOSITORY_BUSY = "XDSRepositoryBusy"
    REPOSITORY_DUPLICATE_UNIQUE_ID_IN_MESSAGE = "XDSRepositoryDuplicateUniqueIdInMessage"
    REPOSITORY_ERROR = "XDSRepositoryError"
    REPOSITORY_METADATA = "XDSRepositoryMetadataError"
    REPOSITORY_OUT_OF_RESOURCES = "XDSRepositoryOutOfResources"
    RESULT_NOT_SINGLE_PATIENT = "XDSResultNotSinglePatient"
    STORED_QUERY_MISSING_PARAMETER = "XDSStoredQueryMissingParam"
    STORED_QUERY_PARAMETER_NUMBER = "XDSStoredQueryParamNumber"
    TOO_MANY_RESULTS = "XDSTooManyResults"
    UNAVAILABLE_COMMUNITY = "XDSUnavailableCommunity"
    UNKNOWN_COMMUNITY = "XDSUnknownCommunity"
    UNKNOWN_PATIENT_ID = "XDSUnknownPatientId"
    UNKNOWN_REPOSITORY_ID = "XDSUnknownRepositoryId"
    UNKNOWN_STORED_QUERY = "XDSUnknownStoredQuery"
    UNREFERENCED_OBJECT = "XDSUnreferencedObjectException"


RETRYABLE = frozenset(
    {
        ErrorCode.REGISTRY_BUSY,
        ErrorCode.REGISTRY_NOT_AVAILABLE,
        ErrorCode.REGISTRY_OUT_OF_RESOURCES,
        ErrorCode.REPOSITORY_BUSY,
        ErrorCode.REPOSITORY_OUT_OF_RESOURCES,
        ErrorCode.UNAVAILABLE_COMMUNITY,
        # The target of a replacement was replaced meanwhile: the next try looks it up again.
        ErrorCode.REGISTRY_DEPRECATED_DOCUMENT,
    }
)

DUPLICATES = frozenset(
    {
        ErrorCode.DUPLICATE_UNIQUE_ID_IN_REGISTRY,
        ErrorCode.NON_IDENTICAL_HASH,
        ErrorCode.NON_IDENTICAL_SIZE,
    }
)
"""What a registry answers when it holds this submission set or document already."""


@dataclass(frozen=True, slots=True)
class RegistryError:
    """One RegistryError; code is the wire text, location often a uniqueId, context free text."""

    code: str
    context: str
    severity: Severity = Severity.ERROR
    location: str = ""

    @property
    def known_code(self) -> ErrorCode | None:
        """The code as the standard knows it, None when it is the partner's own."""
        try:
            return ErrorCode(self.code)
        except ValueError:
            return None

    @property
    def is_retryable(self) -> bool:
        return self.known_code in RETRYABLE

    @property
    def is_duplicate(self) -> bool:
        return self.known_code in DUPLICATES


@dataclass(frozen=True, slots=True)
class RegistryResponse:
    """The status and what came with it; warnings do not make a failure."""

    status: ResponseStatus
    errors: tuple[RegistryError, ...] = ()

    @property
    def failures(self) -> tuple[RegistryError, ...]:
        """The errors without the warnings."""
        return tuple(e for e in self.errors if e.severity is Severity.ERROR)


_STATUSES = {status.value.rpartition(":")[2]: status for status in ResponseStatus}
_CARRIERS = {f"{{{RS}}}RegistryResponse", f"{{{QUERY}}}AdhocQueryResponse"}


def parse_registry_response(body: etree._Element) -> RegistryResponse:
    """Read the status and errors of an answer to ITI-18, 41, 42, 43 or 57.

    body is rs:RegistryResponse, query:AdhocQueryResponse, or xdsb:RetrieveDocumentSetResponse,
    whose RegistryResponse is its first child.

    Raises:
        UnsupportedMessage: another element.
        MalformedMessage: no status, or a status that is none of the three.
    """
    carrier: etree._Element | None = body
    if body.tag == f"{{{XDSB}}}RetrieveDocumentSetResponse":
        carrier = body.find("rs:RegistryResponse", dict(NAMESPACES))
        if carrier is None:
            raise MalformedMessage("no RegistryResponse", where="RetrieveDocumentSetResponse")
    if carrier is None or carrier.tag not in _CARRIERS:
        raise UnsupportedMessage("not an answer of a registry or repository", where="Body")
    # The last word decides: PartialSuccess is IHE's own, and met under the URN of OASIS.
    status = _STATUSES.get(carrier.get("status", "").rpartition(":")[2])
    if status is None:
        raise MalformedMessage("Success, PartialSuccess or Failure", where="@status")
    found = carrier.findall("rs:RegistryErrorList/rs:RegistryError", dict(NAMESPACES))
    return RegistryResponse(status, tuple(_parse_error(element) for element in found))


def describe(errors: Sequence[RegistryError]) -> str:
    """Name the distinct codes, in order: contexts may quote a patient and stay out."""
    return ", ".join(dict.fromkeys(error.code for error in errors)) or "no code"


def _parse_error(element: etree._Element) -> RegistryError:
    severity = element.get("severity", Severity.ERROR.value)
    return RegistryError(
        code=element.get("errorCode", ""),
        context=element.get("codeContext", ""),
        # Some peers write the last word only; what is not a warning is an error.
        severity=Severity.WARNING if severity.endswith("Warning") else Severity.ERROR,
        location=element.get("location", ""),
    )
