"""What hands do on an image, in a real browser: wheel, pointer with each tool, keys, cine."""

from collections.abc import AsyncIterator

import pytest
from tests.system.browsing import open_viewer
from tests.system.demo_session import DemoSession

from drimbox.sandbox.chromium import Chromium, Tab, find_chromium
from drimbox.sandbox.patients.studies import MR_OF_ANGE

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.system,
    pytest.mark.xdist_group("demo"),
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium (apt-get install chromium)"),
]

_IMAGE = "/Image (\\d+) /.exec(document.getElementById('text-top-left').textContent)?.[1]"
_TEXT = "document.getElementById('text-bottom-right').textContent"
_WINDOW = f"/C .*/.exec({_TEXT})?.[0]"
_ZOOM = f"/Zoom (\\d+)/.exec({_TEXT})?.[1]"
_PICTURE = "document.getElementById('canvas').toDataURL()"
_PRESET = "document.getElementById('preset').value"
_VIEWPORT = "#viewport"


@pytest.fixture
async def tab(demo: DemoSession, chromium: Chromium) -> AsyncIterator[Tab]:
    """A series of 24 slices; the first is shown, and all have come."""
    tab = await open_viewer(demo, chromium, MR_OF_ANGE)
    await tab.wait_for("document.getElementById('loaded-text').textContent === 'Série complète'")
    await tab.evaluate("document.getElementById('viewport').focus()")
    await tab.wait_for(f"{_IMAGE} === '1'")
    yield tab
    await tab.close()


async def test_the_wheel_scrolls_and_with_control_zooms(tab: Tab) -> None:
    await tab.turn_wheel(_VIEWPORT, 100)
    await tab.wait_for(f"{_IMAGE} === '2'")
    await tab.turn_wheel(_VIEWPORT, -100)
    await tab.wait_for(f"{_IMAGE} === '1'")
    zoom = int(await tab.evaluate(_ZOOM))
    await tab.turn_wheel(_VIEWPORT, -100, with_control=True)
    await tab.wait_for(f"Number({_ZOOM}) > {zoom}")
    assert await tab.evaluate(_IMAGE) == "1"


async def test_the_pointer_does_what_its_tool_says(tab: Tab) -> None:
    window, zoom = await tab.evaluate(_WINDOW), int(await tab.evaluate(_ZOOM))
    await tab.drag(_VIEWPORT, 60, 30)
    await tab.wait_for(f"{_WINDOW} !== '{window}' && {_PRESET} === 'free'")

    await tab.press("z")
    await tab.drag(_VIEWPORT, 0, -90)
    await tab.wait_for(f"Number({_ZOOM}) > {zoom}")
    await tab.press("s")
    await tab.drag(_VIEWPORT, 0, 150)
    await tab.wait_for(f"Number({_IMAGE}) > 1")

    await tab.press("0")
    await tab.wait_for(f"{_WINDOW} === '{window}' && {_PRESET} === ''")
    await tab.click("[data-tool=pan]")
    picture, zoom = await tab.evaluate(_PICTURE), await tab.evaluate(_ZOOM)
    await tab.drag(_VIEWPORT, 40, 40)
    assert await tab.evaluate(_PICTURE) != picture
    assert await tab.evaluate(_ZOOM) == zoom


async def test_the_other_buttons_pan_and_zoom_whatever_the_tool_is(tab: Tab) -> None:
    picture, zoom = await tab.evaluate(_PICTURE), int(await tab.evaluate(_ZOOM))
    await tab.drag(_VIEWPORT, 40, 40, button="middle")
    assert await tab.evaluate(_PICTURE) != picture
    await tab.drag(_VIEWPORT, 0, -90, button="right")
    await tab.wait_for(f"Number({_ZOOM}) > {zoom}")
    assert await tab.evaluate(_PRESET) == ""


async def test_cine_goes_on_by_itself_until_it_is_stopped(tab: Tab) -> None:
    pressed = "document.querySelector('[data-action=cine]').ariaPressed"
    await tab.evaluate(
        "(slider => { slider.value = 40; slider.dispatchEvent(new Event('input')) })"
        "(document.getElementById('speed'))"
    )
    assert await tab.evaluate("document.getElementById('speed-text').textContent") == "40 i/s"
    await tab.press(" ")
    await tab.wait_for(f"Number({_IMAGE}) > 5 && {pressed} === 'true'")
    await tab.wait_for(f"Number({_IMAGE}) < 5")  # round the end, and on
    await tab.press(" ")
    await tab.wait_for(f"{pressed} === 'false'")


async def test_inverted_is_the_negative_and_back_again(tab: Tab) -> None:
    picture = await tab.evaluate(_PICTURE)
    await tab.press("i")
    await tab.wait_for(f"{_PICTURE} !== '{picture}'".replace("\n", ""))
    await tab.press("i")
    await tab.wait_for(f"{_PICTURE} === '{picture}'")
