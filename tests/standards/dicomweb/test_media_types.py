"""The Accept headers of real viewers and boxes, and what each gets."""

import pytest

from drimbox.errors import InvalidValue, NotAcceptable
from drimbox.standards.dicomweb.media_types import (
    DICOM_JSON,
    DICOM_XML,
    accept_instances,
    choose_metadata,
    parse_accept,
)

EXPLICIT = "1.2.840.10008.1.2.1"
JPEG_LS = "1.2.840.10008.1.2.4.80"
J2K = "1.2.840.10008.1.2.4.91"


@pytest.mark.parametrize(
    ("headers", "is_one", "is_multipart", "syntaxes"),
    [
        pytest.param([], False, True, ("*",), id="none at all"),
        pytest.param(["*/*"], True, True, ("*",), id="anything"),
        pytest.param(
            ['multipart/related; type="application/dicom"'],
            False,
            True,
            (EXPLICIT,),
            id="no syntax",
        ),
        pytest.param(
            ["multipart/related; type=application/dicom; transfer-syntax=*"],
            False,
            True,
            ("*",),
            id="unquoted, as stored",
        ),
        pytest.param(
            [
                ",".join(
                    f'multipart/related;type="application/dicom";transfer-syntax={s};q={q};boundary=**'
                    for s, q in ((J2K, 0.6), (JPEG_LS, 0.8), (EXPLICIT, 0.4))
                )
                + ","
            ],
            False,
            True,
            (JPEG_LS, J2K, EXPLICIT),
            id="the ANS list, ranked by q, with a trailing comma",
        ),
        pytest.param(
            [
                f'multipart/related; type="application/dicom"; transfer-syntax="{JPEG_LS}"',
                "*/*;q=0.1",
            ],
            False,
            True,
            (JPEG_LS, "*"),
            id="two headers, a quoted syntax",
        ),
        pytest.param(
            ["multipart/related; type='application/dicom'"],
            False,
            True,
            (EXPLICIT,),
            id="quoted as some servers write it",
        ),
        pytest.param(
            ["application/dicom"], True, False, (EXPLICIT,), id="single part, one instance"
        ),
        pytest.param(
            ["application/dicom; transfer-syntax=*"],
            True,
            False,
            ("*",),
            id="single part as stored",
        ),
    ],
)
def test_each_accept_header_gets_its_shape_and_syntaxes(
    headers: list[str], is_one: bool, is_multipart: bool, syntaxes: tuple[str, ...]
) -> None:
    accepted = accept_instances(parse_accept(headers), is_one_instance=is_one)
    assert accepted.is_multipart is is_multipart
    assert tuple(s for s, _ in accepted.transfer_syntaxes) == syntaxes


@pytest.mark.parametrize(
    ("header", "is_one"),
    [
        pytest.param("image/jpeg", True, id="a picture"),
        pytest.param("application/dicom", False, id="single part for a study"),
        pytest.param("*/*;q=0", False, id="nothing at all"),
    ],
)
def test_what_cannot_be_given_is_not_acceptable(header: str, is_one: bool) -> None:
    with pytest.raises(NotAcceptable):
        accept_instances(parse_accept([header]), is_one_instance=is_one)


@pytest.mark.parametrize(
    "header",
    [
        "dicom",
        "a/b/c",
        "application/dicom;q=2",
        "application/dicom;q=x",
        "application/dicom;transfer-syntax=../etc",
        ",".join(["a/b"] * 65),
    ],
)
def test_a_header_that_is_none_is_named(header: str) -> None:
    with pytest.raises(InvalidValue):
        parse_accept([header])


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        ("application/dicom+json", DICOM_JSON),
        ("application/json;q=0.5, text/html", DICOM_JSON),
        ("*/*", DICOM_JSON),
        ("application/dicom+xml", DICOM_XML),
        ('multipart/related; type="application/dicom+xml"', DICOM_XML),
        ("multipart/related; type=application/dicom+xml, application/dicom+json;q=0.9", DICOM_XML),
        ("application/dicom+json;q=0, */*", DICOM_JSON),
        ("application/dicom+json;q=0, application/json;q=0, */*;q=0.1", DICOM_XML),
        ("application/*", DICOM_JSON),
    ],
)
def test_data_sets_leave_as_json_or_xml(header: str, chosen: str) -> None:
    assert choose_metadata(parse_accept([header])) == chosen


@pytest.mark.parametrize("header", ["image/jpeg", "*/*;q=0", "text/*", "application/dicom"])
def test_data_sets_leave_as_nothing_else(header: str) -> None:
    with pytest.raises(NotAcceptable):
        choose_metadata(parse_accept([header]))
