"""Claims that IUA adds to a token (IUA 3.71.4.2.2.1.1), and the consent of the volet DRIM-M.

    "extensions": {
      "ihe_iua": {"subject_name", "subject_organization", "subject_organization_id",
                  "subject_role": [coding], "purpose_of_use": [coding],
                  "national_provider_identifier"},
      "drim_m":  {"InformationEtOppositionConsultation": "InforméEtNonOpposé"}}

ihe_bppc.acp takes identifiers of policy documents, which this consent has none of: hence a member
of its own, named and spelt as in the contextual call. The patient (person_id) is never in a token.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from drimbox.errors import InvalidValue
from drimbox.model.consent import InformationEtOppositionConsultation
from drimbox.model.practice import Code
from drimbox.standards.iua.signed_token import Claims, refuse

# The purpose that the VIHF says too: no break-glass.
NORMAL_ACCESS = Code("normal", "1.2.250.1.213.1.1.4.248", "Accès normal")
_CONSENT = "InformationEtOppositionConsultation"


@dataclass(frozen=True, slots=True, repr=False)
class IheIua:
    """Who the subject is, where and why; the professional's own number is the national one."""

    subject_name: str
    subject_organization: str | None = None
    subject_organization_id: str | None = None
    subject_role: tuple[Code, ...] = ()
    purpose_of_use: tuple[Code, ...] = ()
    national_provider_identifier: str | None = None


def encode_extensions(
    ihe_iua: IheIua | None, consent: InformationEtOppositionConsultation | None
) -> dict[str, object]:
    """Return the claim `extensions` as a claim set of its own; empty where nothing is to say."""
    extensions: dict[str, object] = {}
    if ihe_iua is not None:
        extensions["ihe_iua"] = encode_ihe_iua(ihe_iua)
    if consent is not None:
        extensions["drim_m"] = {_CONSENT: consent.value}
    return {"extensions": extensions} if extensions else {}


def encode_ihe_iua(extension: IheIua) -> dict[str, object]:
    """Return the members present."""
    members: dict[str, object] = {
        "subject_name": extension.subject_name,
        "subject_organization": extension.subject_organization,
        "subject_organization_id": extension.subject_organization_id,
        "subject_role": [_encode_coding(code) for code in extension.subject_role],
        "purpose_of_use": [_encode_coding(code) for code in extension.purpose_of_use],
        "national_provider_identifier": extension.national_provider_identifier,
    }
    return {name: value for name, value in members.items() if value}


def parse_ihe_iua(claims: Claims) -> IheIua | None:
    """Read extensions.ihe_iua, where it is there.

    Raises:
        NotAuthenticated: a member of the wrong type, or no subject_name.
    """
    members = _members(claims, "ihe_iua")
    if members is None:
        return None
    known = Claims(members)
    return IheIua(
        subject_name=known.text("subject_name"),
        subject_organization=known.optional_text("subject_organization"),
        subject_organization_id=known.optional_text("subject_organization_id"),
        subject_role=_parse_codings(known.get("subject_role")),
        purpose_of_use=_parse_codings(known.get("purpose_of_use")),
        national_provider_identifier=known.optional_text("national_provider_identifier"),
    )


def parse_consent(claims: Claims) -> InformationEtOppositionConsultation | None:
    """Read the consent, where it is there.

    Raises:
        NotAuthenticated: not one of the three words.
    """
    members = _members(claims, "drim_m")
    word = Claims(members).optional_text(_CONSENT) if members is not None else None
    if word is None:
        return None
    try:
        return InformationEtOppositionConsultation.parse(word)
    except InvalidValue:
        refuse(f"claim {_CONSENT}: not one of the three words")


def _members(claims: Claims, name: str) -> Mapping[str, object] | None:
    extensions = claims.get("extensions")
    members = extensions.get(name) if isinstance(extensions, Mapping) else None
    return members if isinstance(members, Mapping) else None


def _encode_coding(code: Code) -> dict[str, str]:
    coding = {"system": f"urn:oid:{code.system}", "code": code.value}
    return coding | ({"display": code.display} if code.display else {})


def _parse_codings(value: object) -> tuple[Code, ...]:
    codings = (
        [Claims(c) for c in value if isinstance(c, Mapping)] if isinstance(value, list) else []
    )
    return tuple(
        Code(
            c.text("code"),
            c.text("system").removeprefix("urn:oid:"),
            c.optional_text("display") or "",
        )
        for c in codings
    )
