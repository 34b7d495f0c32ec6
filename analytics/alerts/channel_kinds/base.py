"""What a kind of channel is: what it needs, and how it tells people."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final
from uuid import UUID

if TYPE_CHECKING:  # the model asks the registry for its choices
    from analytics.alerts.models import AlertChannel

MOST_SHOWN: Final = 20
"""A message names so many alerts, and counts the others."""


class ChannelError(Exception):
    """A message did not get through. The text is a sentence for a person and holds no secret."""


@dataclass(frozen=True, slots=True)
class Message:
    """Alerts that opened, or that recovered, told at once. `id` is the same in every attempt."""

    id: UUID
    event: str
    made_at: datetime
    alerts: Sequence[dict[str, Any]]
    """The first ones, as `services.notices.shown` shows them."""
    total: int
    is_test: bool = False

    @property
    def title(self) -> str:
        """What happened, in one line."""
        if self.is_test:
            return "Test of an alert channel"
        noun = "alert" if self.total == 1 else "alerts"
        subject = f": {self.alerts[0]['rule']['name']}, {self.alerts[0]['object']['label']}" if self.total == 1 else ""
        return f"{self.total} {noun} {self.event}{subject}"

    @property
    def left_out(self) -> int:
        """How many alerts are counted and not named."""
        return self.total - len(self.alerts)


class ChannelKind(ABC):
    """One kind. An instance holds no state."""

    key: ClassVar[str]
    label: ClassVar[str]
    takes_recipients: ClassVar[bool] = False
    takes_url: ClassVar[bool] = False
    takes_secret: ClassVar[bool] = False

    @abstractmethod
    def send(self, channel: AlertChannel, message: Message) -> None:
        """Tell it. Raises ChannelError when it did not get through; never called inside a transaction."""

    def url_problem(self, host: str) -> str | None:
        """Return why this kind does not send to a host; None where it does."""
        return None


def line_of(alert: dict[str, Any]) -> str:
    """Return an alert as one line of text."""
    tenant = f" of {alert['tenant']['name']}" if alert.get("tenant") else ""
    return " ".join(f"{alert['rule']['name']}: {alert['object']['label']}{tenant}. {alert['sentence']}".split())
