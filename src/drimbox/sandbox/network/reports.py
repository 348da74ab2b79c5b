"""The RIS of the demo: sends the reports of the published studies, leaves the others as files."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from drimbox.errors import RejectedByPartner, TimedOut
from drimbox.sandbox.network.addresses import SOURCE_DB, viewer_host
from drimbox.sandbox.patients.scenario import ScenarioStudy
from drimbox.sandbox.ris.mllp_client import send
from drimbox.sandbox.ris.report_message import MessageKind, Sending
from drimbox.sandbox.ris.scenario_reports import message_of, report_of

_PUBLICATION_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class HeldDocument:
    """One line of the DMP's documents_url."""

    unique_id: str
    entry_uuid: str
    status: str
    type_code: str
    study_instance_uid: str | None
    replaces: str | None


def report_message(study: ScenarioStudy, *, control_id: str) -> bytes:
    """Write the message of a study's report; even numbers go by ORU, odd ones by MDM."""
    assert study.report is not None  # noqa: S101  # the scenario's published and sendable studies
    kind = MessageKind.MDM if study.number % 2 else MessageKind.ORU
    report = report_of(study, study.report, viewer_host=viewer_host(SOURCE_DB))
    sending = Sending(
        control_id=control_id, sent_at=datetime.now(UTC), kind=kind, processing_id="D"
    )
    return message_of(report, sending)


async def send_reports(host: str, port: int, studies: Sequence[ScenarioStudy]) -> None:
    """Send one after the other.

    Raises:
        RejectedByPartner: an acknowledgement other than AA.
    """
    for study in studies:
        await send_message(host, port, report_message(study, control_id=f"DEMO{study.number}"))


async def send_message(host: str, port: int, message: bytes) -> None:
    """Send one message and require AA.

    Raises:
        RejectedByPartner: another acknowledgement.
    """
    answer = await send(host, port, message)
    if answer.code != "AA":
        raise RejectedByPartner("Source box", answer.code)


def write_report_file(study: ScenarioStudy, folder: Path) -> Path:
    """Write the message of a study that nobody has sent yet, for a caller to send."""
    path = folder / f"{study.key}.hl7"
    path.write_bytes(report_message(study, control_id=f"LATER{study.number}"))
    return path


async def held_documents(documents_url: str, ins: str) -> tuple[HeldDocument, ...]:
    """Ask the sandbox DMP what it holds of a patient."""
    async with (
        aiohttp.ClientSession(trust_env=False) as session,
        session.get(documents_url, params={"patient": ins}) as answer,
    ):
        answer.raise_for_status()
        return tuple(HeldDocument(**row) for row in await answer.json())


async def wait_for_kos(
    documents_url: str, study: ScenarioStudy, *, timeout_seconds: float = _PUBLICATION_SECONDS
) -> HeldDocument:
    """Wait until the DMP holds the current KOS of a study.

    Raises:
        TimedOut: it does not come.
    """
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        for document in await held_documents(documents_url, study.patient.traits.ins.value):
            is_kos = document.type_code == "IMG-KOS" and document.status.endswith("Approved")
            if is_kos and document.study_instance_uid == study.study_instance_uid:
                return document
        await asyncio.sleep(0.1)
    raise TimedOut("publication of a KOS", timeout_seconds)
