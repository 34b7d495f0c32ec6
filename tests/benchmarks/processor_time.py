"""Processor time of all that works on a delivery, by party: what counts once all cores are busy.

A rate differs with whatever else the machine does; processor time hardly does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import psutil


@dataclass(slots=True)
class ProcessorTime:
    """What parties used while they were watched, for each delivery. A party's processes count with what they start."""

    parties: Mapping[str, Sequence[psutil.Process]]
    _seconds: dict[str, float] = field(default_factory=dict)
    _deliveries: int = 0

    def now(self) -> dict[str, float]:
        """Return the seconds of each party so far."""
        return {name: sum(map(_seconds_with_children, processes)) for name, processes in self.parties.items()}

    def add(self, since: Mapping[str, float], deliveries: int) -> None:
        """Count what was used since `now` answered that, for so many deliveries."""
        self._deliveries += deliveries
        for name, seconds in self.now().items():
            self._seconds[name] = self._seconds.get(name, 0.0) + seconds - since[name]

    def microseconds(self) -> dict[str, float]:
        """Return what each party used for one delivery."""
        return {name: seconds / self._deliveries * 1e6 for name, seconds in self._seconds.items()}


def _seconds_with_children(process: psutil.Process) -> float:
    """Sum the process, its descendants that live, and those that it has seen end."""
    own = process.cpu_times()
    living = sum(map(_seconds, process.children(recursive=True)))
    return float(own.user + own.system + own.children_user + own.children_system) + living


def _seconds(process: psutil.Process) -> float:
    try:
        own = process.cpu_times()
    except psutil.NoSuchProcess:  # it ended a moment ago
        return 0.0
    return float(own.user + own.system)
