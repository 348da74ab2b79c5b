"""The register of KOS, and the one transaction that ends a message."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, exists, func, insert, select, update

from drimbox.adapters.storage_sql.alerts import insert_alert
from drimbox.adapters.storage_sql.engine import AnyRow, Database
from drimbox.adapters.storage_sql.outbox import insert_job
from drimbox.adapters.storage_sql.records import decode_record, encode_record
from drimbox.adapters.storage_sql.sealing import Sealing
from drimbox.adapters.storage_sql.tables import (
    UNFINISHED_MESSAGE,
    is_state_in,
    publication_reports,
    publications,
    received_messages,
)
from drimbox.errors import Conflict
from drimbox.model.manifest import Manifest
from drimbox.model.publication import (
    Alert,
    IntakeState,
    Publication,
    PublicationState,
)
from drimbox.model.uids import SopInstanceUid, StudyInstanceUid
from drimbox.ports.study_register import (
    CurrentKos,
    CurrentPage,
    NewPublication,
    PlacedPublication,
    StudyWalk,
)

_columns = publications.c
_CURRENT = (PublicationState.PENDING.value, PublicationState.PUBLISHED.value)
_SEALED = ("patient_id", "manifest", "kos", "metadata")
_PATIENT, _LOCAL_PATIENT = "publication patient", "publication local patient"
_INDEXED_AT_ONCE = 500


class SqlStudyRegister:
    """on_queued is called after each lot put in the outbox, to wake the workers of this process."""

    def __init__(
        self, database: Database, sealing: Sealing, *, on_queued: Callable[[], None] = lambda: None
    ) -> None:
        self._database = database
        self._sealing = sealing
        self._on_queued = on_queued

    async def find_current(self, study_instance_uid: StudyInstanceUid) -> Publication | None:
        found = await self._find(
            _columns.study_instance_uid == study_instance_uid,
            _columns.state.in_(_CURRENT),
            limit=1,
        )
        return found[0] if found else None

    async def find_by_kos(self, kos: SopInstanceUid) -> Publication | None:
        found = await self._find(_columns.kos_sop_instance_uid == kos, limit=1)
        return found[0] if found else None

    async def find_published(
        self,
        patient_id: str | None = None,
        limit: int = 1000,
        *,
        studies: Collection[StudyInstanceUid] | None = None,
        states: Collection[PublicationState] = (PublicationState.PUBLISHED,),
    ) -> tuple[Publication, ...]:
        criteria: list[ColumnElement[bool]] = [
            _columns.state.in_([state.value for state in states])
        ]
        if studies is not None:
            criteria.append(_columns.study_instance_uid.in_(studies))
        if patient_id is not None:
            criteria.append(_columns.patient_index == self._sealing.index(_PATIENT, patient_id))
        return await self._find(*criteria, limit=limit)

    async def walk_studies(
        self, *, start: int | None, limit: int, states: Collection[PublicationState]
    ) -> StudyWalk:
        earlier = publications.alias()
        is_first = ~exists().where(
            earlier.c.study_instance_uid == _columns.study_instance_uid,
            earlier.c.publication_id < _columns.publication_id,
        )
        firsts = (
            select(_columns.study_instance_uid, _columns.publication_id)
            .where(is_first)
            .order_by(_columns.publication_id.desc())
            # One more tells whether there is more.
            .limit(limit + 1)
        )
        if start is not None:
            firsts = firsts.where(_columns.publication_id <= start)

        def work(connection: Connection) -> StudyWalk:
            found = connection.execute(firsts).all()
            places = {row.study_instance_uid: row.publication_id for row in found[:limit]}
            statement = (
                select(publications)
                .where(
                    _columns.study_instance_uid.in_(places),
                    _columns.state.in_([state.value for state in states]),
                )
                .order_by(_columns.publication_id.desc())
            )
            placed = [
                PlacedPublication(places[one.study_instance_uid], one)
                for one in self._read(connection, statement)
            ]
            placed.sort(key=lambda one: one.place, reverse=True)
            return StudyWalk(
                tuple(placed), found[limit].publication_id if len(found) > limit else None
            )

        return await self._database.read(work)

    async def list_current(
        self,
        *,
        studies: Collection[StudyInstanceUid] | None = None,
        patient_id: str | None = None,
        local_patient_id: str | None = None,
        offset: int = 0,
        limit: int = 1000,
    ) -> CurrentPage:
        criteria: list[ColumnElement[bool]] = [_columns.state.in_(_CURRENT)]
        if studies is not None:
            criteria.append(_columns.study_instance_uid.in_(studies))
        if patient_id is not None:
            criteria.append(_columns.patient_index == self._sealing.index(_PATIENT, patient_id))
        if local_patient_id is not None:
            criteria.append(_columns.local_patient_index == self._local_index(local_patient_id))
        # Beside a KOS that the DMP has, its successor may be waiting: the newest one serves.
        newest = (
            select(func.max(_columns.publication_id))
            .where(*criteria)
            .group_by(_columns.study_instance_uid)
        )
        page = (
            select(_columns.study_instance_uid, _columns.kos_sop_instance_uid)
            .where(_columns.publication_id.in_(newest))
            .order_by(_columns.publication_id.desc())
            .offset(offset)
            .limit(limit)
        )
        count = select(func.count(_columns.study_instance_uid.distinct())).where(*criteria)
        return await self._database.read(lambda c: _read_page(c, page, count))

    async def index_local_patients(self) -> None:
        """Fill the index of rows that were written before there was one."""
        while await self._database.write(self._index_some):
            pass

    async def find_manifests(
        self, kos: Collection[SopInstanceUid]
    ) -> Mapping[SopInstanceUid, Manifest]:
        statement = select(_columns.kos_sop_instance_uid, _columns.manifest).where(
            _columns.kos_sop_instance_uid.in_(kos)
        )
        return await self._database.read(lambda c: self._read_manifests(c, statement))

    def _read_manifests(
        self, connection: Connection, statement: Select[*tuple[Any, ...]]
    ) -> Mapping[SopInstanceUid, Manifest]:
        found = {}
        for row in connection.execute(statement):
            uid = SopInstanceUid(row.kos_sop_instance_uid)
            octets = self._sealing.unseal(row.manifest, "publications", "manifest", uid)
            found[uid] = decode_record(Manifest, octets)
        return found

    def _index_some(self, connection: Connection) -> bool:
        """Index some rows; tell whether more may be left."""
        missing = (
            select(_columns.publication_id, _columns.kos_sop_instance_uid, _columns.manifest)
            .where(_columns.local_patient_index.is_(None))
            .limit(_INDEXED_AT_ONCE)
        )
        rows = connection.execute(missing).all()
        for row in rows:
            octets = self._sealing.unseal(
                row.manifest, "publications", "manifest", row.kos_sop_instance_uid
            )
            index = self._local_index(_local_patient(decode_record(Manifest, octets)))
            connection.execute(
                update(publications)
                .where(_columns.publication_id == row.publication_id)
                .values(local_patient_index=index)
            )
        return len(rows) == _INDEXED_AT_ONCE

    def _local_index(self, local_patient_id: str) -> bytes:
        return self._sealing.index(_LOCAL_PATIENT, local_patient_id)

    async def conclude(
        self,
        message_id: int,
        publications: Sequence[NewPublication],
        alerts: Sequence[Alert],
        now: datetime,
    ) -> None:
        is_stopped = bool(alerts) and not publications

        def work(connection: Connection) -> None:
            state = IntakeState.STOPPED if is_stopped else IntakeState.DONE
            _end_message(connection, message_id, state, now)
            for study in sorted({new.publication.study_instance_uid for new in publications}):
                self._database.lock(connection, f"study {study}")
            for new in publications:
                self._record(connection, new, now)
            for alert in alerts:
                insert_alert(self._database, connection, alert)

        await self._database.write(work)
        if any(new.submission for new in publications):
            self._on_queued()

    def _record(self, connection: Connection, new: NewPublication, now: datetime) -> None:
        publication = new.publication
        known = _find_known(connection, publication.kos_sop_instance_uid)
        if known is not None:
            _update_known(connection, known, publication)
            return
        if new.submission is not None:
            _check_replaces_current(connection, new)
        row = self._to_row(publication)
        statement = insert(publications).values(row).returning(_columns.publication_id)
        publication_id = connection.execute(statement).scalar_one()
        _add_reports(connection, publication_id, publication.report_ids)
        if new.submission is not None:
            study = publication.study_instance_uid
            insert_job(connection, self._sealing, publication_id, study, new.submission, now)

    def _to_row(self, publication: Publication) -> dict[str, object]:
        kos = publication.kos_sop_instance_uid
        sealed = {
            "patient_id": publication.patient_id.encode(),
            "manifest": encode_record(publication.manifest),
            "kos": publication.kos,
            "metadata": publication.metadata,
        }
        return {
            "study_instance_uid": publication.study_instance_uid,
            "kos_sop_instance_uid": kos,
            "patient_index": self._sealing.index(_PATIENT, publication.patient_id),
            "local_patient_index": self._local_index(_local_patient(publication.manifest)),
            "content_key": publication.content_key,
            "state": publication.state.value,
            "created_at": publication.created_at,
            "published_at": publication.published_at,
        } | {
            name: self._sealing.seal(octets, "publications", name, kos)
            for name, octets in sealed.items()
        }

    async def _find(self, *criteria: ColumnElement[bool], limit: int) -> tuple[Publication, ...]:
        statement = (
            select(publications)
            .where(*criteria)
            .order_by(_columns.publication_id.desc())
            .limit(limit)
        )
        return await self._database.read(lambda c: self._read(c, statement))

    def _read(
        self, connection: Connection, statement: Select[*tuple[Any, ...]]
    ) -> tuple[Publication, ...]:
        rows = connection.execute(statement).all()
        reports = _find_reports(connection, [row.publication_id for row in rows])
        return tuple(self._to_model(row, reports.get(row.publication_id, ())) for row in rows)

    def _to_model(self, row: AnyRow, report_ids: Sequence[str]) -> Publication:
        kos = SopInstanceUid(row.kos_sop_instance_uid)
        opened = {
            name: self._sealing.unseal(getattr(row, name), "publications", name, kos)
            for name in _SEALED
        }
        return Publication(
            study_instance_uid=StudyInstanceUid(row.study_instance_uid),
            kos_sop_instance_uid=kos,
            patient_id=opened["patient_id"].decode(),
            manifest=decode_record(Manifest, opened["manifest"]),
            kos=opened["kos"],
            metadata=opened["metadata"],
            report_ids=tuple(report_ids),
            content_key=row.content_key,
            state=PublicationState(row.state),
            created_at=row.created_at,
            published_at=row.published_at,
        )


def _local_patient(manifest: Manifest) -> str:
    """Return the Patient ID that the images carry, empty where it is not known."""
    known = manifest.pacs_patient
    return known.patient_id.value if known is not None and known.patient_id is not None else ""


def _read_page(
    connection: Connection, page: Select[*tuple[Any, ...]], count: Select[*tuple[Any, ...]]
) -> CurrentPage:
    entries = tuple(
        CurrentKos(StudyInstanceUid(study), SopInstanceUid(kos))
        for study, kos in connection.execute(page)
    )
    return CurrentPage(entries, connection.execute(count).scalar_one())


def _end_message(
    connection: Connection, message_id: int, state: IntakeState, now: datetime
) -> None:
    is_unfinished = is_state_in(received_messages.c.state, UNFINISHED_MESSAGE)
    statement = (
        update(received_messages)
        .where(received_messages.c.message_id == message_id, is_unfinished)
        .values(state=state.value, concluded_at=now)
    )
    if not connection.execute(statement).rowcount:
        raise Conflict(f"message {message_id} was concluded already")


def _check_replaces_current(connection: Connection, new: NewPublication) -> None:
    """Refuse a lot made from a state that has passed: it would stand beside the current KOS."""
    statement = (
        select(_columns.kos_sop_instance_uid)
        .where(
            _columns.study_instance_uid == new.publication.study_instance_uid,
            _columns.state.in_(_CURRENT),
        )
        .order_by(_columns.publication_id.desc())
        .limit(1)
    )
    current = connection.execute(statement).scalar()
    if new.submission is not None and new.submission.replaces != current:
        raise Conflict("the study has another current KOS than the one this lot replaces")


def _find_known(connection: Connection, kos: SopInstanceUid) -> int | None:
    statement = select(_columns.publication_id).where(_columns.kos_sop_instance_uid == kos)
    return connection.execute(statement).scalar()


def _update_known(connection: Connection, publication_id: int, publication: Publication) -> None:
    """Add the reports of a KOS that stays as it is; of its states only withdrawal comes this way.

    The others follow the outbox, which may have moved on since the caller read.
    """
    known = _find_reports(connection, [publication_id]).get(publication_id, [])
    fresh = [report for report in publication.report_ids if report not in known]
    _add_reports(connection, publication_id, fresh, start=len(known))
    if publication.state is PublicationState.WITHDRAWN:
        connection.execute(
            update(publications)
            .where(_columns.publication_id == publication_id)
            .values(state=publication.state.value)
        )


def _add_reports(
    connection: Connection, publication_id: int, report_ids: Sequence[str], *, start: int = 0
) -> None:
    for position, report_id in enumerate(dict.fromkeys(report_ids), start):
        connection.execute(
            insert(publication_reports).values(
                publication_id=publication_id, report_id=report_id, position=position
            )
        )


def _find_reports(connection: Connection, publication_ids: Sequence[int]) -> dict[int, list[str]]:
    table = publication_reports.c
    statement = (
        select(table.publication_id, table.report_id)
        .where(table.publication_id.in_(publication_ids))
        .order_by(table.publication_id, table.position)
    )
    found: dict[int, list[str]] = {}
    for publication_id, report_id in connection.execute(statement):
        found.setdefault(publication_id, []).append(report_id)
    return found
