"""The first image on a screen: headless Chromium, nothing of the exam on any disk (VI-CO.39)."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from drimbox.sandbox.bench.ground import MILLISECONDS, Ground
from drimbox.sandbox.bench.row import Better, Row, at_most, repeatedly
from drimbox.sandbox.chromium import Chromium, Tab, running_chromium
from drimbox.sandbox.patients.identities import PATIENTS
from drimbox.sandbox.patients.professionals import REFERRING_PHYSICIAN

# Set by the image page when the first image has been drawn; counts from the navigation on.
_FIRST_IMAGE = "performance.getEntriesByName('first-image')[0]?.startTime"
_IS_COMPLETE = "document.getElementById('loaded-text').textContent === 'Série complète'"
_SECONDS_FOR_THE_SERIES = 120


async def first_image(ground: Ground) -> Sequence[Row]:
    """Open the image page on the CT, all caches empty: until its first image is drawn."""
    async with _signed_in(ground) as (browser, address):

        async def milliseconds() -> float:
            await ground.site.empty_caches()
            tab = await browser.open("about:blank")
            await tab.forget_files()
            await tab.goto(address)
            await tab.wait_for(f"{_FIRST_IMAGE} !== undefined")
            drawn_after = float(await tab.evaluate(_FIRST_IMAGE))
            # The caches are emptied again once nothing is written to them any more.
            await tab.wait_for(_IS_COMPLETE, timeout_seconds=_SECONDS_FOR_THE_SERIES)
            await asyncio.sleep(1)
            await tab.close()
            return drawn_after

        work = "first image in headless Chromium, through both boxes, cold"
        ours = await repeatedly(milliseconds)
    goal = at_most(1000, MILLISECONDS)
    return [Row(work, MILLISECONDS, ours, None, "", Better.LOWER, goal)]


@asynccontextmanager
async def _signed_in(ground: Ground) -> AsyncIterator[tuple[Chromium, str]]:
    """Go from the DPI to the list of exams; give the address of the exam's image page."""
    study = ground.site.study
    with tempfile.TemporaryDirectory(prefix="drimbox-chromium-") as folder:
        async with running_chromium(Path(folder)) as browser:
            dpi = await browser.open(f"http://localhost:{ground.site.demo.addresses.dpi}/")
            await dpi.click(f"#patients li:nth-child({PATIENTS.index(study.patient) + 1}) button")
            await dpi.click("#call button.primary")
            tab: Tab = await browser.next_tab()
            await tab.click(f"button[name=subject][value='{REFERRING_PHYSICIAN.rpps}']")
            await tab.click(".confirm-actions button")
            link = f"[data-study='{study.study_instance_uid}'] .exam-actions a"
            await tab.wait_for(f"document.querySelector({json.dumps(link)}) !== null")
            yield (
                browser,
                str(await tab.evaluate(f"document.querySelector({json.dumps(link)}).href")),
            )
