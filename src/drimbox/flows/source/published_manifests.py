"""What the current KOS say, read once: a KOS never changes, only which one is current does."""

from collections.abc import Sequence

from drimbox.model.manifest import Manifest
from drimbox.model.uids import SopInstanceUid
from drimbox.ports.study_register import CurrentKos, StudyRegister
from drimbox.recently_used import RecentlyUsed

MAX_INSTANCES = 50_000
"""About 25 MB."""

HEAD_INSTANCES = 8
"""What a manifest says beside its instances weighs as much as so many: radiographs are many."""


class PublishedManifests:
    """Manifests by the UID of their KOS, the least recently used forgotten first."""

    def __init__(self, register: StudyRegister, *, max_instances: int = MAX_INSTANCES) -> None:
        self._register = register
        self._kept = RecentlyUsed[SopInstanceUid, Manifest](max_instances, _weight_of)

    async def read(self, entries: Sequence[CurrentKos]) -> tuple[Manifest, ...]:
        """Return the manifests, in the order of the entries; one that is gone is left out."""
        wanted = [entry.kos_sop_instance_uid for entry in entries]
        kept = {kos: self._kept.find(kos) for kos in wanted}
        found = {kos: manifest for kos, manifest in kept.items() if manifest is not None}
        missing = [kos for kos in wanted if kos not in found]
        if missing:
            found |= await self._register.find_manifests(missing)
        for kos in wanted:
            if kos in found:
                self._kept.keep(kos, found[kos])
        return tuple(found[kos] for kos in wanted if kos in found)


def _weight_of(manifest: Manifest) -> int:
    return HEAD_INSTANCES + manifest.instance_count
