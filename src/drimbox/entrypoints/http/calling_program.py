"""A contextual call by a program that proves who the professional is: by the form, or by FHIR.

Pro Santé Connect token -> the professional, of a profession that may see images -> context -> token
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from drimbox.entrypoints.http.bearer import ProfessionalTokens
from drimbox.errors import Refused
from drimbox.flows.consumer.open_contextual_call import CallOrigin, OpenContextualCall
from drimbox.flows.issue_token import TokenIssuer
from drimbox.model.access import CallerKind, ConsultationContext

PatientReference = Callable[[ConsultationContext], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class ProgramAnswer:
    """What a program is given: a token bound to the context, the patient, the page to open."""

    context: str
    access_token: str
    expires_in: int
    patient: str
    page: str


@dataclass(frozen=True, slots=True)
class CallingProgram:
    """base_url is the public address; patient_reference gives `Patient/...` of the FHIR door."""

    open_call: OpenContextualCall
    professional_tokens: ProfessionalTokens
    allowed_professions: frozenset[str]
    tokens: TokenIssuer
    patient_reference: PatientReference
    base_url: str

    async def identify(self, token: str, origin: CallOrigin) -> CallOrigin:
        """Return the call with whom it is for: a live token, of a profession that may see images.

        Raises:
            NotAuthenticated: a token that does not hold.
            Refused: a profession that no box lets see images (VI-CO.27).
        """
        found = await self.professional_tokens.caller_of(token, CallerKind.PROFESSIONAL)
        professional = found.professional
        if professional is None or professional.profession_code not in self.allowed_professions:
            await self.open_call.record_refusal(origin, "profession not allowed")
            raise Refused("this profession may not see images")
        return CallOrigin(origin.address, professional, token)

    async def answer(self, context: ConsultationContext) -> ProgramAnswer:
        issued = self.tokens.issue_context_token(context)
        return ProgramAnswer(
            context=context.identifier,
            access_token=issued.access_token,
            expires_in=issued.expires_in,
            patient=await self.patient_reference(context),
            page=self.base_url + page_of(context),
        )


def page_of(context: ConsultationContext) -> str:
    """Return the page that a call opens: the viewer at once where the call names an exam."""
    study = context.criteria.study_instance_uid
    if study is not None:
        return f"/viewer/{context.identifier}/{study}"
    return f"/consultation/{context.identifier}"
