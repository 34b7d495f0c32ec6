"""The form of a recovery: from when to when, or one of two spans that end now."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from django import forms
from django.utils import timezone

from integrations.moments import read_moment

PRESETS: Final = {"hour": timedelta(hours=1), "day": timedelta(hours=24)}
_ZONE: Final = re.compile(r"(?:Z|[+-]\d\d:?\d\d)$")


class Span(NamedTuple):
    """`until` is None for now."""

    since: datetime
    until: datetime | None


class UTCTimeField(forms.CharField):
    """A moment, as people write it; without a zone it is in UTC, wherever the browser is."""

    def __init__(self, *, placeholder: str, **more: Any) -> None:
        super().__init__(widget=forms.TextInput(attrs={"placeholder": placeholder, "size": 20}), required=False, **more)

    def to_python(self, value: Any) -> datetime | None:  # type: ignore[override]
        text = (super().to_python(value) or "").removesuffix("UTC").strip()
        if not text:
            return None
        try:
            return read_moment(text if _ZONE.search(text) else f"{text}Z")
        except ValueError:
            raise forms.ValidationError("Give a time in UTC of this millennium, such as 2026-01-31 02:00.") from None


class RecoverForm(forms.Form):
    """When a preset's button was pressed, the two fields do not matter."""

    since = UTCTimeField(
        label="Since", placeholder="2026-01-31 02:00", help_text="UTC. Deliveries accepted from then on,"
    )
    until = UTCTimeField(label="Until", placeholder="now", help_text="UTC, and before then. Empty: now.")
    preset = forms.ChoiceField(choices=[(name, name) for name in PRESETS], required=False)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if not cleaned.get("preset") and not cleaned.get("since") and "since" not in self.errors:
            self.add_error("since", "Say from when on, such as 2026-01-31 02:00, or take one of the spans.")
        return cleaned

    def span(self) -> Span:
        """Return what was chosen."""
        fields = self.cleaned_data
        if fields["preset"]:
            return Span(timezone.now() - PRESETS[fields["preset"]], None)
        return Span(fields["since"], fields["until"])
