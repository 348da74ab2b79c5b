"""`drimbox publications`: the lots on their way to the DMP, listed, shown, retried."""

import json

import pytest
from tests.fakes.publications import NOON, made_up_publication
from tests.fixtures.set_up_box import SetUpBox

from drimbox.gateway.administration import Administration
from drimbox.model.publication import JobState


@pytest.fixture
def box(source_box: SetUpBox) -> SetUpBox:
    """Two lots: the first dead, the second waiting."""

    async def publish(administration: Administration) -> None:
        stores = administration.stores
        for study in (1, 2):
            await stores.intake.keep(f"RIS^SITE^{study}", b"MSH|...", NOON)
            message = await stores.intake.claim(NOON, 60)
            assert message is not None
            new = made_up_publication(study=study)
            await stores.register.conclude(message.message_id, [new], [], NOON)
        job = await stores.outbox.claim(NOON, 60)
        assert job is not None
        await stores.outbox.mark_dead(job.job_id, "DMP refused: XDSRepositoryError", NOON)

    source_box.do(publish)
    return source_box


def rows(box: SetUpBox, *arguments: str) -> list[tuple[object, object]]:
    result = box.run("publications", "list", "--json", *arguments)
    assert result.exit_code == 0
    return [(row["id"], row["state"]) for row in json.loads(result.stdout)]


@pytest.mark.requirement("SO.21")
def test_lots_are_listed_newest_first_with_why_they_failed(box: SetUpBox) -> None:
    assert rows(box) == [(2, "pending"), (1, "dead")]
    assert rows(box, "--state", "dead") == [(1, "dead")]
    assert rows(box, "--limit", "1") == [(2, "pending")]
    assert "DMP refused: XDSRepositoryError" in box.run("publications", "list").stdout


@pytest.mark.requirement("SO.22")
def test_a_lot_is_shown_with_its_kos_and_its_reports(box: SetUpBox) -> None:
    result = box.run("publications", "show", "2", "--json")
    told = json.loads(result.stdout)
    assert (told["is_current_kos_of_the_study"], told["report_ids"]) == (True, ["2.25.42.1"])
    assert (told["kos_sop_instance_uid"], told["documents_kept"]) == ("1.2.250.1.999.8.2.1", 2)
    assert "kos sop instance uid" in box.run("publications", "show", "2").stdout


def test_a_dead_lot_is_due_again_once_retried(box: SetUpBox) -> None:
    assert box.run("publications", "retry", "1").exit_code == 0
    job = box.do(lambda opened: opened.stores.outbox.claim(opened.clock.now(), 60))
    assert job is not None
    assert (job.job_id, job.state) == (1, JobState.SENDING)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param(["show", "9"], 1, id="show an unknown one"),
        pytest.param(["retry", "9"], 1, id="retry an unknown one"),
        pytest.param(["show", "one"], 2, id="no number"),
        pytest.param(["list", "--state", "lost"], 2, id="no state"),
    ],
)
def test_what_is_not_there_ends_with_one_and_misuse_with_two(
    box: SetUpBox, arguments: list[str], code: int
) -> None:
    result = box.run("publications", *arguments)
    assert (result.exit_code, result.stdout) == (code, "")


def test_a_database_that_cannot_be_opened_ends_with_one(box: SetUpBox) -> None:
    (box.folder / "drimbox.sqlite").write_bytes(b"not a database, not at all" * 100)
    result = box.run("publications", "list")
    assert result.exit_code == 1
    assert "storage" in result.stderr
