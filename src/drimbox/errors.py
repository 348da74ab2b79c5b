"""What can go wrong, by meaning; each door has one table from here to its own answers.

    DrimboxError
    ├── InvalidValue            a value breaks the rule of its own type
    ├── MalformedMessage        octets that their standard does not allow
    │   └── UnsupportedMessage  well-formed, but of a type or version we do not speak
    ├── TooLarge                more than the limit of this door
    ├── NotAcceptable           nothing of what the caller accepts can be given
    ├── NotFound                no such thing, or none this caller may know of
    ├── NotAuthenticated        no proof of identity, or one that does not hold
    ├── Refused                 identity known, right missing
    │   └── ConsentMissing      the patient is opposed, or nobody asked
    ├── Mismatch                two sources that must agree do not (patient, accession number)
    ├── Conflict                the state has moved on: a version, a token used twice
    ├── Unavailable             a partner does not answer; trying later may help
    │   └── TimedOut            a partner did not answer in time
    ├── RejectedByPartner       a partner answered no; trying the same again will not help
    └── SettingsError           an operator's setting is wrong (path and reason)

Texts say what was expected, what came and where; never a patient's identity, INS or token.
"""

from collections.abc import Mapping
from typing import TypeVar

Row = TypeVar("Row")


class DrimboxError(Exception):
    """Root of everything this package raises on purpose."""


class InvalidValue(DrimboxError):
    """A value breaks the rule of its own type.

    Attributes:
        rule: what is allowed, in the words of the clause; never the value itself.
    """

    def __init__(self, what: str, rule: str) -> None:
        super().__init__(f"{what}: {rule}")
        self.what = what
        self.rule = rule


class MalformedMessage(DrimboxError):
    """Octets that their standard does not allow."""

    def __init__(self, reason: str, *, where: str | None = None) -> None:
        super().__init__(f"{where}: {reason}" if where else reason)
        self.reason = reason
        self.where = where


class UnsupportedMessage(MalformedMessage):
    """Well-formed, but of a type or version that we do not speak."""


class TooLarge(DrimboxError):
    """More than the limit of this door."""


class NotAcceptable(DrimboxError):
    """Nothing of what the caller accepts can be given."""


class NotFound(DrimboxError):
    """No such thing, or none this caller may know of."""


class NotAuthenticated(DrimboxError):
    """No proof of identity, or one that does not hold.

    Attributes:
        error: the code of RFC 6750 section 3.1, or None when no credential came at all.
    """

    def __init__(self, reason: str, *, error: str | None = None) -> None:
        super().__init__(reason)
        self.error = error


class Refused(DrimboxError):
    """Identity known, right missing."""


class ConsentMissing(Refused):
    """The patient is opposed, or nobody asked."""


class Mismatch(DrimboxError):
    """Two sources that must agree do not (patient, accession number, study)."""


class Conflict(DrimboxError):
    """The state has moved on: a version, a name taken, a token used twice."""


class Unavailable(DrimboxError):
    """A partner does not answer; trying later may help.

    Attributes:
        retry_after_seconds: when, where somebody said so.
        is_of_this_request: the partner is there, and failed at this one thing.
    """

    is_of_this_request = False

    def __init__(
        self,
        partner: str,
        reason: str = "does not answer",
        *,
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(f"{partner} {reason}")
        self.partner = partner
        self.retry_after_seconds = retry_after_seconds


class TimedOut(Unavailable):
    """A partner did not answer in time."""

    def __init__(self, partner: str, seconds: float) -> None:
        super().__init__(partner, f"gave no answer within {seconds:g} s")
        self.seconds = seconds


class RejectedByPartner(DrimboxError):
    """A partner answered no; trying the same again will not help.

    Attributes:
        code: the partner's own code (XDS errorCode, DIMSE status in hexadecimal, OAuth error).
    """

    def __init__(self, partner: str, code: str, reason: str = "") -> None:
        super().__init__(f"{partner} refused: {code}" + (f" ({reason})" if reason else ""))
        self.partner = partner
        self.code = code


class SettingsError(DrimboxError):
    """An operator's setting is wrong."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path
        self.why = why


def raised_at(error: BaseException) -> str:
    """Return file and line where it was raised: all that a log may tell of a defect but its class.

    The text of an exception that is none of ours may quote what was received.
    """
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""


def row_of(table: Mapping[type[DrimboxError], Row], error: DrimboxError) -> Row:
    """Return what a door's table has for the error's class, or else for its nearest ancestor.

    Raises:
        LookupError: it has neither, nor a row of DrimboxError.
    """
    for ancestor in type(error).__mro__:
        if ancestor in table:
            return table[ancestor]
    raise LookupError(type(error).__name__)
