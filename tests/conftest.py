"""What every test may use: the folder of samples written by others, and no network but loopback."""

from pathlib import Path

import pytest

pytest_plugins = (
    "tests.fixtures.dicomweb",
    "tests.fixtures.fhir",
    "tests.fixtures.set_up_box",
    "tests.fixtures.storage",
    "tests.fixtures.twenty_patients",
)

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite the golden files, to review by eye"
    )


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture(scope="session")
def samples() -> Path:
    """The official samples beside the project; the test skips where they are absent."""
    folder = SHARED / "samples"
    if not folder.is_dir():
        pytest.skip("../shared/samples is not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
