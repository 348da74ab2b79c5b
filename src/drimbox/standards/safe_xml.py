"""The only way in for XML written by others: no DOCTYPE, no entities, no network, bounded.

XML 1.0; libxml2 through lxml. Threats: external entities, entity expansion, deep nesting, names
made up to fill the memory: lxml 6 keeps each name that a thread has read until that thread is over,
so what others wrote is read in a thread of its own. (From lxml 7 on, names go with their parser.)
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress

from lxml import etree

from drimbox.errors import InvalidValue, MalformedMessage, TooLarge

MAX_DEPTH = 256
"""Nesting allowed, the root counted. libxml2 keeps it by itself unless huge_tree is on."""

# libxml2 refuses single texts of 10 MB unless huge_tree is on; content this short has none, even
# when a one-octet encoding doubles in UTF-8.
_SURELY_WITHOUT_HUGE_TEXT = 4_000_000
_PROLOGUE_STEP = 4096
_TOO_DEEP = "boolean(" + "/*" * (MAX_DEPTH + 1) + ")"


class _Prologue:
    """Parser target that stops at whatever comes first: a DOCTYPE or the root element."""

    def __init__(self) -> None:
        self.is_over = False

    def doctype(self, name: str, public_id: str | None, system_url: str | None) -> None:
        del name, public_id, system_url
        raise MalformedMessage("a DOCTYPE is not allowed", where="XML")

    def start(self, tag: str, attributes: object) -> None:
        del tag, attributes
        self.is_over = True

    def close(self) -> None:
        return


def parse_xml(content: bytes, *, max_bytes: int) -> etree._Element:
    """Parse a whole document and return its root; comments and white space are kept.

    Raises:
        TooLarge: more than max_bytes, or nested deeper than MAX_DEPTH.
        MalformedMessage: not well-formed, or with a DOCTYPE (in whatever encoding).
    """
    if len(content) > max_bytes:
        raise TooLarge(f"XML: {len(content)} octets, at most {max_bytes}")
    return _in_its_own_thread(lambda: _parse(content))


def parse_own_xml(content: bytes) -> etree._Element:
    """Parse what this box wrote itself: of few names, in the thread that asks.

    Raises:
        TooLarge, MalformedMessage: as parse_xml.
    """
    return _parse(content)


@contextmanager
def xml_characters_only(what: str) -> Iterator[None]:
    """Build XML inside: a control character that XML 1.0 cannot hold ends as InvalidValue.

    lxml refuses such a text with a ValueError that quotes nothing, but is not ours.
    """
    try:
        yield
    except ValueError:
        raise InvalidValue(what, "characters of XML 1.0, no control characters") from None


def _in_its_own_thread(work: Callable[[], etree._Element]) -> etree._Element:
    outcome: Future[etree._Element] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001 - told to who waits
            outcome.set_exception(error)

    thread = threading.Thread(target=run, name="xml")
    thread.start()
    thread.join()
    return outcome.result()


def _parse(content: bytes) -> etree._Element:
    is_huge = len(content) > _SURELY_WITHOUT_HUGE_TEXT
    try:
        _check_prologue(content)
        root = etree.fromstring(content, _parser(is_huge=is_huge))
    except etree.XMLSyntaxError as error:
        raise _translated(error) from None
    # A second lock: the prologue was read by a parser of its own.
    if root.getroottree().docinfo.internalDTD is not None:
        raise MalformedMessage("a DOCTYPE is not allowed", where="XML")
    # Compiled here: a compiled expression keeps the names of what it has seen.
    if is_huge and etree.XPath(_TOO_DEEP)(root):
        raise TooLarge(f"XML: nested deeper than {MAX_DEPTH} elements")
    return root


def _check_prologue(content: bytes) -> None:
    """Refuse a DOCTYPE before any parser with huge_tree sees the entities it may declare.

    libxml2 itself decodes the octets here, so that no encoding hides one.
    """
    prologue = _Prologue()
    parser = etree.XMLParser(
        target=prologue,  # type: ignore[arg-type]  # every method of a target is optional
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
    )
    try:
        for offset in range(0, len(content), _PROLOGUE_STEP):
            parser.feed(content[offset : offset + _PROLOGUE_STEP])
            if prologue.is_over:
                return
    finally:
        # What is not closed keeps its memory for good; that the document is not over, we know.
        with suppress(etree.XMLSyntaxError):
            parser.close()


def _parser(*, is_huge: bool) -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=is_huge,
    )


def _translated(error: etree.XMLSyntaxError) -> MalformedMessage | TooLarge:
    """Say where, never what: libxml2's own text quotes the document."""
    if "depth" in (error.msg or "").lower():
        return TooLarge(f"XML: nested deeper than {MAX_DEPTH} elements")
    line, column = error.position
    return MalformedMessage("not well-formed", where=f"XML line {line} column {column}")
