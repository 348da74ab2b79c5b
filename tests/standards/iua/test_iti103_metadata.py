"""Discovery tells what a listener serves, no more and no less (RFC 8414, SMART App Launch 2.2)."""

from dataclasses import replace

import pytest

from drimbox.standards.iua.iti71_get_access_token import GrantType
from drimbox.standards.iua.iti103_metadata import (
    ServerFeatures,
    encode_metadata,
    encode_smart_configuration,
)

ISSUER = "https://box.test"
SMART_IMAGING = "http://fhir.org/argonaut/smart-imaging/capabilities"
SOURCE = ServerFeatures(
    ISSUER,
    (GrantType.CLIENT_CREDENTIALS, GrantType.JWT_BEARER),
    frozenset({"system/*.rs", "ITI-67"}),
)
CONSUMER = ServerFeatures(ISSUER, tuple(GrantType), frozenset({"launch", "patient/*.rs"}))
PEERS = ServerFeatures(
    ISSUER,
    (GrantType.CLIENT_CREDENTIALS, GrantType.TOKEN_EXCHANGE),
    frozenset({"RAD-107"}),
    are_tokens_bound=True,
)


@pytest.mark.requirement("FA.4")
def test_a_consommatrice_lets_applications_in() -> None:
    metadata = encode_metadata(CONSUMER)
    assert metadata["authorization_endpoint"] == f"{ISSUER}/oauth2/authorize"
    assert metadata["authorization_response_iss_parameter_supported"] is True
    assert metadata["response_types_supported"] == ["code"]
    assert metadata["token_endpoint_auth_methods_supported"] == ["private_key_jwt", "none"]
    assert metadata["introspection_endpoint_auth_methods_supported"] == ["private_key_jwt"]


def test_a_source_does_not() -> None:
    metadata = encode_metadata(SOURCE)
    assert "authorization_endpoint" not in metadata
    assert metadata["response_types_supported"] == []
    assert metadata["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]
    assert encode_smart_configuration(SOURCE)["capabilities"] == [
        "client-confidential-asymmetric",
        f"{SMART_IMAGING}/backend-services",
        "permission-v1",
        "permission-v2",
        "smart-imaging-access",
    ]


@pytest.mark.parametrize(
    ("features", "ways"),
    [
        (CONSUMER, {"smart-imaging-access", f"{SMART_IMAGING}/app-launch"}),
        (SOURCE, {"smart-imaging-access", f"{SMART_IMAGING}/backend-services"}),
        (replace(SOURCE, scopes=frozenset({"system/Patient.rs", "ITI-67"})), set()),
        (replace(SOURCE, scopes=frozenset({"system/ImagingStudy.r"})), set()),
        (replace(CONSUMER, grant_types=(GrantType.TOKEN_EXCHANGE,)), set()),
    ],
)
def test_access_to_images_is_told_by_the_ways_that_there_are(
    features: ServerFeatures, ways: set[str]
) -> None:
    capabilities = encode_smart_configuration(features)["capabilities"]
    assert isinstance(capabilities, list)
    assert {one for one in capabilities if "imaging" in one} == ways


def test_the_peer_listener_knows_certificates() -> None:
    metadata = encode_metadata(PEERS)
    assert metadata["tls_client_certificate_bound_access_tokens"] is True
    methods = ["private_key_jwt", "tls_client_auth"]
    assert metadata["token_endpoint_auth_methods_supported"] == methods
    assert metadata["introspection_endpoint_auth_methods_supported"] == methods


def test_smart_wants_these_members() -> None:
    # App Launch 2.2 section 4.1: required of a server that lets applications in.
    assert {
        "authorization_endpoint",
        "token_endpoint",
        "grant_types_supported",
        "capabilities",
        "code_challenge_methods_supported",
        "jwks_uri",
        "issuer",
    } <= encode_smart_configuration(CONSUMER).keys()


@pytest.mark.parametrize(
    ("scopes", "capability", "is_told"),
    [
        (frozenset({"patient/*.rs"}), "permission-patient", True),
        (frozenset({"user/*.rs"}), "permission-user", True),
        (frozenset({"system/*.rs"}), "permission-user", False),
        (frozenset({"system/*.rs"}), "permission-patient", False),
    ],
)
def test_a_permission_is_told_where_a_client_may_have_it(
    scopes: frozenset[str], capability: str, is_told: bool
) -> None:
    features = ServerFeatures(ISSUER, tuple(GrantType), scopes)
    told = encode_smart_configuration(features)["capabilities"]
    assert isinstance(told, list)
    assert (capability in told) is is_told
