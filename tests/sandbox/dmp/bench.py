"""A DMP in the process, and the messages that tests send it: whole, or broken at one point."""

import email
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from lxml import etree
from pydicom.dataset import FileDataset
from tests.sandbox.dmp import kos as kos_file
from tests.sandbox.dmp import lot as lots
from tests.sandbox.dmp import pki, signatures
from tests.sandbox.dmp.kos import INS, KOS_UID, STUDY_UID
from tests.sandbox.dmp.lot import PATIENT_ID, SET_UID, SIGNATURE_UID, Lot

from drimbox.model.patient import Ins, InsAuthority
from drimbox.sandbox.dmp.answers import Reply
from drimbox.sandbox.dmp.patients import DmpPatient, Patients
from drimbox.sandbox.dmp.service import DmpService, DmpTrust, Exchange
from drimbox.sandbox.dmp.store import Store

SOAP = "http://www.w3.org/2003/05/soap-envelope"
WSA = "http://www.w3.org/2005/08/addressing"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
XOP = "http://www.w3.org/2004/08/xop/include"
XDSB = "urn:ihe:iti:xds-b:2007"
QUERY = "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0"
BASE = "/si-dmp-server/v2/services"
PROVIDE = "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b"
RETRIEVE = "urn:ihe:iti:2007:RetrieveDocumentSet"
STORED_QUERY = "urn:ihe:iti:2007:RegistryStoredQuery"
UPDATE = "urn:ihe:iti:2010:UpdateDocumentSet"
DEMOGRAPHICS = "urn:hl7-org:v3:PRPA_IN201307UV02"
REPOSITORY_ID = "1.2.250.1.213.4.1.1.2"
OTHER_PATIENT = "279035121518989^^^&1.2.250.1.213.1.4.10&ISO^NH"
MESSAGE_ID = "urn:uuid:6d0a6a2e-7d39-4b43-9a4e-0a6b0c7de001"
BOUNDARY = "MIMEBoundary_test"

Elements = Callable[[etree._Element], object]


@dataclass(frozen=True)
class Recipe:
    """How to make a message; each hook changes it at one stage, and what follows stays coherent."""

    kos_uid: str = KOS_UID
    study_uid: str = STUDY_UID
    set_uid: str = SET_UID
    signature_uid: str = SIGNATURE_UID
    replaces: str = ""
    mode: str = "INDIRECTE"
    vihf_patient: str = PATIENT_ID
    structure: str = pki.STRUCTURE
    signer: str = "sign"
    kos: Callable[[FileDataset], object] | None = None
    kos_octets: Callable[[bytes], bytes] | None = None
    lot: Callable[[Lot], object] | None = None
    xades: Callable[[dict[str, str]], object] | None = None
    xades_signed: Callable[[bytes], bytes] | None = None
    vihf: Elements | None = None
    vihf_signed: Elements | None = None
    body: Elements | None = None
    envelope: Elements | None = None
    contents: Callable[[dict[str, bytes]], object] | None = None
    wire: Callable[[Exchange], Exchange] | None = None
    is_inline: bool = False


class TestClock:
    """A clock that stands still until told."""

    __test__ = False

    def __init__(self, now: datetime = pki.NOW) -> None:
        self.present = now

    def now(self) -> datetime:
        return self.present

    def advance(self, by: timedelta) -> None:
        self.present += by


