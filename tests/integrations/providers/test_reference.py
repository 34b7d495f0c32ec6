from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings

from integrations.providers.base import Provider
from integrations.providers.description import documentation_of
from integrations.providers.reference import pages, smallest_example, write_pages
from integrations.providers.registry import all_providers, get_provider
from tests.integrations.providers.smoke.provider import smoke

DOCS = Path(settings.BASE_DIR, "docs")
EVERY_PROVIDER = pytest.mark.parametrize("provider", all_providers(), ids=lambda provider: provider.key)


def test_pages_in_the_repository_are_those_that_the_declarations_give() -> None:
    kept = [DOCS / "reference/providers.md", *(DOCS / "providers").iterdir()]
    assert {str(path.relative_to(DOCS)): path.read_text(encoding="utf-8") for path in kept} == pages(), (
        "renew them: python -m integrations.providers.reference"
    )


@EVERY_PROVIDER
def test_page_has_a_row_for_each_field_and_the_steps_to_its_values(provider: Provider) -> None:
    page = pages()[f"providers/{provider.key}.md"]
    rows = re.findall(r"^\| `([a-z0-9_]+)` \|", page, re.MULTILINE)
    parameters = [parameter.name for action in provider.declared_actions for parameter in action.parameters]
    assert rows == [*(field.name for field in provider.fields), *parameters]
    assert "## Where to find the values" in page
    assert documentation_of(provider) == f"docs/providers/{provider.key}.md"


def test_list_leads_to_every_page_and_every_link_to_something() -> None:
    written = pages()
    for name, text in written.items():
        for link in re.findall(r"\]\((\.\.?/[^)#]+)", text):
            assert (DOCS / name).parent.joinpath(link).resolve().exists(), f"{name} leads to {link}"
    linked = re.findall(r"\]\(\.\./(providers/\w+\.md)\)", written["reference/providers.md"])
    assert linked == [name for name in written if name.startswith("providers/")]


@EVERY_PROVIDER
def test_example_is_accepted_and_cannot_be_shorter(provider: Provider) -> None:
    example = smallest_example(provider)
    assert provider.problems(example) == {}
    for name in example:
        assert provider.problems({key: value for key, value in example.items() if key != name}), name


def test_row_names_the_variables_of_the_platform_s_own_value() -> None:
    assert "`SIGNALBOX_JIRA_SITE`" in pages()["providers/jira.md"]
    chatwoot = get_provider("chatwoot")
    older = [name for field in chatwoot.fields for name in field.environment]
    assert older
    assert all(f"`{name}`" in pages()["providers/chatwoot.md"] for name in older)


def test_command_writes_pages_and_removes_those_of_providers_that_are_no_more(tmp_path: Path) -> None:
    gone, other = tmp_path / "providers" / f"{smoke.key}.md", tmp_path / "reference" / "other.md"
    for path in (gone, other):
        path.parent.mkdir()
        path.touch()
    write_pages(tmp_path)
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.md")} == {*pages(), "reference/other.md"}
