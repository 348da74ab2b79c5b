"""CX, XCN, XON, TS and ED."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from drimbox.errors import InvalidValue
from drimbox.model.patient import AssigningAuthority
from drimbox.model.uids import Oid
from drimbox.standards.hl7v2.data_types import (
    Cx,
    Xcn,
    Xon,
    decode_encapsulated,
    encode_timestamp,
    parse_timestamp,
)
from drimbox.standards.hl7v2.encoding import STANDARD, Encoding
from drimbox.standards.hl7v2.faults import MessageFault
from drimbox.standards.hl7v2.message import Field

PARIS = ZoneInfo("Europe/Paris")
PS = "ASIP-SANTE-PS&1.2.250.1.71.4.2.1&ISO"
ST = "ASIP-SANTE-ST&1.2.250.1.71.4.2.2&ISO"


def field(text: str) -> Field:
    return Field(text.encode(), Encoding(STANDARD), "OBX-5")


@pytest.mark.parametrize(
    ("text", "authority"),
    [
        pytest.param(
            "I1^^^AUT&1.2.3&ISO^PI", AssigningAuthority("AUT", Oid("1.2.3")), id="name and OID"
        ),
        pytest.param("I1^^^AUT^PI", AssigningAuthority("AUT"), id="a name alone"),
        pytest.param("I1^^^&1.2.3&ISO^PI", AssigningAuthority(None, Oid("1.2.3")), id="an OID"),
        pytest.param(
            "I1^^^AUT&000897406&N^PI", AssigningAuthority("AUT"), id="a universal id that is no OID"
        ),
        pytest.param("I1^^^^PI", None, id="nobody"),
    ],
)
def test_a_cx_tells_who_gave_it(text: str, authority: AssigningAuthority | None) -> None:
    assert Cx.read(field(text)) == Cx("I1", authority, "PI")


@pytest.mark.parametrize(
    ("identifier", "kind", "national"),
    [
        ("10000023084", "RPPS", "810000023084"),
        ("810000023084", "RPPS", "810000023084"),
        ("123456789", "ADELI", "0123456789"),
        ("801234564895", "IDNPS", "801234564895"),
        ("local-7", "EI", "local-7"),
    ],
)
def test_an_xcn_becomes_the_national_identifier(identifier: str, kind: str, national: str) -> None:
    person = Xcn.read(field(f"{identifier}^NOM^Léa^^^^^^{PS}^D^^^{kind}"))
    assert (person.identifier, person.family_name, person.given_name) == (national, "NOM", "Léa")


@pytest.mark.parametrize(
    ("identifier", "kind", "national"),
    [
        ("300017985       ", "FINEG", "1300017985"),
        ("300017985", "FINEJ", "1300017985"),
        ("123456789", "SIREN", "2123456789"),
        ("12345678900011", "SIRET", "312345678900011"),
        ("499700367909006", "IDNST", "499700367909006"),
    ],
)
def test_an_xon_becomes_a_struct_idnat(identifier: str, kind: str, national: str) -> None:
    structure = Xon.read(field(f"Clinique^^^^^{ST}^{kind}^^^{identifier}"))
    assert (structure.name, structure.identifier) == ("Clinique", national)


TIMES = [
    pytest.param("20260701", datetime(2026, 7, 1, tzinfo=PARIS), id="a day"),
    pytest.param("2026", datetime(2026, 1, 1, tzinfo=PARIS), id="a year"),
    pytest.param("202607011030", datetime(2026, 7, 1, 10, 30, tzinfo=PARIS), id="a minute"),
    pytest.param(
        "20260701103005.1234+0200",
        datetime(2026, 7, 1, 10, 30, 5, tzinfo=timezone(timedelta(hours=2))),
        id="a fraction and an offset",
    ),
    pytest.param(
        "20260701103005-1030",
        datetime(2026, 7, 1, 10, 30, 5, tzinfo=timezone(-timedelta(hours=10, minutes=30))),
        id="west of Greenwich",
    ),
]


@pytest.mark.parametrize(("text", "moment"), TIMES)
def test_reads_timestamps(text: str, moment: datetime) -> None:
    assert parse_timestamp(text, PARIS) == moment
    assert parse_timestamp(text, PARIS).utcoffset() == moment.utcoffset()


@pytest.mark.parametrize(
    "text", ["", "26", "20261301", "20260230", "2026070110300", "20260701+25", "20260101+9900", "x"]
)
def test_refuses_what_is_no_instant(text: str) -> None:
    with pytest.raises(InvalidValue):
        parse_timestamp(text, PARIS)


def test_reads_the_timestamps_it_writes() -> None:
    moment = datetime(2026, 7, 1, 10, 30, 5, tzinfo=PARIS)
    assert encode_timestamp(moment) == "20260701103005+0200"
    assert parse_timestamp(encode_timestamp(moment), UTC) == moment


@pytest.mark.parametrize("kind", ["^text^XML^Base64", "^TEXT^XML^BASE64", "^Text^XML^base64"])
def test_decodes_an_encapsulated_document(kind: str) -> None:
    assert decode_encapsulated(field(f"{kind}^PGEv\tPg==")) == b"<a/>"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        pytest.param("^text^XML^Hex^3C612F3E", "OBX-5.4", id="hexadecimal"),
        pytest.param("^text^XML^Base64^PGEv*Pg==", "OBX-5.5", id="a character of no alphabet"),
        pytest.param("^text^XML^Base64^PGEvPg=", "OBX-5.5", id="wrong padding"),
        pytest.param("^text^XML^Base64^PGEvPg==PGEv", "OBX-5.5", id="data behind the padding"),
        pytest.param("^text^XML^Base64^", "OBX-5.5", id="nothing"),
    ],
)
def test_refuses_what_is_not_base64(text: str, where: str) -> None:
    with pytest.raises(MessageFault) as fault:
        decode_encapsulated(field(text))
    assert fault.value.where == where
