"""Every page by the rules of WCAG 2.2 AA, as axe-core judges them, and at 200 percent."""

import pytest
from tests.fakes.node_judge import NODE_TESTS
from tests.system.browsing import SHOWS_AN_IMAGE, call_from_dpi, confirm, sign_in
from tests.system.demo_session import DemoSession

from drimbox.sandbox.chromium import Chromium, Tab, find_chromium
from drimbox.sandbox.patients.studies import CT_OF_LUCIE, PET_CT_OF_MAMADOU

_AXE = NODE_TESTS / "node_modules" / "axe-core" / "axe.min.js"
pytestmark = [
    pytest.mark.anyio,
    pytest.mark.system,
    pytest.mark.xdist_group("demo"),
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium (apt-get install chromium)"),
]
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_EXAMS_ARE_THERE = "document.querySelector('[data-report]') !== null"


async def _faults(tab: Tab) -> list[str]:
    """Return what breaks a rule, with the elements."""
    await tab.evaluate(f"{_AXE.read_text(encoding='utf-8')}; 0")
    found = await tab.evaluate(
        f"axe.run(document, {{ runOnly: {_RULES} }}).then((told) => told.violations.map("
        "(rule) => `${rule.id}: ${rule.nodes.map((node) => node.target.join(' ')).join(', ')}`))"
    )
    assert isinstance(found, list)
    return found


@pytest.mark.skipif(not _AXE.is_file(), reason="no axe-core in tests/node (scripts/test)")
async def test_pages_keep_the_rules_of_wcag(demo: DemoSession, chromium: Chromium) -> None:
    tab = await call_from_dpi(demo, chromium, CT_OF_LUCIE, names_study=False)
    await tab.wait_for("document.querySelector('[name=subject], .confirm-actions') !== null")
    if await tab.evaluate("document.querySelector('[name=subject]') !== null"):
        await sign_in(tab)
    await tab.wait_for("document.querySelector('.confirm-actions') !== null")
    faults = {"patient to confirm": await _faults(tab)}
    await confirm(tab)
    await tab.wait_for(_EXAMS_ARE_THERE)
    await tab.click("[data-toggle-traits]")
    await tab.click("[data-pick]")
    await tab.click(".exam-series summary")
    faults["exams"] = await _faults(tab)
    viewer = await tab.evaluate("document.querySelector('.exam-actions a').href")
    await tab.click("[data-toggle-traits]")
    await tab.goto(f"{demo.consumer}/consultation")
    await tab.wait_for("document.querySelector('.home') !== null")
    faults["home"] = await _faults(tab)
    await tab.goto(f"{demo.consumer}/consultation/unknown")
    await tab.wait_for("document.querySelector('.notice-page') !== null")
    faults["refusal"] = await _faults(tab)
    await tab.goto(viewer)
    await tab.wait_for(SHOWS_AN_IMAGE)
    await tab.wait_for("!document.querySelector('[data-action=reports]').disabled")
    faults["viewer"] = await _faults(tab)
    await tab.click("[data-action=reports]")
    await tab.click("[data-action=export]")
    await tab.click("#others > summary")
    await tab.click("#other-exams summary")
    await tab.click("#other-exams button")
    faults["viewer, all of it open"] = await _faults(tab)
    await tab.click("[data-action=reports]")
    assert faults == {page: [] for page in faults}
    await tab.close()


async def test_at_200_percent_an_image_is_seen_and_nothing_lies_outside(
    demo: DemoSession, chromium: Chromium
) -> None:
    """A window of 1366 by 768 pixels shows half as many of them."""
    tab = await call_from_dpi(demo, chromium, PET_CT_OF_MAMADOU, names_study=True)
    await tab.wait_for("document.querySelector('[name=subject], .confirm-actions') !== null")
    if await tab.evaluate("document.querySelector('[name=subject]') !== null"):
        await sign_in(tab)
    await confirm(tab)
    await tab.resize(683, 384)
    await tab.wait_for(f"innerWidth === 683 && {SHOWS_AN_IMAGE}")
    image = "document.getElementById('viewport').getBoundingClientRect().height"
    assert await tab.evaluate(image) >= 240
    context = (await tab.evaluate("location.pathname")).split("/")[2]
    pages = {
        await tab.evaluate("location.pathname"): SHOWS_AN_IMAGE,
        f"/consultation/{context}": _EXAMS_ARE_THERE,
        "/consultation": "document.querySelector('.home') !== null",
    }
    for path, is_there in pages.items():
        await tab.goto(f"{demo.consumer}{path}")
        await tab.wait_for(f"location.pathname === '{path}' && {is_there}")
        assert await tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    await tab.close()
