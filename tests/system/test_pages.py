"""What a professional does, in a real browser: DPI, sign-in, patient, exams, images, export."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from tests.entrypoints.http.test_consultation import XSS
from tests.system.browsing import (
    FIRST_IMAGE,
    IS_COMPLETE,
    SHOWS_AN_IMAGE,
    call_from_dpi,
    complaints_of,
    confirm,
    open_viewer,
    sign_in,
)
from tests.system.demo_session import DemoSession

from drimbox.sandbox.chromium import Chromium, Tab, find_chromium
from drimbox.sandbox.network.report_deposit import deposit
from drimbox.sandbox.patients.identities import LUCIE
from drimbox.sandbox.patients.scenario import ScenarioStudy
from drimbox.sandbox.patients.studies import CT_OF_LUCIE, RADIOGRAPH_OF_NOE, STUDIES
from drimbox.sandbox.ris.scenario_reports import report_of

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.system,
    pytest.mark.xdist_group("demo"),
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium (apt-get install chromium)"),
]

_PUBLISHED = [pytest.param(study, id=study.key) for study in STUDIES if study.is_published]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the screenshots go, for people to look at."""
    return tmp_path_factory.mktemp("pages")


async def test_a_professional_goes_from_the_dpi_to_the_export(
    demo: DemoSession, chromium: Chromium, pictures: Path
) -> None:
    print(f"\nscreenshots in {pictures}")  # noqa: T201
    tab = await call_from_dpi(demo, chromium, CT_OF_LUCIE, names_study=False)
    await chromium.tabs[-2].screenshot(pictures / "1-dpi.png")
    await tab.wait_for("document.title.includes('Pro Santé Connect')")
    await tab.screenshot(pictures / "2-sign-in.png")
    await sign_in(tab)
    await tab.wait_for("document.querySelector('.confirm-actions button') !== null")
    assert LUCIE.traits.family_name in await tab.evaluate("document.body.innerText")
    await tab.screenshot(pictures / "3-confirm.png")
    await confirm(tab)
    exam = f"[data-study='{CT_OF_LUCIE.study_instance_uid}']"
    await tab.wait_for(f'document.querySelector("{exam}") !== null')
    await tab.screenshot(pictures / "4-exams.png")

    await tab.click(f"{exam} .exam-actions a")
    viewer = await chromium.next_tab()
    await viewer.wait_for(SHOWS_AN_IMAGE)
    await viewer.screenshot(pictures / "5-viewer.png")

    await tab.click(f"{exam} [data-pick]")
    await tab.screenshot(pictures / "6-export-bar.png")
    await tab.click("#export-bar button")
    exported = "document.querySelector('.export[data-state=done]') !== null"
    await tab.wait_for(exported)
    await tab.wait_for(f'document.querySelector("{exam} .chip-good") !== null')
    await tab.screenshot(pictures / "7-exported.png")
    assert complaints_of(chromium) == []


@pytest.mark.requirement("VI-SO.37 / VI-CO.39")
async def test_the_first_image_is_there_within_a_second_with_cold_caches(
    demo: DemoSession, chromium: Chromium
) -> None:
    """The best of three: what is measured is the way there, not what else the machine does."""
    tab = await call_from_dpi(demo, chromium, CT_OF_LUCIE, names_study=True)
    await confirm(tab)
    await tab.wait_for(SHOWS_AN_IMAGE)
    address = str(await tab.evaluate("location.href"))
    times = []
    for _ in range(3):
        await tab.wait_for(IS_COMPLETE)
        await tab.goto("about:blank")
        await asyncio.to_thread(demo.forget_images)
        await tab.forget_files()
        await tab.goto(address)
        await tab.wait_for(f"{FIRST_IMAGE} !== undefined")
        times.append(float(await tab.evaluate(FIRST_IMAGE)))
    print(f"first image after {times} ms")  # noqa: T201
    assert min(times) < 1000


@pytest.mark.requirement("CO.58")
@pytest.mark.requirement("CO.59")
async def test_a_report_is_read_beside_the_images_and_the_exams_own_documents_in_their_place(
    demo: DemoSession, chromium: Chromium, pictures: Path
) -> None:
    tab = await call_from_dpi(demo, chromium, CT_OF_LUCIE, names_study=True)
    await confirm(tab)
    await tab.wait_for(SHOWS_AN_IMAGE)
    await tab.wait_for("!document.querySelector('[data-action=reports]').disabled")
    await tab.click("[data-action=reports]")
    await tab.wait_for(f"{_framed('report-page')}.innerText.includes('Nodule plein')")
    assert await tab.evaluate(SHOWS_AN_IMAGE)
    await tab.screenshot(pictures / "C-report.png")
    await tab.click("#series li:nth-child(2) button")
    await tab.wait_for(f"{_framed('object-document')}.innerText.includes('Injection bien')")
    await tab.click("#series li:nth-child(3) button")
    page = f"{_framed('object-document')}.querySelector('.document-page')"
    await tab.wait_for(f"{page}?.naturalWidth > 1000 && {page}.alt.includes('CTDIvol')")
    await tab.screenshot(pictures / "D-pdf.png")
    assert complaints_of(chromium) == []


def _framed(identifier: str) -> str:
    """Return the body of the page in a frame."""
    return f"document.getElementById('{identifier}').contentDocument.body"


