"""The KOS of a study as it would be published now, without publishing it."""

from dataclasses import dataclass, replace

from drimbox.errors import Mismatch, NotFound
from drimbox.flows.source.kos_manifest import as_of_the_exam, reference_series
from drimbox.flows.source.publication_rules import PublicationRules
from drimbox.flows.source.same_patient import find_disagreement
from drimbox.model.manifest import Manifest
from drimbox.model.study import Study
from drimbox.model.uids import SeriesInstanceUid, SopInstanceUid, StudyInstanceUid
from drimbox.ports.clock import Clock, Identifiers
from drimbox.ports.pacs import Pacs
from drimbox.ports.study_register import StudyRegister


@dataclass(frozen=True, slots=True)
class BuildKos:
    """What the report said comes from the register, what the images are from the PACS."""

    register: StudyRegister
    pacs: Pacs
    identifiers: Identifiers
    clock: Clock
    rules: PublicationRules

    async def __call__(self, study_instance_uid: StudyInstanceUid) -> Manifest:
        """Build it, under UIDs of its own.

        Raises:
            NotFound: no report of this study was ever published here, or the PACS has it no more.
            Mismatch: the PACS has it under another patient now.
            Unavailable, RejectedByPartner: the PACS.
        """
        publication = await self.register.find_current(study_instance_uid)
        if publication is None:
            raise NotFound(
                "no KOS of this study was published here: without its report nobody can say whose "
                "it is"
            )
        study = await self.pacs.find_study(study_instance_uid)
        if not study.instance_count:
            raise NotFound("the PACS holds no image of this study")
        self._check_patient(publication.manifest, study)
        return replace(
            publication.manifest,
            sop_instance_uid=SopInstanceUid(self.identifiers.new_uid()),
            series_instance_uid=SeriesInstanceUid(self.identifiers.new_uid()),
            created_at=as_of_the_exam(self.clock.now(), study, self.rules.local_zone),
            series=tuple(
                reference_series(one, study, self.rules) for one in study.series if one.instances
            ),
            study_date=study.study_date,
            study_time=study.study_time,
            study_description=study.study_description,
            study_id=study.study_id,
            pacs_patient=study.patient,
        )

    def _check_patient(self, manifest: Manifest, study: Study) -> None:
        """Compare with what the PACS said when the report was matched with it (SO.16)."""
        before = manifest.pacs_patient
        if before is None or before.patient_id is None or manifest.patient is None:
            return
        reason = find_disagreement(
            manifest.patient,
            (before.patient_id,),
            study.patient,
            is_local_patient_id_required=False,
        )
        if reason is not None:
            raise Mismatch(reason)
