"""A modality and a RIS: each second a new study comes to the PACS, and its report to the Source."""

import asyncio
import itertools
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pynetdicom import AE
from tests.reliability.soak.schedule import WrongAnswer
from tests.system.numbered_reports import numbered_report, numbered_study
from tests.system.small_studies import write_study

from drimbox.sandbox.patients.images.header import facts_of
from drimbox.sandbox.ris.mllp_client import send


@dataclass
class Modality:
    """acknowledged holds the studies whose report got its AA."""

    descriptor: Mapping[str, Any]
    acknowledged: set[str] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    async def examine(self) -> None:
        """Make a study, store it, send its report."""
        number = next(self._numbers)
        await asyncio.to_thread(self._store, number)
        study, message = numbered_report(number)
        mllp = self.descriptor["source"]["mllp"]
        answer = await send(mllp["host"], mllp["port"], message)
        if answer.code != "AA":
            raise WrongAnswer(f"{answer.code} to a report")
        self.acknowledged.add(study)

    def _store(self, number: int) -> None:
        pacs = self.descriptor["source_pacs"]
        with tempfile.TemporaryDirectory() as folder:
            write_study(facts_of(numbered_study(number)), Path(folder), instances=1)
            (image,) = Path(folder).rglob("*.dcm")
            _send(image, pacs["host"], pacs["port"], pacs["ae_title"])


def _send(image: Path, host: str, port: int, ae_title: str) -> None:
    """Store one image by C-STORE."""
    entity = AE("MODALITY")
    entity.add_requested_context("1.2.840.10008.5.1.4.1.1.1", "1.2.840.10008.1.2.1")
    association = entity.associate(host, port, ae_title=ae_title)
    if not association.is_established:
        raise WrongAnswer("the PACS takes no association")
    try:
        status = association.send_c_store(image)
    finally:
        association.release()
    if status.Status != 0:
        raise WrongAnswer(f"the PACS answers 0x{status.Status:04X}")
