"""Signs a lot with the ORG SIGN certificate of its structure (XAdES, xds-dmp 2.6)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from drimbox.adapters.dmp_soap.establishments import Establishments
from drimbox.errors import InvalidValue
from drimbox.model.document_entry import Document, DocumentEntry, SubmissionSet
from drimbox.model.practice import Code
from drimbox.standards.saml.signing_key import SignatureAlgorithm
from drimbox.standards.saml.xades import LotToSign, SignedDocument, encode_lot_signature

MIME_TYPE = "text/xml"
_VISIBILITY = "1.2.250.1.213.1.1.4.13"
_CLASS_CODE = Code("urn:oid:1.3.6.1.4.1.19376.1.2.1.1.1", "URN", "Digital Signature")
_TYPE_CODE = Code("E1762", "ASTM", "Full Document")
_FORMAT_CODE = Code("http://www.w3.org/2000/09/xmldsig#", "URN", "Default Signature Style")
_EVENT_CODE = Code("1.2.840.10065.1.12.1.14", "1.2.840.10065.1.12", "Source")
# A signature is of no use to read: nobody sees it in a list (ANS samples).
_CONFIDENTIALITY_CODES = (
    Code("N", "2.16.840.1.113883.5.25", "Normal"),
    Code("MASQUE_PS", _VISIBILITY, "Masqué aux professionnels de santé"),
    Code("INVISIBLE_PATIENT", _VISIBILITY, "Non visible par le patient"),
)


@dataclass(frozen=True, slots=True)
class CertificateLotSigner:
    """Implements ports.lot_signer.LotSigner."""

    establishments: Establishments
    algorithm: SignatureAlgorithm

    def sign(
        self,
        submission_set: SubmissionSet,
        documents: Sequence[Document],
        *,
        structure_identifier: str,
        document_unique_id: str,
        signed_at: datetime,
    ) -> Document:
        """Sign the lot with the certificate of that structure; see the port."""
        if not documents:
            raise InvalidValue("lot", "at least one document to sign")
        credentials = self.establishments.choose(structure_identifier)
        lot = LotToSign(
            submission_set_unique_id=submission_set.unique_id,
            documents=[
                SignedDocument(d.entry.unique_id, d.entry.mime_type, d.content) for d in documents
            ],
            signature_id=document_unique_id,
            signed_at=signed_at,
        )
        content = encode_lot_signature(lot, credentials.signing_key, self.algorithm)
        entry = _entry(submission_set, documents[0].entry, document_unique_id, signed_at)
        return Document(entry, content)


def _entry(
    submission_set: SubmissionSet, signed: DocumentEntry, unique_id: str, signed_at: datetime
) -> DocumentEntry:
    """Describe the signature document: the facts of the lot, the codes of a signature."""
    return DocumentEntry(
        unique_id=unique_id,
        patient_id=submission_set.patient_id,
        mime_type=MIME_TYPE,
        title="Source",
        class_code=_CLASS_CODE,
        type_code=_TYPE_CODE,
        format_code=_FORMAT_CODE,
        confidentiality_codes=_CONFIDENTIALITY_CODES,
        event_codes=(_EVENT_CODE,),
        facility_type=signed.facility_type,
        practice_setting=signed.practice_setting,
        authors=submission_set.authors,
        creation_time=signed_at,
        language_code="art",
        service_start_time=signed_at,
        service_stop_time=signed_at,
        legal_authenticator=signed.legal_authenticator,
        reference_ids=signed.reference_ids,
    )
