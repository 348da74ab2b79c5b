"""The OpenAPI files and their page, as the wheel carries them; a checkout has them at its root."""

from pathlib import Path

from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

OPENAPI_PATH = "/openapi"
_IN_THE_WHEEL = Path(__file__).parent / "openapi"
_IN_A_CHECKOUT = Path(__file__).parents[4] / "openapi"


def published_interfaces() -> ASGIApp:
    """Serve openapi/ (at OPENAPI_PATH): index.html, its style sheet, the YAML files."""
    folder = _IN_THE_WHEEL if _IN_THE_WHEEL.is_dir() else _IN_A_CHECKOUT
    return StaticFiles(directory=folder, html=True)