class Bench:
    """The service, its store and everybody's certificates."""

    def __init__(self, directory: Path, *, max_leaf_results: int = 1000) -> None:
        self.clock = TestClock()
        self.store = Store(directory / "dmp.sqlite")
        self.patients = Patients(known_patients())
        self.service = DmpService(
            self.store,
            self.patients,
            trust=DmpTrust(pki.authority().pem, pki.authority().pem),
            clock=self.clock,
            repository_unique_id=REPOSITORY_ID,
            max_leaf_results=max_leaf_results,
        )

    def send(self, exchange: Exchange) -> "Answered":
        return Answered(self.service.answer(exchange))

    def provide(self, recipe: Recipe | None = None) -> "Answered":
        return self.send(self.provide_message(recipe or Recipe()))

    def provide_message(self, recipe: Recipe) -> Exchange:
        lot, contents = self.make_lot(recipe)
        if recipe.contents:
            recipe.contents(contents)
        documents = "".join(document(name, octets, recipe) for name, octets in contents.items())
        body = (
            f'<x:ProvideAndRegisterDocumentSetRequest xmlns:x="{XDSB}">{lot.xml()}{documents}'
            "</x:ProvideAndRegisterDocumentSetRequest>"
        )
        attached = {} if recipe.is_inline else contents
        return self.message("repository", PROVIDE, body, recipe, attached)

    def make_lot(self, recipe: Recipe) -> tuple[Lot, dict[str, bytes]]:
        kos = kos_file.build(recipe.kos, recipe.kos_uid, recipe.study_uid)
        if recipe.kos_octets:
            kos = recipe.kos_octets(kos)
        signature = signatures.xades(
            recipe.signature_uid,
            recipe.set_uid,
            {recipe.kos_uid: kos},
            self.holder(recipe),
            now=self.clock.now(),
            before=recipe.xades,
        )
        if recipe.xades_signed:
            signature = recipe.xades_signed(signature)
        lot = Lot(
            [
                lots.kos_entry(kos, recipe.kos_uid, recipe.study_uid),
                lots.signature_entry(signature, recipe.signature_uid),
            ],
            [(lots.SIGNS, "Signature01", "SubmissionSet01", {})],
            unique_id=recipe.set_uid,
        )
        if recipe.replaces:
            lot.associations.append((lots.RPLC, "DocumentKOS", recipe.replaces, {}))
        if recipe.lot:
            recipe.lot(lot)
        return lot, {"DocumentKOS": kos, "Signature01": signature}

    def query(
        self,
        query_id: str,
        slots: dict[str, str | list[str]],
        recipe: Recipe | None = None,
        return_type: str = "LeafClass",
    ) -> "Answered":
        """Send ITI-18; a slot's list gives several Values, a key `name#2` the slot again."""
        given = recipe or Recipe(mode="INDIRECTE_RENFORCEE")
        listed = "".join(
            lots.slot(name.partition("#")[0], *([v] if isinstance(v, str) else v))
            for name, v in slots.items()
        )
        body = (
            f'<q:AdhocQueryRequest xmlns:q="{QUERY}" xmlns="{lots.RIM}"><q:ResponseOption'
            f' returnType="{return_type}" returnComposedObjects="true"/>'
            f'<AdhocQuery id="{query_id}">{listed}</AdhocQuery></q:AdhocQueryRequest>'
        )
        return self.send(self.message("registry", STORED_QUERY, body, given))

    def retrieve(
        self, *unique_ids: str, repository: str = REPOSITORY_ID, recipe: Recipe | None = None
    ) -> "Answered":
        given = recipe or Recipe(mode="INDIRECTE_RENFORCEE")
        requests = "".join(
            f"<DocumentRequest><RepositoryUniqueId>{repository}</RepositoryUniqueId>"
            f"<DocumentUniqueId>{uid}</DocumentUniqueId></DocumentRequest>"
            for uid in unique_ids
        )
        body = f'<RetrieveDocumentSetRequest xmlns="{XDSB}">{requests}</RetrieveDocumentSetRequest>'
        return self.send(self.message("repository", RETRIEVE, body, given, {}))

    def update(self, lot: Lot, recipe: Recipe | None = None) -> "Answered":
        given = recipe or Recipe()
        return self.send(self.message("registry", UPDATE, lot.xml(), given))

    def holder(self, recipe: Recipe) -> pki.Holder:
        """Return who signs: "sign", or a "client", "foreign" or "expired" certificate."""
        usage = "client" if recipe.signer == "client" else "sign"
        issuer = pki.authority("FOREIGN AC") if recipe.signer == "foreign" else None
        around = pki.NOW - timedelta(days=90 if recipe.signer == "expired" else 0)
        name = f"{recipe.signer} {recipe.structure}"
        return pki.leaf(name, usage, structure=recipe.structure, issuer=issuer, around=around)

    def message(
        self,
        service: str,
        action: str,
        body: str,
        recipe: Recipe,
        attachments: dict[str, bytes] | None = None,
    ) -> Exchange:
        """attachments None makes SIMPLE SOAP, anything else MTOM."""
        path = f"{BASE}/{service}"
        envelope = etree.fromstring(
            f'<s:Envelope xmlns:s="{SOAP}" xmlns:a="{WSA}"><s:Header>'
            f"<a:To>https://dmp.example{path}</a:To>"
            f'<a:Action s:mustUnderstand="1">{action}</a:Action>'
            f"<a:MessageID>{MESSAGE_ID}</a:MessageID><a:ReplyTo><a:Address>{WSA}/anonymous"
            f'</a:Address></a:ReplyTo><w:Security xmlns:w="{WSSE}"/></s:Header>'
            f"<s:Body>{body}</s:Body></s:Envelope>"
        )
        assertion = signatures.vihf(
            recipe.vihf_patient,
            recipe.mode,
            self.holder(recipe),
            now=self.clock.now(),
            structure=recipe.structure,
            before=recipe.vihf,
        )
        envelope[0][-1].append(assertion)
        for hook, element in (
            (recipe.vihf_signed, assertion),
            (recipe.body, envelope[1][0]),
            (recipe.envelope, envelope),
        ):
            if hook:
                hook(element)
        client = pki.leaf(f"client {recipe.structure}", "client", structure=recipe.structure)
        exchange = wrapped(path, etree.tostring(envelope), attachments, client.der)
        return recipe.wire(exchange) if recipe.wire else exchange


