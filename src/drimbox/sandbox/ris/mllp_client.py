"""Sends messages over MLLP as a RIS does, and reads what is answered."""

import asyncio
import contextlib
from dataclasses import dataclass

from drimbox.errors import MalformedMessage, Unavailable
from drimbox.standards.hl7v2.message import parse_message
from drimbox.standards.hl7v2.mllp import MllpReader, frame

MAX_ANSWER_BYTES = 65536
_READ_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Answer:
    """MSA-1, MSA-2, and of a refusal ERR-3 and ERR-7."""

    code: str
    control_id: str
    error_code: str = ""
    error_text: str = ""


async def send(host: str, port: int, message: bytes, *, timeout_seconds: float = 30) -> Answer:
    """Send one message on a connection of its own and wait for its answer.

    Raises:
        Unavailable: no connection, or no answer in time.
        MalformedMessage: the answer is no acknowledgement.
    """
    try:
        async with asyncio.timeout(timeout_seconds):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(frame(message))
                await writer.drain()
                return parse_answer(await _read_message(reader))
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError) as error:
        raise Unavailable("MLLP receiver", type(error).__name__) from error


def parse_answer(octets: bytes) -> Answer:
    """Read an ACK.

    Raises:
        MalformedMessage: not one.
    """
    message = parse_message(octets)
    acknowledgement = message.get("MSA")
    error = message.find("ERR")
    return Answer(
        code=acknowledgement.text(1),
        control_id=acknowledgement.text(2),
        error_code=error.text(3) if error else "",
        error_text=error.text(7) if error else "",
    )


async def _read_message(reader: asyncio.StreamReader) -> bytes:
    frames = MllpReader(MAX_ANSWER_BYTES)
    while octets := await reader.read(_READ_BYTES):
        for message in frames.receive(octets):
            return message
    raise MalformedMessage("the connection was closed without an answer", where="MLLP")
