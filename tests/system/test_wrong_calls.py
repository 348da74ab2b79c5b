"""Contextual calls that a running box refuses, and those whose patient it may not consult for."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape
from urllib.parse import urlencode

import aiohttp
import pytest
from tests.system.demo_client import CONSENT, good_call
from tests.system.demo_session import DemoSession

from drimbox.sandbox.journey.browser import Browser, Page
from drimbox.sandbox.patients.identities import LUCIE
from drimbox.sandbox.patients.professionals import REFERRING_PHYSICIAN
from drimbox.sandbox.patients.studies import CT_OF_LUCIE

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.system,
    pytest.mark.xdist_group("demo"),
    pytest.mark.requirement("TRA.04"),
]

FORM = "application/x-www-form-urlencoded"
TITLE = "Appel contextuel mal formé"
REQUIRED = (
    "Patient.identifier.value",
    "Patient.identifier.system",
    "Patient.name.family",
    "Patient.name.given",
    "Patient.gender",
    "Patient.birthDate",
    "Address.district",
    CONSENT,
    "PatientID",
    "PatientIDIssuer",
)
# The two examples that section 4.6.1 prints, line breaks taken out: a system without "=", consent
# "no", an INS of six digits.
_PRINTED = (
    "Patient.identifier.value=123456&Patient.identifier.system&1.2.250.1.213.1.4.8"
    "&Patient.name.family=DUPONT&Patient.name.given=JEAN&Patient.gender=M"
    "&Patient.birthDate=19780512&Address.district=75056{}"
    "&InformationEtOppositionConsultation=no&PatientID=42&PatientIDIssuer=IPP"
)
_FAULTS_OF_PRINTED = ["Patient.identifier.value", "Patient.identifier.system", CONSENT]


def _call(**changes: str | None) -> str:
    values: dict[str, str | None] = {**good_call(LUCIE), **changes}
    return urlencode({name: value for name, value in values.items() if value is not None})


_BAD_VALUES = [
    ("Patient.identifier.value", "123456"),
    ("Patient.identifier.value", LUCIE.traits.ins.value[:13] + "00"),
    ("Patient.identifier.system", "1.2.3"),
    ("Patient.name.family", "A" * 500),
    ("Patient.gender", "X"),
    ("Patient.birthDate", "12/04/1961"),
    ("Patient.birthDate", "19610230"),
    ("Address.district", "PARIS"),
    (CONSENT, "no"),
    (CONSENT, "oui"),
    ("PatientIDIssuer", "&&ISO"),
    ("StudyInstanceUID", "1.2.03"),
    ("Modality", "ZZ"),
    ("AnatomicRegion", "genou"),
    ("StudyDate", "20261350"),
    ("StudyDate", "20260201-20260101"),
    ("AccessionNumber", "1\\2"),
    ("Situation", "9123"),
]
_WRONG = [
    pytest.param(_PRINTED.format("&StudyInstanceUID=1.2.3.4.5"), _FAULTS_OF_PRINTED,
                 id="the printed example with a study"),
    pytest.param(_PRINTED.format("&Modality=CT&StudyDate=-20220910"), _FAULTS_OF_PRINTED,
                 id="the printed example with criteria"),
    *(pytest.param(_call(**{name: None}), [name], id=f"without {name}") for name in REQUIRED),
    *(pytest.param(_call(**{name: " "}), [name], id=f"{name} empty") for name in REQUIRED),
    *(pytest.param(_call(**{n: v}), [n], id=f"{n}={v[:20]!r}") for n, v in _BAD_VALUES),
    pytest.param(_call() + "&Patient.birthDate=19000101", ["Patient.birthDate"],
                 id="two birth dates"),
    pytest.param(_call() + "&PatientID=%FF%FE", ["PatientID"], id="octets of no character set"),
    pytest.param("", list(REQUIRED), id="nothing at all"),
    pytest.param(_call(**{"Patient.gender": None, "Modality": "ZZ", "StudyDate": "hier"}),
                 ["Patient.gender", "Modality", "StudyDate"], id="three faults, all told"),
]  # fmt: skip


@dataclass(frozen=True)
class Refusal:
    """A 400 of the contextual call, its shape checked; rules by parameter, in the order told."""

    rules: list[tuple[str | None, str]]

    @property
    def parameters(self) -> list[str | None]:
        return [parameter for parameter, _ in self.rules]


async def refusal_of(
    demo: DemoSession, body: str | bytes, content_type: str = FORM, **headers: str
) -> Refusal:
    sent = {"Content-Type": content_type, **headers}
    async with demo.http.post(
        demo.call_url, data=body, headers=sent, allow_redirects=False
    ) as answer:
        assert answer.status == 400
        assert answer.content_type == "application/problem+json"
        problem = await answer.json()
    assert list(problem) == ["type", "title", "status", "code", "errors"]
    known = {name: problem[name] for name in ("type", "title", "status", "code")}
    assert known == {"type": "about:blank", "title": TITLE, "status": 400, "code": "E200"}
    assert all(list(error) == ["parameter", "rule"] for error in problem["errors"])
    return Refusal([(error["parameter"], error["rule"]) for error in problem["errors"]])


@pytest.mark.parametrize(("body", "parameters"), _WRONG)
async def test_a_wrong_call_names_each_of_its_faults(
    demo: DemoSession, body: str, parameters: list[str]
) -> None:
    refusal = await refusal_of(demo, body)
    assert refusal.parameters == parameters
    assert all(rule for _, rule in refusal.rules)


async def test_no_refusal_tells_what_was_sent(demo: DemoSession) -> None:
    canary = "CANARI^SERIN"
    for name in REQUIRED:
        refusal = await refusal_of(demo, _call(**{name: f"{canary}\x07" + "x" * 300}))
        assert canary not in str(refusal)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param("{}", "application/json", id="JSON"),
        pytest.param(_call(), "text/plain", id="text"),
        pytest.param(_call(), "", id="no type"),
        pytest.param(_call(), "multipart/form-data; boundary=x", id="multipart"),
        pytest.param(_call(Remplissage="x" * 1_000_000), FORM, id="one megabyte"),
        pytest.param("a=b&" * 20_000, FORM, id="too many parameters"),
    ],
)
async def test_a_call_wrong_as_a_whole_has_one_fault_without_parameter(
    demo: DemoSession, body: str, content_type: str
) -> None:
    assert (await refusal_of(demo, body, content_type)).parameters == [None]


async def test_a_browser_is_shown_the_same_faults_as_a_page(demo: DemoSession) -> None:
    headers = {"Accept": "text/html", "Content-Type": FORM}
    body = _call(**{"Patient.gender": None, CONSENT: "no"})
    async with demo.http.post(demo.call_url, data=body, headers=headers) as answer:
        page = await answer.text()
        assert (answer.status, answer.content_type) == (400, "text/html")
    assert "E200" in page
    assert f'<span class="code">{CONSENT}</span>' in page
    assert '<span class="code">Patient.gender</span>' in page


@dataclass
class Traffic:
    """What has left the box so far: requests at the DMP, events at the Source."""

    dmp: Counter[str]
    source_events: int

    @classmethod
    async def of(cls, demo: DemoSession) -> "Traffic":
        return cls(await demo.dmp_calls(), await demo.count_audit("source"))


@pytest.mark.parametrize(
    ("consent", "why"),
    [
        pytest.param(
            "InforméEtOpposé",
            "Le patient s'oppose à la consultation",
            id="opposed",
            marks=pytest.mark.requirement("CO.93"),
        ),
        pytest.param(
            "N/A",
            "L'information du patient n'a pas été recueillie",
            id="not asked",
            marks=pytest.mark.requirement("CO.94"),
        ),
    ],
)
async def test_without_consent_the_page_says_why_and_no_call_leaves_the_box(
    demo: DemoSession, consent: str, why: str
) -> None:
    before = await Traffic.of(demo)
    async with aiohttp.ClientSession(trust_env=False) as session:
        page = await open_consultation(demo, session, {CONSENT: consent})
        assert why in unescape(page.text)
        study = CT_OF_LUCIE.study_instance_uid
        context = page.url.rpartition("/")[2]
        for path in (
            f"/consultation/{context}/exams",
            f"/viewer/{context}/{study}",
            f"/dicom-web/studies/{study}",
            f"/dicom-web/studies/{study}/metadata",
            "/dicom-web/studies",
        ):
            async with session.get(demo.consumer + path) as answer:
                assert answer.status == 403, path
    headers = {"Authorization": f"Bearer {await demo.context_token(LUCIE, **{CONSENT: consent})}"}
    async with demo.http.get(f"{demo.consumer}/dicom-web/studies", headers=headers) as answer:
        assert answer.status == 403
    assert await Traffic.of(demo) == before


async def test_with_consent_calls_do_leave(demo: DemoSession) -> None:
    """The counters above would stand still as well if nobody counted."""
    demo.forget_images()
    before = await Traffic.of(demo)
    async with aiohttp.ClientSession(trust_env=False) as session:
        page = await open_consultation(demo, session, {})
        async with session.get(f"{page.url}/exams") as answer:
            assert answer.status == 200
        study = f"/dicom-web/studies/{CT_OF_LUCIE.study_instance_uid}/metadata"
        async with session.get(demo.consumer + study) as answer:
            assert len(await answer.json(content_type="application/dicom+json")) > 100
    after = await Traffic.of(demo)
    assert after.dmp > before.dmp
    assert after.source_events > before.source_events


async def open_consultation(
    demo: DemoSession, session: aiohttp.ClientSession, changes: Mapping[str, str]
) -> Page:
    """Call, sign in, confirm the patient, as a professional's browser does."""
    browser = Browser(session)
    form = good_call(LUCIE) | dict(changes)
    status, location = await browser.post_without_following(demo.call_url, form)
    assert status == 303
    provider = await browser.open(location)
    subject = {"subject": REFERRING_PHYSICIAN.rpps}
    confirmation = await browser.submit(provider, "/auth/choose", subject)
    return await browser.submit(confirmation, "/confirmation", {})
