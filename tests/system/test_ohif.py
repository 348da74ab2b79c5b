"""OHIF as npm publishes it, behind the session of a call: every kind of object, one origin."""

from pathlib import Path

import pytest
from tests.system.browsing import call_from_dpi, confirm, sign_in
from tests.system.demo_session import DemoSession

from drimbox.sandbox.chromium import Chromium, Tab, find_chromium
from drimbox.sandbox.patients.scenario import ScenarioStudy
from drimbox.sandbox.patients.studies import (
    CT_OF_LUCIE,
    MAMMOGRAPHY_OF_ANNE_SOPHIE,
    MR_OF_ANGE,
    ULTRASOUND_OF_CAMILLE,
)

DIST = Path(__file__).resolve().parents[2] / "viewer" / "dist"
pytestmark = [
    pytest.mark.anyio,
    pytest.mark.system,
    pytest.mark.xdist_group("demo"),
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium (apt-get install chromium)"),
    pytest.mark.skipif(not (DIST / "index.html").is_file(), reason="no OHIF (scripts/viewer)"),
]

_THUMBNAIL = "[data-cy='study-browser-thumbnail']"
_DOCUMENT = "[data-cy='study-browser-thumbnail-no-image']"
_NAMES_THE_SERIES = """document.querySelector("[data-cy='viewport-overlay-top-left']")
  ?.innerText.includes("Ax T2 multi-images")"""
_HAS_THREE_PLANES = "document.querySelectorAll('.cornerstone-canvas').length === 3"
# Tells whether a viewport shows a picture: its pixels are of many greys.
_SHOWS_AN_IMAGE = """[...document.querySelectorAll(".cornerstone-canvas")].some((canvas) => {
  if (!canvas.width) return false;
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const greys = new Set();
  for (let i = 0; i < data.length; i += 4) greys.add(data[i]);
  return greys.size > 16;
})"""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the screenshots go, for people to look at."""
    return tmp_path_factory.mktemp("ohif")


async def open_ohif(demo: DemoSession, chromium: Chromium, study: ScenarioStudy) -> Tab:
    """Call for this patient, sign in once, confirm, and open OHIF from the image page."""
    tab = await call_from_dpi(demo, chromium, study, names_study=True)
    await tab.wait_for("document.querySelector('[name=subject], .confirm-actions') !== null")
    if await tab.evaluate("document.querySelector('[name=subject]') !== null"):
        await sign_in(tab)
    await confirm(tab)
    await tab.click("a[href^='/viewer/ohif/']")
    ohif = await chromium.next_tab()
    await tab.close()
    return ohif


@pytest.mark.requirement("VI-CS.30 / .31")
async def test_it_shows_a_ct_its_report_and_its_pdf_and_no_other_patient(
    demo: DemoSession, chromium: Chromium, pictures: Path
) -> None:
    tab = await open_ohif(demo, chromium, CT_OF_LUCIE)
    await tab.wait_for(_SHOWS_AN_IMAGE)
    await tab.screenshot(pictures / "ct.png")
    assert "Non destiné au diagnostic" in await tab.evaluate("document.body.innerText")

    await tab.double_click(_DOCUMENT, 1)
    await tab.wait_for("document.body.innerText.includes('Injection bien tolérée')")
    await tab.double_click(_DOCUMENT, 0)
    await tab.wait_for("document.querySelector('object[type=\"application/pdf\"]') !== null")
    size = "(await (await fetch(document.querySelector('object').data)).blob()).size"
    assert await tab.evaluate(f"(async () => {size})()") > 300
    await tab.screenshot(pictures / "pdf.png")

    root = await tab.evaluate("window.config.dataSources[0].configuration.qidoRoot")
    found = await tab.evaluate(f"fetch('{root}/studies').then((answer) => answer.json())")
    uids = {row["0020000D"]["Value"][0] for row in found}
    assert CT_OF_LUCIE.study_instance_uid in uids
    assert MR_OF_ANGE.study_instance_uid not in uids
    assert tab.complaints == []
    other = f"{root}/studies/{MR_OF_ANGE.study_instance_uid}/metadata"
    assert await tab.evaluate(f"fetch('{other}').then((answer) => answer.status)") == 404
    assert chromium.origins <= origins_of(demo)
    await tab.close()


async def test_it_opens_again_though_its_style_sheets_come_last(
    demo: DemoSession, chromium: Chromium
) -> None:
    """Its scripts are kept by the browser, its styles asked for: one bundle did not expect that."""
    tab = await open_ohif(demo, chromium, ULTRASOUND_OF_CAMILLE)
    await tab.wait_for(_SHOWS_AN_IMAGE)
    await tab.slow_down(processor=1, latency_ms=500, bytes_per_second=-1)
    address = await tab.evaluate("location.href")
    await tab.goto("about:blank")
    await tab.goto(address)
    await tab.wait_for(_SHOWS_AN_IMAGE)
    await tab.close()


@pytest.mark.requirement("VI-CS.30 / .31")
@pytest.mark.parametrize(
    "study",
    [
        pytest.param(MAMMOGRAPHY_OF_ANNE_SOPHIE, id="MG"),
        pytest.param(ULTRASOUND_OF_CAMILLE, id="US cine"),
    ],
)
async def test_it_shows_compressed_images(
    demo: DemoSession, chromium: Chromium, pictures: Path, study: ScenarioStudy
) -> None:
    tab = await open_ohif(demo, chromium, study)
    await tab.wait_for(_SHOWS_AN_IMAGE)
    await tab.screenshot(pictures / f"{study.key}.png")
    assert tab.complaints == []
    assert chromium.origins <= origins_of(demo)
    await tab.close()


@pytest.mark.requirement("VI-CS.22 / .23")
async def test_it_shows_an_enhanced_mr_and_reconstructs_three_planes(
    demo: DemoSession, chromium: Chromium, pictures: Path
) -> None:
    tab = await open_ohif(demo, chromium, MR_OF_ANGE)
    await tab.wait_for(_SHOWS_AN_IMAGE)
    await tab.double_click(_THUMBNAIL, 3)
    await tab.wait_for(_NAMES_THE_SERIES)
    await tab.wait_for(_SHOWS_AN_IMAGE)
    await tab.screenshot(pictures / "enhanced-mr.png")
    await tab.evaluate("location.search += '&hangingprotocolId=mpr'")
    await tab.wait_for(_HAS_THREE_PLANES)
    await tab.wait_for(_SHOWS_AN_IMAGE)
    await tab.screenshot(pictures / "mpr.png")
    assert tab.complaints == []
    assert chromium.origins <= origins_of(demo)
    await tab.close()


def origins_of(demo: DemoSession) -> set[str]:
    """Return the origins that the way to OHIF has: DPI, box, provider."""
    ports = demo.running.addresses
    pages = (ports.dpi, ports.consumer_browser, ports.pro_sante_connect)
    return {f"http://localhost:{port}" for port in pages}
