"""MTOM/XOP packages, read and written (ITI TF-2 appendix V.8, XOP, RFC 2387); stdlib email reads.

multipart/related; type="application/xop+xml"; start="<root>"; start-info="application/soap+xml"
  part 1  application/xop+xml; type="application/soap+xml"     the envelope
  part n  any type, Content-ID <x>                             octets for href="cid:x"
"""

import email
import email.policy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from typing import Final
from urllib.parse import unquote

from drimbox.sandbox.dmp.refusals import sender_fault

_XOP_TYPE: Final = "application/xop+xml"
SOAP_TYPE: Final = "application/soap+xml"


@dataclass(frozen=True, slots=True)
class Package:
    """The octets of the envelope, and of each attachment by Content-ID (without <>)."""

    envelope: bytes
    attachments: Mapping[str, bytes]

    def resolve(self, href: str) -> bytes:
        """Return what an xop:Include refers to.

        Raises:
            Fault: not a cid URL, or no such part.
        """
        if not href.startswith("cid:"):
            raise sender_fault("xop:Include/@href is not a cid URL")
        name = href.removeprefix("cid:")
        for candidate in (name, unquote(name)):
            if candidate in self.attachments:
                return self.attachments[candidate]
        raise sender_fault("xop:Include refers to a part that is not in the package")


def read_package(content_type: str, body: bytes) -> Package:
    """Take a package apart.

    Raises:
        Fault: not multipart/related of an XOP document, or cut short.
    """
    message = email.message_from_bytes(
        b"Content-Type: " + content_type.encode("latin-1", "replace") + b"\r\n\r\n" + body,
        policy=email.policy.compat32,
    )
    _check_outer(message)
    payload = message.get_payload()
    parts = [p for p in payload if isinstance(p, Message)] if isinstance(payload, list) else []
    if not parts or message.defects:
        raise sender_fault("the multipart body is cut short or has no part")
    by_name: dict[str, Message] = {}
    for part in parts:
        name = _content_id(part)
        if not name or name in by_name:
            raise sender_fault("each part needs a Content-ID of its own")
        by_name[name] = part
    start = str(message.get_param("start", "")).strip("<>")
    root = by_name.get(start) if start else parts[0]
    if root is None:
        raise sender_fault("no part has the Content-ID that start names")
    _check_root(root)
    attachments = {name: _octets(part) for name, part in by_name.items() if part is not root}
    return Package(_octets(root), attachments)


def write_package(
    envelope: bytes, attachments: Sequence[tuple[str, str, bytes]], *, boundary: str
) -> tuple[str, bytes]:
    """Return the Content-Type and the body; attachments are (Content-ID, media type, octets)."""
    root_id = "envelope@dmp.sandbox"
    content_type = (
        f'multipart/related; boundary="{boundary}"; type="{_XOP_TYPE}"; start="<{root_id}>";'
        f' start-info="{SOAP_TYPE}"'
    )
    root_type = f'{_XOP_TYPE}; charset=UTF-8; type="{SOAP_TYPE}"'
    chunks = []
    for name, media_type, octets in [(root_id, root_type, envelope), *attachments]:
        head = (
            f"--{boundary}\r\nContent-Type: {media_type}\r\n"
            f"Content-Transfer-Encoding: binary\r\nContent-ID: <{name}>\r\n\r\n"
        )
        chunks += [head.encode("ascii"), octets, b"\r\n"]
    chunks.append(f"--{boundary}--\r\n".encode("ascii"))
    return content_type, b"".join(chunks)


def _check_outer(message: Message) -> None:
    if message.get_content_type() != "multipart/related":
        raise sender_fault("Request Message is SIMPLE SOAP but MTOM is required")
    if message.get_param("type") != _XOP_TYPE:
        raise sender_fault(f"multipart/related needs type={_XOP_TYPE}")
    if message.get_param("start-info") != SOAP_TYPE:
        raise sender_fault(f"multipart/related needs start-info={SOAP_TYPE}")


def _check_root(root: Message) -> None:
    if root.get_content_type() != _XOP_TYPE or root.get_param("type") != SOAP_TYPE:
        raise sender_fault(f"the root part must be {_XOP_TYPE} with type={SOAP_TYPE}")


def _content_id(part: Message) -> str:
    return str(part.get("Content-ID", "")).strip().removeprefix("<").removesuffix(">")


def _octets(part: Message) -> bytes:
    if part.is_multipart():
        raise sender_fault("a part may not be multipart itself")
    octets = part.get_payload(decode=True)
    if not isinstance(octets, bytes) or part.defects:
        raise sender_fault("a part's Content-Transfer-Encoding does not fit its octets")
    return octets
