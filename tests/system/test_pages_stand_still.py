"""Nothing that a hand could be about to click moves while a page completes itself."""

import pytest
from tests.system.browsing import SHOWS_AN_IMAGE, open_viewer
from tests.system.demo_session import DemoSession

from drimbox.sandbox.chromium import Chromium, find_chromium
from drimbox.sandbox.patients.scenario import ScenarioStudy
from drimbox.sandbox.patients.studies import CT_OF_LUCIE, MR_OF_ANGE, ULTRASOUND_OF_CAMILLE

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.system,
    pytest.mark.xdist_group("demo"),
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium (apt-get install chromium)"),
]

# https://wicg.github.io/layout-instability/ ; below 0.1 counts as good.
_MAX_LAYOUT_SHIFT = 0.01
# Notes each place that something to click is seen at, picture by picture, and all layout shifts.
_WATCH = """
window.moved = [];
window.layoutShift = 0;
new PerformanceObserver((list) => {
  const ofItself = list.getEntries().filter((shift) => !shift.hadRecentInput);
  for (const shift of ofItself) window.layoutShift += shift.value;
}).observe({ type: "layout-shift", buffered: true });
const places = new Map();
const look = () => {
  for (const element of document.querySelectorAll("a, button, select, input, summary")) {
    const { x, y, width, height } = element.getBoundingClientRect();
    if (width === 0) continue;
    const place = [x, y, width, height].map(Math.round).join(" ");
    const before = places.get(element);
    if (before !== undefined && before !== place) {
      moved.push(`${element.outerHTML.slice(0, 120)} from ${before} to ${place}`);
    }
    places.set(element, place);
  }
  requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
_HOME_IS_THERE = "document.querySelector('.home') !== null"
_EXAMS_ARE_THERE = (
    "document.querySelector('[data-report]') !== null"
    " && !document.getElementById('documents-panel').hidden"
)
_VIEWER_IS_THERE = (
    f"{SHOWS_AN_IMAGE} && !document.querySelector('[data-action=reports]').disabled"
    " && document.querySelector('#series img').naturalWidth > 0"
)


@pytest.mark.parametrize(
    ("study", "width"),
    [
        pytest.param(CT_OF_LUCIE, 1366, id="many images"),
        pytest.param(MR_OF_ANGE, 900, id="many series, key images, a narrow window"),
        pytest.param(ULTRASOUND_OF_CAMILLE, 1366, id="one object of many frames"),
    ],
)
async def test_nothing_to_click_moves_while_a_page_completes_itself(
    demo: DemoSession, chromium: Chromium, study: ScenarioStudy, width: int
) -> None:
    """On a slow workstation at the end of a slow line, where moves are seen that others hide."""
    tab = await open_viewer(demo, chromium, study)
    viewer = await tab.evaluate("location.pathname")
    await tab.run_first(_WATCH)
    await tab.resize(width, 768)
    await tab.slow_down(processor=4, latency_ms=100, bytes_per_second=500_000)
    pages = {
        "/consultation": _HOME_IS_THERE,
        f"/consultation/{viewer.split('/')[2]}": _EXAMS_ARE_THERE,
        viewer: _VIEWER_IS_THERE,
    }
    for path, is_there in pages.items():
        await tab.forget_files()
        await tab.goto(f"{demo.consumer}{path}")
        await tab.wait_for(f"location.pathname === '{path}' && {is_there}")
        assert await tab.evaluate("moved") == []
        assert await tab.evaluate("layoutShift") < _MAX_LAYOUT_SHIFT
    await tab.close()
