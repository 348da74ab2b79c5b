"""A PACS that speaks DICOMweb (ports.pacs.Pacs): QIDO-RS and WADO-RS (RAD-129, RAD-107).

Instances are asked for as stored. What the caller does not take is asked for once more in a syntax
that it takes: not every server reads an Accept with several transfer syntaxes and their q.
"""

import asyncio
import ssl
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import aiohttp

from drimbox.adapters.pacs_dicomweb.query import QueryPlan, uid_in, walk
from drimbox.adapters.pacs_dicomweb.search import Search
from drimbox.adapters.pacs_dicomweb.search_client import SearchClient
from drimbox.adapters.pacs_dicomweb.service_connection import ServiceConnection, error_of_status
from drimbox.adapters.pacs_dicomweb.study_rows import study_of
from drimbox.errors import (
    InvalidValue,
    MalformedMessage,
    NotAcceptable,
    NotFound,
    RejectedByPartner,
    Unavailable,
)
from drimbox.model.retrieval import (
    DicomJson,
    DicomQuery,
    InstanceStream,
    QueryLevel,
    TargetResource,
)
from drimbox.model.study import Study
from drimbox.model.uids import SeriesInstanceUid, StudyInstanceUid, TransferSyntaxUid
from drimbox.ports.circuit_breaker import CircuitBreaker
from drimbox.settings.partners import DicomwebServiceSettings
from drimbox.settings.renewed import Renewed
from drimbox.standards.dicom.query_keys import IMAGE_KEYS, SERIES_KEYS, STUDY_KEYS
from drimbox.standards.dicom.transfer_syntaxes import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    UNCOMPRESSED_SYNTAXES,
)
from drimbox.standards.dicomweb.media_types import parse_media_type
from drimbox.standards.dicomweb.received_instances import received_instances
from drimbox.standards.dicomweb.target_path import target_path

PARTNER = "PACS"
_STUDY_UID, _SERIES_UID = "0020000D", "0020000E"
_ANY_SYNTAX = "*"


