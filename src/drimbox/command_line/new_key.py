"""`drimbox new-key`: the keys that only this box has."""

from pathlib import Path
from typing import Annotated

import typer

from drimbox.command_line.failures import fail
from drimbox.gateway.new_keys import write_signing_key, write_storage_key

app = typer.Typer(no_args_is_help=True, help="Make a key of the box: 0600, never overwritten.")
KeyFile = Annotated[Path, typer.Argument(dir_okay=False, metavar="FILE", help="File to make.")]


@app.command()
def storage(file: KeyFile) -> None:
    """Make the key that seals patients and tokens at rest (storage.key_file)."""
    try:
        write_storage_key(file)
    except OSError as error:
        fail(str(error))


@app.command()
def signing(file: KeyFile) -> None:
    """Make a key that signs our access tokens (oauth.signing_key_file)."""
    try:
        write_signing_key(file)
    except OSError as error:
        fail(str(error))
