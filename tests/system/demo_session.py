"""The demo that the system tests of a worker share: its own state beside what any client sees."""

import shutil
import time
from collections import Counter
from dataclasses import dataclass

from tests.system.demo_client import DemoClient
from tests.system.trails import count_events

from drimbox.model.audit import AuditAction
from drimbox.ports.audit_repository import AuditSearch
from drimbox.sandbox.network.descriptor import RunningDemo


@dataclass(kw_only=True)
class DemoSession(DemoClient):
    """One demo for all system tests of a worker."""

    running: RunningDemo

    @property
    def consumer(self) -> str:
        return f"http://localhost:{self.running.addresses.consumer_browser}"

    async def dmp_calls(self) -> Counter[str]:
        """Return how many requests the DMP has received, by service."""
        control = self.running.services.documents_url.rpartition("/")[0]
        async with self.http.get(f"{control}/calls") as answer:
            return Counter((await answer.json())["received"])

    async def count_audit(self, role: str, *actions: AuditAction) -> int:
        """Return how many of these events the box of a role has recorded; all without any."""
        search = AuditSearch(actions=actions, limit=1_000_000)
        return await count_events(self.running.folder / f"{role}.toml", search)

    def forget_images(self, role: str = "consumer") -> None:
        """Empty the image cache of a box, so that images come from the Source or the PACS again.

        A series whose last notes are being written is tried again.
        """
        images = self.running.folder / role / "images"
        for _ in range(50):
            for series in images.iterdir():
                shutil.rmtree(series, ignore_errors=True)
            if not any(images.iterdir()):
                return
            time.sleep(0.1)
        raise AssertionError("the image cache does not become empty")
