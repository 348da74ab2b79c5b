"""What persons and programs ask of a demo's two boxes, as kinds of work: some 50 requests a second.

Exams are those of five patients of the demo; whoever reports are sent for is none of them.
"""

import itertools
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import aiohttp
from pydicom.uid import MRImageStorage
from tests.reliability.soak.schedule import Work, WrongAnswer
from tests.system.demo_client import DemoClient
from tests.system.peer_call import ACCEPT_AS_STORED

from drimbox.sandbox.network.addresses import SOURCE_DB
from drimbox.sandbox.patients.identities import SandboxPatient
from drimbox.sandbox.patients.scenario import ScenarioStudy
from drimbox.sandbox.patients.studies import (
    BONE_SCAN_OF_MARIA,
    MAMMOGRAPHY_OF_ANNE_SOPHIE,
    MR_OF_ANGE,
    PET_CT_OF_MAMADOU,
    ULTRASOUND_OF_CAMILLE,
)

# Together more than the cache of a soak holds: each comes from the PACS again.
RETRIEVED = (
    MAMMOGRAPHY_OF_ANNE_SOPHIE,
    MR_OF_ANGE,
    PET_CT_OF_MAMADOU,
    ULTRASOUND_OF_CAMILLE,
    BONE_SCAN_OF_MARIA,
)
VIEWED = MR_OF_ANGE
_JSON = {"Accept": "application/dicom+json"}


