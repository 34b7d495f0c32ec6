"""How a provider's fields are laid out in the admin: what nearly everybody fills in, and sections that are folded away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from integrations.admin.integration_forms import PREFIX
from integrations.providers.base import Provider
from integrations.providers.description import documentation_of
from integrations.providers.example import Example


def provider_sections(provider: Provider, config: Mapping[str, object], *, tenant: object = None) -> list[Any]:
    """Return the admin's fieldsets of a provider. A section is open where one of its fields has a value.

    With a `tenant`, whose integration is being added, examples have a link that fills them in.
    """
    sections: dict[str, list[str]] = {"": []}
    for field in provider.fields:
        sections.setdefault(field.section, []).append(field.name)
    laid_out: list[Any] = []
    for section, names in sections.items():
        options: dict[str, Any] = {"fields": [f"{PREFIX}{name}" for name in names]}
        if not section:
            options["description"] = format_html("{}{}", _guide(provider), _examples(provider, tenant))
        elif not any(config.get(name) for name in names):
            options["classes"] = ["collapse"]
        laid_out.append((section or provider.label, options))
    return laid_out


def _guide(provider: Provider) -> SafeString:
    page = documentation_of(provider)
    if page.startswith("http"):
        page = format_html('<a href="{}" rel="noreferrer">the page of {}</a>', page, provider.label)
    return format_html("<p>Where to find the values: {}.</p>", page)


def _examples(provider: Provider, tenant: object) -> SafeString | str:
    if not provider.examples:
        return ""
    labels = {field.name: field.label for field in provider.fields}
    shown = format_html_join(
        "",
        "<h3>{}{}</h3><dl>{}</dl>{}",
        (
            (
                example.title,
                _fill_in(provider, example, tenant),
                format_html_join("", "<dt>{}</dt><dd>{}</dd>", _entered(provider, example, labels)),
                format_html("<p>{}</p>", example.note) if example.note else "",
            )
            for example in provider.examples
        ),
    )
    return format_html('<details class="examples"><summary>Examples</summary>{}</details>', shown)


def _entered(provider: Provider, example: Example, labels: Mapping[str, str]) -> list[tuple[str, str]]:
    choices = {field.name: dict(field.choices) for field in provider.fields}
    return [(labels[name], choices[name].get(value, value)) for name, value in example.values.items()]


def _fill_in(provider: Provider, example: Example, tenant: object) -> SafeString | str:
    if tenant is None:
        return ""
    public = {field.name for field in provider.public_fields}
    entered = {f"{PREFIX}{name}": value for name, value in example.values.items() if name in public}
    address = urlencode({"tenant": tenant, "provider": provider.key, **entered})
    return format_html(' <a href="?{}">Fill in</a>', address)
