"""The form field for a secret: write-only, with an eye for what is being typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms

KEEP = ""
CLEAR = None


class SecretInput(forms.PasswordInput):
    """A password input that never holds the stored value; beside it the masked one and, if it may go, a box to clear."""

    template_name = "integrations/widgets/secret_input.html"

    class Media:
        js: ClassVar = ["signalbox/secret_input.js"]

    def __init__(self, *, masked: str = "", clearable: bool = False) -> None:
        super().__init__(attrs={"autocomplete": "new-password", "spellcheck": "false", "class": "vTextField"})
        self.masked = masked
        self.clearable = clearable and bool(masked)

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, None, attrs)
        context["widget"]["masked"] = self.masked
        if self.clearable:
            context["widget"]["clear_name"] = f"{name}-clear"
            context["widget"]["clear_id"] = f"id_{name}-clear"
        return context

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> str | None:
        typed = super().value_from_datadict(data, files, name) or KEEP
        return CLEAR if not typed and self.clearable and f"{name}-clear" in data else typed


class SecretTextarea(SecretInput):
    """The same for a text of several lines, which shows what is typed."""

    template_name = "integrations/widgets/secret_textarea.html"

    def __init__(self, *, masked: str = "", clearable: bool = False) -> None:
        super().__init__(masked=masked, clearable=clearable)
        self.attrs |= {"class": "vLargeTextField", "rows": "4"}


class SecretField(forms.CharField):
    """Cleans to the typed secret, to `""` (keep the stored one) or to None (clear it)."""

    def __init__(
        self,
        *,
        masked: str = "",
        clearable: bool = False,
        required: bool = False,
        label: str,
        help_text: str = "",
        several_lines: bool = False,
    ) -> None:
        keeps = bool(masked)
        super().__init__(
            label=label,
            required=required and not keeps,
            help_text=f"{help_text} Leave blank to keep the stored value." if keeps else help_text,
            widget=(SecretTextarea if several_lines else SecretInput)(masked=masked, clearable=clearable),
            strip=True,
        )

    def to_python(self, value: str | None) -> str | None:
        return CLEAR if value is CLEAR else super().to_python(value)

    def has_changed(self, initial: Any, data: str | None) -> bool:
        """A blank keeps what is stored, so it is no change; the admin's history must not say otherwise."""
        return data is CLEAR or bool(data)
