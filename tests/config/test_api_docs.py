"""The pages of `docs/api` are those that the OpenAPI documents give, and their samples are code."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

from config.api_docs.operation import Operation, operations_of
from config.api_docs.pages import FOLDERS, pages
from config.api_docs.samples import literal
from integrations.api.audience import Audience
from integrations.api.documents import document

FOLDER = Path(settings.BASE_DIR, "docs/api")


@pytest.fixture(scope="module")
def written() -> dict[str, str]:
    return pages()


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)\n```", text, re.DOTALL)


def operations(audience: Audience) -> Iterator[Operation]:
    return operations_of(document(audience))


def test_pages_in_the_repository_are_those_that_the_documents_give(written: dict[str, str]) -> None:
    kept = {
        str(path.relative_to(FOLDER)): path.read_text(encoding="utf-8")
        for folder in FOLDERS.values()
        for path in (FOLDER / folder).iterdir()
    }
    assert kept == written, "renew them: python manage.py write_api_docs"


def test_first_page_leads_to_every_other(written: dict[str, str]) -> None:
    linked = re.findall(r"\]\(((?:v1|platform)/[\w-]+\.md)\)", (FOLDER / "index.md").read_text(encoding="utf-8"))

    assert sorted(linked) == sorted(written)


def test_answer_that_is_no_json_is_shown_as_the_text_that_it_is(written: dict[str, str]) -> None:
    section = written["v1/analytics.md"].split("\n## Export the calls of a webhook\n")[1].split("\n## ")[0]
    (shown,) = blocks(section, "text")

    assert json.loads(shown)["workflow_name"] == "order_created"
    assert blocks(section, "json") == []
    assert blocks(section, "python")[0].endswith("print(answer.text)")


def test_help_of_a_choice_is_shown_beside_what_may_be_chosen(written: dict[str, str]) -> None:
    assert "| one of `last`, `all`. `all`: each request, retries included. |" in written["v1/analytics.md"]
    assert "Ordering" not in written["v1/webhooks.md"]


def test_command_writes_pages_and_removes_those_that_are_no_more(tmp_path: Path, written: dict[str, str]) -> None:
    old, other = tmp_path / "v1" / "gone.md", tmp_path / "index.md"
    old.parent.mkdir()
    old.touch()
    other.touch()
    call_command("write_api_docs", folder=tmp_path)

    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.md")} == {*written, "index.md"}


@pytest.mark.parametrize("audience", list(Audience))
def test_every_operation_has_a_section_with_samples(audience: Audience, written: dict[str, str]) -> None:
    for operation in operations(audience):
        page = written[f"{FOLDERS[audience]}/{operation.tag}.md"]
        section = page.split(f"\n## {operation.summary}\n")[1].split("\n## ")[0]

        assert f"`{operation.method} {operation.path}`" in section
        assert len(blocks(section, "bash")) == len(blocks(section, "python")) == 1
        assert all(f"`{scope}`" in section for scope in operation.scopes or [])
        assert all(f"**{status}**" in section for status, _ in operation.answers)


def test_samples_are_code(written: dict[str, str]) -> None:
    for name, text in [*written.items(), ("index.md", (FOLDER / "index.md").read_text(encoding="utf-8"))]:
        for code in blocks(text, "python"):
            compile(code, name, "exec")
        for answer in blocks(text, "json"):
            json.loads(answer)
        for command in blocks(text, "bash"):
            words = shlex.split(command)
            assert words[0] == "curl"
            if "-d" in words:
                json.loads(words[words.index("-d") + 1])


@pytest.mark.parametrize("audience", list(Audience))
def test_samples_give_one_idempotency_key(audience: Audience) -> None:
    """A key in the header and another one in the body contradict each other, which is a 422."""
    for operation in operations(audience):
        assert not (operation.takes_key and "idempotency_key" in (operation.body or {})), operation.summary


def test_samples_take_an_access_token_where_api_keys_are_no_use(written: dict[str, str]) -> None:
    section = written["v1/members.md"].split("\n## Show your own membership\n")[1].split("\n## ")[0]

    assert "$TOKEN" in section
    assert "API_KEY" not in section


def test_addresses_in_samples_are_those_of_the_site(written: dict[str, str]) -> None:
    for text in written.values():
        for address in re.findall(r'\$SITE([^"]*)"', text):
            assert "{" not in address


@pytest.mark.parametrize(
    "value",
    [
        {"a": True, "b": None, "c": [1, 2.5], "d": 'it\'s "quoted" — and ü'},
        {"long": "x" * 90, "inner": {"list": ["y" * 50, {"deep": False}] * 3}},
        [],
        {},
    ],
)
def test_literal_is_the_value_in_python(value: object) -> None:
    assert eval(literal(value)) == value  # noqa: S307  (what the test itself gave)
