"""Names of XDS.b on the wire: namespaces, actions, schemes, association types.

ITI TF-2 annex V, TF-3 4.2.5; the DMP's own statuses are in model.document_entry.
"""

from enum import Enum
from types import MappingProxyType

QUERY = "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0"
RIM = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"
RS = "urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0"
LCM = "urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0"
XDSB = "urn:ihe:iti:xds-b:2007"

NAMESPACES = MappingProxyType({"query": QUERY, "rim": RIM, "rs": RS, "lcm": LCM, "xdsb": XDSB})


class Action(Enum):
    """wsa:Action of a request."""

    PROVIDE_AND_REGISTER = "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b"  # ITI-41
    REGISTRY_STORED_QUERY = "urn:ihe:iti:2007:RegistryStoredQuery"  # ITI-18
    RETRIEVE_DOCUMENT_SET = "urn:ihe:iti:2007:RetrieveDocumentSet"  # ITI-43
    UPDATE_DOCUMENT_SET = "urn:ihe:iti:2010:UpdateDocumentSet"  # ITI-57


# Object types and classification nodes (TF-3 table 4.2.5.1-1).
STABLE_DOCUMENT = "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1"
SUBMISSION_SET_NODE = "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd"


class EntryScheme(Enum):
    """Schemes of a DocumentEntry; those of ExternalIdentifier are the last two."""

    AUTHOR = "urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d"
    CLASS_CODE = "urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a"
    TYPE_CODE = "urn:uuid:f0306f51-975f-434e-a61c-c59651d33983"
    CONFIDENTIALITY_CODE = "urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f"
    FORMAT_CODE = "urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d"
    FACILITY_TYPE_CODE = "urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1"
    PRACTICE_SETTING_CODE = "urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead"
    EVENT_CODE_LIST = "urn:uuid:2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4"
    PATIENT_ID = "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427"
    UNIQUE_ID = "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab"


class SubmissionSetScheme(Enum):
    """Schemes of a SubmissionSet; those of ExternalIdentifier are the last three."""

    AUTHOR = "urn:uuid:a7058bb9-b4e4-4307-ba5b-e3f0ab85e12d"
    CONTENT_TYPE_CODE = "urn:uuid:aa543740-bdda-424e-8c96-df4873be8500"
    PATIENT_ID = "urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446"
    SOURCE_ID = "urn:uuid:554ac39e-e3fe-47fe-b233-965d2a147832"
    UNIQUE_ID = "urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8"


class AssociationType(Enum):
    """TF-3 table 4.2.2-1, and Metadata Update."""

    HAS_MEMBER = "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember"
    REPLACES = "urn:ihe:iti:2007:AssociationType:RPLC"
    SIGNS = "urn:ihe:iti:2007:AssociationType:signs"
    UPDATE_AVAILABILITY_STATUS = "urn:ihe:iti:2010:AssociationType:UpdateAvailabilityStatus"


REFERENCE_ID_LIST = "urn:ihe:iti:xds:2013:referenceIdList"

DICOM_CONTROLLED_TERMINOLOGY = "1.2.840.10008.2.16.4"
SNOMED_CT = "2.16.840.1.113883.6.96"

# The older validator sample and the reference prototype put the OID of the value set where the
# code system's belongs; exams published so are found only when both are asked for.
MODALITY_CODE_SYSTEMS = (DICOM_CONTROLLED_TERMINOLOGY, "1.2.250.1.213.1.1.5.618")
REGION_CODE_SYSTEMS = (SNOMED_CT, "1.2.250.1.213.1.1.5.695", "1.2.250.1.213.2.5")
