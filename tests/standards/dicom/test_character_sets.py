"""Texts with code extensions, the examples of PS3.5 annexes H, I, J and K."""

import pytest

from drimbox.standards.dicom.character_sets import decoder_of


@pytest.mark.parametrize(
    ("term", "octets", "text"),
    [
        pytest.param(
            "\\ISO 2022 IR 87",
            b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
            "Yamada^Tarou=山田^太郎=やまだ^たろう",
            id="H.3.1",
        ),
        pytest.param(
            "ISO 2022 IR 13\\ISO 2022 IR 87",
            b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J="
            b"\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J",
            "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",  # of half the width
            id="H.3.2",
        ),
        pytest.param(
            "\\ISO 2022 IR 149",
            b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7="
            b"\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
            "Hong^Gildong=洪^吉洞=홍^길동",
            id="I.2",
        ),
        pytest.param(
            "ISO_IR 192",
            b"Wang^XiaoDong=\xe7\x8e\x8b^\xe5\xb0\x8f\xe6\x9d\xb1=",
            "Wang^XiaoDong=王^小東=",
            id="J.1",
        ),
        pytest.param(
            "GB18030",
            b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=",
            "Wang^XiaoDong=王^小东=",
            id="J.3",
        ),
        pytest.param(
            "\\ISO 2022 IR 58",
            b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=",
            "Zhang^XiaoDong=张^小东=",
            id="K.2",
        ),
        pytest.param(
            "\\ISO 2022 IR 58",
            b"1. \x1b$)A\xb5\xda\xd2\xbb\xd0\xd0\r\n2. \x1b$)A\xb5\xda\xb6\xfe\xd0\xd0",
            "1. 第一行\r\n2. 第二行",
            id="K.3",
        ),
    ],
)
def test_escape_sequences_choose_characters_and_are_none(
    term: str, octets: bytes, text: str
) -> None:
    assert decoder_of(term)(octets) == text
