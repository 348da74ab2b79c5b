"""The whole journey once more, the Consommatrice showing the Source a token of its own (IUA)."""

import asyncio
from pathlib import Path

import pytest
from tests.system.test_demo_check import STEPS, start_demo
from tests.system.trails import find_events

from drimbox.model.audit import AuditAction
from drimbox.ports.audit_repository import AuditSearch
from drimbox.sandbox.patients.professionals import REFERRING_PHYSICIAN

pytestmark = [pytest.mark.anyio, pytest.mark.system]


@pytest.mark.requirement("FA.4")
async def test_the_journey_goes_through_with_tokens_of_the_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRIMBOX_TRUSTED_SPACE__PEER_TOKEN_KIND", "iua")
    process = await start_demo(tmp_path, "--check")
    async with asyncio.timeout(120):
        await process.wait()
    text = (tmp_path / "output.txt").read_text()
    assert process.returncode == 0, text
    assert [step for step in STEPS if f"✓ {step}" not in text] == []
    source = tmp_path / "demo" / "source.toml"
    issued, *_ = await find_events(source, AuditSearch(actions=(AuditAction.TOKEN_ISSUED,)))
    assert (issued.user, issued.consent) == (REFERRING_PHYSICIAN.national_id, "InforméEtNonOpposé")
    served = await find_events(source, AuditSearch(actions=(AuditAction.IMAGES_SERVED,)))
    assert {(event.user, event.consent) for event in served} == {(issued.user, issued.consent)}
