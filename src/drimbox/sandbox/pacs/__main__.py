"""Run one PACS until SIGTERM.

    python -m drimbox.sandbox.pacs --ae PACS --port 11112 --data DIR --peer DRIMBOX=127.0.0.1:11113

Once it listens it prints one line: `ready <ae> <host> <port> <number of objects>`.
"""

import argparse
import signal
import sys
from pathlib import Path

import pydicom.config

from drimbox.sandbox.pacs.server import PeerAddress, SandboxPacs


def main() -> int:
    """Parse the command line, listen, wait for the signal."""
    options = _parser().parse_args()
    pacs = SandboxPacs(
        options.ae, options.data, peers=dict(options.peer), host=options.host, port=options.port
    )
    # pydicom's warnings of odd values would print them.
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    signals = {signal.SIGTERM, signal.SIGINT}
    # Blocked before any thread starts, so that only the wait below takes them.
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    pacs.start()
    sys.stdout.write(f"ready {pacs.ae_title} {pacs.host} {pacs.port} {len(pacs.archive)}\n")
    sys.stdout.flush()
    signal.sigwait(signals)
    pacs.stop()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="drimbox.sandbox.pacs", description="A sandbox PACS")
    parser.add_argument("--ae", required=True, help="its AE title")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: the system chooses")
    parser.add_argument("--data", type=Path, required=True, help="folder of its objects")
    parser.add_argument(
        "--peer", type=_peer, action="append", default=[], metavar="AE=HOST:PORT",
        help="a move destination it knows; may be repeated",
    )  # fmt: skip
    return parser


def _peer(text: str) -> tuple[str, PeerAddress]:
    title, equals, address = text.partition("=")
    host, colon, port = address.rpartition(":")
    if not (title and equals and colon and port.isdecimal()):
        raise argparse.ArgumentTypeError("expected AE=HOST:PORT")
    return title, PeerAddress(host, int(port))


if __name__ == "__main__":
    sys.exit(main())
