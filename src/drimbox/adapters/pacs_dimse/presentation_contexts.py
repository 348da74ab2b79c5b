"""What we propose for retrieval and storage: the syntax an image is stored in comes first.

An acceptor takes one transfer syntax a context, so each compressed syntax gets its own; the two
uncompressed ones share the last. At most 128 contexts an association (PS3.8 9.3.2.2).
"""

from collections.abc import Iterable, Sequence

from drimbox.model.uids import SopClassUid, TransferSyntaxUid
from drimbox.standards.dicom.transfer_syntaxes import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    STORED_SYNTAXES,
    UNCOMPRESSED_SYNTAXES,
)
from drimbox.standards.dimse.pdu import MAX_CONTEXTS, ProposedContext


def number_contexts(
    proposals: Iterable[tuple[str, Sequence[str]]],
) -> tuple[ProposedContext, ...]:
    """Give ids to (abstract syntax, transfer syntaxes): 1, 3, 5…"""
    return tuple(
        ProposedContext(2 * index + 1, abstract, tuple(syntaxes))
        for index, (abstract, syntaxes) in enumerate(proposals)
    )


def storage_proposals(
    sop_classes: Sequence[SopClassUid], accepted: Sequence[TransferSyntaxUid], *, room: int
) -> list[tuple[str, Sequence[str]]]:
    """Propose these SOP classes in at most `room` contexts.

    accepted are the syntaxes a caller takes, best first; empty means as stored. Where there is not
    room for every syntax, the last compressed ones go; where there is not room for every class, the
    last classes go.
    """
    classes = list(dict.fromkeys(sop_classes))[:room]
    if not classes:
        return []
    share = room // len(classes)
    syntaxes = _syntax_groups(accepted)
    if syntaxes[-1] is UNCOMPRESSED_SYNTAXES:
        kept = [*syntaxes[:-1][: share - 1], UNCOMPRESSED_SYNTAXES]
    else:
        kept = syntaxes[:share]
    return [(sop_class, group) for sop_class in classes for group in kept]


def _syntax_groups(accepted: Sequence[TransferSyntaxUid]) -> list[Sequence[str]]:
    """Return one group a context, the uncompressed one last."""
    if not accepted:
        return [*((uid,) for uid in STORED_SYNTAXES), UNCOMPRESSED_SYNTAXES]
    compressed = [uid for uid in dict.fromkeys(accepted) if uid not in UNCOMPRESSED_SYNTAXES]
    groups: list[Sequence[str]] = [(uid,) for uid in compressed]
    # Implicit VR becomes explicit on its way out, so whoever takes one is served by both.
    if EXPLICIT_VR_LITTLE_ENDIAN in accepted or not compressed:
        groups.append(UNCOMPRESSED_SYNTAXES)
    return groups


ROOM_BESIDE_QUERY = MAX_CONTEXTS - 1
