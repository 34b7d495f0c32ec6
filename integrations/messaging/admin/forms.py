"""Forms beside messages: settling one, and sending one as a test."""

from __future__ import annotations

import json
from typing import Any

from django import forms

from integrations.messaging.services.settling_by_hand import SETTLED

_CHOICES = {
    "sent": "It was sent",
    "delivered": "It was sent and arrived",
    "failed": "It was not sent",
}


class SettleForm(forms.Form):
    """What became of a message of which nobody knew, by who looked it up."""

    state = forms.ChoiceField(
        label="What became of it",
        choices=[(state.value, _CHOICES[state]) for state in SETTLED],
        widget=forms.RadioSelect,
    )
    note = forms.CharField(
        label="Note",
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 60}),
        help_text="How you know, for whoever reads this later.",
    )
    looked_up = forms.BooleanField(label="I looked it up")

    def __init__(self, *args: Any, provider: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["looked_up"].label = f"I looked it up at {provider}"


class TestMessageForm(forms.Form):
    """A number and a text, or a template where the provider has these."""

    __test__ = False  # for pytest, which takes it for a test

    to = forms.CharField(
        label="To",
        max_length=40,
        help_text="A telephone of yours, with its country code: +4915112345678.",
        widget=forms.TextInput(attrs={"type": "tel", "size": 30}),
    )
    text = forms.CharField(
        label="Text", required=False, strip=False, widget=forms.Textarea(attrs={"rows": 4, "cols": 60})
    )
    template = forms.CharField(
        label="Template", required=False, max_length=512, help_text="Its name in WhatsApp Manager, instead of a text."
    )
    language = forms.CharField(label="Language", required=False, max_length=15, help_text="Such as en_US.")
    components = forms.CharField(
        label="Components",
        required=False,
        help_text="A JSON list, as Meta documents it; empty for a template without variables.",
        widget=forms.Textarea(attrs={"rows": 5, "cols": 60, "spellcheck": "false", "class": "mono"}),
    )

    def __init__(self, *args: Any, takes_templates: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not takes_templates:
            for name in ("template", "language", "components"):
                del self.fields[name]

    def clean_components(self) -> list[Any]:
        written = self.cleaned_data["components"]
        try:
            components = json.loads(written or "[]")
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(f"This is no valid JSON: {error}") from error
        if not isinstance(components, list) or not all(isinstance(each, dict) for each in components):
            raise forms.ValidationError("Give a JSON list of objects.")
        return components

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if "template" in self.fields and not self.errors:
            if bool(data["text"]) == bool(data["template"]):
                self.add_error("text", "Give either a text or the name of a template.")
            elif data["template"] and not data["language"]:
                self.add_error("language", "A template needs its language.")
        elif not data.get("text"):
            self.add_error("text", "This field is required.")
        return data

    def message(self) -> dict[str, Any]:
        """Return what `send_test_message` takes."""
        data = self.cleaned_data
        if not data.get("template"):
            return {"to": data["to"], "text": data["text"]}
        named = {"name": data["template"], "language": data["language"], "components": data["components"]}
        return {"to": data["to"], "template": named}
