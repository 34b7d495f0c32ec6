"""One page a tag: every operation with its parameters, fields, answers, and the request in curl and Python."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from config.api_docs.operation import Operation, operations_of, type_of
from config.api_docs.samples import curl, python
from integrations.api.audience import Audience
from integrations.api.documents import document

FOLDERS: Final = {Audience.PLATFORM: "platform", Audience.TENANT: "v1"}
_TOKENS: Final = {Audience.PLATFORM: "TOKEN", Audience.TENANT: "API_KEY"}
_TITLES: Final = {"api-keys": "API keys", "me": "Who am I"}
# What the first page explains, so that no operation has to.
_EXPLAINED: Final = {
    "Idempotency-Key": "[idempotency](../index.md#idempotency)",
    "If-Match": "[versions of objects](../index.md#versions-of-objects)",
}
_INTRODUCTION: Final = (
    "Written by `python manage.py write_api_docs` from the OpenAPI document: a change belongs in the code. What holds for\n"
    "all operations, errors, limits and idempotency among it, is on [the first page](../index.md).\n"
)


def pages() -> dict[str, str]:
    """Return the text of every page by its path below `docs/api`."""
    return {
        f"{folder}/{tag}.md": _page(audience, tag, operations)
        for audience, folder in FOLDERS.items()
        for tag, operations in _by_tag(audience).items()
    }


def _by_tag(audience: Audience) -> dict[str, list[Operation]]:
    tags: dict[str, list[Operation]] = {}
    for operation in operations_of(document(audience)):
        tags.setdefault(operation.tag, []).append(operation)
    return dict(sorted(tags.items()))


def _page(audience: Audience, tag: str, operations: list[Operation]) -> str:
    title = _TITLES.get(tag, tag.capitalize())
    contents = [
        f"| [{operation.summary}](#{_anchor(operation.summary)}) | `{operation.method} {operation.path}` |\n"
        for operation in operations
    ]
    parts = [
        f"# {title} ({'for tenants' if audience is Audience.TENANT else 'for platform admins'})\n",
        _INTRODUCTION,
        "| | |\n|---|---|\n" + "".join(contents),
        *(_section(operation, _token(operation, audience)) for operation in operations),
    ]
    return "\n".join(parts)


def _token(operation: Operation, audience: Audience) -> str:
    return _TOKENS[Audience.PLATFORM if operation.is_for_people else audience]


def _section(operation: Operation, token: str) -> str:
    return "\n".join(part for part in _parts(operation, token) if part)


def _parts(operation: Operation, token: str) -> Iterator[str]:
    yield f"## {operation.summary}\n"
    yield f"`{operation.method} {operation.path}`{_needed(operation)}\n"
    if operation.about:
        yield f"{operation.about}\n"
    yield _parameters(operation)
    yield _fields(operation)
    yield _block("bash", curl(operation, token=token))
    yield _block("python", python(operation, token=token))
    for status, example in operation.answers:
        yield f"**{status}**{'' if example is not None else ', without a body'}\n"
        if example is not None:
            yield _shown(example)
    failures = ", ".join(operation.failures)
    yield f"Fails with {failures}: [errors](../index.md#errors).\n"


def _shown(example: Any) -> str:
    """Return an example as a block: one that is no JSON is a text."""
    if isinstance(example, str):
        return _block("text", example.rstrip())
    return _block("json", json.dumps(example, indent=2, ensure_ascii=False))


def _needed(operation: Operation) -> str:
    if operation.is_open:
        return " · open to everybody"
    if operation.scopes is None:
        return ""
    if operation.is_for_people:
        return " · a member's access token"
    scopes = " or ".join(f"`{scope}`" for scope in operation.scopes)
    return f" · scope {scopes}" if scopes else " · any valid credential"


def _parameters(operation: Operation) -> str:
    rows = [
        f"| `{parameter['name']}` | {parameter['in']}{', required' if _is_needed(parameter) else ''} "
        f"| {_EXPLAINED.get(parameter['name']) or _what(parameter, parameter['schema'], operation)} |\n"
        for parameter in operation.parameters
    ]
    return "| parameter | in | |\n|---|---|---|\n" + "".join(rows) if rows else ""


def _is_needed(parameter: Mapping[str, Any]) -> bool:
    return bool(parameter.get("required")) and parameter["in"] != "path"


def _fields(operation: Operation) -> str:
    rows = [
        f"| `{name}`{', required' if required else ''} | {_what(schema, schema, operation)} |\n"
        for name, schema, required in operation.body_fields
    ]
    return "| field of the body | |\n|---|---|\n" + "".join(rows) if rows else ""


def _what(described: Mapping[str, Any], schema: Mapping[str, Any], operation: Operation) -> str:
    """Return kind and description in one cell of a table, without a list of choices, which repeats the kind's."""
    text, choices, _ = str(described.get("description", "")).partition("* `")
    about = " ".join(text.split())
    if choices and not about.endswith("."):
        about = ""  # the name of the field alone
    kind = type_of(schema, operation.components)
    return ". ".join(filter(None, [kind, about])).replace("|", "\\|")


def _block(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```\n"


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
