"""A box of which a part has ended says so: whoever runs it stops it, and starts it again."""

import asyncio

import pytest
from tests.fixtures.set_up_box import SetUpBox

from drimbox.gateway.box import Box
from drimbox.settings.load import load_settings

pytestmark = pytest.mark.anyio


async def test_a_part_that_ends_by_a_defect_is_told(source_box: SetUpBox) -> None:
    told = asyncio.Event()
    box = Box(load_settings(source_box.settings_file), on_failure=told.set)

    async def defective() -> None:
        raise ZeroDivisionError

    async def whole() -> None:
        await asyncio.sleep(0)

    box._run(whole())
    box._run(defective())
    await asyncio.wait_for(told.wait(), 10)
    assert box.has_failed


async def test_a_box_that_is_told_to_stop_has_not_failed(source_box: SetUpBox) -> None:
    told = asyncio.Event()
    box = Box(load_settings(source_box.settings_file), on_failure=told.set)
    await box.start()
    await box.stop()
    assert not box.has_failed
    assert not told.is_set()
