"""What the DMP keeps, in one SQLite file: sets, entries, associations, octets.

One transaction a submission, durable before it is answered (WAL, synchronous FULL): a process that
is killed has either stored a submission whole, or nothing of it.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS submission_sets (
    entry_uuid TEXT PRIMARY KEY, unique_id TEXT NOT NULL UNIQUE, patient_id TEXT NOT NULL,
    xml BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS entries (
    sequence INTEGER PRIMARY KEY, entry_uuid TEXT NOT NULL UNIQUE, logical_id TEXT NOT NULL,
    version INTEGER NOT NULL, unique_id TEXT NOT NULL, patient_id TEXT NOT NULL,
    status TEXT NOT NULL, structure TEXT NOT NULL, hash TEXT NOT NULL, xml BLOB NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS entries_by_patient ON entries (patient_id);
CREATE INDEX IF NOT EXISTS entries_by_unique_id ON entries (unique_id);
CREATE TABLE IF NOT EXISTS associations (
    sequence INTEGER PRIMARY KEY, entry_uuid TEXT NOT NULL UNIQUE, type TEXT NOT NULL,
    source TEXT NOT NULL, target TEXT NOT NULL, xml BLOB NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS associations_by_source ON associations (source);
CREATE INDEX IF NOT EXISTS associations_by_target ON associations (target);
CREATE TABLE IF NOT EXISTS documents (
    unique_id TEXT PRIMARY KEY, mime_type TEXT NOT NULL, hash TEXT NOT NULL,
    content BLOB NOT NULL) STRICT;
"""


@dataclass(frozen=True, slots=True)
class StoredSet:
    """One submission set; xml is its RegistryPackage."""

    entry_uuid: str
    unique_id: str
    patient_id: str
    xml: bytes


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """One version of a document entry; structure is the Struct_IdNat that provided it.

    xml is its ExtrinsicObject as registered; status stands here only, since it changes.
    """

    entry_uuid: str
    logical_id: str
    version: int
    unique_id: str
    patient_id: str
    status: str
    structure: str
    hash_hex: str
    xml: bytes


@dataclass(frozen=True, slots=True)
class StoredAssociation:
    """One association; source and target are entryUUIDs."""

    entry_uuid: str
    kind: str
    source: str
    target: str
    xml: bytes


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """The octets of a document."""

    unique_id: str
    mime_type: str
    hash_hex: str
    content: bytes


_ENTRY_COLUMNS: Final = (
    "entry_uuid, logical_id, version, unique_id, patient_id, status, structure, hash, xml"
)


class Store:
    """The file. Every method is for worker threads: it blocks, and they take turns."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make what happens inside all true or all undone; nobody else reads meanwhile."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def has_submission_set(self, unique_id: str) -> bool:
        rows = self._rows("SELECT 1 FROM submission_sets WHERE unique_id = ?", unique_id)
        return bool(rows)

    def is_registered(self, entry_uuid: str) -> bool:
        """Tell whether any object has this entryUUID."""
        rows = self._rows(
            "SELECT 1 FROM submission_sets WHERE entry_uuid = ?1 UNION ALL"
            " SELECT 1 FROM entries WHERE entry_uuid = ?1 UNION ALL"
            " SELECT 1 FROM associations WHERE entry_uuid = ?1",
            entry_uuid,
        )
        return bool(rows)

    def find_document(self, unique_id: str) -> StoredDocument | None:
        rows = self._rows(
            "SELECT unique_id, mime_type, hash, content FROM documents WHERE unique_id = ?",
            unique_id,
        )
        return StoredDocument(*rows[0]) if rows else None

    def find_entry(self, entry_uuid: str) -> StoredEntry | None:
        found = self._entries("entry_uuid = ?", entry_uuid)
        return found[0] if found else None

    def find_entries_of(self, patient_id: str) -> list[StoredEntry]:
        """Return every version of every entry of one patient, oldest first."""
        return self._entries("patient_id = ?", patient_id)

    def find_entries_by_unique_id(self, unique_id: str) -> list[StoredEntry]:
        return self._entries("unique_id = ?", unique_id)

    def find_versions(self, logical_id: str) -> list[StoredEntry]:
        """Return the versions of one logical document, oldest first."""
        return self._entries("logical_id = ?", logical_id)

    def find_submission_sets(self, patient_id: str) -> list[StoredSet]:
        rows = self._rows(
            "SELECT entry_uuid, unique_id, patient_id, xml FROM submission_sets"
            " WHERE patient_id = ? ORDER BY rowid",
            patient_id,
        )
        return [StoredSet(*row) for row in rows]

    def find_associations(self, object_uuid: str) -> list[StoredAssociation]:
        """Return the associations that start or end at one object."""
        rows = self._rows(
            "SELECT entry_uuid, type, source, target, xml FROM associations"
            " WHERE source = ?1 OR target = ?1 ORDER BY sequence",
            object_uuid,
        )
        return [StoredAssociation(*row) for row in rows]

    def add_submission_set(self, added: StoredSet) -> None:
        self._rows(
            "INSERT INTO submission_sets (entry_uuid, unique_id, patient_id, xml)"
            " VALUES (?, ?, ?, ?)",
            added.entry_uuid,
            added.unique_id,
            added.patient_id,
            added.xml,
        )

    def add_entry(self, added: StoredEntry) -> None:
        self._rows(
            f"INSERT INTO entries ({_ENTRY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            added.entry_uuid,
            added.logical_id,
            added.version,
            added.unique_id,
            added.patient_id,
            added.status,
            added.structure,
            added.hash_hex,
            added.xml,
        )

    def add_association(self, added: StoredAssociation) -> None:
        self._rows(
            "INSERT INTO associations (entry_uuid, type, source, target, xml)"
            " VALUES (?, ?, ?, ?, ?)",
            added.entry_uuid,
            added.kind,
            added.source,
            added.target,
            added.xml,
        )

    def add_document(self, added: StoredDocument) -> None:
        """Keep the octets; those already there under this uniqueId are the same (checked)."""
        self._rows(
            "INSERT OR IGNORE INTO documents (unique_id, mime_type, hash, content)"
            " VALUES (?, ?, ?, ?)",
            added.unique_id,
            added.mime_type,
            added.hash_hex,
            added.content,
        )

    def lose_document(self, unique_id: str) -> bool:
        """Lose the octets, whatever the registry says of them; tell whether they were there."""
        return bool(
            self._rows("DELETE FROM documents WHERE unique_id = ? RETURNING unique_id", unique_id)
        )

    def set_status(self, entry_uuid: str, status: str) -> None:
        self._rows("UPDATE entries SET status = ? WHERE entry_uuid = ?", status, entry_uuid)

    def _entries(self, condition: str, value: str) -> list[StoredEntry]:
        rows = self._rows(
            f"SELECT {_ENTRY_COLUMNS} FROM entries WHERE {condition} ORDER BY sequence",  # noqa: S608
            value,
        )
        return [StoredEntry(*row) for row in rows]

    def _rows(self, sql: str, *values: str | int | bytes) -> Sequence[tuple[Any, ...]]:
        with self._lock:
            return self._connection.execute(sql, values).fetchall()
