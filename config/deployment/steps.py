"""What `verify_deployment` looks at, in order."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from config.deployment.findings import Report, Step
from config.deployment.processes import look_at_processes
from config.deployment.servers import (
    look_at_broker,
    look_at_database,
    look_at_keys,
    look_at_migrations,
    look_at_partitions,
    look_at_settings,
    look_at_sizes,
    look_at_system_checks,
)
from config.deployment.trial_delivery import look_at_trial_delivery


@dataclass(frozen=True, slots=True)
class Looked:
    """What came of one step. `skipped_for` names the failed step without which it was not taken."""

    name: str
    report: Report
    seconds: float
    skipped_for: str | None = None

    @property
    def is_well(self) -> bool:
        return not self.report.findings and self.skipped_for is None


def steps(*, wait_seconds: float) -> list[Step]:
    """Return the steps; processes are given `wait_seconds` to show that they are alive."""
    return [
        Step("settings", look_at_settings),
        Step("database", look_at_database),
        Step("migrations", look_at_migrations, needs="database"),
        Step("keys", look_at_keys, needs="migrations"),
        Step("broker", look_at_broker),
        Step("processes", partial(look_at_processes, wait_seconds=wait_seconds), needs="migrations"),
        Step("partitions", look_at_partitions, needs="migrations"),
        Step("system checks", look_at_system_checks, needs="database"),
        Step("trial delivery", look_at_trial_delivery, needs="keys"),
        Step("sizes", look_at_sizes, needs="database"),
    ]


def take(chosen: Sequence[Step]) -> Iterator[Looked]:
    """Take the steps one after the other. What one of them raises is a finding of it, and the others are taken."""
    failed: set[str] = set()
    for step in chosen:
        report, began = Report(), time.perf_counter()
        if step.needs in failed:
            failed.add(step.name)
            yield Looked(step.name, report, 0.0, skipped_for=step.needs)
            continue
        try:
            step.look(report)
        except Exception as error:  # noqa: BLE001  (whatever it is, somebody wants to read it beside the rest)
            report.find(f"{step.name} could not be looked at: {type(error).__name__}: {error}", "See the log.")
        if report.findings:
            failed.add(step.name)
        yield Looked(step.name, report, time.perf_counter() - began)
