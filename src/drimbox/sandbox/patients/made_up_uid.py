"""UIDs that are always the same for the same thing, under 2.25 (PS3.5 B.2, UUID-derived)."""

import uuid

_NAMESPACE = uuid.UUID("6d1b3f0e-5e6c-4a43-9d2b-0a8f3c1d7e55")


def made_up_uid(*parts: str | int) -> str:
    """Return the UID of the thing these parts name."""
    return f"2.25.{uuid.uuid5(_NAMESPACE, '/'.join(map(str, parts))).int}"
