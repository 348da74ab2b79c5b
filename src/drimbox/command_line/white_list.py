"""`drimbox white-list`: verify a white list of DRIM-M by hand, as a box does each day."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from drimbox.command_line.failures import fail
from drimbox.command_line.options import AsJson
from drimbox.command_line.tables import print_facts, print_rows
from drimbox.errors import DrimboxError
from drimbox.standards.trusted_space.certificates import (
    RevocationLists,
    load_certificates,
    load_crl,
)
from drimbox.standards.trusted_space.verification import (
    ExpectedSigner,
    VerifiedList,
    verify_white_list,
)

app = typer.Typer(no_args_is_help=True, help="The white list of the DRIM-M trusted space.")
_PEER_COLUMNS = ("identifier", "db", "vi", "denomination", "operator_dn")


# A group of one command keeps its name (`white-list verify`) only where there is a callback.
@app.callback()
def white_list() -> None:
    """Keep `verify` a command of its own."""


@app.command()
def verify(
    file: Annotated[
        Path,
        typer.Argument(
            exists=True, dir_okay=False, metavar="FILE", help="White list (signed XML)."
        ),
    ],
    anchors: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Trusted authorities (PEM).")
    ] = None,
    at: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="As of that moment (UTC)."),
    ] = None,
    crl: Annotated[
        list[Path] | None,
        typer.Option(
            exists=True, dir_okay=False, help="CRL of the signer's authority; repeatable."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check signature, signer, path and revocation of a list, and print what it holds.

    Without --anchors the path is not checked, without --crl revocation is not: each is said on
    standard error, and the command ends with 0 when all else holds. A running box skips neither.
    """
    if crl and anchors is None:
        raise typer.BadParameter("revocation is checked along a path: give --anchors too")
    try:
        verified = _verify(file, anchors, crl or (), at)
    except (DrimboxError, OSError) as error:
        fail(str(error))
    _print(verified, has_path=anchors is not None, has_revocation=bool(crl), as_json=as_json)
    if anchors is None:
        typer.echo("drimbox: the path to an authority was not checked (--anchors)", err=True)
    if not crl:
        typer.echo("drimbox: revocation was not checked (--crl)", err=True)


def _verify(
    file: Path, anchors: Path | None, crls: Sequence[Path], at: datetime | None
) -> VerifiedList:
    revocation = RevocationLists(tuple(load_crl(crl.read_bytes()) for crl in crls))
    return verify_white_list(
        file.read_bytes(),
        signer=ExpectedSigner(),
        anchors=load_certificates(anchors.read_bytes()) if anchors is not None else None,
        revocation=revocation if crls else None,
        now=at.replace(tzinfo=UTC) if at is not None else datetime.now(UTC),
    )


def _print(verified: VerifiedList, *, has_path: bool, has_revocation: bool, as_json: bool) -> None:
    white_list, signer = verified.white_list, verified.signer
    peers = [
        {
            "identifier": peer.identifier,
            "db": peer.db_host,
            "vi": peer.vi_host,
            "denomination": peer.name,
            "operator_dn": peer.operator_dn,
        }
        for peer in white_list.peers
    ]
    facts = {
        "generated_at": white_list.generated_at.isoformat(timespec="seconds"),
        "signer": signer.subject.rfc4514_string(),
        "signer_until": signer.not_valid_after_utc.date().isoformat(),
        "is_signature_valid": True,
        # None: not checked.
        "is_path_valid": True if has_path else None,
        "is_signer_not_revoked": True if has_revocation else None,
        "peers": peers if as_json else len(peers),
    }
    print_facts(facts, as_json=as_json)
    if not as_json:
        typer.echo()
        print_rows(peers, _PEER_COLUMNS, as_json=False)
