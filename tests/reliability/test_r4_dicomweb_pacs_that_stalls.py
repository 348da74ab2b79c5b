"""R4: a PACS by DICOMweb whose network stalls is left at once by whoever wants no more of it."""

import asyncio
import ssl
from contextlib import aclosing
from pathlib import Path

import pytest
from tests.fakes.chaos_proxy import Fault, Then, chaos_proxy
from tests.fakes.conditions import until
from tests.fakes.dicom_objects import made_up_object
from tests.fakes.dicomweb_service import DicomwebService

from drimbox.adapters.pacs_dicomweb.pacs import DicomwebPacs
from drimbox.model.retrieval import TargetResource
from drimbox.model.uids import StudyInstanceUid
from drimbox.sandbox.trusted_space.pki import TestPki, organisation_name
from drimbox.settings.partners import DicomwebServiceSettings

pytestmark = pytest.mark.anyio
STUDY = StudyInstanceUid("1.2.250.1.999.61")
# Of 512 KiB each: the first is whole, the second never.
IMAGES = [made_up_object(n, study=STUDY, side=512) for n in (1, 2)]
# In the second; what is not octets of images, and a record of TLS, are less than 32 KiB of it.
STALLS_AFTER = 800_000


async def test_who_goes_away_frees_the_pacs_though_its_network_stalls(tmp_path: Path) -> None:
    """An orderly end of TLS would wait half a minute for the PACS to say its own farewell."""
    pki = TestPki(tmp_path)
    subject = organisation_name("PACS", structure="PACS", organisation="PACS")
    issued = pki.issue_server("pacs", [], subject)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(issued.certificate_file, issued.key_file)
    stalling = Fault(after=STALLS_AFTER, then=Then.STALL)
    async with (
        DicomwebService(IMAGES).running(tls) as service,
        chaos_proxy(service.port, [stalling]) as proxy,
    ):
        url = f"https://127.0.0.1:{proxy.port}/dicom-web"
        pacs = DicomwebPacs(DicomwebServiceSettings(url=url, ca_file=pki.ca_file))
        received = 0

        async def receive() -> None:
            nonlocal received
            async with aclosing(pacs.retrieve(TargetResource(STUDY))) as instances:
                async for instance in instances:
                    async for chunk in instance.chunks:
                        received += len(chunk)

        receiving = asyncio.create_task(receive())
        await until(lambda: received > STALLS_AFTER - 32_768)
        assert proxy.open == 1
        receiving.cancel()
        seconds = await until(lambda: not proxy.open, patience_seconds=60)
        await pacs.close()
    assert seconds < 10
