"""From one HTTP request to one reply, without any socket: which service, which judges, what answer.

Order of judgement: TLS certificate, packaging and envelope, VIHF, then the transaction itself.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

import structlog
from cryptography import x509
from lxml import etree

from drimbox.ports.clock import Clock
from drimbox.sandbox.dmp.answers import (
    Reply,
    fault_reply,
    query_response,
    registry_response,
    retrieve_response,
    soap_reply,
)
from drimbox.sandbox.dmp.call import Answer, Call
from drimbox.sandbox.dmp.certificates import (
    CLIENT_AUTHENTICATION,
    Untrusted,
    check_usage,
    load_all,
)
from drimbox.sandbox.dmp.judge_envelope import (
    Transaction,
    action_of,
    judge_envelope,
    message_id_of,
    read_envelope,
)
from drimbox.sandbox.dmp.judge_vihf import VihfTrust, judge_vihf
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
from drimbox.sandbox.dmp.patient_query import PatientQuery
from drimbox.sandbox.dmp.patients import Patients
from drimbox.sandbox.dmp.provide import ProvideAndRegister
from drimbox.sandbox.dmp.refusals import (
    ContentRefused,
    Fault,
    RegistryError,
    addressing_fault,
    security_fault,
)
from drimbox.sandbox.dmp.retrieve import RetrieveDocumentSet
from drimbox.sandbox.dmp.store import Store
from drimbox.sandbox.dmp.stored_queries import DEFAULT_MAX_LEAF_RESULTS, RegistryStoredQuery
from drimbox.sandbox.dmp.update import UpdateDocumentSet

REGISTRY_PATH: Final = "/si-dmp-server/v2/services/registry"
REPOSITORY_PATH: Final = "/si-dmp-server/v2/services/repository"
PATIENTS_PATH: Final = "/si-dmp-server/v2/services/patients"
_LOG: Final = structlog.get_logger("drimbox.sandbox.dmp")

Handle = Callable[[Call], Answer]
Refuse = Callable[[Sequence[RegistryError]], etree._Element]  # noqa: SLF001  lxml names it so


@dataclass(frozen=True, slots=True)
class DmpTrust:
    """PEM of whom TLS clients must come from, and of whom signatures must come from.

    The handshake verifies client_authorities. signing_authorities may hold intermediates or the
    signing certificates themselves; it must hold what a signature's KeyInfo leaves out.
    """

    client_authorities: bytes
    signing_authorities: bytes


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request as it came; client_certificate is DER, or None when TLS gave none."""

    path: str
    content_type: str
    body: bytes
    client_certificate: bytes | None


@dataclass(frozen=True, slots=True)
class _Service:
    transaction: Transaction
    answer_action: str
    handle: Handle
    refuse: Refuse


