r"""One `name:modifier=value,value`, read into a test of a record (FHIR R4 3.1.1.4).

name              a parameter of the table          else ignored, or 400 when strict
:modifier         one of its kind                   else 400, strict or lenient
value,value       OR; `\,` `\|` `\$` `\\` stand for themselves
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic

from drimbox.errors import InvalidValue
from drimbox.standards.fhir.search_parameters import MODIFIERS, Kind, Record, SearchParameter
from drimbox.standards.fhir.search_values import (
    BEGINNING,
    END,
    Interval,
    Reference,
    Token,
    Value,
    code_token,
    folded,
    identifier_token,
    parse_interval,
)

MAX_ALTERNATIVES = 100
_PREFIXES = frozenset({"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"})
# FHIR R4 3.1.1.4.5.1: a tenth of the time between the value and now.
_APPROXIMATION = 10

Test = Callable[[Iterable[Value]], bool]


@dataclass(frozen=True, slots=True)
class SearchScene:
    """What values are read with: the address of the service, and the present for `ap`."""

    fhir_url: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Filter(Generic[Record]):
    """One parameter of a search: AND with the others.

    wanted are the values asked for with eq and no modifier, bounds what every value that passes a
    filter of dates overlaps: for what can be asked upstream.
    """

    parameter: SearchParameter[Record]
    test: Test
    wanted: tuple[Value, ...] = ()
    bounds: Interval | None = None

    def accepts(self, record: Record) -> bool:
        return self.test(self.parameter.values(record))


def parse_filter(
    parameter: SearchParameter[Record], modifier: str, text: str, scene: SearchScene
) -> Filter[Record]:
    """Read the values of one parameter.

    Raises:
        InvalidValue: an unknown modifier or prefix, or a value that its kind does not allow.
    """
    if modifier not in MODIFIERS[parameter.kind] | {"", parameter.target or ""}:
        raise InvalidValue(parameter.name, "modificateur inconnu de ce paramètre")
    if modifier == "missing":
        return Filter(parameter, _missing(parameter.name, text))
    alternatives = split_escaped(text, ",")
    if not all(alternatives):
        raise InvalidValue(parameter.name, "une valeur non vide")
    if len(alternatives) > MAX_ALTERNATIVES:
        raise InvalidValue(parameter.name, f"{MAX_ALTERNATIVES} valeurs au plus")
    read = _READERS[parameter.kind]
    try:
        return read(parameter, modifier, alternatives, scene)
    except InvalidValue as error:
        raise InvalidValue(parameter.name, error.rule) from None


def split_escaped(text: str, separator: str) -> list[str]:
    """Split where the separator is not escaped; escapes stay, for the next split."""
    parts, current, is_escaped = [], "", False
    for character in text:
        if character == separator and not is_escaped:
            parts.append(current)
            current = ""
            continue
        current += character
        is_escaped = character == "\\" and not is_escaped
    return [*parts, current]


def unescaped(text: str) -> str:
    """Undo the escapes of FHIR R4 3.1.1.4.6."""
    result, is_escaped = "", False
    for character in text:
        if character == "\\" and not is_escaped:
            is_escaped = True
            continue
        if is_escaped and character not in ",|$\\":
            result += "\\"
        result += character
        is_escaped = False
    return result + ("\\" if is_escaped else "")


def parse_token(text: str, *, is_identifier: bool) -> tuple[str | None, Token]:
    """Read `code`, `system|code`, `|code` or `system|`; the system asked for, None for any."""
    parts = [unescaped(part) for part in split_escaped(text, "|")]
    if len(parts) > 2 or not any(parts):
        raise InvalidValue("token", "code, système|code, |code ou système|")
    make = identifier_token if is_identifier else code_token
    if len(parts) == 1:
        return None, make("", parts[0])
    token = make(parts[0], parts[1])
    return token.system, token


def _missing(name: str, text: str) -> Test:
    if text not in {"true", "false"}:
        raise InvalidValue(name, "true ou false avec :missing")
    wants_missing = text == "true"
    return lambda values: (next(iter(values), None) is None) is wants_missing


def _read_tokens(
    parameter: SearchParameter[Record], modifier: str, texts: Sequence[str], scene: SearchScene
) -> Filter[Record]:
    del scene
    if modifier == "text":
        wanted_texts = [folded(unescaped(text)) for text in texts]
        return Filter(
            parameter,
            lambda values: any(
                text in folded(v.text)
                for v in values
                if isinstance(v, Token)
                for text in wanted_texts
            ),
        )
    asked = [parse_token(text, is_identifier=parameter.is_identifier) for text in texts]
    test = _token_test(asked)
    if modifier == "not":
        return Filter(parameter, lambda values: not test(values))
    return Filter(parameter, test, tuple(token for _, token in asked))


def _token_test(asked: Sequence[tuple[str | None, Token]]) -> Test:
    def test(values: Iterable[Value]) -> bool:
        return any(
            (system is None or value.system == system) and token.code in {"", value.code}
            for value in values
            if isinstance(value, Token)
            for system, token in asked
        )

    return test


def _read_dates(
    parameter: SearchParameter[Record], modifier: str, texts: Sequence[str], scene: SearchScene
) -> Filter[Record]:
    del modifier
    asked = [_parse_date(text, scene.now) for text in texts]

    def test(values: Iterable[Value]) -> bool:
        found = [value for value in values if isinstance(value, Interval)]
        return any(_COMPARISONS[prefix](value, at) for value in found for prefix, at in asked)

    return Filter(parameter, test, bounds=_hull(asked))


def _hull(asked: Sequence[tuple[str, Interval]]) -> Interval | None:
    """Return the least interval that whatever passes overlaps; None where that is all of time."""
    spans = [_BOUNDS[prefix](at) for prefix, at in asked if prefix in _BOUNDS]
    if len(spans) != len(asked):
        return None
    return Interval(min(s.low for s in spans), max(s.high for s in spans))


_BOUNDS: Mapping[str, Callable[[Interval], Interval]] = {
    "eq": lambda at: at,
    "ap": lambda at: at,
    "gt": lambda at: Interval(at.high, END),
    "sa": lambda at: Interval(at.high, END),
    "ge": lambda at: Interval(at.low, END),
    "lt": lambda at: Interval(BEGINNING, at.low),
    "eb": lambda at: Interval(BEGINNING, at.low),
    "le": lambda at: Interval(BEGINNING, at.high),
}


def _parse_date(text: str, now: datetime) -> tuple[str, Interval]:
    prefix = text[:2] if text[:2].isalpha() else "eq"
    if prefix not in _PREFIXES:
        raise InvalidValue("date", "eq, ne, gt, lt, ge, le, sa, eb ou ap devant la date")
    asked = parse_interval(text[2:] if text[:2].isalpha() else text)
    if prefix == "ap":
        asked = asked.widened(abs(now - asked.low) / _APPROXIMATION)
    return prefix, asked


def _is_greater(value: Interval, asked: Interval) -> bool:
    return value.high > asked.high


def _is_less(value: Interval, asked: Interval) -> bool:
    return value.low < asked.low


_COMPARISONS: Mapping[str, Callable[[Interval, Interval], bool]] = {
    "eq": lambda value, asked: asked.contains(value),
    "ne": lambda value, asked: not asked.contains(value),
    "gt": _is_greater,
    "lt": _is_less,
    "ge": lambda value, asked: _is_greater(value, asked) or asked.contains(value),
    "le": lambda value, asked: _is_less(value, asked) or asked.contains(value),
    "sa": lambda value, asked: value.low >= asked.high,
    "eb": lambda value, asked: value.high <= asked.low,
    "ap": lambda value, asked: asked.overlaps(value),
}


def _read_references(
    parameter: SearchParameter[Record], modifier: str, texts: Sequence[str], scene: SearchScene
) -> Filter[Record]:
    if modifier == "identifier":
        asked = [parse_token(text, is_identifier=True) for text in texts]
        test = _token_test(asked)
        return Filter(
            parameter,
            lambda values: test(t for v in values if isinstance(v, Reference) for t in v.tokens),
            tuple(token for _, token in asked),
        )
    wanted = tuple(_parse_reference(unescaped(text), parameter, scene) for text in texts)
    pairs = {(reference.resource_type, reference.identifier) for reference in wanted}

    def is_named(values: Iterable[Value]) -> bool:
        return any(
            isinstance(v, Reference) and (v.resource_type, v.identifier) in pairs for v in values
        )

    return Filter(parameter, is_named, wanted)


def _parse_reference(
    text: str, parameter: SearchParameter[Record], scene: SearchScene
) -> Reference:
    """Read `id`, `Type/id` or our own address of one; another server's names nothing here."""
    local = text.removeprefix(scene.fhir_url + "/").partition("/_history/")[0]
    if "://" in local:
        return Reference("", "")
    resource_type, slash, identifier = local.rpartition("/")
    if not slash:
        return Reference(parameter.target or "", identifier)
    if "/" in resource_type or not resource_type.isalpha() or not identifier:
        raise InvalidValue("reference", "id, Type/id, ou une adresse de ce service")
    return Reference(resource_type, identifier)


