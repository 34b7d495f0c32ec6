"""Query parameters of calls and figures."""

from __future__ import annotations

from typing import Any, Final

from rest_framework import serializers

from analytics.call_filter import SEARCHED, CallFilter
from analytics.outcomes import OutcomeClass
from analytics.period import RANGES, Period
from integrations.api.parameters import PeriodParameters

# What answers and filters call the classes.
STATUS_CLASSES: Final = {
    "2xx": OutcomeClass.ANSWERED_2XX,
    "3xx": OutcomeClass.ANSWERED_3XX,
    "4xx": OutcomeClass.ANSWERED_4XX,
    "5xx": OutcomeClass.ANSWERED_5XX,
    "timeout": OutcomeClass.TIMEOUT,
    "connection": OutcomeClass.CONNECTION,
    "guard": OutcomeClass.GUARD,
    "not_sent": OutcomeClass.NOT_SENT,
}
FILE_FORMATS: Final = ("jsonl", "csv")
_LAST, _ALL = "last", "all"
_SEARCH: Final = f"Searches {SEARCHED.days} days."


class WebhookParameter(serializers.Serializer[Any]):
    webhook = serializers.CharField(
        required=False, max_length=100, help_text="Id or workflow name; all webhooks unless given."
    )


class RangeParameters(PeriodParameters):
    """A range that ends now, or `from` and `to`."""

    range = serializers.ChoiceField(required=False, choices=tuple(RANGES), help_text="Until now.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "range" in attrs and ("from" in attrs or "to" in attrs):
            raise serializers.ValidationError({"range": ["Give either this, or `from` and `to`."]})
        return attrs


def period_of(parameters: dict[str, Any]) -> Period:
    """Return the period of `RangeParameters`. Raises InvalidInputError as `Period.requested` does."""
    if "range" in parameters:
        return Period.named(parameters["range"])
    return Period.requested(start=parameters.get("from"), end=parameters.get("to"))


class FigureParameters(RangeParameters, WebhookParameter):
    pass


class ErrorParameters(FigureParameters):
    limit = serializers.IntegerField(default=10, min_value=1, max_value=100, help_text="The largest groups.")


class WebhookFigureParameters(RangeParameters):
    limit = serializers.IntegerField(default=50, min_value=1, max_value=200, help_text="The most called webhooks.")


class CallParameters(PeriodParameters):
    success = serializers.BooleanField(required=False)
    status_class = serializers.ChoiceField(
        required=False, choices=tuple(STATUS_CLASSES), help_text=f"What became of it. {_SEARCH}"
    )
    status_code = serializers.IntegerField(required=False, min_value=100, max_value=599, help_text=_SEARCH)
    event_type = serializers.CharField(required=False, max_length=128, help_text=f"Exactly this type. {_SEARCH}")
    triggered_by = serializers.CharField(required=False, max_length=100, help_text=f"Exactly this trigger. {_SEARCH}")
    error = serializers.CharField(
        required=False, max_length=100, help_text=f"Text in the error's message, without regard to case. {_SEARCH}"
    )
    attempts = serializers.ChoiceField(
        default=_LAST, choices=(_LAST, _ALL), help_text="`all`: each request, retries included."
    )

    @staticmethod
    def filter(parameters: dict[str, Any]) -> CallFilter:
        """Return what is wanted; the filter itself refuses a reversed period, and one that is too long to search."""
        status_class = parameters.get("status_class")
        return CallFilter(
            start=parameters.get("from"),
            end=parameters.get("to"),
            success=parameters.get("success"),
            status_class=None if status_class is None else STATUS_CLASSES[status_class],
            status_code=parameters.get("status_code"),
            event_type=parameters.get("event_type"),
            triggered_by=parameters.get("triggered_by"),
            error=parameters.get("error"),
            every_attempt=parameters["attempts"] == _ALL,
        )


class TenantCallParameters(CallParameters, WebhookParameter):
    pass


class ExportParameters(CallParameters):
    file_format = serializers.ChoiceField(default="jsonl", choices=FILE_FORMATS)


class TenantExportParameters(ExportParameters, WebhookParameter):
    pass