class DicomwebPacs:
    """One PACS.

    Args:
        settings: where its DICOMweb service is.
        issuer_of_patient_id: who gives its Patient IDs, where its answers do not say.
    """

    def __init__(
        self, settings: DicomwebServiceSettings, issuer_of_patient_id: str | None = None
    ) -> None:
        self._connection = ServiceConnection(settings, PARTNER)
        self._search = SearchClient(settings, PARTNER)
        self._issuer = issuer_of_patient_id
        self._breaker = CircuitBreaker(PARTNER, time.monotonic)
        self._is_relational = True

    @property
    def tls(self) -> Renewed[ssl.SSLContext]:
        return self._connection.tls

    async def start(self) -> None:
        """Nothing listens for a PACS that is asked by HTTP."""

    async def close(self) -> None:
        """End the connections."""
        self._search.close()
        await self._connection.close()

    async def echo(self) -> None:
        """Ask for one study: not every server knows the Capabilities (PS3.18 8.9)."""
        await self._search.search(Search(QueryLevel.STUDY, {}, (), limit=1))

    async def find(self, query: DicomQuery) -> tuple[DicomJson, ...]:
        plan = QueryPlan(query)
        with self._breaker.guard():
            rows = await self._rows(plan)
        return tuple(plan.trimmed(row) for row in rows)

    async def _rows(self, plan: QueryPlan) -> list[DicomJson]:
        search = plan.at_once()
        if self._is_relational or not search.is_relational:
            try:
                return await self._search.search(search)
            except (RejectedByPartner, NotFound) as error:
                if isinstance(error, NotFound) and search.study is not None:
                    return []  # some answer 404 below a study that they do not hold
                if not search.is_relational:
                    raise
        rows = await walk(self._search, plan)
        # Only now: had the walk failed too, the refusal was not of the relational form.
        self._is_relational = False
        return rows

    async def find_study(self, study_instance_uid: StudyInstanceUid) -> Study:
        fields = [
            tuple(f"{tag:08X}" for tag in keys) for keys in (STUDY_KEYS, SERIES_KEYS, IMAGE_KEYS)
        ]
        uid = str(study_instance_uid)
        searches = (
            Search(QueryLevel.STUDY, {_STUDY_UID: uid}, fields[0], limit=1),
            Search(QueryLevel.SERIES, {}, fields[1], uid),
            Search(QueryLevel.IMAGE, {}, (_SERIES_UID, *fields[2]), uid),
        )
        with self._breaker.guard():
            answers = await asyncio.gather(*(self._search.search(one) for one in searches))
            try:
                return study_of(*answers, default_issuer=self._issuer)
            except (MalformedMessage, InvalidValue) as error:
                raise Unavailable(PARTNER, f"sent an unreadable answer: {error}") from None

    async def retrieve(
        self, target: TargetResource, transfer_syntaxes: Sequence[TransferSyntaxUid] = ()
    ) -> AsyncGenerator[InstanceStream, None]:
        """Yield the instances as they arrive (ports.pacs.Pacs.retrieve)."""
        with self._breaker.guard():
            for part in await self._parts(target, transfer_syntaxes):
                async with aclosing(self._retrieve_part(part, transfer_syntaxes)) as instances:
                    async for instance in instances:
                        yield instance

    async def _parts(
        self, target: TargetResource, transfer_syntaxes: Sequence[TransferSyntaxUid]
    ) -> list[TargetResource]:
        """Go series by series where syntaxes matter: a study has several."""
        if not transfer_syntaxes or target.series_instance_uid is not None:
            return [target]
        study = target.study_instance_uid
        rows = await self._search.search(Search(QueryLevel.SERIES, {}, (_SERIES_UID,), str(study)))
        if not rows:
            raise NotFound("the PACS holds no such study")
        uids = [uid for row in rows if (uid := uid_in(row, _SERIES_UID))]
        try:
            return [TargetResource(study, SeriesInstanceUid(uid)) for uid in uids]
        except InvalidValue as error:
            raise Unavailable(PARTNER, f"sent an unreadable answer: {error}") from None

    async def _retrieve_part(
        self, target: TargetResource, accepted: Sequence[TransferSyntaxUid]
    ) -> AsyncGenerator[InstanceStream, None]:
        """Ask for it as stored; where the first instance is not acceptable, in what is."""
        for syntax in (_ANY_SYNTAX, *accepted):
            given = 0
            try:
                async with aclosing(self._received(target, syntax)) as instances:
                    async for instance in instances:
                        _check_accepted(instance.transfer_syntax_uid, accepted)
                        yield instance
                        given += 1
            except (NotAcceptable, RejectedByPartner, Unavailable) as error:
                # Some servers answer 400 or 500 to a transfer syntax that they cannot give.
                is_about_syntax = syntax != _ANY_SYNTAX or not isinstance(error, Unavailable)
                if given or not accepted or not is_about_syntax:
                    raise
                continue
            if not given:
                raise NotFound("the PACS holds no such instance")
            return
        raise NotAcceptable("the PACS can send in none of the transfer syntaxes asked for")

    async def _received(
        self, target: TargetResource, syntax: str
    ) -> AsyncGenerator[InstanceStream, None]:
        accept = f'multipart/related; type="application/dicom"; transfer-syntax={syntax}'
        request = self._connection.request("GET", target_path(target), headers={"Accept": accept})
        async with request as answer:
            boundary = _boundary_of(answer)
            if boundary is None:
                return
            chunks = self._connection.octets_of(answer)
            async with aclosing(received_instances(chunks, boundary, PARTNER)) as instances:
                try:
                    async for instance in instances:
                        yield instance
                except MalformedMessage as error:
                    raise Unavailable(PARTNER, f"sent what cannot be read: {error}") from None


def _boundary_of(answer: aiohttp.ClientResponse) -> str | None:
    """Return the boundary of a good answer, None for an empty one; raise what any other means."""
    if answer.status == 204:
        return None
    if answer.status != 200:
        raise error_of_status(PARTNER, answer.status)
    content_type = parse_media_type(answer.headers.get("Content-Type", ""))
    if content_type.media_type != "multipart/related":
        raise Unavailable(PARTNER, "sent something else than multipart/related")
    return content_type.parameters.get("boundary", "")


def _check_accepted(syntax: TransferSyntaxUid, accepted: Sequence[TransferSyntaxUid]) -> None:
    """Judge what came.

    Raises:
        NotAcceptable: the caller does not take it.
    """
    # Implicit VR becomes explicit on its way out, so whoever takes one is served by both.
    is_explicit_soon = syntax in UNCOMPRESSED_SYNTAXES and EXPLICIT_VR_LITTLE_ENDIAN in accepted
    if accepted and syntax not in accepted and not is_explicit_soon:
        raise NotAcceptable("the PACS sends another transfer syntax")
