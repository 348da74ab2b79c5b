"""Two professionals as a sign-in gives them."""

from tests.fakes.fake_clock import START

from drimbox.sandbox.patients.professionals import ONCOLOGIST_WITH_TWO_PLACES, SECRETARY

HELENE = ONCOLOGIST_WITH_TWO_PLACES.signed_in(START)
JOSIANE = SECRETARY.signed_in(START)
ALLOWED_PROFESSIONS = frozenset({"10", "21", "40", "50", "60", "86"})
