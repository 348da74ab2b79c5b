"""The white list: what verifies comes into force, what does not leaves the last one (N2, X5)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from lxml import etree
from tests.fakes.trusted_worlds import DB1, DB2, World, der, peer

from drimbox.errors import DrimboxError, Refused, Unavailable
from drimbox.sandbox.trusted_space.pki import TestPki, organisation_name
from drimbox.sandbox.trusted_space.server import SandboxTrustedSpace

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("EC-2")]


async def test_a_listed_subject_with_a_client_certificate_is_a_peer(world: World) -> None:
    box = world.box()
    await box.refresh()
    assert box.check_peer_certificate(world.client("good", DB1)) == peer(DB1)
    assert box.get_peer(DB2).identifier == "2"
    assert box.address_of(peer(DB1)).port == 4431
    assert box.address_of(peer(DB2, "2")).host == DB2


@pytest.mark.parametrize(
    "printed",
    [
        pytest.param(f"C=FR,O=SITE,OU=311111111100011,CN={DB1}", id="in the reverse order"),
        pytest.param(f"CN={DB1}, OU=311111111100011 , O=SITE, C=FR", id="with spaces"),
        pytest.param(f"CN={DB1},OU=311111111100011,O=SI\\54E,C=FR", id="with an escape"),
    ],
)
async def test_the_printed_dn_matches_however_it_is_written(world: World, printed: str) -> None:
    world.space.publish([peer(DB1, operator_dn=printed)])
    box = world.box()
    await box.refresh()
    assert box.check_peer_certificate(world.client("good", DB1)).db_host == DB1


@pytest.mark.parametrize(
    "host",
    [
        "evil.mesimagesmedicales.fr.attacker.tld",
        "xdb1.test.mesimagesmedicales.fr",
        "db1.test.mesimagesmedicales.fr.",
        "*.test.mesimagesmedicales.fr",
        "db9.test.mesimagesmedicales.fr",
    ],
)
async def test_a_valid_certificate_of_someone_unlisted_is_refused(world: World, host: str) -> None:
    box = world.box()
    await box.refresh()
    with pytest.raises(Refused):
        box.check_peer_certificate(world.client("other", host))
    with pytest.raises(Refused):
        box.get_peer(host)


async def test_a_listed_subject_from_another_authority_is_refused(
    world: World, tmp_path: Path
) -> None:
    box = world.box()
    await box.refresh()
    foreign = TestPki(tmp_path / "foreign")
    subject = organisation_name(DB1, structure="311111111100011", organisation="SITE")
    with pytest.raises(Refused):
        box.check_peer_certificate(der(foreign.issue_client("good", subject)))


@pytest.mark.requirement("S-cert")
async def test_a_server_certificate_does_not_authenticate_a_client(world: World) -> None:
    box = world.box()
    await box.refresh()
    subject = organisation_name(DB1, structure="311111111100011", organisation="SITE")
    with pytest.raises(Refused):
        box.check_peer_certificate(der(world.pki.issue_server("server", [DB1], subject)))


async def test_an_expired_certificate_is_refused(world: World) -> None:
    box = world.box()
    await box.refresh()
    yesterday = datetime.now(UTC) - timedelta(days=1)
    with pytest.raises(Refused):
        box.check_peer_certificate(world.client("expired", DB1, not_after=yesterday))


@pytest.mark.requirement("SSI/IE.42 / .43")
async def test_a_revoked_certificate_is_refused_after_the_next_refresh(world: World) -> None:
    box = world.box()
    await box.refresh()
    subject = organisation_name(DB1, structure="311111111100011", organisation="SITE")
    issued = world.pki.issue_client("soon-revoked", subject)
    box.check_peer_certificate(der(issued))
    world.pki.revoke(issued)
    await box.refresh()
    with pytest.raises(Refused):
        box.check_peer_certificate(der(issued))


async def test_before_any_list_everything_is_refused(world: World) -> None:
    box = world.box()
    with pytest.raises(Unavailable):
        box.check_peer_certificate(world.client("good", DB1))
    with pytest.raises(Unavailable):
        box.get_peer(DB1)


async def test_an_older_list_is_refused_and_the_newer_one_stays(world: World) -> None:
    box = world.box()
    await box.refresh()
    world.space.publish([], generated_at=datetime.now(UTC) - timedelta(days=2))
    with pytest.raises(Refused):
        await box.refresh()
    assert box.get_peer(DB1)


async def test_a_list_that_was_not_verified_for_too_long_is_refused(world: World) -> None:
    box = world.box()
    await box.refresh()
    world.clock.offset = timedelta(days=8)
    with pytest.raises(Unavailable):
        box.get_peer(DB1)


async def test_the_last_list_survives_a_restart_without_network(world: World) -> None:
    await world.box().refresh()
    await world.space.stop()
    reborn = world.box()
    with pytest.raises(Unavailable):
        await reborn.refresh()
    assert reborn.restore()
    assert reborn.get_peer(DB2).db_host == DB2


async def test_a_folder_that_cannot_be_written_leaves_the_last_list_in_force(world: World) -> None:
    """A disk may be full on the day of a new list; the box tries again, and serves meanwhile."""
    box = world.box()
    await box.refresh()
    beside = world.directory / "state" / "liste-blanche.new"
    beside.mkdir()  # what is written beside the list cannot be
    world.space.publish([peer(DB1)])
    with pytest.raises(Unavailable, match="folder of the white list"):
        await box.refresh()
    assert box.get_peer(DB2).db_host == DB2
    beside.rmdir()
    await box.refresh()
    with pytest.raises(Refused):
        box.get_peer(DB2)


async def test_a_list_signed_by_someone_else_of_the_same_authority_is_refused(
    world: World,
) -> None:
    subject = organisation_name("Autre liste", structure="318751275100020", organisation="ANS")
    other = SandboxTrustedSpace(
        world.pki, world.pki.issue_signing("other-signer", subject), [peer(DB1)]
    )
    await other.start("127.0.0.1", 0)
    world.space = other
    try:
        with pytest.raises(Refused):
            await world.box().refresh()
    finally:
        await other.stop()


def _unsigned(root: etree._Element) -> None:
    signature = root.find("{http://www.w3.org/2000/09/xmldsig#}Signature")
    assert signature is not None
    root.remove(signature)


def _other_host(root: etree._Element) -> None:
    host = root.find(".//{https://github.com/ansforge/DRIM-M_DATA}db")
    assert host is not None
    host.text = "db6.test.mesimagesmedicales.fr"


def _signature_twice(root: etree._Element) -> None:
    root.append(etree.fromstring(etree.tostring(root[-1])))


def _wrapped(root: etree._Element) -> None:
    inner = etree.fromstring(etree.tostring(root))
    _other_host(root)
    root[-1].append(inner)


def _xslt(root: etree._Element) -> None:
    transform = root.find(".//{http://www.w3.org/2000/09/xmldsig#}Transform")
    assert transform is not None
    transform.set("Algorithm", "http://www.w3.org/TR/1999/REC-xslt-19991116")


def _sha1(root: etree._Element) -> None:
    method = root.find(".//{http://www.w3.org/2000/09/xmldsig#}SignatureMethod")
    assert method is not None
    method.set("Algorithm", "http://www.w3.org/2000/09/xmldsig#rsa-sha1")


def _hmac(root: etree._Element) -> None:
    method = root.find(".//{http://www.w3.org/2000/09/xmldsig#}SignatureMethod")
    assert method is not None
    method.set("Algorithm", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256")


def _narrower_subtraction(root: etree._Element) -> None:
    xpath = root.find(".//{http://www.w3.org/2002/06/xmldsig-filter2}XPath")
    assert xpath is not None
    xpath.text = "/descendant::*"


def _other_reference(root: etree._Element) -> None:
    reference = root.find(".//{http://www.w3.org/2000/09/xmldsig#}Reference")
    assert reference is not None
    reference.set("URI", "#other")


def _comment_in_host(root: etree._Element) -> None:
    host = root.find(".//{https://github.com/ansforge/DRIM-M_DATA}db")
    assert host is not None
    text = host.text or ""
    host.text = text[:3]
    comment = etree.Comment("x")
    comment.tail = text[3:] + ".attacker.tld"
    host.append(comment)


@pytest.mark.parametrize(
    "attack",
    [
        _unsigned,
        _other_host,
        _signature_twice,
        _wrapped,
        _xslt,
        _sha1,
        _hmac,
        _narrower_subtraction,
        _other_reference,
        _comment_in_host,
    ],
)
async def test_a_list_altered_after_its_signature_never_comes_into_force(
    world: World, attack: Callable[[etree._Element], None]
) -> None:
    box = world.box()
    root = etree.fromstring(world.space._list)
    attack(root)
    world.space._list = etree.tostring(root)
    with pytest.raises(DrimboxError):
        await box.refresh()
    with pytest.raises(Unavailable):
        box.get_peer(DB1)
