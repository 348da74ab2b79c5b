"""What SMART v1, v2 and IUA scopes give."""

import pytest

from drimbox.errors import Refused
from drimbox.model.scopes import (
    APPLICATION_LEVELS,
    OF_TRANSACTION,
    SYSTEM_LEVELS,
    Permission,
    check_scope,
    narrow,
)


@pytest.mark.parametrize(
    ("scope", "resource", "gives"),
    [
        ("system/ImagingStudy.rs", "ImagingStudy", "rs"),
        ("system/ImagingStudy.r", "ImagingStudy", "r"),
        ("system/ImagingStudy.s", "ImagingStudy", "s"),
        ("patient/*.rs", "ImagingStudy", "rs"),
        ("user/ImagingStudy.read", "ImagingStudy", "rs"),
        ("system/DocumentReference.search", "DocumentReference", "s"),
        ("system/*.*", "DocumentReference", "rs"),
        ("system/ImagingStudy.cruds", "ImagingStudy", "rs"),
        ("RAD-107", "ImagingStudy", "rs"),
        ("ITI-67", "DocumentReference", "rs"),
        ("ITI-67", "ImagingStudy", ""),
        ("ITI-68", "Binary", "r"),
        ("system/Patient.rs", "ImagingStudy", ""),
        ("system/ImagingStudy.write", "ImagingStudy", ""),
        ("system/ImagingStudy.cud", "ImagingStudy", ""),
        ("system/ImagingStudy", "ImagingStudy", ""),
        ("xsystem/ImagingStudy.rs", "ImagingStudy", ""),
        ("system/ImagingStudy.rsx", "ImagingStudy", ""),
        ("system/ImagingStudy.rs\n", "ImagingStudy", ""),
        ("openid", "ImagingStudy", ""),
    ],
)
def test_a_scope_gives_what_it_says_and_no_more(scope: str, resource: str, gives: str) -> None:
    for permission in Permission:
        if permission.value in gives:
            check_scope({scope}, resource, permission)
        else:
            with pytest.raises(Refused):
                check_scope({scope}, resource, permission)


@pytest.mark.parametrize(
    ("requested", "allowed", "granted"),
    [
        pytest.param("", "system/*.rs ITI-67", "system/*.rs ITI-67", id="nothing asked: all"),
        pytest.param("system/*.rs", "system/*.rs", "system/*.rs", id="the same"),
        pytest.param("system/Patient.r", "system/*.rs", "system/Patient.r", id="a part of it"),
        pytest.param("system/*.cruds", "system/Patient.rs", "system/Patient.rs", id="more"),
        pytest.param(
            "system/*.rs",
            "system/Patient.r system/Endpoint.rs",
            "system/Patient.r system/Endpoint.rs",
            id="a star meets what there is",
        ),
        pytest.param(
            "system/Patient.rs", "system/Patient.r system/*.rs", "system/Patient.rs", id="covered"
        ),
        pytest.param("system/Patient.read", "system/*.rs", "system/Patient.read", id="v1 of v2"),
        pytest.param("system/Patient.rs", "system/*.read", "system/Patient.rs", id="v2 of v1"),
        pytest.param("system/*.write", "system/*.rs", "", id="nothing in common"),
        pytest.param("system/*.*", "system/*.read", "system/*.rs", id="star of v1 is narrowed"),
        pytest.param("system/Patient.rs", "system/Endpoint.rs", "", id="another resource"),
        pytest.param("patient/Patient.rs", "system/*.rs", "", id="another level"),
        pytest.param("ITI-67 ITI-68", "ITI-67", "ITI-67", id="one transaction of two"),
        pytest.param("ITI-67", "system/*.rs", "", id="a transaction is no SMART scope"),
        pytest.param("system/Patient.rs?name=x", "system/*.rs", "", id="v2 with a search"),
        pytest.param("launch openid", "launch openid system/*.rs", "", id="words of applications"),
    ],
)
def test_a_machine_is_granted_what_it_asks_for_and_may_have(
    requested: str, allowed: str, granted: str
) -> None:
    given = narrow(requested.split(), allowed.split(), SYSTEM_LEVELS)
    assert given == frozenset(granted.split())


@pytest.mark.parametrize(
    ("requested", "granted"),
    [
        ("launch patient/*.rs", "launch patient/ImagingStudy.rs"),
        ("launch/patient patient/ImagingStudy.read", "patient/ImagingStudy.read"),
        ("system/*.rs launch", "launch"),
        ("openid fhirUser patient/ImagingStudy.r", "patient/ImagingStudy.r"),
        ("", "launch patient/ImagingStudy.rs"),
    ],
)
def test_an_application_is_granted_no_more_than_is_registered(requested: str, granted: str) -> None:
    allowed = {"launch", "patient/ImagingStudy.rs", "system/*.rs"}
    given = narrow(requested.split(), allowed, APPLICATION_LEVELS)
    assert given == frozenset(granted.split())


@pytest.mark.parametrize(("word", "resource"), OF_TRANSACTION.items(), ids=list(OF_TRANSACTION))
def test_each_transaction_opens_its_resource(word: str, resource: tuple[str, str]) -> None:
    check_scope({word}, resource[0], Permission.READ)
    for other in {name for name, _ in OF_TRANSACTION.values()} - {resource[0]}:
        with pytest.raises(Refused):
            check_scope({word}, other, Permission.READ)
