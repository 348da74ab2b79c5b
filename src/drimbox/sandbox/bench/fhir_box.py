"""The FHIR door of a Consommatrice before a DMP that answers in 100 ms, for the bench.

    python -m drimbox.sandbox.bench.fhir_box FOLDER

Real: the listener, the door, tokens, storage and audit trail (SQLite), KOS. The DMP is a port that
sleeps: 50 exams of 500 instances. Prints one line of JSON once it listens, and one when its input
ends: the longest time for which its event loop was held.
"""

import asyncio
import secrets
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
from starlette.applications import Starlette
from starlette.requests import Request

from drimbox.adapters.storage_sql.audit_repository import SqlAuditRepository
from drimbox.adapters.storage_sql.engine import Database
from drimbox.adapters.storage_sql.schema import prepare
from drimbox.adapters.storage_sql.sealing import Sealing
from drimbox.adapters.storage_sql.session_store import SqlContextStore
from drimbox.adapters.system_clock import RandomIdentifiers, SystemClock
from drimbox.entrypoints.http.bearer import bearer_token
from drimbox.entrypoints.http.error_doors import exception_handlers
from drimbox.entrypoints.http.fhir.edge import FhirEdge
from drimbox.entrypoints.http.fhir.endpoints import Endpoints
from drimbox.entrypoints.http.fhir.reads import FhirReads
from drimbox.entrypoints.http.fhir.routes import FhirDoor, fhir_routes
from drimbox.entrypoints.http.fhir.search import FhirSearch
from drimbox.entrypoints.http.fhir.search_answers import SearchAnswers
from drimbox.entrypoints.http.listener import HttpListener
from drimbox.entrypoints.http.request_limit import RequestLimit
from drimbox.errors import NotAuthenticated, Refused
from drimbox.flows.consumer.consult_dmp import ConsultDmp
from drimbox.flows.consumer.consultation_audit import ConsultationAudit
from drimbox.flows.consumer.context_records import ContextRecords
from drimbox.flows.consumer.find_prior_studies import FindPriorStudies
from drimbox.flows.consumer.list_documents import KeptLists, ListDocuments
from drimbox.flows.consumer.read_documents import ReadDocuments, RetrievedDocuments
from drimbox.flows.consumer.read_manifests import ReadManifests
from drimbox.flows.consumer.retrieved_studies import RetrievedStudies
from drimbox.flows.consumer.situation import Situations
from drimbox.flows.fhir_trail import FhirTrail
from drimbox.flows.issue_token import TokenIssuer
from drimbox.flows.read_fhir import ReadFhir
from drimbox.gateway.garbage_collection import settle_memory
from drimbox.model.access import Caller, CallerKind, ConsultationContext, Peer
from drimbox.model.consent import InformationEtOppositionConsultation
from drimbox.model.document_entry import (
    KOS_TYPE,
    DocumentEntry,
    DocumentQuery,
    ReferenceId,
    ReferenceIdKind,
    RegisteredSet,
    SetQuery,
)
from drimbox.model.imaging_codes import MODALITY_CODE_SYSTEM, REGION_CODE_SYSTEM
from drimbox.model.manifest import ImagingOrder, Manifest, ReferencedInstance, ReferencedSeries
from drimbox.model.practice import Code
from drimbox.model.publication import DmpIdentity
from drimbox.model.study import AccessionNumber
from drimbox.model.uids import Oid, SeriesInstanceUid, SopClassUid, SopInstanceUid, StudyInstanceUid
from drimbox.ports.dmp import DmpAccess
from drimbox.ports.trusted_space import Address
from drimbox.sandbox.network.keys import private_jwk
from drimbox.sandbox.patients.professionals import REFERRING_PHYSICIAN
from drimbox.sandbox.patients.studies import CT_OF_LUCIE
from drimbox.standards.atna.audit_message import AuditSource
from drimbox.standards.dicom.kos import encode_kos
from drimbox.standards.fhir.search_page import SEAL_KEY_LENGTH, PageSeal
from drimbox.standards.fhir.surface import ServiceFacts
from drimbox.standards.iua.jwks import parse_signing_key

