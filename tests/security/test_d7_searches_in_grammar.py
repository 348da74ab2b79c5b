"""D7: of fifty thousand searches, what reaches a PACS is in the grammar of its VR, always.

Seeded, and made of the words of the grammars and of those who attack them.
"""

import random
import re
from collections.abc import Iterator

from pydicom.datadict import dictionary_VR

from drimbox.errors import InvalidValue
from drimbox.model.retrieval import DicomQuery, QueryLevel
from drimbox.model.uids import SeriesInstanceUid, StudyInstanceUid
from drimbox.standards.dicomweb.search_fields import matched_tags
from drimbox.standards.dicomweb.search_parameters import SearchTarget, parse_search

SEARCHES = 50_000
TARGETS = (
    SearchTarget(QueryLevel.STUDY),
    SearchTarget(QueryLevel.SERIES, StudyInstanceUid("1.2.3")),
    SearchTarget(QueryLevel.IMAGE, StudyInstanceUid("1.2.3"), SeriesInstanceUid("1.2.3.4")),
)
NAMES = (
    *("PatientID", "PatientName", "StudyDate", "StudyTime", "StudyInstanceUID", "Modality"),
    *("ModalitiesInStudy", "AccessionNumber", "00100020", "0020000D", "0020000e", "SOPInstanceUID"),
    *(
        "InstanceNumber",
        "SeriesNumber",
        "Rows",
        "PatientAge",
        "PatientWeight",
        "QueryRetrieveLevel",
    ),
    *("RequestAttributesSequence.ScheduledProcedureStepID", "00400275.00400009", "PixelData"),
    *(
        "limit",
        "offset",
        "includefield",
        "fuzzymatching",
        "QueryRetrieveLevel",
        "",
        "PatientID.PatientName",
    ),
)
PIECES = (
    *("20260101", "2026", "-", "235959", ".5", "1.2.3", "1.2.3.4", ",", "\\", "*", "?", "CT", "A"),
    *(
        "^",
        "=",
        "..",
        "/",
        "\x00",
        "\r\n",
        "\x1b",
        "é",
        "\u202e",
        "٣",
        " ",
        "'",
        '"',
        ";",
        "--",
        "9",
    ),
    *("%s", "all", "true", "-1", "1e9", "NaN", "0" * 30),
)
# What a value of each VR may be on its way to C-FIND (PS3.5 6.2, PS3.4 C.2.2.2).
GRAMMAR = {
    "UI": r"[0-9.]+(\\[0-9.]+)*",
    "DA": r"[0-9]{8}|[0-9]{8}-([0-9]{8})?|-[0-9]{8}",
    "TM": r"[0-9.]{2,13}|[0-9.]{2,13}-([0-9.]{2,13})?|-[0-9.]{2,13}",
    "IS": r"[+-]?[0-9]+",
    "US": r"[0-9]+",
    "DS": r"[+-]?[0-9.]+([eE][+-]?[0-9]+)?",
    "AS": r"[0-9]{3}[DWMY]",
    "CS": r"[A-Za-z0-9 _*?\\-]+",
}


def searches() -> Iterator[tuple[SearchTarget, list[tuple[str, str]]]]:
    chance = random.Random(7)
    for _ in range(SEARCHES):
        parameters = [
            (chance.choice(NAMES), "".join(chance.choices(PIECES, k=chance.randint(0, 4))))
            for _ in range(chance.randint(0, 4))
        ]
        yield chance.choice(TARGETS), parameters


def check(query: DicomQuery, target: SearchTarget) -> None:
    for path, text in {**query.matching, **query.filters}.items():
        tags = path.split(".")
        assert all(re.fullmatch(r"[0-9A-F]{8}", tag) for tag in tags)
        assert tags[0] in matched_tags(target.level)
        vr = dictionary_VR(int(tags[-1], 16)).split(" ")[0]
        if text:
            assert text.isprintable(), text
            assert "\\" not in text or vr in {"UI", "CS"}
            assert re.fullmatch(GRAMMAR.get(vr, r"[^\\]+"), text, re.ASCII if vr in GRAMMAR else 0)
    assert all(re.fullmatch(r"[0-9A-F]{8}", tag) for tag in query.returned)
    assert query.limit is not None
    assert 0 <= query.limit <= 1000
    assert query.offset >= 0
    if target.study_instance_uid is not None:
        assert query.matching["0020000D"] == target.study_instance_uid


def test_whatever_is_asked_only_the_grammar_goes_on() -> None:
    passed, named = 0, set[str]()
    for target, parameters in searches():
        try:
            query = parse_search(target, parameters).query
        except InvalidValue as refused:
            named.add(refused.what)
            continue
        check(query, target)
        passed += any(query.matching.values())
    assert all(name.isascii() and len(name) <= 64 for name in named)
    # Neither all refused nor all universal: the words are those of real searches too.
    assert passed > SEARCHES // 20
