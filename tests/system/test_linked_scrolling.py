"""Series beside each other scroll together, by where their slices lie in the patient."""

from pathlib import Path

import pytest
from tests.system.browsing import SHOWS_AN_IMAGE, complaints_of, open_viewer
from tests.system.demo_session import DemoSession

from drimbox.sandbox.chromium import Chromium, Tab, find_chromium
from drimbox.sandbox.patients.studies import CT_OF_LUCIE, MR_OF_ANGE, PET_CT_OF_MAMADOU

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.system,
    pytest.mark.xdist_group("demo"),
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium (apt-get install chromium)"),
]

_OUTER, _INNER = "document", "document.getElementById('compared-page').contentDocument"
_STATE = "document.getElementById('link-state').textContent"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the screenshots go, for people to look at."""
    return tmp_path_factory.mktemp("linked")


def _image(page: str) -> str:
    return f"{page}.getElementById('position-text').value"


def _place(page: str) -> str:
    return f"{page}.getElementById('text-top-right').textContent"


async def _scroll(tab: Tab, page: str, image: int) -> None:
    await tab.evaluate(
        f"(slider => {{ slider.value = {image}; slider.dispatchEvent(new Event('input')) }})"
        f"({page}.getElementById('position'))"
    )


async def _compare_series(tab: Tab, number: int) -> None:
    """Show the exam once more beside itself, at another series."""
    await tab.click("#compare-own")
    await tab.wait_for(SHOWS_AN_IMAGE.replace("document", _INNER))
    series = f"{_INNER}.querySelector('#series li:nth-child({number}) button')"
    await tab.evaluate(f"{series}.click()")
    title = f"{series}.querySelector('strong').textContent"
    await tab.wait_for(f"{_INNER}.getElementById('text-top-left').textContent.includes({title})")


@pytest.mark.requirement("VI-CS.35")
async def test_series_of_one_frame_of_reference_show_the_same_height(
    demo: DemoSession, chromium: Chromium, pictures: Path
) -> None:
    tab = await open_viewer(demo, chromium, MR_OF_ANGE)
    await _compare_series(tab, 4)
    await _scroll(tab, _OUTER, 9)
    await tab.click("#link")
    await tab.wait_for(f"{_STATE} === 'Coupes liées : même repère'")
    await tab.wait_for(f"{_image(_INNER)} === '9 / 24' && {_place(_INNER)} === {_place(_OUTER)}")
    await tab.screenshot(pictures / "linked.png")

    await _scroll(tab, _OUTER, 20)
    await tab.wait_for(f"{_image(_INNER)} === '20 / 24' && {_place(_INNER)} === {_place(_OUTER)}")
    await _scroll(tab, _INNER, 4)
    await tab.wait_for(f"{_image(_OUTER)} === '4 / 24' && {_place(_INNER)} === {_place(_OUTER)}")

    # Another series, of one object of many frames, is linked as it opens.
    await tab.evaluate(f"{_INNER}.querySelector('#series li:nth-child(5) button').click()")
    await tab.wait_for(f"{_image(_INNER)} === '4 / 24' && {_STATE}.includes('même repère')")

    await tab.click("#link")
    await _scroll(tab, _OUTER, 12)
    await tab.wait_for(f"{_image(_OUTER)} === '12 / 24' && {_STATE} === ''")
    assert await tab.evaluate(_image(_INNER)) == "4 / 24"
    assert complaints_of(chromium) == []
    await tab.close()


@pytest.mark.requirement("VI-CS.35")
async def test_what_cannot_be_compared_is_not_linked_and_says_why(
    demo: DemoSession, chromium: Chromium
) -> None:
    tab = await open_viewer(demo, chromium, CT_OF_LUCIE)
    await tab.click("#others > summary")
    await tab.click("#other-exams summary")
    await tab.click("#other-exams button")
    await tab.wait_for(SHOWS_AN_IMAGE.replace("document", _INNER))
    await tab.evaluate("document.getElementById('viewport').focus()")
    await tab.press("l")
    await tab.wait_for(f"{_STATE} === 'Non liées : une des séries n\\'a pas de coupes repérées'")
    await _scroll(tab, _OUTER, 2)
    await tab.wait_for(f"{_image(_OUTER)} === '2 / 300' && {_image(_INNER)} === '1 / 1'")
    assert complaints_of(chromium) == []
    await tab.close()


@pytest.mark.requirement("VI-CS.35")
async def test_slices_of_another_thickness_are_matched_by_position(
    demo: DemoSession, chromium: Chromium
) -> None:
    tab = await open_viewer(demo, chromium, PET_CT_OF_MAMADOU)
    await _compare_series(tab, 2)
    await tab.click("#link")
    await tab.wait_for(f"{_STATE} === 'Coupes liées : même repère'")
    await _scroll(tab, _OUTER, 100)
    await tab.wait_for(f"{_image(_OUTER)}.startsWith('100 /') && {_place(_OUTER)} !== ''")
    height = "/Position (.+)\\smm/.exec({})?.[1]"
    await tab.wait_for(f"{height.format(_place(_INNER))} === {height.format(_place(_OUTER))}")
    assert complaints_of(chromium) == []
    await tab.close()