async def test_nothing_of_a_hostile_report_acts(demo: DemoSession, chromium: Chromium) -> None:
    """X7: in the metadata, the title and the text of a report, as a list, a page and a frame."""
    study = RADIOGRAPH_OF_NOE
    assert study.report is not None
    report = report_of(study, study.report, viewer_host="db1.test.mesimagesmedicales.fr")
    hostile = " ".join(XSS)
    hostile_report = replace(
        report,
        title=hostile,
        sections=tuple((payload, payload) for payload in XSS),
        is_structured=True,
    )
    await deposit(demo.running.folder / "source.toml", [hostile_report])
    tab = await call_from_dpi(demo, chromium, study, names_study=False)
    await confirm(tab)
    await tab.wait_for("document.querySelector('[data-document]') !== null")
    assert hostile in await tab.evaluate("document.getElementById('documents').innerText")
    await tab.click("[data-document]")
    page = await chromium.next_tab()
    await page.wait_for("document.querySelectorAll('.narrative').length > 5")
    shown = await page.evaluate("document.body.innerText")
    assert all(payload in shown for payload in XSS)
    assert await page.evaluate("document.scripts.length") == 0
    assert complaints_of(chromium) == []


async def test_the_viewer_scrolls_windows_and_zooms(
    chromium: Chromium, demo: DemoSession, pictures: Path
) -> None:
    tab = await call_from_dpi(demo, chromium, CT_OF_LUCIE, names_study=True)
    await confirm(tab)
    await tab.wait_for(SHOWS_AN_IMAGE)
    # The list of reports comes after the first image and may make room for one.
    await tab.wait_for("!document.querySelector('[data-action=reports]').disabled")
    for action in ("[data-action=next]", "[data-action=invert]", "[data-action=reset]"):
        before = await _picture(tab)
        await tab.click(action)
        await tab.wait_for(f"{_PICTURE} !== '{before}'")
    await tab.wait_for("document.getElementById('position-text').value.startsWith('2 /')")
    await tab.screenshot(pictures / "8-viewer-scrolled.png")
    assert complaints_of(chromium) == []


_PICTURE = """(() => {
  const canvas = document.getElementById("canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let sum = 0;
  for (let i = 0; i < data.length; i += 4) sum = (sum * 31 + data[i]) >>> 0;
  return String(sum);
})()"""


async def _picture(tab: Tab) -> str:
    return str(await tab.evaluate(_PICTURE))


@pytest.mark.requirement("S-domains")
@pytest.mark.requirement("VI-CS.26")
@pytest.mark.parametrize("study", _PUBLISHED)
async def test_the_viewer_shows_each_kind_of_exam(
    chromium: Chromium, demo: DemoSession, pictures: Path, study: ScenarioStudy
) -> None:
    tab = await open_viewer(demo, chromium, study)
    shown = await tab.evaluate("document.body.innerText")
    assert study.patient.traits.family_name in shown
    assert "non destiné au diagnostic" in shown.lower()
    await tab.screenshot(pictures / f"9-viewer-{study.key}.png")
    assert tab.complaints == []


@pytest.mark.requirement("FA.6")
async def test_the_page_of_interfaces_asks_nothing_of_anybody_else(
    demo: DemoSession, chromium: Chromium, pictures: Path
) -> None:
    tab = await chromium.open(f"{demo.consumer}/openapi/")
    await tab.wait_for("document.readyState === 'complete' && document.styleSheets.length > 0")
    shown = await tab.evaluate("document.body.innerText")
    for path in ("/fhir/ImagingStudy/_search", "/dicom-web/studies", "/oauth2/token", "/drim"):
        assert path in shown
    await tab.screenshot(pictures / "9-interfaces.png")
    assert tab.hosts == {"localhost"}
    # Chromium asks for an icon of its own accord; the page is a file that stands alone.
    tab.complaints[:] = [one for one in tab.complaints if not one.endswith("/favicon.ico")]
    assert tab.complaints == []
    await tab.close()


async def test_signing_out_ends_it_and_nothing_left_this_machine(
    demo: DemoSession, chromium: Chromium, pictures: Path
) -> None:
    others = [one for one in chromium.tabs if not one.is_closed]
    tab = await chromium.open(f"{demo.consumer}/consultation")
    for other in others:
        await other.close()  # or it would ask for images after the end
    await tab.wait_for("document.querySelector('.sign-out button') !== null")
    await tab.screenshot(pictures / "A-home.png")
    await tab.click(".sign-out button")
    await tab.wait_for("document.querySelector('.sign-out button') === null")
    await tab.screenshot(pictures / "B-signed-out.png")
    await tab.evaluate("history.back()")
    await tab.wait_for("document.title.includes('Pro Santé Connect')")
    assert LUCIE.traits.family_name not in await tab.evaluate("document.body.innerText")
    await tab.goto(f"{demo.consumer}/consultation")
    await tab.wait_for("document.title.includes('Pro Santé Connect')")
    # Chromium asks for an icon of its own accord where a page has had no time to name one.
    tab.complaints[:] = [one for one in tab.complaints if not one.endswith("/favicon.ico")]
    assert {host for tab in chromium.tabs for host in tab.hosts} == {"localhost"}
    assert complaints_of(chromium) == []
