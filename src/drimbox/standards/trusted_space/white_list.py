"""The white list of DRIM-M: ListeBlancheDRIM-M, versionFormat 1.0.0 (ansforge/DRIM-M_DATA)."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from lxml import etree

from drimbox.errors import MalformedMessage
from drimbox.model.access import Peer
from drimbox.standards.trusted_space.certificates import distinguished_name

NAMESPACE = "https://github.com/ansforge/DRIM-M_DATA"
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}\Z")


@dataclass(frozen=True, slots=True)
class WhiteList:
    """What a verified list says; generated_at is aware (UTC)."""

    generated_at: datetime
    peers: tuple[Peer, ...]


def parse_white_list(root: etree._Element) -> WhiteList:
    """Read the list from the subtree that its signature covers.

    Raises:
        MalformedMessage: another root, a missing or repeated field, a host that is no FQDN.
        InvalidValue: a DNCertificatOperateur that is no DN.
    """
    if root.tag != f"{{{NAMESPACE}}}ListeBlancheDRIM-M":
        raise MalformedMessage("not a ListeBlancheDRIM-M")
    if root.get("versionFormat", "").split(".")[0] != "1":
        raise MalformedMessage("unknown versionFormat")
    domains = root.findall(f"{{{NAMESPACE}}}ListeDomaines/{{{NAMESPACE}}}Domaine")
    peers = tuple(_peer(domain) for domain in domains)
    hosts = [p.db_host for p in peers]
    if len(set(hosts)) != len(hosts):
        raise MalformedMessage("the same db host twice", where="ListeDomaines")
    return WhiteList(_instant(_text(root, "DateDeGeneration")), peers)


def _peer(domain: etree._Element) -> Peer:
    operator_dn = _text(domain, "DNCertificatOperateur")
    distinguished_name(operator_dn)
    return Peer(
        identifier=_text(domain, "Identifiant"),
        db_host=_host(_text(domain, "db")),
        vi_host=_host(_text(domain, "vi")),
        name=_text(domain, "Denomination"),
        operator_dn=operator_dn,
    )


def _text(parent: etree._Element, name: str) -> str:
    found = parent.findall(f"{{{NAMESPACE}}}{name}")
    if len(found) != 1 or not (found[0].text or "").strip():
        raise MalformedMessage("exactly one, not empty", where=name)
    return (found[0].text or "").strip()


def _host(text: str) -> str:
    host = text.casefold()
    if len(host) > 253 or not _HOST.match(host):
        raise MalformedMessage("not an FQDN", where="db or vi")
    return host


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise MalformedMessage("not an ISO 8601 instant", where="DateDeGeneration") from error
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
