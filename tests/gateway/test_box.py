"""A box says which of its files it cannot use, and whether a part of it has ended."""

import asyncio
import re

import pytest
from tests.fixtures.set_up_box import SetUpBox

from drimbox.errors import SettingsError
from drimbox.gateway.box import Box
from drimbox.gateway.parts import make_parts
from drimbox.settings.load import load_settings

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("variable", "setting"),
    [
        ("PEER__TLS__CERTIFICATE_FILE", "peer.tls.certificate_file"),
        ("PEER_CLIENT__KEY_FILE", "peer_client.key_file"),
        ("OAUTH__SIGNING_KEY_FILE", "oauth.signing_key_file"),
        ("TRUSTED_SPACE__ANCHORS_FILE", "trusted_space.anchors_file"),
    ],
)
async def test_a_file_that_is_not_there_is_told_by_its_setting_and_its_path(
    source_box: SetUpBox, monkeypatch: pytest.MonkeyPatch, variable: str, setting: str
) -> None:
    monkeypatch.setenv(f"DRIMBOX_{variable}", "/no/such.pem")
    said = f"{setting}: /no/such.pem: No such file or directory"
    with pytest.raises(SettingsError, match=re.escape(said)):
        await make_parts(load_settings(source_box.settings_file))


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("PEER__TLS__KEY_FILE", "peer.tls: no PEM certificate, or a key of another one"),
        ("PEER_CLIENT__CERTIFICATE_FILE", "peer_client: no PEM certificate"),
        ("TRUSTED_SPACE__ANCHORS_FILE", "anchors_file, peer_anchors_file: no PEM certificate"),
    ],
)
async def test_a_file_that_is_no_certificate_is_told_by_its_setting(
    source_box: SetUpBox, monkeypatch: pytest.MonkeyPatch, variable: str, said: str
) -> None:
    wrong = source_box.folder / "wrong.pem"
    wrong.write_text("no PEM")
    monkeypatch.setenv(f"DRIMBOX_{variable}", str(wrong))
    box = Box(load_settings(source_box.settings_file), on_failure=lambda: None)
    with pytest.raises(SettingsError, match=re.escape(said)):
        await box.start()
    await box.stop()


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
