"""Signs lots without any key: the signature names what it signs."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from drimbox.errors import SettingsError
from drimbox.model.document_entry import Document, SubmissionSet


@dataclass
class FakeLotSigner:
    """installed are the structures with a certificate; signed_for those that signed, in order."""

    installed: tuple[str, ...]
    signed_for: list[str] = field(default_factory=list)

    def sign(
        self,
        submission_set: SubmissionSet,
        documents: Sequence[Document],
        *,
        structure_identifier: str,
        document_unique_id: str,
        signed_at: datetime,
    ) -> Document:
        if structure_identifier not in self.installed:
            raise SettingsError("dmp.establishments", "no certificate for that structure")
        self.signed_for.append(structure_identifier)
        first = documents[0].entry
        entry = replace(
            first, unique_id=document_unique_id, mime_type="text/xml", creation_time=signed_at
        )
        signed = " ".join([submission_set.unique_id, *(d.entry.unique_id for d in documents)])
        return Document(entry, f"<signature of='{signed}'/>".encode())
