"""The contextual call as a FHIR operation: Parameters in, Parameters out (spec 5.6).

    Parameters.parameter[patient].resource   identity, as FR Core INS writes one
    Parameters.parameter[<name>].valueString the other names of Tableau 1

What comes in becomes the same name and value pairs as the form's, so that the rules are the same.
fhir.resources judges the shape; it takes a second to import, which only such a call costs.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

import orjson

from drimbox.errors import DrimboxError
from drimbox.model.contextual_call import CallFault, CallParameter, MalformedCall
from drimbox.model.patient import InsAuthority
from drimbox.standards.fhir.code_systems import OID_PREFIX, Json
from drimbox.standards.fhir.patient import BIRTH_PLACE, INSEE_CODE
from drimbox.standards.safe_xml import parse_xml

MAX_BODY_BYTES = 64 * 1024
OPERATION = "$contextual-call"
_MAX_PARAMETERS = 128
_VALUES = ("valueString", "valueCode", "valueId", "valueUri", "valueOid", "valueDate")
_GENDERS = {"male": "M", "female": "F"}
_INS_SYSTEMS = frozenset(OID_PREFIX + authority.value for authority in InsAuthority)
_PATH_STEP = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}\Z", re.ASCII)
_BAD_SHAPE = "une ressource Parameters de FHIR R4, en JSON ou en XML"
# What the shape of a Patient can be wrong about, as Tableau 1 names it.
_NAME_OF_ELEMENT = {
    "identifier": "Patient.identifier.value",
    "name": "Patient.name.family",
    "gender": "Patient.gender",
    "birthDate": "Patient.birthDate",
}


class CallSyntax(Enum):
    """How the body is written."""

    JSON = "json"
    XML = "xml"


@dataclass(frozen=True, slots=True)
class ReadCall:
    """The pairs, and what is wrong with the shape around them."""

    parameters: tuple[CallParameter, ...]
    faults: tuple[CallFault, ...] = ()


@dataclass(frozen=True, slots=True)
class CallAnswer:
    """What a calling program gets; launch is for an EHR launch of SMART."""

    context: str
    access_token: str
    expires_in: int
    patient: str
    page: str
    launch: str


def parse_call(body: bytes, syntax: CallSyntax) -> ReadCall:
    """Read the Parameters of a call.

    Raises:
        MalformedCall: not a Parameters at all: one fault, of the whole call.
    """
    content = _read_json(body) if syntax is CallSyntax.JSON else _read_xml(body)
    given = content.get("parameter")
    if content.get("resourceType") != "Parameters" or not isinstance(given, list):
        raise _whole(_BAD_SHAPE)
    if len(given) > _MAX_PARAMETERS:
        raise _whole(f"{_MAX_PARAMETERS} paramètres au plus")
    faults = tuple(_faults_of(content)) if syntax is CallSyntax.JSON else ()
    pairs = [pair for one in given if isinstance(one, dict) for pair in _pairs(one)]
    return ReadCall(tuple(pairs), faults)


def encode_answer(answer: CallAnswer) -> Json:
    texts = {
        "context": answer.context,
        "access_token": answer.access_token,
        "token_type": "Bearer",
        "patient": answer.patient,
        "page": answer.page,
        "launch": answer.launch,
    }
    parameters: list[Json] = [{"name": n, "valueString": text} for n, text in texts.items()]
    parameters.insert(3, {"name": "expires_in", "valueInteger": answer.expires_in})
    return {"resourceType": "Parameters", "parameter": parameters}


def _read_json(body: bytes) -> Mapping[str, object]:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise _whole(_BAD_SHAPE) from None
    if not isinstance(content, dict):
        raise _whole(_BAD_SHAPE)
    return content


def _read_xml(body: bytes) -> Mapping[str, object]:
    from fhir.resources.R4B.parameters import Parameters

    try:
        parse_xml(body, max_bytes=MAX_BODY_BYTES)
        read = Parameters.model_validate_xml(body)
    except (DrimboxError, ValueError, LookupError):
        raise _whole(_BAD_SHAPE) from None
    return _read_json(read.model_dump_json().encode())


def _faults_of(content: Mapping[str, object]) -> Iterator[CallFault]:
    """Have the shape judged; each fault once, and never with what was sent."""
    from fhir.resources.R4B.parameters import Parameters
    from pydantic import ValidationError

    try:
        Parameters.model_validate(content)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        names = (_name_of(one["loc"], content) for one in found)
        for name in dict.fromkeys(names):
            yield CallFault(name, "une valeur que FHIR R4 admet à cet endroit")
    except (LookupError, TypeError):
        # fhir.resources looks a resource up by its name, and raises what the look-up does: of an
        # unknown name, and of a resourceType that is no text.
        yield CallFault(None, "des ressources que FHIR R4 connaît")


def _name_of(path: Iterable[int | str], content: Mapping[str, object]) -> str | None:
    """Name what is at fault: as Tableau 1 does, else by its FHIRPath."""
    steps = list(path)
    if len(steps) > 3 and steps[0] == "parameter" and steps[2] == "resource":
        known = _NAME_OF_ELEMENT.get(str(steps[3]))
        if known is not None:
            return known
    given = content["parameter"]
    if len(steps) > 1 and isinstance(given, list) and isinstance(steps[1], int):
        own = given[steps[1]]
        name = own.get("name") if isinstance(own, dict) else None
        if isinstance(name, str) and _PATH_STEP.match(name) and name != "patient":
            return name
    return _fhir_path(steps)


def _fhir_path(steps: Iterable[int | str]) -> str:
    path = "Parameters"
    for step in steps:
        if isinstance(step, int):
            path += f"[{step}]"
        elif _PATH_STEP.match(step):
            path += f".{step}"
    return path


def _pairs(parameter: Mapping[str, object]) -> Iterator[CallParameter]:
    name = parameter.get("name")
    if not isinstance(name, str):
        return
    if name == "patient":
        resource = parameter.get("resource")
        if isinstance(resource, dict) and resource.get("resourceType") == "Patient":
            yield from _patient_pairs(resource)
        return
    # The identity comes in the Patient, never beside it.
    if name.startswith(("Patient.", "Address.")):
        return
    for kind in _VALUES:
        value = parameter.get(kind)
        if isinstance(value, str):
            yield CallParameter(name, value)


def _patient_pairs(patient: Mapping[str, object]) -> Iterator[CallParameter]:
    identifiers = _objects(patient.get("identifier"))
    ins = next((i for i in identifiers if _is_ins(i)), {})
    local = next((i for i in identifiers if "PI" in _types(i) and i.get("use") != "old"), {})
    names = _objects(patient.get("name"))
    name = next((n for n in names if n.get("use") == "official"), names[0] if names else {})
    given = name.get("given")
    gender = _text(patient.get("gender"))
    texts = {
        "Patient.identifier.value": _text(ins.get("value")),
        "Patient.identifier.system": _text(ins.get("system")).removeprefix(OID_PREFIX),
        "Patient.name.family": _text(name.get("family")),
        "Patient.name.given": _text(given[0]) if isinstance(given, list) and given else "",
        "Patient.gender": _GENDERS.get(gender, gender),
        "Patient.birthDate": _birth_date(_text(patient.get("birthDate"))),
        "Address.district": _birth_place(patient),
        "PatientID": _text(local.get("value")),
        "PatientIDIssuer": _issuer(local),
    }
    for parameter, text in texts.items():
        if text:
            yield CallParameter(parameter, text)


def _is_ins(identifier: Mapping[str, object]) -> bool:
    """Tell an INS by its system or its type: a wrong system must be told as such."""
    if identifier.get("use") == "old":
        return False
    is_typed = any(code.startswith("INS-") and code != "INS-C" for code in _types(identifier))
    return is_typed or _text(identifier.get("system")) in _INS_SYSTEMS


def _types(identifier: Mapping[str, object]) -> list[str]:
    kind = identifier.get("type")
    codings = _objects(kind.get("coding")) if isinstance(kind, dict) else []
    return [_text(coding.get("code")) for coding in codings]


def _issuer(identifier: Mapping[str, object]) -> str:
    """Return the issuer of an IPP as CX-4: the assigner's name, the system's OID."""
    assigner = identifier.get("assigner")
    name = _text(assigner.get("display")) if isinstance(assigner, dict) else ""
    system = _text(identifier.get("system"))
    if system.startswith(OID_PREFIX):
        return f"{name}&{system.removeprefix(OID_PREFIX)}&ISO"
    return name or system


def _birth_date(text: str) -> str:
    """Return AAAAMMJJ, 00 for what is unknown; another text as it is, for the rule to refuse."""
    parts = text.split("-")
    if not text or len(parts) > 3 or [len(p) for p in parts] != [4, 2, 2][: len(parts)]:
        return text
    return "".join([*parts, "00", "00"][:3])


def _birth_place(patient: Mapping[str, object]) -> str:
    """Return the COG code: the INSEE extension of the birth place, else its district."""
    for extension in _objects(patient.get("extension")):
        address = extension.get("valueAddress")
        if extension.get("url") != BIRTH_PLACE or not isinstance(address, dict):
            continue
        for inner in _objects(address.get("extension")):
            coding = inner.get("valueCoding")
            if inner.get("url") == INSEE_CODE and isinstance(coding, dict):
                return _text(coding.get("code"))
        return _text(address.get("district"))
    return ""


def _objects(value: object) -> list[Mapping[str, object]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _whole(rule: str) -> MalformedCall:
    return MalformedCall((CallFault(None, rule),))
