"""The PFI of the demo: puts the reports themselves into the DMP, so that there is one to read."""

from collections.abc import Sequence
from pathlib import Path

import anyio

from drimbox.adapters.dmp_soap.dmp import SoapDmpFeeding
from drimbox.adapters.dmp_soap.establishments import Establishments
from drimbox.adapters.dmp_soap.lot_signer import CertificateLotSigner
from drimbox.adapters.dmp_soap.soap_client import DmpSoapClient
from drimbox.adapters.system_clock import RandomIdentifiers, SystemClock
from drimbox.model.document_entry import Submission
from drimbox.sandbox.network.addresses import SOURCE_DB, viewer_host
from drimbox.sandbox.patients.scenario import ScenarioStudy
from drimbox.sandbox.ris.report import RisReport
from drimbox.sandbox.ris.report_submission import report_lot, sender_identity
from drimbox.sandbox.ris.scenario_reports import report_of
from drimbox.settings.load import Settings, load_settings
from drimbox.standards.saml.signing_key import SignatureAlgorithm
from drimbox.standards.xds.iti41_provide_and_register import encode_submission

_PARALLEL = 4


async def deposit_reports(source_settings: Path, studies: Sequence[ScenarioStudy]) -> None:
    """Send each study's report with the certificates of the Source's establishment.

    Raises:
        Unavailable, RejectedByPartner: the DMP does not take one.
    """
    reports = [
        report_of(study, study.report, viewer_host=viewer_host(SOURCE_DB))
        for study in studies
        if study.report is not None
    ]
    await deposit(source_settings, reports)


async def deposit(source_settings: Path, reports: Sequence[RisReport]) -> None:
    """Send these reports; one that the DMP holds already stays as it is there.

    Raises:
        Unavailable, RejectedByPartner: the DMP does not take one.
    """
    sender = _Sender(await anyio.to_thread.run_sync(load_settings, source_settings))
    limiter = anyio.CapacityLimiter(_PARALLEL)

    async def send(report: RisReport) -> None:
        async with limiter:
            await sender.send(report)

    try:
        async with anyio.create_task_group() as tasks:
            for report in reports:
                tasks.start_soon(send, report)
    finally:
        await sender.close()


class _Sender:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings.dmp
        self._clock, self._identifiers = SystemClock(), RandomIdentifiers(None)
        establishments = Establishments(settings.dmp.establishments)
        self._client = DmpSoapClient(
            settings.dmp,
            establishments=establishments,
            clock=self._clock,
            identifiers=self._identifiers,
        )
        algorithm = SignatureAlgorithm(settings.dmp.lot_signature_algorithm)
        self._signer = CertificateLotSigner(establishments, algorithm)
        self._dmp = SoapDmpFeeding(self._client, settings.dmp, self._clock, self._identifiers)

    async def send(self, report: RisReport) -> None:
        identity = sender_identity(report, self._clock.now())
        if await self._dmp.find_registered(report.document_id, identity) is not None:
            return
        submission_set, document = report_lot(
            report,
            unique_id=self._identifiers.new_uid(),
            source_id=self._settings.source_id,
            now=self._clock.now(),
        )
        signature = self._signer.sign(
            submission_set,
            (document,),
            structure_identifier=identity.structure_identifier,
            document_unique_id=self._identifiers.new_uid(),
            signed_at=self._clock.now(),
        )
        submission = Submission(submission_set, (document,), signature)
        await self._dmp.provide(encode_submission(submission, identity))

    async def close(self) -> None:
        await self._client.aclose()
