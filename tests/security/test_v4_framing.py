"""V4: only the configured calling software may frame a page; a document, our own pages too."""

from datetime import UTC

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from tests.fakes.fake_document_pages import FakeDocumentPages
from tests.fakes.manifests import made_up_patient

from drimbox.entrypoints.http.document_page import DocumentPage
from drimbox.entrypoints.http.pages import Pages
from drimbox.entrypoints.http.security_headers import BrowserPolicy, SecurityHeaders
from drimbox.model.clinical_document import ClinicalDocument

LPS = ("https://dpi.hopital.test", "https://ris.hopital.test")
DOCUMENT = ClinicalDocument("CR", None, "", "", None)


def _client(ancestors: tuple[str, ...]) -> TestClient:
    page = DocumentPage(FakeDocumentPages(), Pages(UTC), ancestors)

    async def any_page(_: object) -> PlainTextResponse:
        return PlainTextResponse("page")

    async def document(_: object) -> object:
        return await page.show(DOCUMENT, patient=made_up_patient(), address="/d")

    policy = BrowserPolicy(is_secure=True, frame_ancestors=ancestors)
    routes = [Route("/page", any_page), Route("/document", document)]
    return TestClient(
        Starlette(routes=routes, middleware=[Middleware(SecurityHeaders, policy=policy)])
    )


@pytest.mark.parametrize(
    ("path", "ancestors", "allowed", "frame_options"),
    [
        ("/page", (), "'none'", "DENY"),
        ("/page", LPS[:1], LPS[0], None),
        ("/page", LPS, " ".join(LPS), None),
        ("/document", (), "'self'", "SAMEORIGIN"),
        ("/document", LPS, " ".join(("'self'", *LPS)), "SAMEORIGIN"),
    ],
)
def test_who_may_frame_what(
    path: str, ancestors: tuple[str, ...], allowed: str, frame_options: str | None
) -> None:
    headers = _client(ancestors).get(path).headers
    directives = dict(
        directive.strip().split(" ", 1)
        for directive in headers["content-security-policy"].split(";")
        if " " in directive.strip()
    )
    assert directives["frame-ancestors"] == allowed
    assert headers.get("x-frame-options") == frame_options


@pytest.mark.parametrize("path", ["/page", "/document"])
def test_nothing_is_kept_on_a_shared_workstation(path: str) -> None:
    """V3."""
    headers = _client(()).get(path).headers
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