def _read_strings(
    parameter: SearchParameter[Record], modifier: str, texts: Sequence[str], scene: SearchScene
) -> Filter[Record]:
    del scene
    asked = [unescaped(text) for text in texts]
    if modifier == "exact":
        return Filter(parameter, lambda values: any(v in asked for v in values))
    wanted = [folded(text) for text in asked]
    is_inside = modifier == "contains"

    def test(values: Iterable[Value]) -> bool:
        found = [folded(value) for value in values if isinstance(value, str)]
        return any(text in v if is_inside else v.startswith(text) for v in found for text in wanted)

    return Filter(parameter, test)


def _read_uris(
    parameter: SearchParameter[Record], modifier: str, texts: Sequence[str], scene: SearchScene
) -> Filter[Record]:
    """Compare whole addresses, to the letter (R4 3.1.1.4.13); by segments with above and below."""
    del scene
    asked = [unescaped(text) for text in texts]

    def test(values: Iterable[Value]) -> bool:
        found = [value for value in values if isinstance(value, str)]
        return any(_is_same_uri(modifier, value, text) for value in found for text in asked)

    return Filter(parameter, test)


def _is_same_uri(modifier: str, value: str, asked: str) -> bool:
    if modifier == "below":
        return f"{value}/".startswith(f"{asked.rstrip('/')}/")
    if modifier == "above":
        return f"{asked}/".startswith(f"{value.rstrip('/')}/")
    return value == asked


_READERS = {
    Kind.TOKEN: _read_tokens,
    Kind.DATE: _read_dates,
    Kind.REFERENCE: _read_references,
    Kind.STRING: _read_strings,
    Kind.URI: _read_uris,
}
