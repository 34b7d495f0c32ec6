"""The reference page of all providers, written from their declarations.

`python -m integrations.providers.reference > docs/reference/providers.md` renews it; a test compares the two.
"""

from __future__ import annotations

import sys

from integrations.providers.base import Field, FieldKind, Provider
from integrations.providers.registry import all_providers, slot_label

_INTRODUCTION = """\
# Providers

Written from the providers' declarations by `python -m integrations.providers.reference`; do not edit it by hand.
To add a provider see [Add a provider](../how-to/add-a-provider.md).

White space around a value is removed. A public field is shown as it is; a secret is stored encrypted, shown masked and
never answered whole again.
"""


_WHAT = {
    FieldKind.URL: "An address",
    FieldKind.EMAIL: "An e-mail address",
    FieldKind.MULTILINE: "Any text, of several lines,",
}


def reference_page() -> str:
    """Return the page as Markdown."""
    return "\n".join([_INTRODUCTION, *(_section(provider) for provider in all_providers())])


def _section(provider: Provider) -> str:
    capabilities = ", ".join(f"`{capability}`" for capability in sorted(provider.capabilities)) or "none yet"
    rows = "\n".join(_row(field) for field in provider.fields)
    return f"""\
## {provider.label}

Provider `{provider.key}`, slot `{provider.slot}` ({slot_label(provider.slot)}). Capabilities: {capabilities}.

{provider.documentation.read_text(encoding="utf-8").strip()}

### Fields of {provider.label}

| field | label | shown | required | format | example |
|---|---|---|---|---|---|
{rows}
"""


def _row(field: Field) -> str:
    cells = (
        f"`{field.name}`",
        f"{field.label}. {field.help}",
        "masked" if field.secret else "whole",
        _required(field),
        _format(field),
        f"`{field.example}`",
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _required(field: Field) -> str:
    if field.required:
        return "yes"
    if field.required_without:
        return f"without {' and '.join(f'`{name}`' for name in field.required_without)}"
    if field.required_with:
        return f"with {' and '.join(f'`{name}`' for name in field.required_with)}"
    if field.required_when:
        other, wanted = field.required_when
        return f"when `{other}` is {' or '.join(f'`{value}`' for value in wanted)}"
    return "no"


def _format(field: Field) -> str:
    if field.pattern_message:
        return field.pattern_message
    if field.choices:
        default = f"; left out, it is `{field.default}`" if field.default else ""
        return f"One of {', '.join(f'`{value}` ({label})' for value, label in field.choices)}{default}."
    if field.is_object:
        return f"A JSON object of names and texts. {field.name_message}"
    what = _WHAT.get(field.kind, "Any text")
    return f"{what} of at most {field.max_length} characters."


if __name__ == "__main__":
    sys.stdout.write(reference_page())
