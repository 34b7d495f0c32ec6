"""Query parameters: each is declared, everything else is refused by name."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from integrations.api.serializers import StrictSerializer
from integrations.moments import read_moment

PAGING = ("cursor", "page_size")


def read_parameters(
    request: Request, declared: type[StrictSerializer], *, besides: Collection[str] = ()
) -> dict[str, Any]:
    """Return the parameters that were given, parsed; 422 names each that is unknown, wrong or given twice.

    `besides` are names that somebody else reads, such as the pagination.
    """
    given = request.query_params
    twice = {name: ["Give this once."] for name, values in given.lists() if len(values) > 1}
    if twice:
        raise serializers.ValidationError(twice)
    parameters = declared(data={name: value for name, value in given.items() if name not in besides})
    parameters.is_valid(raise_exception=True)
    return dict(parameters.validated_data)


@extend_schema_field(OpenApiTypes.DATETIME)
class MomentField(serializers.Field):
    """ISO 8601 with a zone; the one of DRF takes a time without one for UTC."""

    def to_internal_value(self, data: str) -> datetime:
        try:
            return read_moment(data)
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from None


class PeriodParameters(StrictSerializer):
    """`from` (a word that Python keeps for itself) and `to`."""

    def get_fields(self) -> dict[str, serializers.Field]:
        return {
            "from": MomentField(required=False, help_text="Not before this time."),
            "to": MomentField(required=False, help_text="Before this time."),
            **super().get_fields(),
        }
