"""O8: two tabs with two patients never mix, whatever the order of what happens in them."""

import re
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient
from tests.fakes.consultation_site import DOCTOR, FORM_TOKEN, ConsultationSite
from tests.fakes.manifests import made_up_manifest, made_up_patient

from drimbox.model.patient import Ins, InsAuthority, ins_control_key
from drimbox.model.uids import SopInstanceUid, StudyInstanceUid

NAMES = ("ALPHA", "BRAVO")
_NUMBERS = ("1580975124123", "2610475114901")


def _ins(tab: int) -> Ins:
    return Ins(_NUMBERS[tab] + ins_control_key(_NUMBERS[tab]), InsAuthority.NIR_TEST)


class _Tab:
    """One tab: calls, confirms, and looks, in any order its user likes."""

    def __init__(self, site: ConsultationSite, client: TestClient, number: int) -> None:
        self.site, self.client, self.number = site, client, number
        self.context = ""

    def act(self, action: str) -> None:
        if action == "call" or not self.context:
            family = {"Patient.name.family": NAMES[self.number]}
            identifier = {"Patient.identifier.value": _ins(self.number).value}
            self.context = self.site.call(self.client, **family, **identifier).identifier
        elif action == "confirm":
            token = FORM_TOKEN.findall(self.client.get(self._page).text)[-1]
            self.client.post(f"{self._page}/confirmation", data={"form_token": token})
        elif action == "export":
            token = FORM_TOKEN.findall(self.client.get(self._page).text)[-1]
            other = {
                "form_token": token,
                "study": f"1.2.250.1.999.7.{1 - self.number}",
                "destination": "PACS",
            }
            assert self.client.post(f"{self._page}/exports", data=other).status_code == 404
        else:
            self._look(action)

    def _look(self, action: str) -> None:
        other = 1 - self.number
        address = {"page": self._page, "exams": f"{self._page}/exams"}.get(
            action, f"/viewer/{self.context}/1.2.250.1.999.7.{other}"
        )
        text = self.client.get(address).text
        assert NAMES[other] not in text
        assert f"Examen {NAMES[other]}" not in text
        assert _ins(other).value not in re.sub(r"\s", "", text)

    @property
    def _page(self) -> str:
        return f"/consultation/{self.context}"


_STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, 1]),
        st.sampled_from(["call", "confirm", "page", "exams", "viewer", "export"]),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(steps=_STEPS)
def test_two_tabs_of_one_browser_never_mix_their_patients(steps: list[tuple[int, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        site = ConsultationSite(Path(folder))
        for tab, name in enumerate(NAMES):
            patient = made_up_patient(
                ins=_ins(tab), family_name=name, used_family_name=None, used_given_name=None
            )
            site.dmp.hold(
                made_up_manifest(
                    patient=patient,
                    sop_instance_uid=SopInstanceUid(f"2.25.10{tab}"),
                    study_instance_uid=StudyInstanceUid(f"1.2.250.1.999.7.{tab}"),
                    study_description=f"Examen {name}",
                )
            )
        client = site.client(DOCTOR)
        tabs = [_Tab(site, client, number) for number in (0, 1)]
        for tab, action in steps:
            tabs[tab].act(action)
