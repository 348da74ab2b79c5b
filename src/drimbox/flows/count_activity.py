"""What the box did, day by day, counted from its audit trail (KPI, SO.87)."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from drimbox.model.audit import AuditAction, AuditOutcome
from drimbox.ports.audit_repository import AuditStatistics, RecordedOutcome


@dataclass(frozen=True, slots=True)
class DayOfActivity:
    """One kind of event on one day of the site."""

    day: date
    action: AuditAction
    succeeded: int
    failed: int


@dataclass(frozen=True, slots=True)
class Activity:
    """days hold what happened, oldest first; calls are the contextual calls, one by one."""

    days: tuple[DayOfActivity, ...]
    calls: tuple[RecordedOutcome, ...]


async def count_activity(audit: AuditStatistics, first: date, last: date, zone: tzinfo) -> Activity:
    """Count from the first day to the last, both included, as days are in that zone."""
    since = datetime.combine(first, time(), zone)
    until = datetime.combine(last + timedelta(days=1), time(), zone)
    outcomes = await audit.find_outcomes(since, until)
    counts = Counter((_day(one, zone), one.action, _is_success(one)) for one in outcomes)
    kinds = sorted({(day, action.value, action) for day, action, _ in counts}, key=lambda k: k[:2])
    days = tuple(
        DayOfActivity(day, action, counts[day, action, True], counts[day, action, False])
        for day, _, action in kinds
    )
    calls = tuple(one for one in outcomes if one.action is AuditAction.CONTEXTUAL_CALL)
    return Activity(days, calls)


def _day(outcome: RecordedOutcome, zone: tzinfo) -> date:
    return outcome.occurred_at.astimezone(zone).date()


def _is_success(outcome: RecordedOutcome) -> bool:
    return outcome.outcome is AuditOutcome.SUCCESS
