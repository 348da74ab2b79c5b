"""Values of matching keys: each in the grammar of its VR, rebuilt for C-FIND (PS3.18 8.3.4.1.1).

Several UIDs are joined by backslash, as PS3.4 C.2.2.2.2 wants them (threat D7: nothing is passed on
that its grammar does not have).
"""

import re
from collections.abc import Sequence

from drimbox.errors import InvalidValue
from drimbox.model.uids import Uid

_MAX_LENGTH = 256
_MAX_UIDS = 1000
_DATE = r"[0-9]{4}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
_TIME = r"(?:[01][0-9]|2[0-3])(?:[0-5][0-9](?:(?:[0-5][0-9]|60)(?:\.[0-9]{1,6})?)?)?"
_RULES = {
    "DA": (rf"{_DATE}|{_DATE}-|-{_DATE}|{_DATE}-{_DATE}", "YYYYMMDD, or a range with -"),
    "TM": (rf"{_TIME}|{_TIME}-|-{_TIME}|{_TIME}-{_TIME}", "HH[MM[SS[.FFFFFF]]], or a range with -"),
    "IS": (r"[+-]?[0-9]{1,11}", "a whole number"),
    "US": (r"[0-9]{1,5}", "a whole number"),
    "DS": (
        r"[+-]?(?:[0-9]{1,14}\.?[0-9]{0,14}|\.[0-9]{1,14})(?:[eE][+-]?[0-9]{1,3})?",
        "a decimal number",
    ),
    "AS": (r"[0-9]{3}[DWMY]", "nnnD, nnnW, nnnM or nnnY"),
    "CS": (r"[A-Za-z0-9 _*?\\-]{1,255}", "letters, digits, space and _, * or ? as wildcards"),
}
_GRAMMARS = {
    vr: (re.compile(rf"(?:{text})\Z", re.ASCII), rule) for vr, (text, rule) in _RULES.items()
}


def parse_key(name: str, vr: str, values: Sequence[str]) -> str:
    """Return the key; an empty one is universal matching.

    Raises:
        InvalidValue: a value outside its grammar, or repeated where one is due.
    """
    if vr == "UI":
        return "" if list(values) == ["*"] else _parse_uids(name, values)
    if vr == "CS":
        values = [one.strip() for value in values for one in re.split(r"[,\\]", value)]
        value = "\\".join(one for one in values if one)
    elif len(values) != 1:
        raise InvalidValue(name, "once")
    else:
        value = values[0].strip()
    if not value or value == "*":
        return ""
    _check(name, vr, value)
    return _whole_times(value) if vr == "TM" else value


def _whole_times(value: str) -> str:
    """Return a range of times said to the second: there are PACS that compare them as texts.

    To them 110000 lies behind a range that ends with 11.
    """
    first, dash, last = value.partition("-")
    if not dash:
        return value
    first = first and first + "000000"[len(first) :]
    last = last if not last or "." in last else last + "235959.999999"[len(last) :]
    return f"{first}-{last}"


def _check(name: str, vr: str, value: str) -> None:
    grammar = _GRAMMARS.get(vr)
    if grammar is not None:
        if not grammar[0].match(value):
            raise InvalidValue(name, grammar[1])
    elif not value.isprintable() or len(value) > _MAX_LENGTH or "\\" in value:
        raise InvalidValue(name, f"one value of printable characters, {_MAX_LENGTH} at most")


def _parse_uids(name: str, values: Sequence[str]) -> str:
    uids = [u.strip() for value in values for u in re.split(r"[,\\]", value) if u.strip()]
    if len(uids) > _MAX_UIDS:
        raise InvalidValue(name, f"at most {_MAX_UIDS} UIDs")
    try:
        return "\\".join(dict.fromkeys(Uid(u) for u in uids))
    except InvalidValue as error:
        raise InvalidValue(name, error.rule) from error
