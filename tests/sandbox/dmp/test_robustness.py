"""Whatever comes, the stand-in answers: it refuses, it does not break."""

import random
from dataclasses import replace

import pytest
from tests.sandbox.dmp.bench import BASE, BOUNDARY, Bench, Recipe
from tests.sandbox.dmp.lot import PATIENT_ID

from drimbox.sandbox.dmp.service import Exchange


def mutated(octets: bytes, dice: random.Random) -> bytes:
    """Change, drop or repeat a few octets."""
    changed = bytearray(octets)
    for _ in range(dice.randint(1, 4)):
        position = dice.randrange(len(changed))
        match dice.randrange(3):
            case 0:
                changed[position] = dice.randrange(256)
            case 1:
                del changed[position : position + dice.randint(1, 40)]
            case _:
                changed[position:position] = changed[position : position + dice.randint(1, 40)]
    return bytes(changed)


@pytest.mark.parametrize("seed", range(4))
def test_answers_any_change_of_a_message(bench: Bench, seed: int) -> None:
    exchange = bench.provide_message(Recipe())
    dice = random.Random(seed)

    for _ in range(60):
        answer = bench.send(replace(exchange, body=mutated(exchange.body, dice)))
        assert answer.fault or answer.status in {"Failure", "Success"}


@pytest.mark.parametrize("seed", range(4))
def test_answers_any_change_of_a_signed_kos(bench: Bench, seed: int) -> None:
    """hash, size and signature agree with the broken octets: only the KOS judge can refuse."""
    dice = random.Random(seed)

    for _ in range(25):
        answer = bench.provide(Recipe(kos_octets=lambda kos: mutated(kos, dice)))
        assert answer.status in {"Failure", "Success"}, answer.said()


@pytest.mark.parametrize("seed", range(4))
def test_answers_any_change_of_a_signature(bench: Bench, seed: int) -> None:
    dice = random.Random(seed)

    for _ in range(25):
        answer = bench.provide(Recipe(xades_signed=lambda signature: mutated(signature, dice)))
        assert answer.status in {"Failure", "Success"}, answer.said()


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("", b""),
        ("multipart/related", b""),
        ('multipart/related; boundary="', b"--"),
        (f"multipart/related; boundary={BOUNDARY}", b"\xff" * 100),
        ("application/soap+xml", b"<a/>" * 1000),
        ("multipart/mixed; boundary=a", b"--a\r\n\r\n--a--"),
    ],
)
@pytest.mark.parametrize("service", ["registry", "repository", "patients"])
def test_answers_what_is_no_message(
    bench: Bench, service: str, content_type: str, body: bytes
) -> None:
    client = bench.provide_message(Recipe()).client_certificate

    answer = bench.send(Exchange(f"{BASE}/{service}", content_type, body, client))

    assert answer.fault
    assert bench.store.find_entries_of(PATIENT_ID) == []
