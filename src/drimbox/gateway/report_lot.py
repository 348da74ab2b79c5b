"""What `drimbox submission-set` is made of: the lot of a report, signed where the box can sign."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from drimbox.adapters.dmp_soap.establishments import Establishments
from drimbox.adapters.dmp_soap.lot_signer import CertificateLotSigner
from drimbox.adapters.system_clock import RandomIdentifiers
from drimbox.errors import InvalidValue, SettingsError
from drimbox.flows.source.report_submission import (
    ReportDocument,
    ReportRules,
    build_report_document,
    build_report_submission_set,
    structures_named,
)
from drimbox.gateway.source import FACILITY_TYPES, PRACTICE_SETTINGS, publication_rules
from drimbox.model.document_entry import Document, Submission
from drimbox.model.practice import Code, Structure
from drimbox.model.publication import EncodedDocument
from drimbox.model.report import ImagingReport
from drimbox.settings.load import Settings
from drimbox.settings.partners import DmpSettings, PublicationSettings
from drimbox.settings.values import TIME_ZONE_OF_FRANCE
from drimbox.standards.cda.imaging_report import parse_imaging_report
from drimbox.standards.cda.report_facts import read_report_facts
from drimbox.standards.saml.signing_key import SignatureAlgorithm
from drimbox.standards.xds.iti41_provide_and_register import (
    SIGNATURE_ID,
    document_id,
    encode_submit_objects,
)


@dataclass(frozen=True, slots=True)
class ReportLot:
    """metadata is the lcm:SubmitObjectsRequest; documents are named by the ids of its entries."""

    submission: Submission
    metadata: bytes
    documents: tuple[EncodedDocument, ...]


def make_report_lot(content: bytes, settings: Settings | None, now: datetime) -> ReportLot:
    """Make the lot of a CDA report; without settings unsigned, with the defaults of a new box.

    Raises:
        UnsupportedMessage, MalformedMessage, TooLarge: not an imaging report.
        InvalidValue: the report lacks what the DMP wants.
        SettingsError: no certificate for the structure of the report.
    """
    publication = settings.publication if settings else None
    zone = settings.time_zone if settings else ZoneInfo(TIME_ZONE_OF_FRANCE)
    report = parse_imaging_report(content, local_zone=zone)
    facts = read_report_facts(content)
    document = ReportDocument(
        report=report,
        structure=_structure(report, settings),
        content=content,
        unique_id=facts.unique_id,
        is_structured=facts.is_structured,
        language_code=facts.language_code,
    )
    rules = _rules(settings)
    root = publication.uid_root if publication else None
    identifiers = RandomIdentifiers(root)
    submission_set = build_report_submission_set(
        document, rules, unique_id=identifiers.new_uid(), now=now
    )
    own = build_report_document(document, rules)
    signature: Document | None = None
    if settings is not None:
        signer = CertificateLotSigner(
            Establishments(settings.dmp.establishments),
            SignatureAlgorithm(settings.dmp.lot_signature_algorithm),
        )
        signature = signer.sign(
            submission_set,
            (own,),
            structure_identifier=document.structure.identifier,
            document_unique_id=identifiers.new_uid(),
            signed_at=now,
        )
    submission = Submission(submission_set, (own,), signature)
    documents = [EncodedDocument(document_id(0), own.entry.mime_type, content)]
    if signature is not None:
        documents.append(
            EncodedDocument(SIGNATURE_ID, signature.entry.mime_type, signature.content)
        )
    return ReportLot(submission, encode_submit_objects(submission), tuple(documents))


def _structure(report: ImagingReport, settings: Settings | None) -> Structure:
    """Return in whose name the report is fed: with settings, a structure that is installed."""
    named = structures_named(report)
    if settings is None:
        if not named:
            raise InvalidValue("CDA representedOrganization", "a structure with an identifier")
        return named[0]
    if settings.publication is None:
        raise SettingsError("publication", "only a Source has reports")
    found = publication_rules(settings, settings.publication).find_establishment(named)
    if found is None:
        raise SettingsError("dmp.establishments", "no certificate for the structure of the report")
    return found


def _rules(settings: Settings | None) -> ReportRules:
    def dmp(name: str) -> str:
        return str(getattr(settings.dmp, name)) if settings else _default(DmpSettings, name)

    publication = settings.publication if settings else None
    setting = (
        publication.practice_setting
        if publication
        else _default(PublicationSettings, "practice_setting")
    )
    return ReportRules(
        source_id=dmp("source_id"),
        facility_type=Code(dmp("sector"), FACILITY_TYPES),
        practice_setting=Code(setting, PRACTICE_SETTINGS),
        modality_code_system=dmp("modality_code_system"),
        region_code_system=dmp("region_code_system"),
    )


def _default(section: type[DmpSettings | PublicationSettings], name: str) -> str:
    return str(section.model_fields[name].default)