def known_patients() -> list[DmpPatient]:
    return [
        DmpPatient(Ins(INS, InsAuthority.NIR_TEST)),
        DmpPatient(Ins("279035121518989", InsAuthority.NIR_TEST)),
    ]


def document(name: str, octets: bytes, recipe: Recipe) -> str:
    content = (
        signatures.b64(octets)
        if recipe.is_inline
        else f'<o:Include xmlns:o="{XOP}" href="cid:{name}%40test"/>'
    )
    return f'<x:Document id="{name}">{content}</x:Document>'


def wrapped(
    path: str, envelope: bytes, attachments: dict[str, bytes] | None, client: bytes
) -> Exchange:
    if attachments is None:
        return Exchange(path, "application/soap+xml; charset=UTF-8", envelope, client)
    root = 'application/xop+xml; charset=UTF-8; type="application/soap+xml"'
    parts = [("root@test", root, envelope)]
    parts += [(f"{n}@test", "application/octet-stream", o) for n, o in attachments.items()]
    body = b"".join(
        f"--{BOUNDARY}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: binary\r\n"
        f"Content-ID: <{name}>\r\n\r\n".encode()
        + octets
        + b"\r\n"
        for name, kind, octets in parts
    )
    content_type = (
        f'multipart/related; boundary="{BOUNDARY}"; type="application/xop+xml";'
        ' start="<root@test>"; start-info="application/soap+xml"'
    )
    return Exchange(path, content_type, body + f"--{BOUNDARY}--\r\n".encode(), client)


def another(recipe: Recipe, number: int) -> Recipe:
    """The same message with uniqueIds of its own."""
    return replace(
        recipe,
        kos_uid=f"{KOS_UID}.{number}",
        set_uid=f"{SET_UID}.{number}",
        signature_uid=f"{SIGNATURE_UID}.{number}",
    )


class Answered:
    """A reply, read."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.parts: dict[str, bytes] = {}
        self.envelope = etree.fromstring(self._root())

    def _root(self) -> bytes:
        if not self.reply.content_type.startswith("multipart/"):
            return self.reply.body
        head = f"Content-Type: {self.reply.content_type}\r\n\r\n".encode()
        message = email.message_from_bytes(head + self.reply.body)
        for part in message.get_payload():
            self.parts[part["Content-ID"].strip("<>")] = part.get_payload(decode=True)
        return self.parts[message.get_param("start").strip("<>")]

    @property
    def body(self) -> etree._Element:
        return self.envelope.find(f"{{{SOAP}}}Body")[0]

    @property
    def fault(self) -> str:
        """The rule of a fault, with its subcode; "" when there is none."""
        subcode = self.body.findtext(f".//{{{SOAP}}}Subcode/{{{SOAP}}}Value", "")
        reason = self.body.findtext(f".//{{{SOAP}}}Text", "")
        return f"{subcode.partition(':')[2]}: {reason}" if reason else ""

    @property
    def status(self) -> str:
        return self.body.xpath("string(descendant-or-self::*/@status)").rpartition(":")[2]

    @property
    def errors(self) -> list[tuple[str, str]]:
        found = self.body.iter("{*}RegistryError")
        return [(e.get("errorCode"), e.get("codeContext")) for e in found]

    @property
    def objects(self) -> list[etree._Element]:
        return list(self.body.find("{*}RegistryObjectList"))

    def said(self) -> str:
        """Everything that was refused, for messages of failing tests."""
        return self.fault or "; ".join(f"{code}: {rule}" for code, rule in self.errors)


def cut_at(pattern: bytes) -> Callable[[Exchange], Exchange]:
    """Truncate the request where a pattern first stands."""

    def cut(exchange: Exchange) -> Exchange:
        match = re.search(pattern, exchange.body)
        assert match, pattern
        return replace(exchange, body=exchange.body[: match.start()])

    return cut
