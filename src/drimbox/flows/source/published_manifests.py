"""What the current KOS say, read once: a KOS never changes, only which one is current does."""

from collections import OrderedDict
from collections.abc import Sequence

from drimbox.model.manifest import Manifest
from drimbox.model.uids import SopInstanceUid
from drimbox.ports.study_register import CurrentKos, StudyRegister

MAX_INSTANCES = 50_000
"""About 25 MB."""

HEAD_INSTANCES = 8
"""What a manifest says beside its instances weighs as much as so many: radiographs are many."""


class PublishedManifests:
    """Manifests by the UID of their KOS, the least recently used forgotten first."""

    def __init__(self, register: StudyRegister, *, max_instances: int = MAX_INSTANCES) -> None:
        self._register = register
        self._max_instances = max_instances
        self._weight = 0
        self._kept: OrderedDict[SopInstanceUid, Manifest] = OrderedDict()

    async def read(self, entries: Sequence[CurrentKos]) -> tuple[Manifest, ...]:
        """Return the manifests, in the order of the entries; one that is gone is left out."""
        wanted = [entry.kos_sop_instance_uid for entry in entries]
        found = {kos: self._kept[kos] for kos in wanted if kos in self._kept}
        missing = [kos for kos in wanted if kos not in found]
        if missing:
            found.update(await self._register.find_manifests(missing))
        for kos in wanted:
            if kos in found:
                self._keep(kos, found[kos])
        return tuple(found[kos] for kos in wanted if kos in found)

    def _keep(self, kos: SopInstanceUid, manifest: Manifest) -> None:
        if kos not in self._kept:
            self._kept[kos] = manifest
            self._weight += _weight_of(manifest)
        self._kept.move_to_end(kos)
        while self._weight > self._max_instances:
            _, oldest = self._kept.popitem(last=False)
            self._weight -= _weight_of(oldest)


def _weight_of(manifest: Manifest) -> int:
    return HEAD_INSTANCES + manifest.instance_count
