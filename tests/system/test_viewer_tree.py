"""Around the images, in a real browser: series, thumbnails, key images, other exams, export."""

from pathlib import Path

import pytest
from tests.system.browsing import SHOWS_AN_IMAGE, complaints_of, open_viewer
from tests.system.demo_session import DemoSession

from drimbox.sandbox.chromium import Chromium, find_chromium
from drimbox.sandbox.network.box_settings import LOCAL_PACS_NAME
from drimbox.sandbox.patients.studies import CT_OF_LUCIE, MR_OF_ANGE, RADIOGRAPH_OF_LUCIE

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.system,
    pytest.mark.xdist_group("demo"),
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium (apt-get install chromium)"),
]

_EXAM = f"document.querySelector(\"[data-study='{RADIOGRAPH_OF_LUCIE.study_instance_uid}']\")"
_SERIES = "#series li:nth-child({}) button"
_TEXT = "document.getElementById('text-top-left').textContent"
_THUMBNAILS = (
    "[...document.querySelectorAll('#series img')].filter((i) => i.naturalWidth > 0).length"
)


def _current(series: int) -> str:
    return f"document.querySelector('{_SERIES.format(series)}').ariaCurrent === 'true'"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the screenshots go, for people to look at."""
    return tmp_path_factory.mktemp("tree")


@pytest.mark.requirement("VI_SO.05")
@pytest.mark.requirement("VI_SO.06")
@pytest.mark.requirement("VI-CS.16")
@pytest.mark.requirement("VI-CS.32")
async def test_it_opens_at_an_exam_or_a_series_and_one_click_changes_the_series(
    demo: DemoSession, chromium: Chromium, pictures: Path
) -> None:
    tab = await open_viewer(demo, chromium, MR_OF_ANGE)
    node = await tab.evaluate("document.querySelector('.exam-node summary').innerText")
    assert MR_OF_ANGE.procedure.description in node
    names = "[...document.querySelectorAll('#series strong')].map((name) => name.textContent)"
    series = ["Images clés", "Ax T1 SE", "Ax T2 TSE", "Ax T2 FLAIR", "Ax T2 multi-images"]
    assert await tab.evaluate(names) == series
    assert await tab.evaluate(f"{_current(2)} && {_TEXT}.includes('Ax T1 SE')")
    header = await tab.evaluate("document.querySelector('.viewer-patient').innerText")
    assert f"IPP local\n{MR_OF_ANGE.patient.consumer_patient_id.value}" in header
    await tab.wait_for(f"{_THUMBNAILS} === 5")
    frames = f"document.querySelector('{_SERIES.format(5)} small').textContent"
    await tab.wait_for(f"{frames} === '24 images'")

    await tab.click(_SERIES.format(3))
    await tab.wait_for(f"{_current(3)} && {_TEXT}.includes('Ax T2 TSE') && {SHOWS_AN_IMAGE}")
    await tab.screenshot(pictures / "tree.png")

    uid = await tab.evaluate(f"document.querySelector('{_SERIES.format(4)}').dataset.series")
    await tab.goto(f"{await tab.evaluate('location.href')}?series={uid}")
    await tab.wait_for(f"{_TEXT}.includes('Ax T2 FLAIR') && {_current(4)} && {SHOWS_AN_IMAGE}")
    assert complaints_of(chromium) == []
    await tab.close()


@pytest.mark.requirement("VI-CS.34")
async def test_key_images_of_several_series_are_one_stack_and_marked_in_their_own(
    demo: DemoSession, chromium: Chromium, pictures: Path
) -> None:
    tab = await open_viewer(demo, chromium, MR_OF_ANGE)
    await tab.click(_SERIES.format(1))
    await tab.wait_for(f"{_TEXT}.includes('Image 1 / 3') && {SHOWS_AN_IMAGE}")
    assert "Ax T2 FLAIR" in await tab.evaluate(_TEXT)
    await tab.screenshot(pictures / "key-images.png")
    await tab.evaluate("document.getElementById('viewport').focus()")
    await tab.press("End")
    await tab.wait_for(f"{_TEXT}.includes('Ax T2 multi-images')")
    assert "★ Image clé" in await tab.evaluate(_TEXT)

    await tab.click(_SERIES.format(4))
    await tab.wait_for(f"{_TEXT}.includes('Image 1 / 24')")
    assert "★" not in await tab.evaluate(_TEXT)
    await tab.evaluate(
        "(slider => { slider.value = 13; slider.dispatchEvent(new Event('input')) })"
        "(document.getElementById('position'))"
    )
    await tab.wait_for(f"{_TEXT}.includes('Image 13 / 24') && {_TEXT}.includes('★ Image clé')")
    assert complaints_of(chromium) == []
    await tab.close()


@pytest.mark.requirement("VI_SO.06")
async def test_the_patients_other_exams_are_in_the_tree_with_their_series(
    demo: DemoSession, chromium: Chromium, pictures: Path
) -> None:
    tab = await open_viewer(demo, chromium, CT_OF_LUCIE)
    await tab.click("#others > summary")
    await tab.click("#other-exams summary")
    titles = await tab.evaluate("document.getElementById('other-exams').innerText")
    assert RADIOGRAPH_OF_LUCIE.procedure.description in titles
    await tab.screenshot(pictures / "other-exams.png")
    await tab.click("#other-exams a")
    await tab.wait_for(f"{_TEXT}.includes('Thorax face') && {SHOWS_AN_IMAGE}")
    assert RADIOGRAPH_OF_LUCIE.study_instance_uid in await tab.evaluate("location.href")
    assert complaints_of(chromium) == []
    await tab.close()


@pytest.mark.requirement("VI-CS.35")
async def test_another_exam_is_compared_beside_this_one(
    demo: DemoSession, chromium: Chromium, pictures: Path
) -> None:
    tab = await open_viewer(demo, chromium, CT_OF_LUCIE)
    await tab.click("#others > summary")
    await tab.click("#other-exams summary")
    await tab.click("#other-exams button")
    other = "document.getElementById('compared-page').contentDocument"
    await tab.wait_for(SHOWS_AN_IMAGE.replace("document", other))
    title = await tab.evaluate("document.getElementById('compared-title').textContent")
    study = RADIOGRAPH_OF_LUCIE
    assert title == f"{study.procedure.description} · {study.started_at:%d/%m/%Y}"
    assert "Non destiné au diagnostic" in await tab.evaluate(f"{other}.body.innerText")
    assert await tab.evaluate(f"{SHOWS_AN_IMAGE} && {_TEXT}.includes('Thorax-abdomen')")
    await tab.screenshot(pictures / "compared.png")
    await tab.click("#compared-close")
    await tab.wait_for("document.getElementById('compared').hidden")
    assert complaints_of(chromium) == []
    await tab.close()


@pytest.mark.requirement("VI-CS.36")
async def test_two_exams_are_compared_across_two_tabs(
    demo: DemoSession, chromium: Chromium
) -> None:
    """Both go on by themselves: each has its own series, place and window."""
    scan = await open_viewer(demo, chromium, CT_OF_LUCIE)
    radiograph = await open_viewer(demo, chromium, RADIOGRAPH_OF_LUCIE)
    await scan.evaluate("document.querySelector('[data-action=next]').click()")
    await scan.wait_for(f"{_TEXT}.includes('Image 2 / 300')")
    assert await scan.evaluate(SHOWS_AN_IMAGE)
    assert await radiograph.evaluate(f"{SHOWS_AN_IMAGE} && {_TEXT}.includes('Image 1 / 1')")
    assert complaints_of(chromium) == []
    await scan.close()
    await radiograph.close()


@pytest.mark.requirement("VI-CO.42")
@pytest.mark.requirement("CO.62")
async def test_the_exam_that_is_seen_is_exported_from_where_it_is_seen(
    demo: DemoSession, chromium: Chromium, pictures: Path
) -> None:
    """And where it went is what the page of exams offers next."""
    tab = await open_viewer(demo, chromium, RADIOGRAPH_OF_LUCIE)
    await tab.click("[data-action=export]")
    destination = "document.querySelector('#export select').value"
    assert await tab.evaluate(destination) == LOCAL_PACS_NAME
    await tab.click("#export button")
    state = "document.getElementById('export-state')"
    await tab.wait_for(f"{state}.dataset.state === 'done'")
    assert await tab.evaluate(f"{state}.textContent") == f"{LOCAL_PACS_NAME} · Exporté"
    await tab.screenshot(pictures / "exported.png")
    context = (await tab.evaluate("location.pathname")).split("/")[2]
    await tab.goto(f"{demo.consumer}/consultation/{context}")
    await tab.wait_for(f"{_EXAM}.querySelector('.chip-good')?.textContent === 'Déjà exporté'")
    assert await tab.evaluate("document.querySelector('#destination [selected]').value")
    assert complaints_of(chromium) == []
    await tab.close()
