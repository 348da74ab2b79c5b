"""Access tokens of ours: for whom they are signed, what they say, how long and where they hold."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fakes.fake_clock import START
from tests.fakes.manifests import made_up_patient
from tests.fakes.oauth_server import OAuthServer
from tests.fakes.professionals import HELENE
from tests.fakes.signing_keys import signing_key

from drimbox.errors import NotAuthenticated, Refused
from drimbox.flows.issue_token import Subject, TokenIssuer, professional_of
from drimbox.model.access import ConsultationContext
from drimbox.model.consent import InformationEtOppositionConsultation
from drimbox.model.patient import LocalPatientId
from drimbox.model.practice import Situation
from drimbox.standards.iua.iua_extensions import NORMAL_ACCESS

CERTIFICATE = b"a certificate"
CONSENT = InformationEtOppositionConsultation.INFORME_ET_NON_OPPOSE
CONTEXT = ConsultationContext(
    identifier="c" * 43,
    patient=made_up_patient(),
    local_patient_id=LocalPatientId("IPP-7"),
    consent=CONSENT,
    created_at=START,
    expires_at=START + timedelta(minutes=20),
    professional=HELENE,
)


@pytest.fixture
def server() -> OAuthServer:
    return OAuthServer()


def test_a_token_asked_for_with_a_certificate_is_bound_to_it(server: OAuthServer) -> None:
    issued = server.tokens.issue_client_token("dpi", frozenset({"ITI-67"}), CERTIFICATE)
    server.tokens.read(issued.access_token, CERTIFICATE)
    for other in (b"another certificate", None):
        with pytest.raises(NotAuthenticated):
            server.tokens.read(issued.access_token, other)


@pytest.mark.requirement("FA.4")
def test_a_context_token_names_the_professional_and_not_the_patient(server: OAuthServer) -> None:
    issued = server.tokens.issue_context_token(CONTEXT)
    token = server.tokens.read(issued.access_token)
    assert (token.subject, token.context) == (HELENE.national_id, CONTEXT.identifier)
    assert token.ihe_iua is not None
    assert token.ihe_iua.subject_organization_id == HELENE.activities[0].structure.identifier
    assert token.ihe_iua.national_provider_identifier == HELENE.national_id
    assert (token.ihe_iua.purpose_of_use, token.consent) == ((NORMAL_ACCESS,), CONSENT)
    assert CONTEXT.patient.ins.value not in issued.access_token
    assert issued.expires_in == 1200


@pytest.mark.parametrize(
    ("situation", "place"),
    [
        pytest.param(HELENE.activities[1].structure.identifier, HELENE.activities[1], id="chosen"),
        pytest.param("1999999999", None, id="named by the call, unknown to the provider"),
    ],
)
def test_a_context_token_names_the_place_consulted_in(
    server: OAuthServer, situation: str, place: object
) -> None:
    context = replace(CONTEXT, situation=Situation(situation))
    said = server.tokens.read(server.tokens.issue_context_token(context).access_token).ihe_iua
    assert said is not None
    assert said.subject_organization_id == situation
    assert (said.subject_organization is not None) is (place is not None)


def test_a_context_token_does_not_outlive_its_context(server: OAuthServer) -> None:
    server.clock.advance(19 * 60)
    assert server.tokens.issue_context_token(CONTEXT).expires_in == 60
    server.clock.advance(60)
    with pytest.raises(Refused):
        server.tokens.issue_context_token(CONTEXT)


def test_a_context_nobody_signed_in_for_gets_no_token(server: OAuthServer) -> None:
    with pytest.raises(Refused):
        server.tokens.issue_context_token(replace(CONTEXT, professional=None))


def test_a_professional_without_place_profession_or_name_still_gets_one(
    server: OAuthServer,
) -> None:
    bare = replace(HELENE, activities=(), profession_code="", family_name="", given_name="")
    issued = server.tokens.issue_context_token(replace(CONTEXT, professional=bare))
    token = server.tokens.read(issued.access_token)
    assert token.ihe_iua is not None
    assert token.ihe_iua.subject_role == ()
    assert token.ihe_iua.subject_name == HELENE.national_id
    known = professional_of(token)
    assert (known.national_id, known.profession_code, known.activities) == (
        bare.national_id,
        "",
        (),
    )


def test_the_professional_of_a_token_is_the_one_it_was_signed_for(server: OAuthServer) -> None:
    place = HELENE.activities[1].structure
    subject = Subject(
        HELENE.national_id, "db2.test", frozenset({"RAD-107"}), professional=HELENE, structure=place
    )
    known = professional_of(server.tokens.read(server.tokens.issue(subject).access_token))
    assert (known.national_id, known.family_name, known.given_name, known.profession_code) == (
        HELENE.national_id,
        HELENE.family_name,
        HELENE.given_name,
        HELENE.profession_code,
    )
    assert known.activities[0].structure == place


# Keys that rotate.


def _issuer(server: OAuthServer, newest: str, *others: str) -> TokenIssuer:
    keys = server.tokens.other_keys
    for name in others:
        keys = keys.joined(signing_key(name).public)
    return replace(server.tokens, signing_key=signing_key(newest), other_keys=keys)


@pytest.mark.requirement("FA.4")
def test_a_token_holds_while_keys_rotate_and_until_its_key_is_gone(server: OAuthServer) -> None:
    announced = _issuer(server, "key-1", "key-2")
    token = announced.issue_client_token("dpi", frozenset({"ITI-67"}), None).access_token
    rotated = _issuer(server, "key-2", "key-1")
    rotated.read(token)
    newer = rotated.issue_client_token("dpi", frozenset({"ITI-67"}), None).access_token
    # A worker that has not been started anew yet still reads what the others sign.
    announced.read(newer)
    with pytest.raises(NotAuthenticated):
        _issuer(server, "key-2").read(token)


def test_every_key_is_published_and_the_newest_signs(server: OAuthServer) -> None:
    issuer = _issuer(server, "key-2", "key-1", "key-3")
    assert issuer.keys.kids == {"key-1", "key-2", "key-3"}
    token = issuer.issue_client_token("dpi", frozenset({"ITI-67"}), None).access_token
    _issuer(server, "key-2").read(token)
