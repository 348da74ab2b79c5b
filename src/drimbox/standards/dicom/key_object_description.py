"""The free text of a KOS manifest (113012, DCM), which readers in the field take apart.

Examen : <Study Description>
Acte = <display of the act>
Série-<Series Instance UID> : <Modality> @ : <Series Description>      one line a series
"""

import re
from dataclasses import dataclass

from drimbox.model.manifest import Manifest

# "Série" may come without its accent, or with what a wrong character set made of it.
_SERIES_LINE = re.compile(
    r"S\S{1,4}rie\s*-\s*(?P<uid>[0-9.]{3,64})\s*:\s*(?P<modality>[A-Z0-9 _]{0,16})"
    r"(?:@\s*:?)?\s*:?\s*(?P<description>.*)\Z",
    re.IGNORECASE | re.DOTALL,
)
_EXAM_LINE = re.compile(r"Examen\s*[:=]\s*(.*)\Z", re.IGNORECASE | re.DOTALL)
_ACT_LINE = re.compile(r"Acte\s*[:=](.*)\Z", re.IGNORECASE | re.DOTALL)
_MAX_TEXT = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SeriesLine:
    """What the text says of one series."""

    modality: str
    description: str


@dataclass(frozen=True, slots=True)
class KeyObjectDescription:
    """The text taken apart; series by Series Instance UID."""

    study_description: str
    act_display: str
    series: dict[str, SeriesLine]


def encode_key_object_description(manifest: Manifest) -> str:
    """Write the text; an unknown act has no line."""
    lines = [f"Examen : {_flat(manifest.study_description)}"]
    if manifest.act_display:
        lines.append(f"Acte = {_flat(manifest.act_display)}")
    lines += [
        f"Série-{series.series_instance_uid} : {series.modality} @ : "
        f"{_flat(series.series_description)}"
        for series in manifest.series
    ]
    return "\n".join(lines)


def _flat(text: str) -> str:
    return " ".join(text.split())


def parse_key_object_description(text: str) -> KeyObjectDescription:
    """Read what can be read; a line of another form is passed over."""
    study_description = act_display = ""
    series = {}
    for line in re.split(r"[\r\n]+", text[:_MAX_TEXT]):
        stripped = line.strip()
        if match := _SERIES_LINE.match(stripped):
            modality = match["modality"].strip().upper()
            series[match["uid"]] = SeriesLine(modality, match["description"].strip())
        elif match := _EXAM_LINE.match(stripped):
            study_description = match[1].strip()
        elif match := _ACT_LINE.match(stripped):
            act_display = match[1].strip(" :")
    return KeyObjectDescription(study_description, act_display, series)
