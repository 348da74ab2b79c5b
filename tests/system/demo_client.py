"""What a DPI or a program does with a running demo, whoever started it: all from its descriptor."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp

from drimbox.sandbox.dpi.calls import call_parameters
from drimbox.sandbox.patients.identities import SandboxPatient
from drimbox.sandbox.patients.professionals import REFERRING_PHYSICIAN, SandboxProfessional
from drimbox.standards.iua.client_assertion import CLIENT_ASSERTION_TYPE, encode_client_assertion
from drimbox.standards.iua.jwks import parse_signing_key

CONSENT = "InformationEtOppositionConsultation"
NOT_OPPOSED = "InforméEtNonOpposé"


@dataclass(kw_only=True)
class DemoClient:
    """secrets holds every token that came by, so that a test can look for them in the logs."""

    descriptor: Mapping[str, Any]
    http: aiohttp.ClientSession
    secrets: set[str] = field(default_factory=set)

    @property
    def call_url(self) -> str:
        return str(self.descriptor["consumer"]["contextual_call_url"])

    @property
    def _fhir_client_key(self) -> bytes:
        return Path(self.descriptor["fhir_client"]["key_file"]).read_bytes()

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
        url = self.descriptor["fhir_client"]["token_url"]
        async with self.http.post(url, data=self.token_request()) as answer:
            assert answer.status == 200, await answer.text()
            token = str((await answer.json())["access_token"])
        self.secrets.add(token)
        return token

    def token_request(self) -> Mapping[str, str]:
        """Return the form by which the demo's program asks for a token, now, once."""
        client = self.descriptor["fhir_client"]
        assertion = encode_client_assertion(
            parse_signing_key(self._fhir_client_key),
            client_id=client["client_id"],
            audience=client["token_url"],
            identifier=str(uuid4()),
            now=datetime.now(UTC),
        )
        return {
            "grant_type": "client_credentials",
            "scope": client["scope"],
            "client_assertion_type": CLIENT_ASSERTION_TYPE,
            "client_assertion": assertion,
        }

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
