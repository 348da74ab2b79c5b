"""The jailed child: limits itself, then answers one request after the other (see pool.py)."""

import resource
import signal
import sys

import orjson

MAX_ADDRESS_SPACE = 3 * 1024**3
MAX_OPEN_FILES = 64
ANSWER_BUFFER_BYTES = 512 * 1024


def main() -> None:
    """Serve until the parent closes the socket."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_ADDRESS_SPACE, MAX_ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (MAX_OPEN_FILES, MAX_OPEN_FILES))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Imported after the limits are set, so that they hold for the codecs too.
    from drimbox.adapters.pixel_worker_process.operations import answer

    stdin = sys.stdin.buffer
    # Wide enough for a picture, so that the parent wakes once for all of an answer.
    stdout = open(sys.stdout.fileno(), "wb", ANSWER_BUFFER_BYTES, closefd=False)  # noqa: SIM115

    def tell_progress() -> None:
        stdout.write(b"+")
        stdout.flush()

    stdout.write(b"R")
    stdout.flush()
    while len(prefix := stdin.read(4)) == 4:
        request = orjson.loads(stdin.read(int.from_bytes(prefix, "big")))
        status, payload = answer(request, tell_progress)
        stdout.write(status + len(payload).to_bytes(4, "big"))
        stdout.write(payload)
        stdout.flush()


if __name__ == "__main__":
    main()
