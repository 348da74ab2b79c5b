"""What is asked for, as files of this host: only where all of it is here."""

from collections.abc import Iterable

from drimbox.model.uids import SopInstanceUid
from drimbox.ports.image_cache import CachedInstance, SeriesCopy


async def find_in_whole_copies(
    copies: Iterable[SeriesCopy | None], sop_instance_uid: SopInstanceUid | None
) -> tuple[CachedInstance, ...] | None:
    """Return the instances of these series, or the named one of the only series.

    None unless every series has a copy, and a whole one.

    Raises:
        NotFound: the copy has no such instance.
    """
    found: list[CachedInstance] = []
    for copy in copies:
        if copy is None or copy.version is None:
            return None
        if sop_instance_uid is not None:
            return (await copy.get_instance(sop_instance_uid),)
        found += [instance async for instance in copy.instances()]
    return tuple(found)
