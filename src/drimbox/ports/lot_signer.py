"""The establishment's seal on a lot: the XAdES signature of a submission set (TD2.1)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from drimbox.model.document_entry import Document, SubmissionSet


class LotSigner(Protocol):
    def sign(
        self,
        submission_set: SubmissionSet,
        documents: Sequence[Document],
        *,
        structure_identifier: str,
        document_unique_id: str,
        signed_at: datetime,
    ) -> Document:
        """Sign the lot with the certificate of that structure (Struct_IdNat).

        Returns the signature document with its own metadata (type E1762), whose uniqueId, an OID,
        is document_unique_id. documents are every other document of the lot, with the octets that
        will be sent; the signature copies facility, practice setting and reference ids of the
        first.

        Raises:
            InvalidValue: no document to sign.
            SettingsError: no certificate for that structure.
        """
