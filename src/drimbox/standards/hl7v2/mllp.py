"""MLLP framing (HL7 v2 Minimal Lower Layer Protocol, release 1), without any input or output.

0x0B  message octets  0x1C 0x0D
 │                     └────┴─ end of block, carriage return
 └──────────────────────────── start of block
"""

from collections.abc import Iterator

from drimbox.errors import TooLarge

START_OF_BLOCK = b"\x0b"
END_OF_BLOCK = b"\x1c\x0d"
_HEAD_BYTES = 4096


def frame(message: bytes) -> bytes:
    """Put one message in its block."""
    return START_OF_BLOCK + message + END_OF_BLOCK


class MllpReader:
    """Cut a stream of octets into messages, however the stream is cut.

    Octets between blocks are dropped. A start of block inside a block begins a new one: its sender
    gave up the first.
    """

    def __init__(self, max_message_bytes: int) -> None:
        self._max_message_bytes = max_message_bytes
        self._buffer = bytearray()
        self._scanned = 0
        self._is_inside = False

    @property
    def has_partial_message(self) -> bool:
        """True while a block is open."""
        return self._is_inside

    @property
    def head(self) -> bytes:
        """The first octets of the open block: enough to answer a message that is too large."""
        return bytes(self._buffer[:_HEAD_BYTES])

    def receive(self, data: bytes) -> Iterator[bytes]:
        """Take octets from the wire and yield each message that is now complete.

        Raises:
            TooLarge: the open block is over the limit; the stream cannot be followed any more.
        """
        self._buffer += data
        while True:
            if not self._is_inside and not self._enter_block():
                return
            end = self._buffer.find(END_OF_BLOCK, self._scanned)
            if end < 0:
                # The last octet may be the first half of the end of block.
                self._scanned = max(0, len(self._buffer) - 1)
                self._check_size(self._scanned)
                return
            self._check_size(end)
            message = bytes(memoryview(self._buffer)[:end])
            del self._buffer[: end + len(END_OF_BLOCK)]
            self._leave_block()
            yield message.rpartition(START_OF_BLOCK)[2]

    def _enter_block(self) -> bool:
        start = self._buffer.find(START_OF_BLOCK)
        if start < 0:
            self._buffer.clear()
            return False
        del self._buffer[: start + 1]
        self._is_inside = True
        return True

    def _leave_block(self) -> None:
        self._is_inside = False
        self._scanned = 0

    def _check_size(self, size: int) -> None:
        if size > self._max_message_bytes:
            raise TooLarge(f"MLLP: a message of more than {self._max_message_bytes} octets")