EXAMS, SERIES, INSTANCES = 50, 5, 100
_DMP_SECONDS = 0.1
_ROOT = "1.2.250.1.999.77"
_CT = SopClassUid("1.2.840.10008.5.1.4.1.1.2")
_PROBE_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class SlowDmp:
    """Implements ports.dmp.DmpConsultation in memory, 100 ms an answer."""

    entries: tuple[DocumentEntry, ...]
    contents: dict[str, bytes]

    async def check_access(self, identity: DmpIdentity) -> DmpAccess:
        del identity
        await asyncio.sleep(_DMP_SECONDS)
        return DmpAccess(exists=True, is_open=True, is_authorised=True)

    async def find_documents(
        self, query: DocumentQuery, identity: DmpIdentity
    ) -> tuple[DocumentEntry, ...]:
        del identity
        await asyncio.sleep(_DMP_SECONDS)
        wanted = set(query.reference_ids)
        return tuple(e for e in self.entries if not wanted or wanted & set(e.reference_ids))

    async def find_replaced(
        self, entry_uuids: Sequence[str], identity: DmpIdentity
    ) -> Mapping[str, tuple[str, ...]]:
        del entry_uuids, identity
        await asyncio.sleep(_DMP_SECONDS)
        return {}

    async def find_submission_sets(
        self, query: SetQuery, identity: DmpIdentity
    ) -> tuple[RegisteredSet, ...]:
        del query, identity
        await asyncio.sleep(_DMP_SECONDS)
        return ()

    async def retrieve_documents(
        self, entries: Sequence[DocumentEntry], identity: DmpIdentity
    ) -> dict[str, bytes]:
        del identity
        await asyncio.sleep(_DMP_SECONDS)
        return {entry.unique_id: self.contents[entry.unique_id] for entry in entries}


class OneBox:
    """Implements ports.trusted_space.TrustedSpace for the one box that the KOS name."""

    def check_peer_certificate(self, certificate_der: bytes) -> Peer:
        raise Refused(f"no peer calls here, {len(certificate_der)} octets of one all the same")

    def get_peer(self, db_host: str) -> Peer:
        return Peer("source", db_host, db_host, "Source du banc", f"CN={db_host}")

    def address_of(self, peer: Peer) -> Address:
        return Address(peer.db_host, 443)


@dataclass(frozen=True, slots=True)
class TokenOfContext:
    """Authenticates by our own context tokens, as bearer.BrowserAuthentication does."""

    tokens: TokenIssuer
    contexts: SqlContextStore
    clock: SystemClock

    async def __call__(self, request: Request) -> Caller:
        text = bearer_token(request)
        if text is None:
            raise NotAuthenticated("no token")
        token = self.tokens.read(text)
        context = await self.contexts.get(token.context or "", self.clock.now())
        return Caller(
            kind=CallerKind.PROFESSIONAL,
            subject=token.subject,
            scopes=token.scopes,
            context=context,
            professional=context.professional,
        )


def main() -> None:
    asyncio.run(_serve(Path(sys.argv[1])))


async def _serve(folder: Path) -> None:
    clock = SystemClock()
    sealing = Sealing(secrets.token_bytes(32))
    database = Database(f"sqlite:///{folder / 'bench.sqlite'}")
    await prepare(database, sealing)
    contexts = SqlContextStore(database, sealing)
    tokens = TokenIssuer(
        "http://bench", parse_signing_key(private_jwk("P-256", "bench")), clock, RandomIdentifiers()
    )
    reading = ReadFhir(
        _records(database, sealing, clock),
        FhirTrail(SqlAuditRepository(database, sealing, AuditSource("bench")), clock),
    )
    facts = ServiceFacts("http://bench/fhir", "http://bench/dicom-web", "http://bench/token", "0")
    endpoints = Endpoints(facts.dicomweb_url)
    seal = PageSeal(secrets.token_bytes(SEAL_KEY_LENGTH))
    door = FhirDoor(
        TokenOfContext(tokens, contexts, clock),
        FhirReads(reading, facts, endpoints),
        FhirSearch(reading, SearchAnswers(seal, clock, facts), facts, endpoints),
        RequestLimit(clock, 10**9),
    )
    app = Starlette(routes=fhir_routes(door), exception_handlers=exception_handlers())
    listener = HttpListener(FhirEdge(app), "127.0.0.1", 0)
    await listener.start()
    bearers = []
    for _ in range(12):
        context = _context(clock.now())
        await contexts.add(context)
        bearers.append(tokens.issue_context_token(context).access_token)
    settle_memory()  # as `drimbox serve` does
    _tell({"port": listener.port, "bearers": bearers})
    probe = asyncio.create_task(_probe())
    await asyncio.to_thread(sys.stdin.read)
    probe.cancel()
    with suppress(asyncio.CancelledError):
        await probe
    await listener.stop()
    await database.close()


