"""Asks a PACS itself, by C-FIND, what it holds: not the box, and not with the box's code."""

import asyncio

from pydicom import Dataset
from pynetdicom import AE
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import
    StudyRootQueryRetrieveInformationModelFind,
)

from drimbox.errors import Unavailable
from drimbox.sandbox.network.site_pacs import PacsAddress

_PENDING = frozenset({0xFF00, 0xFF01})


async def count_instances(pacs: PacsAddress, study: str, patient_id: str) -> int:
    """Return how many instances of the study the PACS holds under this Patient ID.

    Raises:
        Unavailable: the PACS does not answer.
    """
    return await asyncio.to_thread(_count, pacs, study, patient_id)


def _count(pacs: PacsAddress, study: str, patient_id: str) -> int:
    entity = AE(ae_title="JOURNEY")
    entity.add_requested_context(StudyRootQueryRetrieveInformationModelFind)
    association = entity.associate(pacs.host, pacs.port, ae_title=pacs.ae_title)
    if not association.is_established:
        raise Unavailable("local PACS")
    try:
        query = Dataset()
        query.QueryRetrieveLevel = "STUDY"
        query.StudyInstanceUID, query.PatientID = study, patient_id
        query.NumberOfStudyRelatedInstances = ""
        for status, found in association.send_c_find(
            query, StudyRootQueryRetrieveInformationModelFind
        ):
            if status and status.Status in _PENDING and found is not None:
                return int(found.get("NumberOfStudyRelatedInstances") or 1)
        return 0
    finally:
        association.release()
