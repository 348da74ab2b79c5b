"""The signed-in professional confirms the patient of a call, in that browser (O8, CO.49, CO.50).

A context that nobody confirmed shows nothing. Confirming binds it to one professional, and to one
session, so that a forged call opens no one's images in someone else's browser.
"""

from dataclasses import dataclass, replace

from drimbox.errors import Conflict, NotFound
from drimbox.flows.consumer.situation import Situations
from drimbox.model.access import ConsultationContext
from drimbox.model.practice import Professional, Situation
from drimbox.model.session import Session
from drimbox.ports.clock import Clock
from drimbox.ports.session_store import ContextStore, SessionStore

_MAX_CONTEXTS_A_SESSION = 50


@dataclass(frozen=True, slots=True)
class ConfirmPatient:
    contexts: ContextStore
    sessions: SessionStore
    clock: Clock
    situations: Situations

    async def get_unconfirmed(self, session: Session, identifier: str) -> ConsultationContext:
        """Return a context that this professional may confirm, to show whose it is.

        Raises:
            NotFound: unknown, over, or another professional's.
        """
        context = await self.contexts.get(identifier, self.clock.now())
        if context.professional is not None and not _is_of(context, session.professional):
            raise NotFound("no such context")
        return context

    async def get_confirmed(self, session: Session, identifier: str) -> ConsultationContext:
        """Return a context confirmed in this session, as this professional now uses it.

        Raises:
            NotFound: unknown, over, another's, or not confirmed in this browser.
        """
        context = await self.contexts.get(identifier, self.clock.now())
        if identifier not in session.context_ids or not _is_of(context, session.professional):
            raise NotFound("no such context")
        return context

    async def __call__(self, session: Session, identifier: str) -> ConsultationContext:
        """Bind the context to this professional and this session.

        A situation chosen before in this session serves again, unless the call names one.

        Raises:
            NotFound: unknown, over, or another professional's.
        """
        context = await self.get_unconfirmed(session, identifier)
        bound = replace(context, professional=session.professional)
        if bound.situation is None:
            bound = replace(bound, situation=session.situation)
        await self._bind(bound)
        latest = await self._read_again(session)
        known = tuple(i for i in latest.context_ids if i != identifier)
        confirmed = (*known, identifier)[-_MAX_CONTEXTS_A_SESSION:]
        await self.sessions.save(replace(latest, context_ids=confirmed))
        return bound

    async def choose_situation(
        self, session: Session, identifier: str, situation: Situation
    ) -> ConsultationContext:
        """Consult in another of the professional's situations from now on (CO.50).

        Raises:
            NotFound: no such confirmed context.
            SituationNeeded: not one of the professional's.
        """
        context = await self.get_confirmed(session, identifier)
        changed = replace(context, situation=situation)
        self.situations.activity_of(changed)
        await self._bind(changed)
        await self.sessions.save(replace(await self._read_again(session), situation=situation))
        return changed

    async def _read_again(self, session: Session) -> Session:
        """Return the session as stored now: another tab may have confirmed, or tokens changed."""
        return await self.sessions.get(session.identifier, self.clock.now())

    async def _bind(self, context: ConsultationContext) -> None:
        try:
            await self.contexts.bind(context)
        except Conflict:
            raise NotFound("no such context") from None


def _is_of(context: ConsultationContext, professional: Professional) -> bool:
    owner = context.professional
    return owner is not None and owner.national_id == professional.national_id
