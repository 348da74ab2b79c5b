"""One file a command.

structlog draws tracebacks with rich, and alembic's templates with pygments, wherever those are
installed: 7 MiB more in each process of a box, which writes its log as JSON and has no templates.
So a box is loaded here first, while they seem to be absent (docs/decisions/0025).
"""

import sys

_NOT_FOR_A_BOX = ("rich", "pygments")


def _load_box() -> None:
    hidden = [name for name in _NOT_FOR_A_BOX if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # whoever imports it is told: absent
    try:
        import drimbox.gateway.box  # noqa: F401
    finally:
        for name in hidden:
            del sys.modules[name]


_load_box()
