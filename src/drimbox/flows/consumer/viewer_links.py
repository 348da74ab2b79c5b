"""Addresses that open one exam in a browser, for programs to hand on: each serves once.

    a program's context, an exam -> sealed link     .../viewer/links/<link>
    link, a professional's session -> same professional? -> never used before? -> the exam's page

A link lets nobody in by itself: the session must be that of the context's professional, as for any
page of ours, and the patient confirmed in that browser.
"""

from dataclasses import dataclass

from drimbox.errors import Conflict, NotFound
from drimbox.flows.consumer.confirm_patient import ConfirmPatient
from drimbox.model.access import ConsultationContext
from drimbox.model.session import Session
from drimbox.model.uids import StudyInstanceUid
from drimbox.ports.clock import Clock, Identifiers
from drimbox.ports.session_store import UsedTokens
from drimbox.standards.fhir.viewer_link import LinkSeal, ViewerLink

_ISSUER = "viewer links"


@dataclass(frozen=True, slots=True)
class ViewerLinks:
    """A link is good as long as its context."""

    seal: LinkSeal
    used: UsedTokens
    confirm_patient: ConfirmPatient
    clock: Clock
    identifiers: Identifiers

    def make(self, context: ConsultationContext, study: StudyInstanceUid) -> str:
        """Return a fresh link to an exam of a context."""
        secret = self.identifiers.new_secret()
        return self.seal.seal(ViewerLink(context.identifier, study, secret, context.expires_at))

    async def use(self, session: Session, text: str) -> ViewerLink:
        """Return what a link leads to, once.

        Raises:
            NotFound: no link of this box, over, used before, or another professional's.
        """
        link = self.seal.open(text, self.clock.now())
        # Before it is used up: another's link stays good for whom it is.
        await self.confirm_patient.get_unconfirmed(session, link.context)
        try:
            await self.used.use_once(_ISSUER, link.secret, link.expires_at)
        except Conflict:
            raise NotFound("no such link") from None
        return link
