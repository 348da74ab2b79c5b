"""Access tokens of ours: what they say, and to whom they are bound (RFC 9068, RFC 8705)."""

import json
from base64 import urlsafe_b64decode
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from tests.fakes.fake_clock import START
from tests.fakes.hostile_tokens import GoodToken
from tests.fakes.signing_keys import ec_key, signing_key

from drimbox.errors import NotAuthenticated
from drimbox.model.consent import InformationEtOppositionConsultation
from drimbox.model.practice import Code
from drimbox.standards.iua.access_token import (
    AccessToken,
    VerifiedTokens,
    check_binding,
    encode_access_token,
    thumbprint,
)
from drimbox.standards.iua.iua_extensions import IheIua
from drimbox.standards.iua.signed_token import CLOCK_SKEW

ISSUER = "https://box.test"
KEY = signing_key("box")
CERTIFICATE, ANOTHER = b"certificate of A", b"certificate of B"
MAXIMAL = AccessToken(
    issuer=ISSUER,
    subject="899700000000",
    client_id="dpi",
    audience=ISSUER,
    scopes=frozenset({"patient/*.rs", "ITI-67"}),
    identifier="jti-1",
    issued_at=START,
    expires_at=START + timedelta(minutes=5),
    context="c" * 43,
    certificate_thumbprint=thumbprint(CERTIFICATE),
    ihe_iua=IheIua(
        subject_name="Hélène DEMO-NGUYEN",
        subject_organization="CHU",
        subject_organization_id="1750000001",
        subject_role=(Code("10", "1.2.250.1.71.1.2.7", "Médecin"),),
        purpose_of_use=(Code("TREAT", "1.2.3"),),
        national_provider_identifier="899700000000",
    ),
    consent=InformationEtOppositionConsultation.INFORME_ET_NON_OPPOSE,
    actor="db2.test",
    family_name="DEMO-NGUYEN",
    given_name="Hélène",
)


def _parse(text: str) -> AccessToken:
    return VerifiedTokens().parse(text, KEY.public, issuer=ISSUER, audience=ISSUER, now=START)


def _claims(text: str) -> dict[str, object]:
    payload = text.split(".")[1]
    return dict(json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(MAXIMAL, id="everything"),
        pytest.param(
            replace(
                MAXIMAL,
                context=None,
                certificate_thumbprint=None,
                ihe_iua=None,
                consent=None,
                actor=None,
                family_name=None,
                given_name=None,
            ),
            id="what is required",
        ),
    ],
)
@pytest.mark.parametrize("curve", ["P-256", "P-384"])
def test_what_is_written_is_read(token: AccessToken, curve: str) -> None:
    key = signing_key(f"box-{curve}", curve)
    text = encode_access_token(token, key)
    verified = VerifiedTokens()
    assert verified.parse(text, key.public, issuer=ISSUER, audience=ISSUER, now=START) == token


@pytest.mark.requirement("FA.4")
def test_the_claims_are_those_of_rfc_9068_and_iua() -> None:
    claims = _claims(encode_access_token(MAXIMAL, KEY))
    assert set(claims) == {
        "iss", "sub", "client_id", "aud", "scope", "jti", "iat", "exp",
        "drimbox_context", "cnf", "act", "family_name", "given_name", "extensions",
    }  # fmt: skip
    extensions = claims["extensions"]
    assert isinstance(extensions, dict)
    # person_id would be the patient: the INS is never in a token.
    assert "person_id" not in extensions["ihe_iua"]


@pytest.mark.parametrize(
    ("certificate", "is_accepted"),
    [
        pytest.param(CERTIFICATE, True, id="the certificate it was issued to"),
        pytest.param(ANOTHER, False, id="another box's certificate"),
        pytest.param(None, False, id="a listener that asks for none"),
    ],
)
def test_a_bound_token_holds_with_its_certificate_only(
    certificate: bytes | None, is_accepted: bool
) -> None:
    token = _parse(encode_access_token(MAXIMAL, KEY))
    if is_accepted:
        check_binding(token, certificate)
    else:
        with pytest.raises(NotAuthenticated):
            check_binding(token, certificate)


def test_an_unbound_token_needs_no_certificate() -> None:
    check_binding(replace(MAXIMAL, certificate_thumbprint=None), None)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"cnf": {"jkt": "x"}}, id="a binding we do not know is not no binding"),
        pytest.param({"cnf": {"x5t#S256": "x", "jkt": "y"}}, id="two bindings"),
        pytest.param({"cnf": "x"}, id="cnf is no object"),
        pytest.param({"cnf": {"x5t#S256": 1}}, id="a thumbprint that is a number"),
        pytest.param({"act": {"sub": "a", "act": {"sub": "b"}}}, id="an actor for another actor"),
        pytest.param({"act": {"sub": ""}}, id="an actor without a name"),
        pytest.param({"act": "db2.test"}, id="an actor that is no object"),
        pytest.param(
            {"extensions": {"drim_m": {"InformationEtOppositionConsultation": "oui"}}},
            id="a consent of another word",
        ),
        pytest.param(
            {"extensions": {"drim_m": {"InformationEtOppositionConsultation": True}}},
            id="a consent that is no word",
        ),
        pytest.param({"aud": [ISSUER, "https://other.test"]}, id="for us and somebody else"),
        pytest.param({"scope": ""}, id="no scope"),
        pytest.param({"scope": ["a"]}, id="scope is a list"),
        pytest.param({"jti": ...}, id="no jti"),
        pytest.param({"client_id": ...}, id="no client_id"),
        pytest.param({"sub": 1}, id="sub is a number"),
        pytest.param({"drimbox_context": ""}, id="an empty context"),
        pytest.param({"extensions": {"ihe_iua": {"subject_role": []}}}, id="no subject_name"),
    ],
)
def test_a_token_of_our_own_key_is_still_read_strictly(changes: dict[str, object]) -> None:
    good = GoodToken(
        {"alg": "ES256", "typ": "at+jwt", "kid": "box"},
        _claims(encode_access_token(MAXIMAL, KEY)),
        ec_key("box", "P-256"),
    )
    _parse(good.signed())
    with pytest.raises(NotAuthenticated):
        _parse(good.with_claims(**changes))


def test_the_long_form_of_the_media_type_is_understood() -> None:
    claims = _claims(encode_access_token(MAXIMAL, KEY))
    header = {"alg": "ES256", "typ": "application/at+jwt", "kid": "box"}
    _parse(GoodToken(header, claims, ec_key("box", "P-256")).signed())


def test_a_token_read_before_is_refused_once_it_has_expired() -> None:
    verified = VerifiedTokens()
    text = encode_access_token(MAXIMAL, KEY)
    read = partial(verified.parse, text, KEY.public, issuer=ISSUER, audience=ISSUER)
    assert read(now=START) == read(now=START) == MAXIMAL
    with pytest.raises(NotAuthenticated):
        read(now=MAXIMAL.expires_at + CLOCK_SKEW)


def test_of_tokens_read_before_the_oldest_are_forgotten() -> None:
    verified = VerifiedTokens(limit=2)
    texts = [encode_access_token(replace(MAXIMAL, identifier=name), KEY) for name in "abc"]
    for text in texts:
        verified.parse(text, KEY.public, issuer=ISSUER, audience=ISSUER, now=START)
    assert [text in verified for text in texts] == [False, True, True]
