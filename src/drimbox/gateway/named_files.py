"""The files that settings name: looked at before a box starts, and told by the setting's name."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drimbox.errors import MalformedMessage, SettingsError
from drimbox.settings.load import Settings
from drimbox.settings.partners import Section


def check_named_files(settings: Settings) -> None:
    """Check that this user can read each file of the settings.

    Raises:
        SettingsError: one is not there, or closed to us.
    """
    for setting, file in _files_of(settings):
        with naming(setting), file.open("rb"):
            pass


@contextmanager
def naming(setting: str) -> Iterator[None]:
    """Tell what is wrong with the files of a setting by its name.

    Raises:
        SettingsError: instead of what `ssl`, the system or a reader of PEM has to say of them.
    """
    try:
        yield
    except ssl.SSLError as error:
        raise SettingsError(setting, "no PEM certificate, or a key of another one") from error
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        raise SettingsError(setting, f"{name}{error.strerror or error}") from error
    except MalformedMessage as error:
        raise SettingsError(setting, str(error)) from error


def _files_of(section: Settings | Section, above: str = "") -> Iterator[tuple[str, Path]]:
    for name in type(section).model_fields:
        value = getattr(section, name)
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, Section):
                yield from _files_of(one, f"{above}{name}.")
            elif isinstance(one, Path) and name.endswith(("_file", "_files")):
                yield f"{above}{name}", one
