"""Only an informed, unopposed patient's documents are looked at."""

import unicodedata

import pytest

from drimbox.errors import ConsentMissing, InvalidValue
from drimbox.model.consent import InformationEtOppositionConsultation as Consent
from drimbox.model.consent import check_may_consult


@pytest.mark.parametrize("consent", Consent)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_each_printed_word_is_read_composed_or_not(consent: Consent, form: str) -> None:
    text = unicodedata.normalize(form, consent.value)  # type: ignore[arg-type]
    assert Consent.parse(text) is consent


@pytest.mark.parametrize("text", ["no", "informeEtNonOppose", "InforméEtNonOpposé ", "", "n/a"])
def test_any_other_word_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        Consent.parse(text)


@pytest.mark.requirement("CO.93")
@pytest.mark.requirement("CO.94")
@pytest.mark.parametrize("consent", Consent)
def test_only_one_word_opens_anything(consent: Consent) -> None:
    if consent is Consent.INFORME_ET_NON_OPPOSE:
        check_may_consult(consent)
    else:
        with pytest.raises(ConsentMissing):
            check_may_consult(consent)
