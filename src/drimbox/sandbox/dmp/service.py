"""From one HTTP request to one reply, without any socket: which service, which judges, what answer.

Order of judgement: TLS certificate, packaging and envelope, VIHF, then the transaction itself.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NoReturn

import structlog
from cryptography import x509

from drimbox.ports.clock import Clock
from drimbox.sandbox.dmp.answers import Answer, Reply, fault_reply, soap_reply
from drimbox.sandbox.dmp.call import Call
from drimbox.sandbox.dmp.certificates import (
    CLIENT_AUTHENTICATION,
    Untrusted,
    check_usage,
    load_all,
)
from drimbox.sandbox.dmp.judge_envelope import (
    action_of,
    judge_envelope,
    message_id_of,
    read_envelope,
)
from drimbox.sandbox.dmp.judge_vihf import VihfTrust, judge_vihf
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
from drimbox.sandbox.dmp.transactions import (
    PROVIDE,
    REPOSITORY_PATH,
    RETRIEVE,
    STORED_QUERY,
    TEST_EXISTENCE,
    UPDATE,
    Transaction,
)
from drimbox.sandbox.dmp.update import UpdateDocumentSet

_LOG: Final = structlog.get_logger("drimbox.sandbox.dmp")

Handle = Callable[[Call], Answer]


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
        self._handlers: Mapping[Transaction, Handle] = {
            PROVIDE: ProvideAndRegister(store, patients, self._signers, repository_unique_id),
            RETRIEVE: RetrieveDocumentSet(store, patients, repository_unique_id),
            STORED_QUERY: RegistryStoredQuery(store, patients, max_leaf_results),
            UPDATE: UpdateDocumentSet(store, patients, repository_unique_id),
            TEST_EXISTENCE: PatientQuery(patients),
        }

    def answer(self, exchange: Exchange, instead: Fault | RegistryError | None = None) -> Reply:
        """Return the reply to a request, whatever it holds; refusals are logged by their rule.

        instead is what a misbehaving DMP answers to a message that it understands.
        """
        relates_to = ""
        try:
            client = _client(exchange)
            is_mtom = exchange.path == REPOSITORY_PATH
            envelope, package = read_envelope(exchange.content_type, exchange.body, is_mtom=is_mtom)
            relates_to = message_id_of(envelope)
            transaction = self._transaction(exchange.path, action_of(envelope))
            message = judge_envelope(envelope, transaction, package)
            trust = VihfTrust(self._signers, self._clock.now(), client)
            call = Call(message, judge_vihf(message.assertion, trust), trust.now)
            answer = self._handled(transaction, call, instead)
        except Fault as fault:
            _LOG.info("fault", code=fault.code, rule=fault.reason)
            return fault_reply(fault, relates_to)
        return soap_reply(
            answer, action=transaction.answer_action, relates_to=relates_to, is_mtom=is_mtom
        )

    def _transaction(self, path: str, action: str) -> Transaction:
        for transaction in self._handlers:
            if (transaction.path, transaction.action) == (path, action):
                return transaction
        raise addressing_fault("ActionNotSupported", "this service has no such Action")

    def _handled(
        self, transaction: Transaction, call: Call, instead: Fault | RegistryError | None
    ) -> Answer:
        try:
            answer = _misbehave(instead) if instead else self._handlers[transaction](call)
        except ContentRefused as refused:
            for error in refused.errors:
                _LOG.info("refused", action=transaction.action, code=error.code, rule=error.context)
            return Answer(transaction.refuse(refused.errors))
        self.accepted[transaction.action] += 1
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
