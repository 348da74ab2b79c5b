"""Lots on their way to the DMP.

pending ──claim──> sending ──> done
   ▲                 │ ▲
   │ retry_job       │ └──claim (due, or lease over)──┐
   │                 ├──────────────> retry ──────────┘
   └──── dead <──────┘
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    delete,
    exists,
    insert,
    select,
    update,
)

from drimbox.adapters.storage_sql.due_rows import is_due
from drimbox.adapters.storage_sql.engine import AnyRow, Database
from drimbox.adapters.storage_sql.records import decode_record, encode_record
from drimbox.adapters.storage_sql.sealing import Sealing
from drimbox.adapters.storage_sql.tables import (
    UNFINISHED_JOB,
    is_state_in,
    outbox,
    outbox_documents,
    publications,
)
from drimbox.errors import Conflict, NotFound
from drimbox.model.publication import (
    DmpIdentity,
    EncodedDocument,
    EncodedSubmission,
    JobState,
    PublicationJob,
    PublicationState,
)
from drimbox.model.uids import StudyInstanceUid

_columns = outbox.c


class SqlOutbox:
    """The outbox, and its administration.

    on_queued is called when a job was made due by hand. No retry is further off than
    longest_wait_seconds: one that seems so was written before the clock was set back.
    """

    def __init__(
        self,
        database: Database,
        sealing: Sealing,
        *,
        on_queued: Callable[[], None] = lambda: None,
        longest_wait_seconds: float = 900,
    ) -> None:
        self._database = database
        self._sealing = sealing
        self._on_queued = on_queued
        self._longest_wait = timedelta(seconds=longest_wait_seconds)

    async def claim(self, now: datetime, lease_seconds: float) -> PublicationJob | None:
        lease = timedelta(seconds=lease_seconds)
        candidate = _candidate(
            is_due(outbox, UNFINISHED_JOB, now, lease=lease, longest_wait=self._longest_wait)
        )
        # Most polls find nothing: see that in a reading transaction, which holds up no writer.
        if await self._database.read(lambda c: c.execute(candidate).scalar()) is None:
            return None

        def work(connection: Connection) -> PublicationJob | None:
            job_id = connection.execute(candidate.with_for_update(skip_locked=True)).scalar()
            if job_id is None:
                return None
            connection.execute(
                update(outbox)
                .where(_columns.job_id == job_id)
                .values(
                    state=JobState.SENDING.value,
                    attempts=_columns.attempts + 1,
                    due_at=now + lease,
                )
            )
            return self._get(connection, job_id)

        return await self._database.write(work)

    async def mark_done(self, job_id: int, now: datetime) -> None:
        def work(connection: Connection) -> None:
            job = _lock_job(connection, job_id)
            if job.state == JobState.DONE.value:
                return
            _set_state(connection, job_id, JobState.DONE, finished_at=now, last_error=None)
            _publish(connection, job.publication_id, job.replaces, now)
            # The DMP has the octets and the register keeps the KOS: no third copy.
            connection.execute(delete(outbox_documents).where(outbox_documents.c.job_id == job_id))

        await self._database.write(work)

    async def mark_retry(self, job_id: int, until: datetime, reason: str) -> None:
        """As the port says; a job finished meanwhile stays finished."""

        def work(connection: Connection) -> None:
            if _lock_job(connection, job_id).state in UNFINISHED_JOB:
                _set_state(connection, job_id, JobState.RETRY, due_at=until, last_error=reason)

        await self._database.write(work)

    async def bring_forward(self, now: datetime) -> int:
        statement = (
            update(outbox)
            .where(_columns.state == JobState.RETRY.value, _columns.due_at > now)
            .values(due_at=now)
        )
        return await self._database.write(lambda c: c.execute(statement).rowcount)

    async def mark_dead(self, job_id: int, reason: str, now: datetime) -> None:
        """As the port says; a job finished meanwhile stays finished."""

        def work(connection: Connection) -> None:
            job = _lock_job(connection, job_id)
            if job.state not in UNFINISHED_JOB:
                return
            _set_state(connection, job_id, JobState.DEAD, finished_at=now, last_error=reason)
            _fail(connection, job)

        await self._database.write(work)

    async def find_jobs(
        self, *, limit: int = 100, state: JobState | None = None
    ) -> tuple[PublicationJob, ...]:
        """List jobs, newest first, without the octets of their documents."""
        statement = select(outbox).order_by(_columns.job_id.desc()).limit(limit)
        if state is not None:
            statement = statement.where(_columns.state == state.value)
        rows = await self._database.read(lambda c: c.execute(statement).all())
        return tuple(self._to_model(row, ()) for row in rows)

    async def get_job(self, job_id: int) -> PublicationJob:
        return await self._database.read(lambda c: self._get(c, job_id))

    async def retry(self, job_id: int, now: datetime) -> None:
        """As the port says.

        Raises:
            NotFound: no such job.
            Conflict: done, being sent, or overtaken by a newer KOS of the same study.
        """

        def work(connection: Connection) -> None:
            job = _lock_job(connection, job_id)
            if job.state in {JobState.DONE.value, JobState.SENDING.value}:
                raise Conflict(f"job {job_id} is {job.state}")
            if job.state == JobState.DEAD.value and _has_newer(connection, job):
                raise Conflict(f"a newer KOS of the study of job {job_id} was made")
            # created_at moves: the time after which a job is given up starts again.
            _set_state(
                connection, job_id, JobState.RETRY, due_at=now, created_at=now, finished_at=None
            )
            _set_publication(
                connection, job.publication_id, PublicationState.FAILED, PublicationState.PENDING
            )

        await self._database.write(work)
        self._on_queued()

    def _get(self, connection: Connection, job_id: int) -> PublicationJob:
        row = connection.execute(select(outbox).where(_columns.job_id == job_id)).one_or_none()
        if row is None:
            raise NotFound(f"no job {job_id}")
        documents = connection.execute(
            select(outbox_documents)
            .where(outbox_documents.c.job_id == job_id)
            .order_by(outbox_documents.c.position)
        )
        return self._to_model(
            row,
            tuple(
                EncodedDocument(
                    document.document_id,
                    document.mime_type,
                    self._sealing.unseal(
                        document.content,
                        *_document_place(row.submission_unique_id, document.position),
                    ),
                )
                for document in documents
            ),
        )

    def _to_model(self, row: AnyRow, documents: tuple[EncodedDocument, ...]) -> PublicationJob:
        unique_id = row.submission_unique_id
        submission_metadata = self._sealing.unseal(row.metadata, "outbox", "metadata", unique_id)
        identity = self._sealing.unseal(row.identity, "outbox", "identity", unique_id)
        return PublicationJob(
            job_id=row.job_id,
            study_instance_uid=StudyInstanceUid(row.study_instance_uid),
            submission=EncodedSubmission(
                unique_id=unique_id,
                document_unique_id=row.document_unique_id,
                document_hash=row.document_hash,
                metadata=submission_metadata,
                documents=documents,
                identity=decode_record(DmpIdentity, identity),
                replaces=row.replaces,
            ),
            state=JobState(row.state),
            attempts=row.attempts,
            created_at=row.created_at,
            next_attempt_at=row.due_at,
            last_error=row.last_error,
        )


def insert_job(
    connection: Connection,
    sealing: Sealing,
    publication_id: int,
    study_instance_uid: StudyInstanceUid,
    submission: EncodedSubmission,
    now: datetime,
) -> None:
    """Put a lot in the outbox, in the transaction that records its publication."""
    unique_id = submission.unique_id
    identity = encode_record(submission.identity)
    row = {
        "publication_id": publication_id,
        "study_instance_uid": study_instance_uid,
        "submission_unique_id": unique_id,
        "document_unique_id": submission.document_unique_id,
        "document_hash": submission.document_hash,
        "replaces": submission.replaces,
        "metadata": sealing.seal(submission.metadata, "outbox", "metadata", unique_id),
        "identity": sealing.seal(identity, "outbox", "identity", unique_id),
        "state": JobState.PENDING.value,
        "attempts": 0,
        "created_at": now,
        "due_at": now,
    }
    job_id = connection.execute(insert(outbox).values(row).returning(_columns.job_id)).scalar_one()
    for position, document in enumerate(submission.documents):
        connection.execute(
            insert(outbox_documents).values(
                job_id=job_id,
                position=position,
                document_id=document.document_id,
                mime_type=document.mime_type,
                content=sealing.seal(document.content, *_document_place(unique_id, position)),
            )
        )


def _document_place(submission_unique_id: str, position: int) -> tuple[str, ...]:
    return "outbox_documents", "content", submission_unique_id, str(position)


def _candidate(due: ColumnElement[bool]) -> Select[int]:
    """Select the oldest job due whose study has no earlier unfinished job."""
    earlier = outbox.alias("earlier")
    has_earlier = exists().where(
        earlier.c.study_instance_uid == _columns.study_instance_uid,
        earlier.c.job_id < _columns.job_id,
        is_state_in(earlier.c.state, UNFINISHED_JOB),
    )
    return (
        select(_columns.job_id)
        .where(is_state_in(_columns.state, UNFINISHED_JOB), due, ~has_earlier)
        .order_by(_columns.job_id)
        .limit(1)
    )


def _lock_job(connection: Connection, job_id: int) -> AnyRow:
    statement = select(outbox).where(_columns.job_id == job_id).with_for_update()
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise NotFound(f"no job {job_id}")
    return row


def _set_state(connection: Connection, job_id: int, state: JobState, **values: object) -> None:
    connection.execute(
        update(outbox).where(_columns.job_id == job_id).values(state=state.value, **values)
    )


def _set_publication(
    connection: Connection, publication_id: int, old: PublicationState, new: PublicationState
) -> None:
    connection.execute(
        update(publications)
        .where(publications.c.publication_id == publication_id, publications.c.state == old.value)
        .values(state=new.value)
    )


def _publish(
    connection: Connection, publication_id: int, replaces: str | None, now: datetime
) -> None:
    connection.execute(
        update(publications)
        .where(publications.c.publication_id == publication_id)
        .values(state=PublicationState.PUBLISHED.value, published_at=now)
    )
    if replaces is not None:
        connection.execute(
            update(publications)
            .where(
                publications.c.kos_sop_instance_uid == replaces,
                publications.c.state == PublicationState.PUBLISHED.value,
            )
            .values(state=PublicationState.REPLACED.value)
        )


def _fail(connection: Connection, job: AnyRow) -> None:
    """Fail the publication; what waits to replace it replaces what it would have replaced."""
    _set_publication(
        connection, job.publication_id, PublicationState.PENDING, PublicationState.FAILED
    )
    connection.execute(
        update(outbox)
        .where(
            _columns.replaces == job.document_unique_id, is_state_in(_columns.state, UNFINISHED_JOB)
        )
        .values(replaces=job.replaces)
    )


def _has_newer(connection: Connection, job: AnyRow) -> bool:
    newer = exists().where(
        publications.c.study_instance_uid == job.study_instance_uid,
        publications.c.publication_id > job.publication_id,
    )
    return bool(connection.execute(select(newer)).scalar())
