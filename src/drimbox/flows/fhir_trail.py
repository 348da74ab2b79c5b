"""Scope first, trace last: what stands around each FHIR read and search."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from drimbox.errors import ConsentMissing, DrimboxError, NotFound, Refused
from drimbox.model.access import Caller
from drimbox.model.audit import AuditAction, AuditEvent, AuditOutcome
from drimbox.model.imaging_record import Subject
from drimbox.model.scopes import Permission, check_scope
from drimbox.ports.audit_repository import AuditRepository
from drimbox.ports.clock import Clock

Result = TypeVar("Result")

# ITI-68 retrieves either form of a document; a Provenance tells where an ImagingStudy comes from;
# who made a document is contained in its DocumentReference too.
_OTHER_FORM_OF = {
    "Bundle": "Binary",
    "Provenance": "ImagingStudy",
    "Practitioner": "DocumentReference",
    "PractitionerRole": "DocumentReference",
}


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked, for the trail: `ImagingStudy`, the query or id as asked, the request's id."""

    resource: str
    permission: Permission
    query: bytes = b""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class FhirTrail:
    """One audit event for each patient told of, or one that says what stood in the way."""

    audit: AuditRepository
    clock: Clock

    async def traced(
        self,
        caller: Caller,
        request: Request,
        work: Callable[[], Awaitable[Result]],
        subjects_of: Callable[[Result], Iterable[Subject]],
    ) -> Result:
        """Check the scope, do the work, and record how it ended before it is told."""
        try:
            check_right(caller, request.resource, request.permission)
            result = await work()
        except ConsentMissing:
            # Recorded by the flow that knows of whom.
            raise
        except DrimboxError as error:
            await self._record(caller, request, None, error)
            raise
        subjects = {subject.identifier: subject for subject in subjects_of(result)}
        for subject in subjects.values() or (None,):
            await self._record(caller, request, subject)
        return result

    async def _record(
        self,
        caller: Caller,
        request: Request,
        subject: Subject | None,
        error: DrimboxError | None = None,
    ) -> None:
        professional = caller.professional
        name = f"{professional.family_name} {professional.given_name}" if professional else ""
        action = f"{request.permission.name.lower()} {request.resource}"
        is_refusal = isinstance(error, NotFound | Refused)
        await self.audit.record(
            AuditEvent(
                action=AuditAction.ACCESS_REFUSED if is_refusal else AuditAction.FHIR_READ,
                outcome=_outcome_of(error),
                occurred_at=self.clock.now(),
                user=caller.subject,
                user_name=name,
                user_role=professional.profession_code if professional else "",
                patient_id=subject.traits.ins.xds_patient_id if subject else None,
                consent=caller.context.consent.value if caller.context else None,
                description=f"{action}: {error}" if error else action,
                query=request.query or None,
                request_id=request.request_id,
            )
        )


def check_right(caller: Caller, resource: str, permission: Permission) -> None:
    """Check the scope on a resource, or on that of which it is another form.

    Raises:
        Refused: neither is given.
    """
    try:
        check_scope(caller.scopes, resource, permission)
    except Refused:
        if resource not in _OTHER_FORM_OF:
            raise
        check_scope(caller.scopes, _OTHER_FORM_OF[resource], permission)


def _outcome_of(error: DrimboxError | None) -> AuditOutcome:
    if error is None:
        return AuditOutcome.SUCCESS
    is_refusal = isinstance(error, NotFound | Refused)
    return AuditOutcome.MINOR_FAILURE if is_refusal else AuditOutcome.SERIOUS_FAILURE
