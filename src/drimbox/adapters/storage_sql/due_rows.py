"""Which rows of a queue may be claimed now: messages of the RIS, lots for the DMP."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Table, and_, or_


def is_due(
    queue: Table,
    unfinished: tuple[str, str, str],
    now: datetime,
    *,
    lease: timedelta,
    longest_wait: timedelta,
) -> ColumnElement[bool]:
    """Tell what may be claimed; a clock set back must not hold a row for as long.

    unfinished are the states of a row that waits, is claimed, and is to be tried again. No claim
    is longer than lease, and no retry further off than longest_wait: one that seems so was written
    before the clock was set back.
    """
    waiting, claimed, retry = unfinished
    state, due_at = queue.c.state, queue.c.due_at
    return or_(
        state == waiting,
        due_at <= now,
        and_(state == claimed, due_at > now + 2 * lease),
        and_(state == retry, due_at > now + longest_wait),
    )
