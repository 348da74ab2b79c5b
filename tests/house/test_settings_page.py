"""docs/settings.md has every setting, with its type and default, and no setting that is gone."""

from pathlib import Path

from tests.house.settings_page import expected_rows, written_rows

PAGE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"


def test_the_page_has_every_setting_with_its_type_default_and_meaning() -> None:
    written = written_rows(PAGE.read_text(encoding="utf-8"))
    missing = [
        f"{row.section}: | `{row.name}` | {row.type} | {row.default} | <meaning> |"
        for row in expected_rows()
        if written.get((row.section, row.name), ("", "", ""))[:2] != (row.type, row.default)
        or not written[row.section, row.name][2]
    ]
    assert not missing, "write in docs/settings.md:\n" + "\n".join(missing)


def test_the_page_has_no_setting_that_is_gone() -> None:
    known = {(row.section, row.name) for row in expected_rows()}
    assert not set(written_rows(PAGE.read_text(encoding="utf-8"))) - known
