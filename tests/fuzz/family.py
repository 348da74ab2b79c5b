"""One family of inputs: where its octets come from, and what reads them."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from drimbox.errors import DrimboxError


def first_octet(octets: bytes) -> int:
    """Return the first octet, 0 of none: what an input lets a family choose."""
    return octets[0] if octets else 0


@dataclass(frozen=True)
class Family:
    """run takes any octets; it returns, or raises one of our errors: anything else is a defect.

    seeds are good inputs. words are what mutations put in; longest is the length of an input.
    """

    name: str
    seeds: Sequence[bytes]
    run: Callable[[bytes], object]
    words: Sequence[bytes] = ()
    longest: int = 4096

    def try_one(self, octets: bytes) -> None:
        """Run one input.

        Raises:
            Exception: any that is none of ours.
        """
        with suppress(DrimboxError):
            self.run(octets)
