"""Certificates, keys and authorities that are replaced while the box runs: taken up soon (R15)."""

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path

import structlog

from drimbox.errors import DrimboxError
from drimbox.settings.renewed import Renewed

_log = structlog.get_logger("certificates")
RENEWED_EVERY_SECONDS = 20.0


class Renewals:
    """Looks at the files of each setting from time to time."""

    def __init__(self) -> None:
        self._by_setting: dict[str, Renewed[object]] = {}
        self._told: dict[str, str] = {}

    def follow(self, renewed: Mapping[str, Renewed[object]]) -> None:
        """Look after these too, each under the setting that names its files."""
        self._by_setting.update(renewed)

    @property
    def files(self) -> frozenset[Path]:
        """Every file that is looked after."""
        return frozenset(file for one in self._by_setting.values() for file in one.files)

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(RENEWED_EVERY_SECONDS)
            await asyncio.to_thread(self.renew)

    def renew(self) -> None:
        """Take up what has changed; what cannot be used is told once, and tried again."""
        for setting, renewed in self._by_setting.items():
            try:
                is_new = renewed.renew()
            except (DrimboxError, OSError, ssl.SSLError, ValueError) as error:
                self._tell(setting, error)
            else:
                self._told.pop(setting, None)
                if is_new:
                    _log.info("certificate_renewed", setting=setting)

    def _tell(self, setting: str, error: Exception) -> None:
        reason = str(error)
        if self._told.get(setting) != reason:
            self._told[setting] = reason
            _log.warning("certificate_not_renewed", setting=setting, reason=reason)
