"""The running demo as tests use it: its descriptor, and what a DPI or a program does with it."""

import shutil
import ssl
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import aiohttp
from tests.system.trails import count_events

from drimbox.model.audit import AuditAction
from drimbox.ports.audit_repository import AuditSearch
from drimbox.sandbox.dpi.calls import call_parameters
from drimbox.sandbox.network.descriptor import RunningDemo, descriptor_of
from drimbox.sandbox.patients.identities import SandboxPatient
from drimbox.sandbox.patients.professionals import REFERRING_PHYSICIAN, SandboxProfessional
from drimbox.standards.iua.client_assertion import CLIENT_ASSERTION_TYPE, encode_client_assertion
from drimbox.standards.iua.jwks import parse_signing_key

CONSENT = "InformationEtOppositionConsultation"
NOT_OPPOSED = "InforméEtNonOpposé"


@dataclass
class DemoSession:
    """One demo for all system tests of a worker.

    secrets holds every token that came by, so that the last test can look for them in the logs.
    """

    running: RunningDemo
    http: aiohttp.ClientSession
    secrets: set[str] = field(default_factory=set)

    @property
    def descriptor(self) -> Mapping[str, Any]:
        return descriptor_of(self.running)

    @property
    def consumer(self) -> str:
        return f"http://localhost:{self.running.addresses.consumer_browser}"

    @property
    def call_url(self) -> str:
        return str(self.descriptor["consumer"]["contextual_call_url"])

    async def professional_token(
        self, professional: SandboxProfessional = REFERRING_PHYSICIAN
    ) -> str:
        """Return an access token of Pro Santé Connect, as a program gets one."""
        url = f"{self.descriptor['sign_in']['pro_sante_connect_issuer']}/sandbox/token"
        async with self.http.post(url, data={"subject": professional.rpps}) as answer:
            assert answer.status == 200
            token = str((await answer.json())["access_token"])
        self.secrets.add(token)
        return token

    async def context_token(
        self,
        patient: SandboxPatient,
        professional: SandboxProfessional = REFERRING_PHYSICIAN,
        **more: str,
    ) -> str:
        """Make a contextual call as a program does, and return the token bound to it."""
        form = good_call(patient, professional) | more
        headers = {
            "Authorization": f"Bearer {await self.professional_token(professional)}",
            "Accept": "application/json",
        }
        async with self.http.post(self.call_url, data=form, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            token = str((await answer.json())["access_token"])
        self.secrets.add(token)
        return token

    async def source_token(self) -> str:
        """Return a token of the Source for the demo's program, by client_credentials."""
        client = self.descriptor["fhir_client"]
        assertion = encode_client_assertion(
            parse_signing_key(self.running.keys.fhir_client_key.read_bytes()),
            client_id=client["client_id"],
            audience=client["token_url"],
            identifier=str(uuid4()),
            now=datetime.now(UTC),
        )
        form = {
            "grant_type": "client_credentials",
            "scope": client["scope"],
            "client_assertion_type": CLIENT_ASSERTION_TYPE,
            "client_assertion": assertion,
        }
        async with self.http.post(client["token_url"], data=form) as answer:
            assert answer.status == 200, await answer.text()
            token = str((await answer.json())["access_token"])
        self.secrets.add(token)
        return token

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

    def peer_context(self, *, has_certificate: bool = True) -> ssl.SSLContext:
        """Return TLS towards peer listeners, with the certificate of peer_client or without."""
        context = ssl.create_default_context(cafile=self.descriptor["trusted_space"]["ca_file"])
        if has_certificate:
            files = self.descriptor["peer_client"]
            context.load_cert_chain(files["certificate_file"], files["key_file"])
        return context


def good_call(
    patient: SandboxPatient, professional: SandboxProfessional = REFERRING_PHYSICIAN
) -> dict[str, str]:
    """Return a call that a box must accept."""
    situation = professional.situations[0].value
    return call_parameters(patient) | {CONSENT: NOT_OPPOSED, "Situation": situation}
