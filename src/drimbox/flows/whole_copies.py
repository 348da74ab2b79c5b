"""What is asked for, as files of this host: only where all of it is here."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from drimbox.model.uids import SopInstanceUid
from drimbox.ports.image_cache import CachedInstance, SeriesCopy


class HeldInstances:
    """Instances whose files stay until the end of the `with` block, or of who it is handed to."""

    def __init__(self, instances: tuple[CachedInstance, ...], held: ExitStack) -> None:
        self.instances = instances
        self._held = held

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._held.close()

    def hand_over(self) -> Callable[[], None]:
        """Return what lets the files go: whoever calls it holds them from now on."""
        return self._held.pop_all().close


async def find_in_whole_copies(
    copies: Iterable[SeriesCopy | None], sop_instance_uid: SopInstanceUid | None
) -> HeldInstances | None:
    """Return the instances of these series, or the named one of the only series.

    None unless every series has a copy, and a whole one.

    Raises:
        NotFound: the copy has no such instance.
    """
    found: list[CachedInstance] = []
    with ExitStack() as held:
        for copy in copies:
            if copy is None or copy.version is None or not held.enter_context(copy.hold()):
                return None
            if sop_instance_uid is not None:
                found.append(await copy.get_instance(sop_instance_uid))
                break
            found += [instance async for instance in copy.instances()]
        return HeldInstances(tuple(found), held.pop_all())
