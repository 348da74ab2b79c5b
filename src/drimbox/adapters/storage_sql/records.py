"""Model dataclasses as JSON, exactly and both ways, for the columns that are only ever read whole.

A field that a later version adds with a default reads from an older record; an unknown one is left.
"""

import base64
import dataclasses
import json
from collections.abc import Callable
from datetime import date, datetime, time
from enum import Enum
from functools import cache, partial
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

Record = TypeVar("Record")
_Decoder = Callable[[Any], object]


def encode_record(record: object) -> bytes:
    """Write a dataclass; octets become base64, enums their value, instants ISO 8601."""
    # Not orjson: texts from outside may hold lone surrogates, which it refuses.
    return json.dumps(_plain(record), separators=(",", ":")).encode()


def decode_record(kind: type[Record], octets: bytes) -> Record:
    """Read what encode_record wrote of this very type."""
    return cast("Record", _decoder(cast("Any", kind))(json.loads(octets)))


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, str):
        return str.__str__(value)  # a Uid is written as the text it is
    return value


@cache
def _decoder(kind: Any) -> _Decoder:  # noqa: ANN401 - a type, or a union of types
    """Build the reader of one type once; a manifest names hundreds of instances."""
    origin = get_origin(kind)
    if origin in {Union, UnionType}:
        return _union_decoder(get_args(kind))
    if origin is tuple:
        return partial(_decode_tuple, _decoder(get_args(kind)[0]))
    if dataclasses.is_dataclass(kind):
        return _dataclass_decoder(cast("type", kind))
    if kind in {datetime, date, time}:
        return cast("_Decoder", kind.fromisoformat)
    if kind is bytes:
        return base64.b64decode
    if isinstance(kind, type) and (issubclass(kind, Enum) or kind not in {str, int, float, bool}):
        return kind
    return _same


def _union_decoder(members: tuple[Any, ...]) -> _Decoder:
    """Read X | None; of Oid | str, the plain text, which always reads."""
    named = [member for member in members if member is not NoneType]
    decode = _decoder(str if str in named else named[0])
    return lambda value: None if value is None else decode(value)


def _dataclass_decoder(kind: type) -> _Decoder:
    hints = get_type_hints(kind)
    fields = [(f.name, _decoder(hints[f.name])) for f in dataclasses.fields(kind)]

    def decode(value: dict[str, Any]) -> object:
        return kind(**{name: read(value[name]) for name, read in fields if name in value})

    return decode


def _decode_tuple(decode: _Decoder, values: list[Any]) -> tuple[object, ...]:
    return tuple([decode(value) for value in values])


def _same(value: object) -> object:
    return value
