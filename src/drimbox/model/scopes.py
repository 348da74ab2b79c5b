"""What an access token lets its bearer do: SMART v1 and v2 scopes, and IUA transaction names.

patient/ImagingStudy.rs   system/*.read   user/DocumentReference.r   RAD-107   ITI-67
"""

import re
from collections.abc import Collection
from enum import Enum

from drimbox.errors import Refused

_SMART = re.compile(r"(?:patient|user|system)/([A-Za-z]+|\*)\.(\*|read|write|c?r?u?d?s?)\Z")

# The resource whose scope opens each transaction, for the words of IUA.
_OF_TRANSACTION = {
    "ITI-67": "DocumentReference",
    "ITI-68": "Binary",
    "RAD-107": "ImagingStudy",
    "RAD-129": "ImagingStudy",
}


class Permission(Enum):
    """SMART v2: r reads one, s searches."""

    READ = "r"
    SEARCH = "s"


def check_scope(scopes: Collection[str], resource: str, permission: Permission) -> None:
    """Check that one of the scopes gives the permission on the resource.

    DICOMweb goes with ImagingStudy: a bearer that may read the study may fetch its images.

    Raises:
        Refused: none does.
    """
    if not any(_gives(scope, resource, permission) for scope in scopes):
        raise Refused(f"no scope gives {permission.name.lower()} on {resource}")


def _gives(scope: str, resource: str, permission: Permission) -> bool:
    if scope in _OF_TRANSACTION:
        return _OF_TRANSACTION[scope] == resource
    match = _SMART.match(scope)
    if match is None or match[1] not in {resource, "*"}:
        return False
    return match[2] in {"*", "read"} or permission.value in match[2].replace("write", "")
