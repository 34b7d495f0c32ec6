"""Serializers that refuse what they do not know, instead of dropping it silently, and say what they would take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rest_framework import serializers

_MOST_NAMED = 20

if TYPE_CHECKING:
    _Base = serializers.Serializer
else:
    _Base = object


class RefuseUnknownFields(_Base):
    """Answer 422 for a field that does not exist (naming the allowed ones) or that is read only."""

    def get_fields(self) -> dict[str, serializers.Field]:
        fields: dict[str, serializers.Field] = super().get_fields()
        for field in fields.values():
            if isinstance(field, serializers.ChoiceField):
                field.error_messages["invalid_choice"] = f"Must be one of {', '.join(map(str, field.choices))}."
        return fields

    def to_internal_value(self, data: Any) -> Any:
        refused = self._refused_fields(data) if isinstance(data, Mapping) else {}
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as error:
            if refused and isinstance(error.detail, dict):
                raise serializers.ValidationError({**error.detail, **refused}) from None
            raise
        if refused:
            raise serializers.ValidationError(refused)
        return value

    def _refused_fields(self, data: Mapping[Any, Any]) -> dict[str, list[str]]:
        writable = [name for name, field in self.fields.items() if not field.read_only]
        refused: dict[str, list[str]] = {}
        for name in data:
            if name in writable:
                continue
            if name in self.fields:
                refused[name] = ["This field cannot be written."]
            else:
                refused[str(name)] = [f"There is no such field. Allowed: {', '.join(writable)}."]
            if len(refused) == _MOST_NAMED:
                break
        return refused


class StrictSerializer(RefuseUnknownFields, serializers.Serializer):
    """A serializer that refuses unknown and read-only fields."""


class StrictModelSerializer(RefuseUnknownFields, serializers.ModelSerializer):
    """A model serializer that refuses unknown and read-only fields."""


class ObjectField(serializers.DictField):
    """A JSON object that is passed on as it came: its texts are content, not fields of a form."""

    def to_internal_value(self, data: Any) -> Any:
        return data if isinstance(data, dict) else super().to_internal_value(data)


class TextField(serializers.CharField):
    """A text that is stored as it came. A number is no text."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)