@dataclass
class Consultation:
    """Tokens are renewed as the load goes on; images are the instances of the viewed study."""

    demo: DemoClient
    peer_http: aiohttp.ClientSession
    professional: str = ""
    source_token: str = ""
    contexts: dict[SandboxPatient, str] = field(default_factory=dict)
    images: list[str] = field(default_factory=list)
    _called: Iterator[ScenarioStudy] = field(default_factory=lambda: itertools.cycle(RETRIEVED))
    _retrieved: Iterator[ScenarioStudy] = field(default_factory=lambda: itertools.cycle(RETRIEVED))
    _image: Iterator[int] = field(default_factory=itertools.count)

    async def prepare(self) -> None:
        """Sign in, call for each patient, retrieve each study once, and find what one holds.

        What the largest study leaves in memory is there then, and is no growth later.
        """
        await self.renew()
        for _ in RETRIEVED:
            await self.call()
        for _ in RETRIEVED:
            await self.retrieve_next_study()
        url = f"{self._viewed}/instances"
        async with self.demo.http.get(url, headers=self._headers(VIEWED) | _JSON) as answer:
            _check(answer, 200)
            found = await answer.json(content_type=None)
        # What else the study holds, key images and the like, has no pixels to be looked at.
        self.images = [
            f"{one['0020000E']['Value'][0]}/instances/{one['00080018']['Value'][0]}"
            for one in found
            if one["00080016"]["Value"] == [MRImageStorage]
        ]
        assert self.images

    async def renew(self) -> None:
        """Get tokens that have all their time before them."""
        self.professional = await self.demo.professional_token()
        self.source_token = await self.demo.source_token()

    async def call(self) -> None:
        """Make a contextual call for the next patient, and go on with its token."""
        study = next(self._called)
        self.contexts[study.patient] = await self.demo.context_token(study.patient)
        self.demo.secrets.clear()

    async def retrieve_next_study(self) -> None:
        """Retrieve a whole study from PACS through Source and Consommatrice, and keep nothing."""
        study = next(self._retrieved)
        headers = self._headers(study) | {"Accept": ACCEPT_AS_STORED}
        async with self.demo.http.get(self._url(study), headers=headers) as answer:
            _check(answer, 200)
            octets = sum([len(chunk) async for chunk in answer.content.iter_any()])
        if octets < 100_000:
            raise WrongAnswer(f"{octets} octets of a study")

    def works(self) -> list[Work]:
        """Return every kind of request, 50 a second in all."""
        consumer, source = self.demo.descriptor["consumer"], self.demo.descriptor["source"]
        fhir, images = consumer["fhir_url"], consumer["dicomweb_url"]
        pages, of_source = consumer["base_url"], source["dicomweb_url"]
        image = self._next_image
        return [
            self._get("exams", 8, lambda: f"{fhir}/ImagingStudy?_sort=-started"),
            self._get("documents", 2, lambda: f"{fhir}/DocumentReference"),
            self._get("QIDO-RS studies", 4, lambda: f"{images}/studies"),
            self._get("QIDO-RS instances", 4, lambda: f"{self._viewed}/instances"),
            self._get("metadata", 3, lambda: f"{self._viewed}/metadata"),
            self._get("frame", 8, lambda: f"{image()}/frames/1", Accept="*/*"),
            self._get("picture", 3, lambda: f"{image()}/rendered", Accept="image/jpeg"),
            self._get("thumbnail", 1, lambda: f"{image()}/thumbnail", Accept="*/*"),
            self._get("readiness", 2, lambda: f"{pages}/health/ready"),
            self._get("nobody's page", 1, lambda: f"{pages}/consultation", status=303),
            self._get("no such study", 1, lambda: f"{images}/studies/1.2.3", status=404),
            self._no_token("no token", 2, f"{fhir}/ImagingStudy"),
            Work("Source: exams of a patient", 4, self._source_exams),
            self._of_source("Source: newest exams", 0.5, f"{source['fhir_url']}/ImagingStudy"),
            self._of_source("Source: QIDO-RS studies", 4, f"{of_source}/studies?limit=5"),
            self._of_source("Source: readiness", 1, f"{source['base_url']}/health/ready"),
            Work("Source: metadata for a peer", 1, self._peer_metadata),
            Work("Source: token", 0.5, self.renew),
            Work("contextual call", 0.5, self.call),
        ]

    @property
    def _viewed(self) -> str:
        return self._url(VIEWED)

    def _url(self, study: ScenarioStudy) -> str:
        base = self.demo.descriptor["consumer"]["dicomweb_url"]
        return f"{base}/studies/{study.study_instance_uid}"

    def _next_image(self) -> str:
        image = self.images[next(self._image) % len(self.images)]
        return f"{self._viewed}/series/{image}"

    def _headers(self, study: ScenarioStudy) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.contexts[study.patient]}"}

    def _get(
        self, name: str, a_second: float, url: Callable[[], str], *, status: int = 200, **more: str
    ) -> Work:
        async def do() -> None:
            await self._ask(url(), self._headers(VIEWED) | more, status)

        return Work(name, a_second, do)

    def _no_token(self, name: str, a_second: float, url: str) -> Work:
        async def do() -> None:
            await self._ask(url, {}, 401)

        return Work(name, a_second, do)

    def _of_source(self, name: str, a_second: float, url: str) -> Work:
        async def do() -> None:
            await self._ask(url, {"Authorization": f"Bearer {self.source_token}"}, 200)

        return Work(name, a_second, do)

    async def _ask(self, url: str, headers: Mapping[str, str], status: int) -> None:
        async with self.demo.http.get(url, headers=headers, allow_redirects=False) as answer:
            await answer.read()
            _check(answer, status)

    async def _source_exams(self) -> None:
        ins = VIEWED.patient.traits.ins
        form = {"patient.identifier": f"urn:oid:{ins.authority.value}|{ins.value}"}
        url = f"{self.demo.descriptor['source']['fhir_url']}/ImagingStudy/_search"
        headers = {"Authorization": f"Bearer {self.source_token}"}
        async with self.demo.http.post(url, data=form, headers=headers) as answer:
            _check(answer, 200)
            found = await answer.json(content_type=None)
        if not found.get("entry"):
            raise WrongAnswer("the Source tells no exam of its patient")

    async def _peer_metadata(self) -> None:
        """Ask as another box does, with a handshake of its own."""
        base = self.demo.descriptor["source"]["peer_url"]
        url = f"{base}/studies/{VIEWED.study_instance_uid}/metadata"
        kos = next(
            study["kos_sop_instance_uid"]
            for patient in self.demo.descriptor["patients"]
            for study in patient["studies"]
            if study["study_instance_uid"] == VIEWED.study_instance_uid
        )
        headers = {"Authorization": f"Bearer {self.professional}", "KOS-SOPInstanceUID": kos}
        async with self.peer_http.get(
            url, headers=headers | _JSON, server_hostname=SOURCE_DB
        ) as answer:
            await answer.read()
            _check(answer, 200)


def peer_connector(context: ssl.SSLContext) -> aiohttp.TCPConnector:
    """Return what connects as a peer, anew for each request."""
    return aiohttp.TCPConnector(ssl=context, force_close=True)


def _check(answer: aiohttp.ClientResponse, status: int) -> None:
    if answer.status != status:
        raise WrongAnswer(f"{answer.status} instead of {status}, {answer.url.path}")
