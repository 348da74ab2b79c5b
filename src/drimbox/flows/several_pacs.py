"""The PACS of a site as one (SO.04): whoever holds a study is asked for it.

Each gives its own issuer of Patient IDs with its studies; numbers are never compared across issuers
(flows.source.same_patient, flows.source.matching_order).
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

from drimbox.errors import DrimboxError, NotFound
from drimbox.flows.image_streams import close
from drimbox.model.retrieval import (
    DicomJson,
    DicomQuery,
    InstanceStream,
    QueryLevel,
    TargetResource,
)
from drimbox.model.study import Study
from drimbox.model.uids import StudyInstanceUid, TransferSyntaxUid
from drimbox.ports.pacs import Pacs
from drimbox.recently_used import RecentlyUsed

MAX_REMEMBERED = 2000
_STUDY_UID = "0020000D"


@dataclass(frozen=True)
class SeveralPacs:
    """Implements ports.pacs.Pacs over members, in the order in which they are preferred.

    A member that fails makes a search fail: part of an answer would pass for all of it.
    """

    members: Sequence[Pacs]
    _holders: RecentlyUsed[str, Pacs] = field(
        default_factory=lambda: RecentlyUsed(MAX_REMEMBERED), init=False, repr=False
    )

    async def echo(self) -> None:
        await asyncio.gather(*(member.echo() for member in self.members))

    async def find(self, query: DicomQuery) -> tuple[DicomJson, ...]:
        members = self._members_for(query.matching.get(_STUDY_UID, ""))
        answers = await asyncio.gather(*(member.find(query) for member in members))
        return tuple(row for rows in answers for row in rows)[: query.limit]

    async def find_study(self, study_instance_uid: StudyInstanceUid) -> Study:
        members = self._members_for(study_instance_uid)
        answers = await asyncio.gather(
            *(member.find_study(study_instance_uid) for member in members), return_exceptions=True
        )
        for member, answer in zip(members, answers, strict=True):
            if isinstance(answer, Study):
                self._remember(study_instance_uid, member)
                return answer
        self._holders.forget(study_instance_uid)
        raise _worst([answer for answer in answers if isinstance(answer, BaseException)])

    async def retrieve(
        self, target: TargetResource, transfer_syntaxes: Sequence[TransferSyntaxUid] = ()
    ) -> AsyncGenerator[InstanceStream, None]:
        """Yield the instances of whoever holds the study (ports.pacs.Pacs.retrieve)."""
        holder = await self._holder_of(target.study_instance_uid)
        instances = holder.retrieve(target, transfer_syntaxes)
        try:
            async for instance in instances:
                yield instance
        except NotFound:
            self._holders.forget(target.study_instance_uid)
            raise
        finally:
            await close(instances)

    async def _holder_of(self, study: StudyInstanceUid) -> Pacs:
        known = self._holders.find(study)
        if known is not None:
            return known
        query = DicomQuery(QueryLevel.STUDY, {_STUDY_UID: study}, (_STUDY_UID,), limit=1)
        answers = await asyncio.gather(
            *(member.find(query) for member in self.members), return_exceptions=True
        )
        for member, answer in zip(self.members, answers, strict=True):
            if not isinstance(answer, BaseException) and answer:
                self._remember(study, member)
                return member
        raise _worst([answer for answer in answers if isinstance(answer, BaseException)])

    def _members_for(self, study: str) -> Sequence[Pacs]:
        known = self._holders.find(study)
        return self.members if known is None else [known]

    def _remember(self, study: StudyInstanceUid, member: Pacs) -> None:
        self._holders.keep(study, member)


def _worst(failures: Sequence[BaseException]) -> BaseException:
    """Return why a study was not found: a member that could not be asked comes before all."""
    for failure in failures:
        if not isinstance(failure, DrimboxError):
            return failure
    others = [failure for failure in failures if not isinstance(failure, NotFound)]
    return others[0] if others else NotFound("no PACS of the site holds such a study")