class DmpService:
    """Judges and answers; blocking, for worker threads."""

    def __init__(
        self,
        store: Store,
        patients: Patients,
        *,
        trust: DmpTrust,
        clock: Clock,
        repository_unique_id: str,
        max_leaf_results: int = DEFAULT_MAX_LEAF_RESULTS,
    ) -> None:
        self._signers = load_all(trust.signing_authorities)
        self._clock = clock
        self.accepted: Counter[str] = Counter()
        self._services = _services(
            provide=ProvideAndRegister(store, patients, self._signers, repository_unique_id),
            retrieve=RetrieveDocumentSet(store, patients, repository_unique_id),
            query=RegistryStoredQuery(store, patients, max_leaf_results),
            update=UpdateDocumentSet(store, patients, repository_unique_id),
            test_existence=PatientQuery(patients),
        )

    def answer(self, exchange: Exchange, instead: Fault | RegistryError | None = None) -> Reply:
        """Return the reply to a request, whatever it holds; refusals are logged by their rule.

        instead is what a misbehaving DMP answers to a message that it understands.
        """
        relates_to = ""
        try:
            services = self._services[exchange.path]
            client = _client(exchange)
            # One packaging a service: whichever its transactions share.
            is_mtom = exchange.path == REPOSITORY_PATH
            envelope, package = read_envelope(exchange.content_type, exchange.body, is_mtom=is_mtom)
            relates_to = message_id_of(envelope)
            service = services.get(action_of(envelope))
            if service is None:
                raise addressing_fault("ActionNotSupported", "this service has no such Action")
            message = judge_envelope(envelope, service.transaction, package, exchange.path)
            trust = VihfTrust(self._signers, self._clock.now(), client)
            call = Call(message, judge_vihf(message.assertion, trust), trust.now)
            answer = self._handled(service, call, instead)
        except Fault as fault:
            _LOG.info("fault", code=fault.code, rule=fault.reason)
            return fault_reply(fault, relates_to)
        return soap_reply(
            answer,
            action=service.answer_action,
            relates_to=relates_to,
            is_mtom=service.transaction.is_mtom,
        )

    def _handled(
        self, service: _Service, call: Call, instead: Fault | RegistryError | None
    ) -> Answer:
        action = service.transaction.action
        try:
            answer = _misbehave(instead) if instead else service.handle(call)
        except ContentRefused as refused:
            for error in refused.errors:
                _LOG.info("refused", action=action, code=error.code, rule=error.context)
            return Answer(service.refuse(refused.errors))
        self.accepted[action] += 1
        return answer


def _misbehave(instead: Fault | RegistryError) -> NoReturn:
    if isinstance(instead, Fault):
        raise instead
    raise ContentRefused(instead)


def _client(exchange: Exchange) -> x509.Certificate:
    """Return the certificate of the TLS client; the handshake has verified its path."""
    if exchange.client_certificate is None:
        raise security_fault("FailedAuthentication", "TLS brought no client certificate")
    client = x509.load_der_x509_certificate(exchange.client_certificate)
    try:
        check_usage(client, CLIENT_AUTHENTICATION)
    except Untrusted as error:
        raise security_fault("FailedAuthentication", f"TLS client: {error}") from None
    return client


def _services(
    *, provide: Handle, retrieve: Handle, query: Handle, update: Handle, test_existence: Handle
) -> Mapping[str, Mapping[str, _Service]]:
    services = {
        REGISTRY_PATH: (
            _Service(
                Transaction(
                    REGISTRY_STORED_QUERY, qualified(QUERY, "AdhocQueryRequest"), is_mtom=False
                ),
                f"{REGISTRY_STORED_QUERY}Response",
                query,
                lambda errors: query_response((), errors),
            ),
            _Service(
                Transaction(
                    UPDATE_DOCUMENT_SET, qualified(LCM, "SubmitObjectsRequest"), is_mtom=False
                ),
                f"{UPDATE_DOCUMENT_SET}Response",
                update,
                registry_response,
            ),
        ),
        REPOSITORY_PATH: (
            _Service(
                Transaction(
                    PROVIDE_AND_REGISTER,
                    qualified(XDSB, "ProvideAndRegisterDocumentSetRequest"),
                    is_mtom=True,
                ),
                f"{PROVIDE_AND_REGISTER}Response",
                provide,
                registry_response,
            ),
            _Service(
                Transaction(
                    RETRIEVE_DOCUMENT_SET,
                    qualified(XDSB, "RetrieveDocumentSetRequest"),
                    is_mtom=True,
                ),
                f"{RETRIEVE_DOCUMENT_SET}Response",
                retrieve,
                lambda errors: retrieve_response((), errors, FAILURE),
            ),
        ),
        PATIENTS_PATH: (
            _Service(
                Transaction(GET_DEMOGRAPHICS, qualified(HL7V3, "PRPA_IN201307UV02"), is_mtom=False),
                DEMOGRAPHICS_ANSWER,
                test_existence,
                registry_response,
            ),
        ),
    }
    return {path: {s.transaction.action: s for s in some} for path, some in services.items()}
