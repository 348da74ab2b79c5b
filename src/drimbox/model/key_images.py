"""Images of a study that somebody marked, and what for (IHE RAD KIN)."""

from dataclasses import dataclass

from drimbox.model.uids import SeriesInstanceUid, SopInstanceUid


@dataclass(frozen=True, slots=True)
class KeyImage:
    """One image marked; frames count from 1 and are empty where the whole object is meant."""

    series: SeriesInstanceUid
    instance: SopInstanceUid
    frames: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyImages:
    """One Key Image Note; title_code is of CID 7010, title its meaning as the writer has it."""

    title_code: str
    title: str
    description: str
    images: tuple[KeyImage, ...]
