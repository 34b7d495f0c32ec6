"""What was received: counts by outcome, for pages that show receivers. Read as the owner, or in the tenant's scope."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce, TruncDate

from webhooks.models import InboundOutcome, InboundRequest, Receiver, ReceiverCount

REFUSED: Final = (
    InboundOutcome.SIGNATURE,
    InboundOutcome.STALE,
    InboundOutcome.NETWORK,
    InboundOutcome.RATE,
    InboundOutcome.TOO_LARGE,
    InboundOutcome.MALFORMED,
)


@dataclass(frozen=True, slots=True)
class DayOfReceiving:
    """How many requests of a day, in UTC, had which outcome; outcomes that did not occur are left out."""

    day: date
    outcomes: dict[InboundOutcome, int] = field(default_factory=dict)

    def sum_of(self, outcomes: Collection[InboundOutcome]) -> int:
        return sum(self.outcomes.get(outcome, 0) for outcome in outcomes)


def days_of(receiver: Receiver, *, now: datetime, days: int) -> list[DayOfReceiving]:
    """Return each of the last days, today among them, the oldest first. One query."""
    first = now.date() - timedelta(days=days - 1)
    found = {first + timedelta(days=number): DayOfReceiving(first + timedelta(days=number)) for number in range(days)}
    rows = ReceiverCount.objects.filter(tenant_id=receiver.tenant_id, receiver_id=receiver.pk, hour__date__gte=first)
    for day, outcome, requests in (
        rows.annotate(day=TruncDate("hour")).values_list("day", "outcome").annotate(Sum("requests")).order_by("day")
    ):
        if day in found:
            found[day].outcomes[InboundOutcome(outcome)] = requests
    return list(found.values())


def with_counts(receivers: QuerySet[Receiver], *, since: datetime) -> QuerySet[Any]:
    """Annotate `accepted`, `refused` and `duplicates` since that hour, and when something genuine came `last`."""
    newest = InboundRequest.objects.filter(receiver_id=OuterRef("id")).order_by("-id").values("received_at")[:1]
    return receivers.annotate(
        accepted=_sum([InboundOutcome.ACCEPTED], since),
        refused=_sum(REFUSED, since),
        duplicates=_sum([InboundOutcome.DUPLICATE], since),
        last=Subquery(newest),
    )


def _sum(outcomes: Sequence[InboundOutcome], since: datetime) -> Coalesce:
    rows = ReceiverCount.objects.filter(
        tenant_id=OuterRef("tenant_id"), receiver_id=OuterRef("id"), hour__gte=since, outcome__in=outcomes
    ).order_by()
    return Coalesce(Subquery(rows.values("receiver_id").annotate(total=Sum("requests")).values("total")), 0)
