"""Both boxes' adapters of the DMP, and the strict stand-in of the DMP that they speak to."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr
from tests.fakes.fake_clock import FakeClock, FakeIdentifiers
from tests.fakes.submissions import CLINIC, ENTRY, IDENTITY, INS, PATIENT, STRUCTURE, SUBMISSION_SET

from drimbox.adapters.dmp_soap.dmp import SoapDmpConsultation, SoapDmpFeeding
from drimbox.adapters.dmp_soap.establishments import Establishments
from drimbox.adapters.dmp_soap.lot_signer import CertificateLotSigner
from drimbox.adapters.dmp_soap.soap_client import DmpSoapClient
from drimbox.model.document_entry import (
    Document,
    DocumentEntry,
    ReferenceId,
    ReferenceIdKind,
    Submission,
)
from drimbox.model.manifest import ImagingOrder, Manifest, ReferencedInstance, ReferencedSeries
from drimbox.model.patient import AssigningAuthority
from drimbox.model.practice import Code
from drimbox.model.publication import AuthenticationMode, EncodedSubmission
from drimbox.model.study import AccessionNumber
from drimbox.model.uids import (
    Oid,
    SeriesInstanceUid,
    SopClassUid,
    SopInstanceUid,
    StudyInstanceUid,
)
from drimbox.sandbox.dmp.patients import DmpPatient
from drimbox.sandbox.dmp.server import SandboxDmp
from drimbox.sandbox.dmp.service import DmpTrust
from drimbox.sandbox.trusted_space.pki import Issued, TestPki, organisation_name
from drimbox.settings.partners import DmpSettings, Establishment, TlsFiles
from drimbox.standards.dicom.kos import encode_kos
from drimbox.standards.saml.signing_key import SignatureAlgorithm
from drimbox.standards.xds.iti41_provide_and_register import encode_submission
from drimbox.standards.xds.names import DICOM_CONTROLLED_TERMINOLOGY, SNOMED_CT

STUDY = StudyInstanceUid("1.2.250.1.999.9.1")
SERIES = SeriesInstanceUid("1.2.250.1.999.9.1.1")
ACCESSION = AccessionNumber("A1", Oid("1.2.250.1.999.6"))
NOW = datetime.now(UTC).replace(microsecond=0)
USER = replace(IDENTITY, mode=AuthenticationMode.INDIRECTE_RENFORCEE, authenticated_at=NOW)
SYSTEM = replace(IDENTITY, authenticated_at=NOW)


@dataclass
class Bench:
    """Both boxes' adapters, and the DMP they speak to."""

    dmp: SandboxDmp
    feeding: SoapDmpFeeding
    consultation: SoapDmpConsultation
    signer: CertificateLotSigner
    settings: DmpSettings
    establishments: Establishments

    @asynccontextmanager
    async def through(self, port: int, timeout_seconds: float) -> AsyncIterator["Bench"]:
        """Give the same adapters, whose connections go to another port."""
        own = f":{self.dmp.registry_url.split(':')[2].partition('/')[0]}/"
        names = ("registry_url", "repository_url", "patients_url")
        moved = {name: getattr(self.settings, name).replace(own, f":{port}/") for name in names}
        waits = ("connect_timeout_seconds", "read_timeout_seconds")
        told = moved | dict.fromkeys(waits, timeout_seconds)
        settings = self.settings.model_copy(update=told)
        async with _bench_of(self.dmp, settings, self.establishments) as bench:
            yield bench

    def lot(self, uid: str, *, replaces: str | None = None) -> EncodedSubmission:
        """Make the lot of a KOS under that uniqueId."""
        document = Document(_entry(uid), encode_kos(_manifest(uid)))
        submission_set = replace(
            SUBMISSION_SET, unique_id=f"{uid}.8", submission_time=NOW, title=""
        )
        signature = self.signer.sign(
            submission_set,
            (document,),
            structure_identifier=STRUCTURE,
            document_unique_id=f"{uid}.9",
            signed_at=NOW,
        )
        submission = Submission(submission_set, (document,), signature, replaces)
        return encode_submission(submission, SYSTEM)


