"""The pages of all providers, written from their declarations: one each below `docs/providers/`, and the list of them.

`python -m integrations.providers.reference` renews them; a test compares.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

from integrations.providers.actions import Action
from integrations.providers.base import Capability, Field, FieldKind, Provider
from integrations.providers.environment import environment_name
from integrations.providers.registry import all_providers, slot_label

DOCS: Final = Path(__file__).resolve().parents[2] / "docs"
_LIST: Final = "reference/providers.md"
_ANSWERS: Final = "reference/provider-answers.md"
_FOLDER: Final = "providers"
_COMMAND: Final = "python -m integrations.providers.reference"
_INTRODUCTION: Final = f"""\
# Providers

Written from the providers' declarations by `{_COMMAND}`; do not edit it by hand.
To add a provider see [Add a provider](../how-to/add-a-provider.md).

White space around a value is removed. A public field is shown as it is; a secret is stored encrypted, shown masked and
never answered whole again. Programs read the same from [`GET /api/v1/providers`](../api/v1/providers.md).
"""
_ACTIONS: Final = """
## Actions

What [`POST /api/v1/integrations/{integration}/actions/{action}`](../api/v1/integrations.md) does at the provider. See
[Run a provider's actions](../how-to/run-provider-actions.md).
"""
_WHAT: Final = {
    FieldKind.URL: "An address",
    FieldKind.EMAIL: "An e-mail address",
    FieldKind.MULTILINE: "Any text, of several lines,",
    FieldKind.JSON: "A JSON array or object",
}


def pages() -> dict[str, str]:
    """Return the text of every page by its path below `docs`."""
    providers = all_providers()
    return {_LIST: _list(providers), **{f"{_FOLDER}/{provider.key}.md": _page(provider) for provider in providers}}


def write_pages(docs: Path = DOCS) -> None:
    """Write every page below `docs`, and remove those of providers that are no more."""
    written = pages()
    (docs / _FOLDER).mkdir(parents=True, exist_ok=True)
    (docs / _LIST).parent.mkdir(exist_ok=True)
    for path in (docs / _FOLDER).glob("*.md"):
        if f"{_FOLDER}/{path.name}" not in written:
            path.unlink()
    for name, text in written.items():
        (docs / name).write_text(text, encoding="utf-8")


def _list(providers: list[Provider]) -> str:
    rows = "\n".join(
        f"| [{provider.label}](../{_FOLDER}/{provider.key}.md) | `{provider.key}` | `{provider.slot}` "
        f"({slot_label(provider.slot)}) | {_capabilities(provider)} |"
        for provider in providers
    )
    return f"""\
{_INTRODUCTION}
| page, with its fields and where to find the values | provider | slot | capabilities |
|---|---|---|---|
{rows}
"""


def _page(provider: Provider) -> str:
    guide = provider.documentation.read_text(encoding="utf-8").strip().replace("\n### ", "\n## ")
    rows = "\n".join(_row(provider, field) for field in provider.fields)
    body = {"provider": provider.key, **smallest_example(provider)}
    actions = "".join(_action(action) for action in provider.declared_actions)
    return f"""\
# {provider.label}

Written by `{_COMMAND}` from the declaration and the guide in `integrations/providers/{provider.key}/`; do
not edit it by hand. [All providers](../{_LIST})

Provider `{provider.key}`, slot `{provider.slot}` ({slot_label(provider.slot)}). Capabilities: {_capabilities(provider)}.

{guide}
{_examples(provider)}{_answers(provider)}
## Fields

| field | label | shown | required | format | example | the platform's own |
|---|---|---|---|---|---|---|
{rows}

The least that [`POST /api/v1/integrations`](../api/v1/integrations.md) takes, and `…/integrations/test` before saving:

```json
{json.dumps(body, indent=2, ensure_ascii=False)}
```
{_ACTIONS + actions if actions else ""}"""


def _action(action: Action) -> str:
    rows = "\n".join(_parameter_row(parameter) for parameter in action.parameters)
    takes = (
        f"| parameter | label | required | format | example |\n|---|---|---|---|---|\n{rows}"
        if rows
        else "It takes none."
    )
    answers = "\n".join(f"- `{name}`: {meaning}" for name, meaning in action.answer.items())
    repeatable = "May be repeated." if action.is_repeatable else "Does it anew each time."
    return f"""
### {action.label}: `{action.name}`

{action.summary} {repeatable}

{takes}

Answers:

{answers}
"""


def _parameter_row(field: Field) -> str:
    cells = (f"`{field.name}`", f"{field.label}. {field.help}", _required(field), _format(field), f"`{field.example}`")
    return _table_row(cells)


def _table_row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _examples(provider: Provider) -> str:
    if not provider.examples:
        return ""
    rows = "\n".join(
        f"| {example.title} | {'<br>'.join(f'`{name}` `{value}`' for name, value in example.values.items())} | {example.note} |"
        for example in provider.examples
    )
    return f"""
## Examples

All values are made up.

| what | fields | note |
|---|---|---|
{rows}
"""


def _answers(provider: Provider) -> str:
    if not provider.can(Capability.TEST):
        return ""
    anchor = provider.label.lower().replace(" ", "-")
    return f"""
## What a test says

Each answer of {provider.label} that is known has [a line of its own](../{_ANSWERS}#{anchor}); what each result means and what
follows from it is the same for all providers: [test connections](../how-to/test-connections.md).
"""


def smallest_example(provider: Provider) -> dict[str, str]:
    """Return the examples of as few fields as are required, those first that stand first."""
    chosen: dict[str, str] = {}
    while missing := provider.problems(chosen):
        field = next(field for field in provider.fields if field.name in missing)
        chosen[field.name] = field.example
    return {field.name: chosen[field.name] for field in provider.fields if field.name in chosen}


def _capabilities(provider: Provider) -> str:
    return ", ".join(f"`{capability}`" for capability in sorted(provider.capabilities)) or "none yet"


def _row(provider: Provider, field: Field) -> str:
    variables = (environment_name(provider, field), *field.environment)
    cells = (
        f"`{field.name}`",
        f"{field.label}. {field.help}",
        "masked" if field.secret else "whole",
        _required(field),
        _format(field),
        f"`{field.example}`",
        " or ".join(f"`{variable}`" for variable in variables),
    )
    return _table_row(cells)


def _required(field: Field) -> str:
    if field.required:
        return "yes"
    if field.required_without:
        return f"without {' and '.join(f'`{name}`' for name in field.required_without)}"
    if field.required_with:
        return f"with {' or '.join(f'`{name}`' for name in field.required_with)}"
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
    write_pages()
    sys.stderr.write(f"Wrote {len(pages())} pages below {DOCS}.\n")
