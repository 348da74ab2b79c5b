"""O9: an origin is one of those configured, letter for letter, or it is told nothing (CORS)."""

from pathlib import Path

import pytest
from tests.fakes.consultation_site import CALL, DPI_ORIGIN, ConsultationSite
from tests.fakes.fhir_site import ORIGIN, FhirSite


def _variants(origin: str) -> dict[str, str]:
    """Return what is not that origin, by what is wrong with it."""
    host = origin.removeprefix("https://")
    return {
        "empty": "",
        "null": "null",
        "any": "*",
        "another": "https://evil.test",
        "begins like it": f"{origin}.evil.test",
        "ends like it": f"https://evil{host}",
        "below it": f"https://sub.{host}",
        "another scheme": f"http://{host}",
        "no scheme": host,
        "another port": f"{origin}:8443",
        "its own port, written out": f"{origin}:443",
        "a slash": f"{origin}/",
        "a path": f"{origin}/page",
        "a dot at the end": f"{origin}.",
        "user information": f"https://{host}@evil.test",
        "it as user information": f"https://evil.test@{host}",
        "upper case": origin.upper(),
        "a list": f"{origin}, https://evil.test",
        "two by a space": f"{origin} https://evil.test",
        "a script": "javascript:alert(1)",
        "a file": "file://",
        "in brackets": f"[{host}]",
        "percent-encoded": origin.replace(".", "%2e"),
    }


@pytest.mark.parametrize("variant", _variants("https://x.test"))
def test_a_page_of_another_origin_reads_nothing_of_ours(tmp_path: Path, variant: str) -> None:
    site = FhirSite(tmp_path)
    client, headers = site.consumer(), {"Origin": _variants(ORIGIN)[variant]}
    preflight = client.options(
        "/fhir/ImagingStudy", headers=headers | {"Access-Control-Request-Method": "GET"}
    )
    for answer in (client.get("/fhir/ImagingStudy", headers=headers), preflight):
        assert not [name for name in answer.headers if name.startswith("access-control-allow")]
        assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize("variant", _variants("https://x.test"))
def test_a_page_of_another_origin_opens_no_context(tmp_path: Path, variant: str) -> None:
    site = ConsultationSite(tmp_path)
    client, headers = site.client(), {"Origin": _variants(DPI_ORIGIN)[variant]}
    answer = client.post("/drim", data=CALL, headers=headers)
    assert answer.status_code == 403
    assert site.contexts.contexts == {}
    assert not [name for name in answer.headers if name.startswith("access-control-allow")]
    assert answer.headers["vary"] == "Origin"


def test_the_origins_configured_are_let_in_and_named_alone(tmp_path: Path) -> None:
    fhir = FhirSite(tmp_path / "fhir")
    answers = [
        fhir.consumer().get("/fhir/ImagingStudy", headers={"Origin": ORIGIN}),
        ConsultationSite(tmp_path / "call").client().post(
            "/drim", data=CALL, headers={"Origin": DPI_ORIGIN}
        ),
    ]  # fmt: skip
    allowed = [answer.headers["access-control-allow-origin"] for answer in answers]
    assert allowed == [ORIGIN, DPI_ORIGIN]
    assert not any("access-control-allow-credentials" in answer.headers for answer in answers)
