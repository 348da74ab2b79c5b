"""C-STORE sub-operations of a C-MOVE: each answer reaches whoever waits for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pynetdicom import AE, build_context, evt
from pynetdicom.dimse_primitives import C_STORE
from tests.sandbox.pacs.small_objects import fill

from drimbox.sandbox.pacs.archive import Archive
from drimbox.sandbox.pacs.server import SandboxPacs
from drimbox.sandbox.pacs.sub_operations import ToSend, send_files


@pytest.fixture
def destination(tmp_path: Path) -> Iterator[SandboxPacs]:
    pacs = SandboxPacs("DESTINATION", tmp_path / "destination")
    pacs.start()
    yield pacs
    pacs.stop()


def test_an_answer_is_only_for_whoever_waits_for_it(
    destination: SandboxPacs, tmp_path: Path
) -> None:
    """The association's own thread looks as well, when a busy machine lets it go on too late."""
    fill(tmp_path / "objects")
    stored = Archive(tmp_path / "objects").objects()[0]
    entity = AE("SOURCE")
    entity.dimse_timeout = 20
    association = entity.associate(
        "127.0.0.1",
        destination.port,
        contexts=[build_context(stored.sop_class, stored.transfer_syntax)],
        ae_title="DESTINATION",
        evt_handlers=[(evt.EVT_ESTABLISHED, lambda event: send_files(event.assoc))],
    )
    answer = (1, C_STORE())
    try:
        association.dimse.msg_queue.put(answer)
        assert association.dimse.get_msg(block=False) == (None, None)
        assert association.dimse.get_msg(block=True) == answer
        assert association.send_c_store(ToSend(stored)).Status == 0
    finally:
        association.release()
