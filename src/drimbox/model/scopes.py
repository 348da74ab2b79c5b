"""What an access token lets its bearer do: SMART v1 and v2 scopes, and IHE transaction names.

    patient/ImagingStudy.rs   system/*.read   user/DocumentReference.r   RAD-107   ITI-67

One table says what each word gives (spec: SMART App Launch 2.2 section 3.0, IUA 3.71.4.1.2.3);
granting (narrow) and checking (check_scope) both read it.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum

from drimbox.errors import Refused

# SMART v2 orders the letters: c, r, u, d, s. Search parameters behind "?" are not supported.
_SMART = re.compile(
    r"(patient|user|system)/([A-Za-z]+|\*)\.(\*|read|search|write|(?=[cruds])c?r?u?d?s?)\Z"
)
# The EU Health Data API writes `.search` beside `.read`; SMART v1 has `.read` for both.
_PERMISSIONS_OF_V1 = {"*": "cruds", "read": "rs", "search": "s", "write": "cud"}
_EVERY_RESOURCE = "*"

# What SMART calls launch context rather than access (2.0.8).
LAUNCH, LAUNCH_PATIENT = "launch", "launch/patient"
LAUNCH_WORDS = frozenset({LAUNCH, LAUNCH_PATIENT})

# What each transaction of IHE is for, in the words of FHIR.
OF_TRANSACTION = {
    "ITI-66": ("List", "rs"),
    "ITI-67": ("DocumentReference", "rs"),
    "ITI-68": ("Binary", "r"),
    "ITI-78": ("Patient", "rs"),
    "RAD-107": ("ImagingStudy", "rs"),
    "RAD-129": ("ImagingStudy", "rs"),
}


class ScopeMissing(Refused):
    """A token that holds, and does not let its bearer do this (RFC 6750, insufficient_scope)."""


class Permission(Enum):
    """SMART v2: r reads one, s searches."""

    READ = "r"
    SEARCH = "s"


class Level(Enum):
    """On whose behalf a scope works: of a transaction the standard does not say."""

    PATIENT = "patient"
    USER = "user"
    SYSTEM = "system"
    ANY = ""


# A machine of the site acts for itself; an application for a professional who looks at a patient.
SYSTEM_LEVELS = frozenset({Level.SYSTEM, Level.ANY})
APPLICATION_LEVELS = frozenset({Level.PATIENT, Level.USER, Level.ANY})


@dataclass(frozen=True, slots=True)
class Scope:
    """One word, understood; permissions are letters out of cruds, in that order."""

    word: str
    level: Level
    resource: str
    permissions: str

    def gives(self, resource: str, permission: Permission) -> bool:
        is_named = self.resource in {resource, _EVERY_RESOURCE}
        return is_named and permission.value in self.permissions

    def within(self, other: "Scope") -> "Scope | None":
        """Return what both give, None where that is nothing; the word stays if all of it does."""
        if self.level is not other.level:
            return None
        resource = _common_resource(self.resource, other.resource)
        permissions = "".join(p for p in self.permissions if p in other.permissions)
        if resource is None or not permissions:
            return None
        if (resource, permissions) == (self.resource, self.permissions):
            return self
        word = f"{self.level.value}/{resource}.{permissions}"
        return Scope(word, self.level, resource, permissions)


def parse_scope(word: str) -> Scope | None:
    """Read one word; None where it gives access to nothing here."""
    if word in OF_TRANSACTION:
        return Scope(word, Level.ANY, *OF_TRANSACTION[word])
    match = _SMART.match(word)
    if match is None:
        return None
    level, resource, permissions = match.groups()
    return Scope(word, Level(level), resource, _PERMISSIONS_OF_V1.get(permissions, permissions))


def check_scope(scopes: Collection[str], resource: str, permission: Permission) -> None:
    """Check that one of the scopes gives the permission on the resource.

    DICOMweb goes with ImagingStudy: a bearer that may read the study may fetch its images.

    Raises:
        ScopeMissing: none does.
    """
    known = (parse_scope(word) for word in scopes)
    if not any(scope.gives(resource, permission) for scope in known if scope is not None):
        raise ScopeMissing(f"no scope gives {permission.name.lower()} on {resource}")


def narrow(
    requested: Collection[str], allowed: Collection[str], levels: Collection[Level]
) -> frozenset[str]:
    """Return what of the requested scopes may be granted: no more than allowed, at these levels.

    `patient/*.cruds` asked of `patient/ImagingStudy.rs` gives the latter. Words that give no
    access (launch) are granted where they are allowed as they stand. With nothing requested, all
    that is allowed is granted.
    """
    of_allowed = [s for s in map(parse_scope, allowed) if s is not None and s.level in levels]
    wanted = requested or allowed
    granted = {
        common.word
        for scope in map(parse_scope, wanted)
        if scope is not None
        for common in _largest(scope, of_allowed)
    }
    launch_words = LAUNCH_WORDS.intersection(wanted, allowed) if Level.PATIENT in levels else set()
    return frozenset(granted | launch_words)


def _largest(scope: Scope, allowed: Iterable[Scope]) -> list[Scope]:
    """Return what of a scope is allowed; the scope alone where one allowed word covers it."""
    common = [part for other in allowed if (part := scope.within(other)) is not None]
    return [scope] if scope in common else common


def _common_resource(one: str, other: str) -> str | None:
    if other in {one, _EVERY_RESOURCE}:
        return one
    return other if one == _EVERY_RESOURCE else None
