"""X1, X2: whatever the encoding, no entity is resolved; however wide, XML is read or refused soon.

Single refusals are in tests/standards/test_safe_xml.py; that there is one parser (X3) is kept by
tests/house/test_text_rules.py.
"""

import itertools
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from drimbox.errors import DrimboxError, MalformedMessage
from drimbox.standards.safe_xml import parse_xml

SOAP_BYTES = 8 * 1024 * 1024
CANARY = "canary-of-x1"

# {file} holds the canary, {url} is listened to; each is as an attacker would write it.
ATTACKS = {
    "external entity, file": '<!DOCTYPE a [<!ENTITY e SYSTEM "file://{file}">]><a>&e;</a>',
    "external entity, network": '<!DOCTYPE a [<!ENTITY e SYSTEM "{url}">]><a>&e;</a>',
    "public entity": '<!DOCTYPE a [<!ENTITY e PUBLIC "-//X" "{url}">]><a>&e;</a>',
    "external DTD, file": '<!DOCTYPE a SYSTEM "file://{file}"><a/>',
    "external DTD, network": '<!DOCTYPE a SYSTEM "{url}"><a/>',
    "parameter entity": '<!DOCTYPE a [<!ENTITY % p SYSTEM "{url}"> %p;]><a/>',
    "entity in an attribute": '<!DOCTYPE a [<!ENTITY e "{file}">]><a x="&e;"/>',
    "quadratic": '<!DOCTYPE a [<!ENTITY e "' + "x" * 50_000 + '">]><a>' + "&e;" * 5000 + "</a>",
    "lower case": '<!doctype a SYSTEM "{url}"><a/>',
}
ENCODINGS = ("utf-8", "utf-16", "utf-16-be", "utf-32", "utf-7", "cp037")


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


@pytest.mark.parametrize(
    ("attack", "encoding"),
    [
        pytest.param(attack, encoding, id=f"{name}, {encoding}")
        for (name, attack), encoding in itertools.product(ATTACKS.items(), ENCODINGS)
    ],
)
def test_no_file_is_opened_and_no_host_is_called(
    attack: str, encoding: str, listening: socket.socket, tmp_path: Path
) -> None:
    """cp037 is EBCDIC. The whole takes less than 50 ms of the processor."""
    secret = tmp_path / "secret"
    secret.write_text(CANARY)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/x.dtd"
    document = attack.replace("{file}", str(secret)).replace("{url}", url)
    octets = f'<?xml version="1.0" encoding="{encoding}"?>{document}'.encode(encoding)
    started = time.thread_time()
    with pytest.raises(MalformedMessage) as refused:
        parse_xml(octets, max_bytes=SOAP_BYTES)
    assert time.thread_time() - started < 0.05
    assert CANARY not in str(refused.value)
    with pytest.raises(BlockingIOError):
        listening.accept()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(
            b"<a>" + b"<b/>" * ((SOAP_BYTES - 7) // 4) + b"</a>", id="two million elements"
        ),
        pytest.param(
            b"<a " + b" ".join(b'a%d=""' % i for i in range(200_000)) + b"/>",
            id="200 000 attributes",
        ),
        pytest.param(
            b"<a>" + b"".join(b'<b xmlns:p%d="u"/>' % i for i in range(200_000)) + b"</a>",
            id="200 000 namespaces",
        ),
        pytest.param(b"<a>" * 300_000 + b"</a>" * 300_000, id="300 000 levels"),
    ],
)
def test_what_is_wide_or_deep_is_read_or_refused_in_two_seconds(content: bytes) -> None:
    started = time.thread_time()
    with suppress(DrimboxError):
        parse_xml(content, max_bytes=SOAP_BYTES)
    assert time.thread_time() - started < 2
