"""The signature document: the lot's facts, a signature's codes, the right structure's seal."""

import base64
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree
from tests.fakes.seals import STRUCTURE, signing_key, write_tls_files
from tests.fakes.submissions import ENTRY, MAXIMAL, SUBMISSION_SET

from drimbox.adapters.dmp_soap.establishments import Establishments
from drimbox.adapters.dmp_soap.lot_signer import CertificateLotSigner
from drimbox.errors import InvalidValue, SettingsError
from drimbox.model.document_entry import Document
from drimbox.settings.partners import Establishment
from drimbox.standards.saml.signing_key import SignatureAlgorithm
from drimbox.standards.xds.iti41_provide_and_register import encode_submit_objects
from drimbox.standards.xds.submit_objects import parse_submit_objects

OTHER_STRUCTURE = "1750000001"
SIGNED_AT = datetime(2026, 11, 24, 10, 30, tzinfo=UTC)


@pytest.fixture
def signer(tmp_path: Path) -> CertificateLotSigner:
    structures = (STRUCTURE, OTHER_STRUCTURE)
    return CertificateLotSigner(
        _establishments(tmp_path, *structures), SignatureAlgorithm.RSA_SHA256
    )


def _establishments(folder: Path, *structures: str) -> Establishments:
    return Establishments(
        [
            Establishment(identifier=s, name=s, authentication=files, signature=files)
            for s in structures
            for files in [write_tls_files(folder, s)]
        ]
    )


def _sign(signer: CertificateLotSigner, structure: str = STRUCTURE) -> Document:
    return signer.sign(
        SUBMISSION_SET,
        MAXIMAL.documents,
        structure_identifier=structure,
        document_unique_id="2.25.7",
        signed_at=SIGNED_AT,
    )


def test_the_entry_of_a_signature_is_hidden_from_everybody(signer: CertificateLotSigner) -> None:
    entry = _sign(signer).entry
    assert (entry.unique_id, entry.mime_type, entry.language_code) == ("2.25.7", "text/xml", "art")
    assert (entry.type_code.value, entry.type_code.system) == ("E1762", "ASTM")
    assert {code.value for code in entry.confidentiality_codes} == {
        "N",
        "MASQUE_PS",
        "INVISIBLE_PATIENT",
    }
    assert entry.reference_ids == ENTRY.reference_ids
    assert entry.facility_type == ENTRY.facility_type
    assert entry.authors == SUBMISSION_SET.authors


@pytest.mark.requirement("SO.19")
@pytest.mark.parametrize("structure", [STRUCTURE, OTHER_STRUCTURE])
def test_each_structure_signs_with_its_own_certificate(
    signer: CertificateLotSigner, structure: str
) -> None:
    signature = etree.fromstring(_sign(signer, structure).content)
    certificate = signature.findtext(".//{*}X509Certificate", "")
    assert base64.b64decode(certificate) == signing_key(structure=structure).certificate_der


def test_a_signed_lot_is_a_whole_submission(signer: CertificateLotSigner) -> None:
    lot = replace(MAXIMAL, signature=_sign(signer))
    objects = parse_submit_objects(etree.fromstring(encode_submit_objects(lot)))
    assert list(objects.entries) == ["Document01", "Signature01"]


def test_the_only_establishment_signs_for_whoever_acts(tmp_path: Path) -> None:
    only = CertificateLotSigner(_establishments(tmp_path, STRUCTURE), SignatureAlgorithm.RSA_SHA256)
    assert _sign(only, OTHER_STRUCTURE).content


def test_among_several_an_unknown_structure_is_a_wrong_setting(
    signer: CertificateLotSigner,
) -> None:
    with pytest.raises(SettingsError):
        _sign(signer, "1999999999")


def test_nothing_cannot_be_signed(signer: CertificateLotSigner) -> None:
    with pytest.raises(InvalidValue):
        signer.sign(
            SUBMISSION_SET,
            (),
            structure_identifier=STRUCTURE,
            document_unique_id="2.25.7",
            signed_at=SIGNED_AT,
        )
