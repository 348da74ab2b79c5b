"""The C-MOVE retrievals under way, and which of them an arriving instance belongs to (PS3.4 C.4.2).

An arrival belongs to a retrieval when both agree: Move Originator AE and Message ID (where the PACS
sends them), and the UIDs of study and series, read at the head of the data set.
"""

import asyncio
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from drimbox.adapters.pacs_dimse.instance_funnel import InstanceFunnel
from drimbox.model.retrieval import TargetResource
from drimbox.model.uids import TransferSyntaxUid
from drimbox.standards.dicom import tags
from drimbox.standards.dicom.attributes import Attributes
from drimbox.standards.dicom.data_set import DataSet
from drimbox.standards.dicom.transfer_syntaxes import STORED_SYNTAXES, UNCOMPRESSED_SYNTAXES
from drimbox.standards.dimse.messages import Command


@dataclass(eq=False, slots=True)
class Expectation:
    """One retrieval; pending counts instances accepted and not yet read.

    read_at is when the last of them was, on the loop's clock.
    """

    message_id: int
    target: TargetResource
    transfer_syntaxes: tuple[TransferSyntaxUid, ...]
    funnel: InstanceFunnel
    pending: int = 0
    read_at: float = -math.inf
    idle: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.idle.set()

    def begin(self) -> None:
        self.pending += 1
        self.idle.clear()

    def end(self) -> None:
        self.pending -= 1
        self.read_at = asyncio.get_running_loop().time()
        if self.pending == 0:
            self.idle.set()

    def wants(self, command: Command, header: Attributes, originators: frozenset[str]) -> bool:
        """Tell whether an arriving instance is of this retrieval, asked for by one of ours."""
        originator, message_id = (
            command.move_originator_ae_title,
            command.move_originator_message_id,
        )
        if message_id is not None and message_id != self.message_id:
            return False
        if originator and originator not in originators:
            return False
        target = self.target
        wanted = (
            (target.study_instance_uid, header.text(tags.STUDY_INSTANCE_UID)),
            (target.series_instance_uid, header.text(tags.SERIES_INSTANCE_UID)),
            (target.sop_instance_uid, command.sop_instance_uid),
        )
        return all(asked is None or asked == came for asked, came in wanted)


class ExpectedMoves:
    """All retrievals of one listener.

    Args:
        originators: the AE titles that the PACS may give as who asked.
    """

    def __init__(self, originators: frozenset[str]) -> None:
        self._originators = originators
        self._expectations: list[Expectation] = []
        self._message_id = 0

    @contextmanager
    def expect(
        self,
        target: TargetResource,
        transfer_syntaxes: tuple[TransferSyntaxUid, ...],
        funnel: InstanceFunnel,
    ) -> Iterator[Expectation]:
        """Let the instances of one C-MOVE in while it runs."""
        expectation = Expectation(self._next_message_id(), target, transfer_syntaxes, funnel)
        self._expectations.append(expectation)
        try:
            yield expectation
        finally:
            self._expectations.remove(expectation)

    def _next_message_id(self) -> int:
        """Return a Message ID that no C-MOVE under way has: arrivals are told apart by it."""
        used = {expectation.message_id for expectation in self._expectations}
        while True:
            self._message_id = self._message_id % 0xFFFF + 1
            if self._message_id not in used:
                return self._message_id

    def transfer_syntaxes(self) -> frozenset[str]:
        """Return what the retrievals under way take: everything, unless each says otherwise."""
        limits = [one.transfer_syntaxes for one in self._expectations]
        if not limits or () in limits:
            return frozenset((*STORED_SYNTAXES, *UNCOMPRESSED_SYNTAXES))
        return frozenset(uid for limit in limits for uid in (*limit, *UNCOMPRESSED_SYNTAXES))

    def match(self, command: Command, header: DataSet) -> Expectation | None:
        """Return the one retrieval that an instance belongs to."""
        attributes = Attributes(header)
        found = [
            one for one in self._expectations if one.wants(command, attributes, self._originators)
        ]
        # Two of the same study and a PACS that does not say which: neither may be guessed.
        return found[0] if len(found) == 1 else None
