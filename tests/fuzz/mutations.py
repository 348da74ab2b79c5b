"""Mutations of good inputs without any library, the same in each run of one seed."""

import random
from collections.abc import Iterator

from tests.fuzz.family import Family

_EDGES = (0, 1, 9, 10, 13, 0x1C, 0x20, 0x7F, 0x80, 0xFE, 0xFF)


def mutations_of(family: Family, count: int, seed: int) -> Iterator[bytes]:
    """Yield so many inputs, none longer than the family takes."""
    chance = random.Random(seed)
    for _ in range(count):
        octets = bytearray(chance.choice(family.seeds))
        for _ in range(chance.randint(1, 4)):
            _mutate(octets, family, chance)
        yield bytes(octets[: family.longest])


def _mutate(octets: bytearray, family: Family, chance: random.Random) -> None:
    # Headers come first in most formats: one half of the places are there.
    reach = len(octets) if chance.random() < 0.5 else min(len(octets), 200)
    at, length = chance.randint(0, reach), chance.randint(1, 40)
    match chance.randint(0, 5):
        case 0:
            octets[at : at + 1] = bytes([chance.randrange(256)])
        case 1:
            octets[at : at + 1] = bytes([chance.choice(_EDGES)])
        case 2:
            octets[at:at] = chance.choice(family.words) if family.words else chance.randbytes(4)
        case 3:
            del octets[at : at + length]
        case 4:
            octets[at:at] = octets[at : at + length] * chance.randint(1, 3)
        case _:
            other = chance.choice(family.seeds)
            start = chance.randint(0, len(other))
            octets[at : at + length] = other[start : start + length]
