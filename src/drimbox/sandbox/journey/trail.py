"""What the audit trails of both boxes must hold at the end of the journey."""

from pathlib import Path

from drimbox.adapters.system_clock import SystemClock
from drimbox.errors import Mismatch
from drimbox.gateway.stores import open_stores
from drimbox.model.audit import AuditAction
from drimbox.ports.audit_repository import AuditSearch
from drimbox.settings.load import load_settings

SOURCE_ACTIONS = frozenset(
    {AuditAction.REPORT_RECEIVED, AuditAction.KOS_PUBLISHED, AuditAction.IMAGES_SERVED}
)
CONSUMER_ACTIONS = frozenset(
    {
        AuditAction.CONTEXTUAL_CALL,
        AuditAction.USER_AUTHENTICATED,
        AuditAction.DMP_ACCESS_CHECKED,
        AuditAction.DMP_QUERIED,
        AuditAction.DMP_DOCUMENT_RETRIEVED,
        AuditAction.IMAGES_REQUESTED,
        AuditAction.IMAGES_EXPORTED,
    }
)


async def check_trail(settings_file: Path, expected: frozenset[AuditAction]) -> int:
    """Verify the chain of a box and that each of these has happened; return the events counted.

    Raises:
        Mismatch: the chain is broken, or an action has left no trace.
    """
    stores = await open_stores(load_settings(settings_file), SystemClock())
    try:
        count = await stores.audit.verify()
        for action in sorted(expected, key=lambda a: a.value):
            if not await stores.audit.find(AuditSearch(actions=(action,), limit=1)):
                raise Mismatch(f"no trace of {action.value}")
    finally:
        await stores.database.close()
    return count
