"""While the DMP is asked, every page answers (UX.10)."""

from dataclasses import dataclass, field
from pathlib import Path

import anyio
import httpx2
import pytest
from tests.fakes.consultation_site import BASE_URL, DOCTOR, ConsultationSite
from tests.fakes.fake_dmp_consultation import FakeDmpConsultation
from tests.fakes.manifests import made_up_manifest

from drimbox.model.publication import DmpIdentity
from drimbox.ports.dmp import DmpAccess


@dataclass
class SlowDmp(FakeDmpConsultation):
    """Says that it was asked, and answers when told to."""

    was_asked: anyio.Event = field(default_factory=anyio.Event)
    may_answer: anyio.Event = field(default_factory=anyio.Event)

    async def check_access(self, identity: DmpIdentity) -> DmpAccess:
        self.was_asked.set()
        await self.may_answer.wait()
        return await super().check_access(identity)


@pytest.mark.anyio
@pytest.mark.requirement("UX.10")
async def test_pages_answer_while_the_dmp_is_asked(tmp_path: Path) -> None:
    dmp = SlowDmp()
    dmp.hold(made_up_manifest(study_description="Scanner cérébral"))
    site = ConsultationSite(tmp_path, dmp=dmp)
    signed_in = site.client(DOCTOR)
    page = f"/consultation/{site.open_patient(signed_in)}"
    transport = httpx2.ASGITransport(app=site.app)
    cookies = dict(signed_in.cookies)
    found: list[str] = []

    async with httpx2.AsyncClient(
        transport=transport, base_url=BASE_URL, cookies=cookies
    ) as browser:

        async def find_exams() -> None:
            found.append((await browser.get(f"{page}/exams")).text)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(find_exams)
            with anyio.fail_after(30):
                await dmp.was_asked.wait()
                for path in ("/consultation", page, "/consultation/exports"):
                    assert (await browser.get(path)).status_code == 200
            assert found == []
            dmp.may_answer.set()
    assert "Scanner cérébral" in found[0]