def _manifest(uid: str) -> Manifest:
    sop_class = SopClassUid("1.2.840.10008.5.1.4.1.1.2")
    instance = ReferencedInstance(SopInstanceUid(f"{SERIES}.1"), sop_class, 1)
    url = f"https://db1.test.mesimagesmedicales.fr/dicom-web/studies/{STUDY}/series/{SERIES}"
    return Manifest(
        sop_instance_uid=SopInstanceUid(uid),
        series_instance_uid=SeriesInstanceUid(f"{uid}.1"),
        study_instance_uid=STUDY,
        patient=PATIENT,
        order=ImagingOrder(ACCESSION),
        series=(ReferencedSeries(SERIES, url, (instance,), modality="CT"),),
        created_at=NOW,
    )


def _entry(uid: str) -> DocumentEntry:
    return replace(
        ENTRY,
        unique_id=uid,
        authors=ENTRY.authors[:1],
        creation_time=NOW,
        event_codes=(
            Code("CT", DICOM_CONTROLLED_TERMINOLOGY, "CT"),
            Code("774007", SNOMED_CT, "tête"),
        ),
        reference_ids=(
            ReferenceId(
                "A1", ReferenceIdKind.ACCESSION.value, AssigningAuthority(None, ACCESSION.issuer)
            ),
            ReferenceId(STUDY, ReferenceIdKind.STUDY_INSTANCE_UID.value),
        ),
    )


@asynccontextmanager
async def served_bench(pki: TestPki, folder: Path) -> AsyncIterator[Bench]:
    """Start the stand-in under a folder, and give the bench."""
    subject = organisation_name("DRIMbox", structure=STRUCTURE, organisation="Clinique")
    authentication, signature = (
        pki.issue_client("client", subject),
        pki.issue_signing("signature", subject),
    )
    server = pki.issue_server("dmp", ["dmp.test"], subject)
    authorities = pki.ca_file.read_bytes() + pki.intermediate_file.read_bytes()
    clock = FakeClock(NOW)
    dmp = SandboxDmp(
        folder / "dmp",
        trust=DmpTrust(authorities, authorities),
        patients=[DmpPatient(INS)],
        clock=clock,
    )
    await dmp.start("127.0.0.1", 0, _server_context(server.certificate_file, server.key_file))
    settings = DmpSettings(
        registry_url=dmp.registry_url,
        repository_url=dmp.repository_url,
        patients_url=dmp.patients_url,
        establishments=(
            Establishment(
                identifier=STRUCTURE,
                name=CLINIC.name,
                authentication=_files(authentication, pki),
                signature=_files(signature, pki),
            ),
        ),
        homologation_id=SecretStr("H-1"),
        read_timeout_seconds=30,
        connect_timeout_seconds=30,
    )
    async with _bench_of(dmp, settings, Establishments(settings.establishments)) as bench:
        yield bench
    await dmp.stop()


@asynccontextmanager
async def _bench_of(
    dmp: SandboxDmp, settings: DmpSettings, establishments: Establishments
) -> AsyncIterator[Bench]:
    clock, identifiers = FakeClock(NOW), FakeIdentifiers()
    client = DmpSoapClient(
        settings, establishments=establishments, clock=clock, identifiers=identifiers
    )
    yield Bench(
        dmp,
        SoapDmpFeeding(client, settings, clock, identifiers),
        SoapDmpConsultation(client, settings, clock),
        CertificateLotSigner(establishments, SignatureAlgorithm.RSA_SHA256),
        settings,
        establishments,
    )
    await client.aclose()


def _files(issued: Issued, pki: TestPki) -> TlsFiles:
    return TlsFiles(
        certificate_file=issued.certificate_file, key_file=issued.key_file, ca_file=pki.ca_file
    )


def _server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
