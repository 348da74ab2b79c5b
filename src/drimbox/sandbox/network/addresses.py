"""Who listens where: one port each, counted from a base."""

import socket
from contextlib import closing
from dataclasses import dataclass

from drimbox.errors import SettingsError

DEFAULT_BASE = 8440
_STEP = 40
_TRIES = 50
_LOOPBACK = "127.0.0.1"

SOURCE_DB = "db1.test.mesimagesmedicales.fr"
CONSUMER_DB = "db2.test.mesimagesmedicales.fr"
PROGRAM_DB = "db3.test.mesimagesmedicales.fr"
"""The Domaine in whose name a program may call the Source's peer listener."""


def viewer_host(db_host: str) -> str:
    return "vi" + db_host.removeprefix("db")


@dataclass(frozen=True, slots=True)
class Addresses:
    """Ports of the demo; what a person opens comes first."""

    base: int

    @property
    def dpi(self) -> int:
        return self.base

    @property
    def consumer_browser(self) -> int:
        return self.base + 1

    @property
    def source_browser(self) -> int:
        return self.base + 2

    @property
    def pro_sante_connect(self) -> int:
        return self.base + 3

    @property
    def france_connect(self) -> int:
        return self.base + 4

    @property
    def source_peer(self) -> int:
        return self.base + 5

    @property
    def source_mllp(self) -> int:
        return self.base + 6

    @property
    def source_dicom(self) -> int:
        return self.base + 7

    @property
    def consumer_dicom(self) -> int:
        return self.base + 8

    @property
    def source_operator(self) -> int:
        return self.base + 9

    @property
    def consumer_operator(self) -> int:
        return self.base + 10

    @property
    def dmp(self) -> int:
        return self.base + 11

    @property
    def dmp_control(self) -> int:
        return self.base + 12

    @property
    def trusted_space(self) -> int:
        return self.base + 13

    @property
    def pro_sante_connect_mtls(self) -> int:
        return self.base + 14

    @property
    def source_pacs(self) -> int:
        return self.base + 15

    @property
    def consumer_pacs(self) -> int:
        return self.base + 16

    @property
    def source_pacs_http(self) -> int:
        return self.base + 17

    @property
    def consumer_pacs_http(self) -> int:
        return self.base + 18

    @property
    def consumer_query(self) -> int:
        return self.base + 19

    @property
    def console(self) -> int:
        """Where a workstation of the Consommatrice's site may listen; nothing does by itself."""
        return self.base + 20


_LAST = 20


def choose_addresses(base: int | None) -> Addresses:
    """Return ports that are free now; without a base, the first free range from 8440 on.

    Raises:
        SettingsError: a port of the range asked for is taken, or none is free at all.
    """
    if base is not None:
        taken = [port for port in _range(base) if not _is_free(port)]
        if taken:
            raise SettingsError("--port-base", f"port {taken[0]} is taken")
        return Addresses(base)
    for number in range(_TRIES):
        candidate = DEFAULT_BASE + number * _STEP
        if all(_is_free(port) for port in _range(candidate)):
            return Addresses(candidate)
    raise SettingsError("--port-base", "no free range of ports")


def _range(base: int) -> range:
    return range(base, base + _LAST + 1)


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_LOOPBACK, port))
        except OSError:
            return False
    return True
