"""A present that stands still until told, and identifiers that count."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


@dataclass
class FakeClock:
    present: datetime = START
    passed_seconds: float = 0

    def now(self) -> datetime:
        return self.present

    def monotonic(self) -> float:
        return self.passed_seconds

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.present += timedelta(seconds=seconds)
        self.passed_seconds += seconds

    def set_back(self, seconds: float) -> None:
        """Set the clock, as an operator or NTP does; no time passes."""
        self.present -= timedelta(seconds=seconds)


@dataclass
class FakeIdentifiers:
    """Identifiers of the right shape, never twice, the same in each run."""

    count: int = 0

    def new_uid(self) -> str:
        self.count += 1
        return f"2.25.{self.count}"

    def new_secret(self) -> str:
        self.count += 1
        return f"secret-{self.count:036d}"
