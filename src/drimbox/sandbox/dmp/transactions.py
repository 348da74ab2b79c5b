"""The transactions a DMP answers, as they look on the wire (ITI TF-2 appendix V; DMP services)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from lxml import etree

from drimbox.sandbox.dmp.answers import query_response, registry_response, retrieve_response
from drimbox.sandbox.dmp.names import (
    DEMOGRAPHICS_ANSWER,
    FAILURE,
    GET_DEMOGRAPHICS,
    HL7V3,
    LCM,
    PROVIDE_AND_REGISTER,
    QUERY,
    REGISTRY_STORED_QUERY,
    RETRIEVE_DOCUMENT_SET,
    UPDATE_DOCUMENT_SET,
    XDSB,
    qualified,
)
from drimbox.sandbox.dmp.refusals import Fault, RegistryError

REGISTRY_PATH: Final = "/si-dmp-server/v2/services/registry"
REPOSITORY_PATH: Final = "/si-dmp-server/v2/services/repository"
PATIENTS_PATH: Final = "/si-dmp-server/v2/services/patients"

Refuse = Callable[[Sequence[RegistryError]], etree._Element]  # noqa: SLF001  lxml names it so


@dataclass(frozen=True, slots=True)
class Transaction:
    """body is the name of the request's root; refuse builds the answer that carries errors."""

    path: str
    action: str
    answer_action: str
    body: str
    refuse: Refuse

    @property
    def is_mtom(self) -> bool:
        """Only what the repository carries has octets; request and answer are packed alike."""
        return self.path == REPOSITORY_PATH


def _refused_by_fault(errors: Sequence[RegistryError]) -> etree._Element:
    raise Fault("Receiver", errors[0].context)


STORED_QUERY: Final = Transaction(
    REGISTRY_PATH,
    REGISTRY_STORED_QUERY,
    f"{REGISTRY_STORED_QUERY}Response",
    qualified(QUERY, "AdhocQueryRequest"),
    lambda errors: query_response((), errors),
)
UPDATE: Final = Transaction(
    REGISTRY_PATH,
    UPDATE_DOCUMENT_SET,
    f"{UPDATE_DOCUMENT_SET}Response",
    qualified(LCM, "SubmitObjectsRequest"),
    registry_response,
)
PROVIDE: Final = Transaction(
    REPOSITORY_PATH,
    PROVIDE_AND_REGISTER,
    f"{PROVIDE_AND_REGISTER}Response",
    qualified(XDSB, "ProvideAndRegisterDocumentSetRequest"),
    registry_response,
)
RETRIEVE: Final = Transaction(
    REPOSITORY_PATH,
    RETRIEVE_DOCUMENT_SET,
    f"{RETRIEVE_DOCUMENT_SET}Response",
    qualified(XDSB, "RetrieveDocumentSetRequest"),
    lambda errors: retrieve_response((), errors, FAILURE),
)
TEST_EXISTENCE: Final = Transaction(
    PATIENTS_PATH,
    GET_DEMOGRAPHICS,
    DEMOGRAPHICS_ANSWER,
    qualified(HL7V3, "PRPA_IN201307UV02"),
    _refused_by_fault,
)