def _records(database: Database, sealing: Sealing, clock: SystemClock) -> ContextRecords:
    manifests = [bench_manifest(number) for number in range(1, EXAMS + 1)]
    contents = {str(m.sop_instance_uid): encode_kos(m) for m in manifests}
    dmp = SlowDmp(tuple(bench_entry(m, contents) for m in manifests), contents)
    audit = ConsultationAudit(SqlAuditRepository(database, sealing, AuditSource("bench")), clock)
    situations = Situations(frozenset(s.value for s in REFERRING_PHYSICIAN.situations))
    consult = ConsultDmp(dmp, situations, audit)
    retrieved = RetrievedStudies(clock)
    find = FindPriorStudies(
        ListDocuments(consult, KeptLists(clock)),
        ReadManifests(consult, retrieved),
        MODALITY_CODE_SYSTEM,
        REGION_CODE_SYSTEM,
    )
    reports = ReadDocuments(consult, retrieved, RetrievedDocuments(clock), UTC)
    return ContextRecords(find, reports, OneBox())


def bench_manifest(number: int) -> Manifest:
    study = StudyInstanceUid(f"{_ROOT}.{number}")
    day = datetime(2026, 1, 1, 9, tzinfo=UTC) + timedelta(days=number)
    series = tuple(
        ReferencedSeries(
            series_instance_uid=SeriesInstanceUid(f"{study}.{one}"),
            retrieve_url=f"https://db.bench/dicom-web/studies/{study}/series/{study}.{one}",
            instances=tuple(
                ReferencedInstance(SopInstanceUid(f"{study}.{one}.{i}"), _CT, i)
                for i in range(1, INSTANCES + 1)
            ),
            modality="CT",
            series_number=one,
            series_description="Parenchyme 1,25 mm",
        )
        for one in range(1, SERIES + 1)
    )
    return Manifest(
        sop_instance_uid=SopInstanceUid(f"{_ROOT}.9.{number}"),
        series_instance_uid=SeriesInstanceUid(f"{_ROOT}.8.{number}"),
        study_instance_uid=study,
        patient=CT_OF_LUCIE.patient.traits,
        order=ImagingOrder(AccessionNumber(f"BENCH{number:04d}", Oid(_ROOT))),
        series=series,
        created_at=day + timedelta(hours=1),
        study_date=day.date(),
        study_time=day.time(),
        study_description=f"Scanner {number}",
    )


def bench_entry(manifest: Manifest, contents: dict[str, bytes]) -> DocumentEntry:
    uid = str(manifest.sop_instance_uid)
    study = ReferenceId(str(manifest.study_instance_uid), ReferenceIdKind.STUDY_INSTANCE_UID.value)
    return DocumentEntry(
        unique_id=uid,
        patient_id=CT_OF_LUCIE.patient.traits.ins.xds_patient_id,
        mime_type="application/dicom",
        title="Reference d'objets d'un examen d'imagerie",
        class_code=Code("31", "1.2.250.1.213.1.1.4.1"),
        type_code=KOS_TYPE,
        format_code=Code("1.2.840.10008.5.1.4.1.1.88.59", "1.2.840.10008.2.6.1"),
        confidentiality_codes=(Code("N", "2.16.840.1.113883.5.25"),),
        event_codes=(Code("CT", MODALITY_CODE_SYSTEM), Code("67734004", REGION_CODE_SYSTEM)),
        facility_type=Code("SA07", "1.2.250.1.71.4.2.4"),
        practice_setting=Code("AMBULATOIRE", "1.2.250.1.213.1.1.4.9"),
        authors=(),
        creation_time=manifest.created_at,
        service_start_time=manifest.created_at - timedelta(hours=1),
        reference_ids=(study,),
        hash_hex="0" * 40,
        size=len(contents[uid]),
    )


def _context(now: datetime) -> ConsultationContext:
    return replace(
        ConsultationContext(
            identifier=secrets.token_urlsafe(32),
            patient=CT_OF_LUCIE.patient.traits,
            local_patient_id=CT_OF_LUCIE.patient.consumer_patient_id,
            consent=InformationEtOppositionConsultation.INFORME_ET_NON_OPPOSE,
            created_at=now,
            expires_at=now + timedelta(minutes=20),
            situation=REFERRING_PHYSICIAN.situations[0],
        ),
        professional=REFERRING_PHYSICIAN.signed_in(now),
    )


async def _probe() -> None:
    """Measure what the loop's thread computes between two turns of a short sleep.

    Its own processor time: what other programs of the machine take meanwhile is no matter of ours.
    """
    worst = 0.0
    try:
        while True:
            since = time.thread_time()
            await asyncio.sleep(_PROBE_SECONDS)
            worst = max(worst, time.thread_time() - since)
    finally:
        _tell({"held_ms": worst * 1000})


def _tell(what: dict[str, object]) -> None:
    sys.stdout.write(orjson.dumps(what).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
