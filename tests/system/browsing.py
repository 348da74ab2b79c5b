"""What a professional does in a browser until images are shown, and how to tell that they are."""

from tests.system.demo_session import DemoSession

from drimbox.sandbox.chromium import Chromium, Tab
from drimbox.sandbox.patients.identities import PATIENTS
from drimbox.sandbox.patients.professionals import REFERRING_PHYSICIAN
from drimbox.sandbox.patients.scenario import ScenarioStudy

FIRST_IMAGE = "performance.getEntriesByName('first-image')[0]?.startTime"
IS_COMPLETE = "document.getElementById('loaded-text').textContent === 'Série complète'"
# Tells whether the viewport shows a picture: its pixels are of many greys.
SHOWS_AN_IMAGE = """(() => {
  const canvas = document.getElementById("canvas");
  if (!canvas || !canvas.width) return false;
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const greys = new Set();
  for (let i = 0; i < data.length; i += 4) greys.add(data[i]);
  return greys.size > 16;
})()"""


async def call_from_dpi(
    demo: DemoSession, chromium: Chromium, study: ScenarioStudy, *, names_study: bool
) -> Tab:
    """Open the DPI, choose the patient (and the exam), press its button; return the tab opened."""
    dpi = await chromium.open(f"http://localhost:{demo.running.addresses.dpi}/")
    number = PATIENTS.index(study.patient) + 1
    await dpi.click(f"#patients li:nth-child({number}) button")
    if names_study:
        day = f"{study.started_at:%d/%m/%Y}"
        await dpi.evaluate(
            "(s => { s.value = [...s.options].find("
            f"o => o.text.includes('{day}')).value; s.dispatchEvent(new Event('change')) }})"
            "(document.getElementById('study'))"
        )
    await dpi.click("#call button.primary")
    return await chromium.next_tab()


async def sign_in(tab: Tab) -> None:
    await tab.click(f"button[name=subject][value='{REFERRING_PHYSICIAN.rpps}']")


async def confirm(tab: Tab) -> None:
    await tab.click(".confirm-actions button")


def complaints_of(chromium: Chromium) -> list[str]:
    """Take what all tabs complained of since this was last asked: each test answers for its own."""
    told = [complaint for tab in chromium.tabs for complaint in tab.complaints]
    for tab in chromium.tabs:
        tab.complaints.clear()
    return told


async def open_viewer(demo: DemoSession, chromium: Chromium, study: ScenarioStudy) -> Tab:
    """Open an exam from the DPI, signing in where that is asked; return the tab with its images."""
    tab = await call_from_dpi(demo, chromium, study, names_study=True)
    signs_in = "document.title.includes('Pro Santé Connect')"
    await tab.wait_for(f"{signs_in} || document.querySelector('.confirm-actions button') !== null")
    if await tab.evaluate(signs_in):
        await sign_in(tab)
    await confirm(tab)
    await tab.wait_for(SHOWS_AN_IMAGE)
    return tab
