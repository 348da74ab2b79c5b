"""/metrics in the text format of Prometheus: figures of the box, its partners, its process.

Labels are closed sets of our own words; no UID, no host of a peer, no identity is ever one.

    drimbox_messages{state}              messages of the RIS
    drimbox_lots{state}                  lots for the DMP
    drimbox_oldest_waiting_lot_seconds   age of the oldest lot that the DMP has not yet (0: none)
    drimbox_open_alerts{kind}
    drimbox_events_total{action,outcome} the audit trail
    drimbox_dependency_up{dependency}    1 up, 0 down: the météo
    drimbox_certificate_end_seconds{setting}   end of each certificate, Unix time
    drimbox_event_loop_held_seconds      and what else event_loop_watch tells of this process
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TypeVar

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from drimbox.entrypoints.http.health import HealthDoor
from drimbox.model.publication import AlertKind, IntakeState, JobState
from drimbox.ports.clock import Clock
from drimbox.ports.figures import Figures, ReadFigures

Word = TypeVar("Word", bound=Enum)


@dataclass(frozen=True, slots=True)
class Metrics:
    """certificate_ends reads when each certificate ends, by the setting that names it."""

    read_figures: ReadFigures
    health: HealthDoor
    certificate_ends: Callable[[], Mapping[str, datetime]]
    clock: Clock
    version: str
    event_loop: Collector

    async def __call__(self) -> bytes:
        """Return the exposition.

        Raises:
            Unavailable: the storage does not answer.
        """
        figures = await self.read_figures()
        states = await self.health.states()
        ends = await asyncio.to_thread(self.certificate_ends)
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        registry.register(self.event_loop)
        registry.register(_Collected([*self._of_storage(figures), *self._of_box(states, ends)]))
        return generate_latest(registry)

    def _of_storage(self, figures: Figures) -> Iterator[Metric]:
        yield _by_word("messages", "Messages of the RIS.", "state", IntakeState, figures.messages)
        yield _by_word("lots", "Lots for the DMP.", "state", JobState, figures.lots)
        yield _by_word("open_alerts", "Open alerts.", "kind", AlertKind, figures.open_alerts)
        age = 0.0
        if figures.waiting_since is not None:
            age = max((self.clock.now() - figures.waiting_since).total_seconds(), 0.0)
        yield GaugeMetricFamily(
            "drimbox_oldest_waiting_lot_seconds",
            "Age of the oldest lot that the DMP has not yet.",
            value=age,
        )
        events = CounterMetricFamily(
            "drimbox_events", "Events of the audit trail.", labels=("action", "outcome")
        )
        for (action, outcome), count in figures.events.items():
            events.add_metric((action.value, outcome.name.lower()), count)
        yield events

    def _of_box(self, states: Mapping[str, str], ends: Mapping[str, datetime]) -> Iterator[Metric]:
        dependencies = GaugeMetricFamily(
            "drimbox_dependency_up", "1 where the dependency is well.", labels=("dependency",)
        )
        for name, state in states.items():
            dependencies.add_metric((name,), float(state == "up"))
        yield dependencies
        certificates = GaugeMetricFamily(
            "drimbox_certificate_end_seconds",
            "When the certificate of this setting ends (Unix time).",
            labels=("setting",),
        )
        for setting, end in ends.items():
            certificates.add_metric((setting,), end.timestamp())
        yield certificates
        build = GaugeMetricFamily("drimbox_build_info", "Version.", labels=("version",))
        build.add_metric((self.version,), 1)
        yield build


class _Collected(Collector):
    """What was collected already, before the registry asks: our stores are asynchronous."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _by_word(
    name: str, text: str, label: str, words: type[Word], counts: Mapping[Word, int]
) -> Metric:
    """Return a gauge with a sample for every word, 0 included: an alarm needs its absence."""
    family = GaugeMetricFamily(f"drimbox_{name}", text, labels=(label,))
    for word in words:
        family.add_metric((word.value,), counts.get(word, 0))
    return family
