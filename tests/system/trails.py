"""The audit trail of a box, read and verified from its own settings file."""

from pathlib import Path

from drimbox.adapters.system_clock import SystemClock
from drimbox.gateway.stores import open_stores
from drimbox.model.audit import AuditEvent
from drimbox.ports.audit_repository import AuditSearch
from drimbox.settings.load import load_settings


async def find_events(settings_file: Path, search: AuditSearch) -> tuple[AuditEvent, ...]:
    stores = await open_stores(load_settings(settings_file), SystemClock())
    try:
        return tuple(await stores.audit.find(search))
    finally:
        await stores.database.close()


async def count_events(settings_file: Path, search: AuditSearch) -> int:
    return len(await find_events(settings_file, search))


async def verify_trail(settings_file: Path) -> int:
    """Verify the chain of events and return their number.

    Raises:
        Mismatch: an event was changed or removed.
    """
    stores = await open_stores(load_settings(settings_file), SystemClock())
    try:
        return await stores.audit.verify()
    finally:
        await stores.database.close()
