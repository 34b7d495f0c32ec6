"""What figures look like in answers."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from analytics.api.parameters import STATUS_CLASSES
from analytics.models import ErrorKind

_WEBHOOK_HELP = "Null: all webhooks."


class OutcomesSerializer(serializers.Serializer[Any]):
    """Requests by what became of them; together they are the `attempts`."""

    def get_fields(self) -> dict[str, serializers.Field]:
        return {
            name: serializers.IntegerField(
                source=None if outcome.value == name else outcome.value, help_text=outcome.label
            )
            for name, outcome in STATUS_CLASSES.items()
        }


class CoveredSerializer(serializers.Serializer[Any]):
    """`from` (a word that Python keeps for itself) and `to`: what an answer covers."""

    def get_fields(self) -> dict[str, serializers.Field]:
        return {
            "from": serializers.DateTimeField(source="start", help_text="Included."),
            "to": serializers.DateTimeField(source="end", help_text="Excluded."),
            **super().get_fields(),
        }


class _FiguresSerializer(serializers.Serializer[Any]):
    """Sums; the names of their sources are those of a summary."""

    total_calls = serializers.IntegerField(help_text="Finished runs of deliveries.")
    successful_calls = serializers.IntegerField()
    failed_calls = serializers.IntegerField()
    attempts = serializers.IntegerField(help_text="HTTP requests, retries included.")
    success_rate = serializers.FloatField(
        allow_null=True, help_text="Percent of the calls, cut to two decimals; null without calls."
    )
    average_response_time_ms = serializers.FloatField(allow_null=True, help_text="Of all requests.")
    p50 = serializers.IntegerField(allow_null=True, help_text="Estimated response time in ms, of all requests.")
    p95 = serializers.IntegerField(allow_null=True)
    p99 = serializers.IntegerField(allow_null=True)
    outcomes = OutcomesSerializer(help_text="Requests by what became of them.")


class SummarySerializer(CoveredSerializer, _FiguresSerializer):
    """Sums over whole minutes or hours."""

    webhook = serializers.UUIDField(source="webhook_id", allow_null=True, help_text=_WEBHOOK_HELP)


class WebhookFiguresSerializer(_FiguresSerializer):
    """Sums of one webhook. The context holds the `names` of those that exist."""

    webhook = serializers.UUIDField(source="webhook_id")
    workflow_name = serializers.SerializerMethodField(help_text="Null once the webhook is deleted.")

    def get_workflow_name(self, summary: Any) -> str | None:
        name: str | None = self.context["names"].get(summary.webhook_id)
        return name


class WebhookSummariesSerializer(CoveredSerializer):
    """The webhooks that were called, the most called first."""

    results = WebhookFiguresSerializer(many=True)


class BucketSerializer(CoveredSerializer):
    """Sums of one bucket."""

    total_calls = serializers.IntegerField(source="figures.calls", help_text="Finished runs of deliveries.")
    successful_calls = serializers.IntegerField(source="figures.succeeded")
    failed_calls = serializers.IntegerField(source="figures.failed")
    attempts = serializers.IntegerField(source="figures.attempts", help_text="HTTP requests, retries included.")
    success_rate = serializers.FloatField(source="figures.success_rate", allow_null=True)
    average_response_time_ms = serializers.FloatField(source="figures.average_response_time_ms", allow_null=True)
    p50 = serializers.IntegerField(source="figures.p50", allow_null=True)
    p95 = serializers.IntegerField(source="figures.p95", allow_null=True)
    p99 = serializers.IntegerField(source="figures.p99", allow_null=True)
    outcomes = OutcomesSerializer(source="figures.outcomes")


class SeriesSerializer(CoveredSerializer):
    """A period in buckets, the oldest first, empty ones included."""

    webhook = serializers.UUIDField(source="webhook_id", allow_null=True, help_text=_WEBHOOK_HELP)
    bucket_seconds = serializers.SerializerMethodField(help_text="60, 300, 3600, 21600 or 86400.")
    buckets = BucketSerializer(many=True)

    def get_bucket_seconds(self, series: Any) -> int:
        return int(series.step.total_seconds())


class PeakSerializer(serializers.Serializer[Any]):
    """One hour of the week."""

    weekday = serializers.IntegerField(min_value=0, max_value=6, help_text="0 is Monday.")
    hour = serializers.IntegerField(min_value=0, max_value=23, help_text="UTC.")
    total_calls = serializers.IntegerField(source="calls")
    failed_calls = serializers.IntegerField(source="failed")


class PeaksSerializer(CoveredSerializer):
    """The 168 hours of the week, added up over the period."""

    webhook = serializers.UUIDField(source="webhook_id", allow_null=True, help_text=_WEBHOOK_HELP)
    hours = PeakSerializer(source="cells", many=True)


class ErrorGroupSerializer(serializers.Serializer[Any]):
    """Failed requests that mean the same."""

    webhook = serializers.UUIDField(source="webhook_id")
    workflow_name = serializers.CharField(help_text="As it was at the newest one.")
    error_kind = serializers.ChoiceField(choices=ErrorKind.choices, allow_blank=True)
    status_code = serializers.IntegerField(allow_null=True)
    message = serializers.CharField(allow_blank=True, help_text="Of the newest one.")
    count = serializers.IntegerField(help_text="HTTP requests, retries included.")
    failed_calls = serializers.IntegerField(source="calls", help_text="Of these, how many ended their delivery.")
    first_seen = serializers.DateTimeField()
    last_seen = serializers.DateTimeField()
    example_call = serializers.UUIDField(source="example_call_id", help_text="The newest one.")
    example_delivery = serializers.UUIDField(source="example_delivery_id")


class ErrorGroupsSerializer(CoveredSerializer):
    """What fails and why."""

    webhook = serializers.UUIDField(source="webhook_id", allow_null=True, help_text=_WEBHOOK_HELP)
    examined = serializers.IntegerField(help_text="Failed requests that were grouped, the newest ones.")
    is_complete = serializers.BooleanField(help_text="Whether these are all failed requests of the period.")
    examined_since = serializers.DateTimeField(help_text="When the oldest of them began; `from` if these are all.")
    groups = ErrorGroupSerializer(many=True)
