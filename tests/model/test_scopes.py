"""What SMART v1, v2 and IUA scopes give."""

import pytest

from drimbox.errors import Refused
from drimbox.model.scopes import Permission, check_scope


@pytest.mark.parametrize(
    ("scope", "resource", "gives"),
    [
        ("system/ImagingStudy.rs", "ImagingStudy", "rs"),
        ("system/ImagingStudy.r", "ImagingStudy", "r"),
        ("system/ImagingStudy.s", "ImagingStudy", "s"),
        ("patient/*.rs", "ImagingStudy", "rs"),
        ("user/ImagingStudy.read", "ImagingStudy", "rs"),
        ("system/*.*", "DocumentReference", "rs"),
        ("system/ImagingStudy.cruds", "ImagingStudy", "rs"),
        ("RAD-107", "ImagingStudy", "rs"),
        ("ITI-67", "DocumentReference", "rs"),
        ("ITI-67", "ImagingStudy", ""),
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
