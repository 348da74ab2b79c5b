"""What the site decides about its publications; the gateway makes it from the settings."""

from dataclasses import dataclass
from datetime import tzinfo

from drimbox.model.imaging_codes import MODALITY_CODE_SYSTEM, REGION_CODE_SYSTEM
from drimbox.model.practice import Code, Practitioner, Structure
from drimbox.model.uids import Oid

# TRE_G15 and TRE_R01: who signs a report whose author's role is not told, a radiologist.
_RADIOLOGIST = (
    Code("10", "1.2.250.1.71.1.2.7", "Médecin"),
    Code("SM44", "1.2.250.1.71.4.2.5", "Radiodiagnostic (SM)"),
)


@dataclass(frozen=True, slots=True)
class PublicationRules:
    """retrieve_url_host is our FQDN among DRIMboxes; device is our software as author of the KOS.

    establishments are those whose certificates are installed. facility_type and practice_setting
    are said of a report that says nothing itself. source_id is SubmissionSet.sourceId.
    """

    retrieve_url_host: str
    local_zone: tzinfo
    device: Practitioner
    source_id: str
    establishments: tuple[Structure, ...]
    facility_type: Code
    practice_setting: Code
    is_local_patient_id_required: bool = False
    institution_name: str = ""
    retrieve_location_uid: Oid | None = None
    modality_code_system: str = MODALITY_CODE_SYSTEM
    region_code_system: str = REGION_CODE_SYSTEM
    default_roles: tuple[Code, ...] = _RADIOLOGIST

    def find_establishment(self, named: tuple[Structure | None, ...]) -> Structure | None:
        """Return the installed establishment that a report names, best candidate first (SO.19).

        A box with one establishment publishes in its name whatever the report says: several
        spellings of the same structure (FINESS of the entity, of the site, SIRET) are common.
        """
        installed = {structure.identifier: structure for structure in self.establishments}
        for structure in named:
            if structure is not None and structure.identifier in installed:
                return installed[structure.identifier]
        return self.establishments[0] if len(self.establishments) == 1 else None
