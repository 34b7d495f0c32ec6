"""The same request for the command line and in Python."""

from __future__ import annotations

import json
import shlex
from typing import Any, Final

from config.api_docs.operation import Operation

_WIDTH: Final = 96


def curl(operation: Operation, *, token: str) -> str:
    """Return a command for a POSIX shell; `token` names the variable that holds the credential."""
    method = "" if operation.method == "GET" else f"-X {operation.method} "
    lines = [f'curl -sS {method}"$SITE{operation.example_path}"']
    if not operation.is_open:
        lines.append(f'-H "Authorization: Bearer ${token}"')
    if operation.takes_key:
        lines.append('-H "Idempotency-Key: $(uuidgen)"')
    if operation.body is not None:
        lines.append("-H 'Content-Type: application/json'")
        lines.append(f"-d {shlex.quote(json.dumps(operation.body, ensure_ascii=False))}")
    return " \\\n  ".join(lines)


def python(operation: Operation, *, token: str) -> str:
    """Return a script that uses `requests`; `token` names the environment variable that holds the credential."""
    headers = []
    if not operation.is_open:
        headers.append(f'"Authorization": f"Bearer {{os.environ[\'{token}\']}}"')
    if operation.takes_key:
        headers.append('"Idempotency-Key": str(uuid.uuid4())')
    arguments = [f"f\"{{os.environ['SITE']}}{operation.example_path}\""]
    if headers:
        arguments.append(f"headers={{{', '.join(headers)}}}")
    if operation.body is not None:
        arguments.append(f"json={literal(operation.body, indent=4)}")
    arguments.append("timeout=30")
    called = "".join(f"    {argument},\n" for argument in arguments)
    modules = ["os", *(["uuid"] if operation.takes_key else [])]
    imports = "".join(f"import {module}\n" for module in modules)
    body = next((body for _, body in operation.answers if body is not None), None)
    shown = "" if body is None else f"print(answer.{'text' if isinstance(body, str) else 'json()'})"
    return (
        f"{imports}\nimport requests\n\nanswer = requests.{operation.method.lower()}(\n{called})\n"
        f"answer.raise_for_status()\n{shown}"
    ).rstrip("\n")


def literal(value: Any, *, indent: int = 0) -> str:
    """Return a value of JSON as Python writes it, over several lines where it is long."""
    inline = _inline(value)
    if not isinstance(value, dict | list) or len(inline) + indent <= _WIDTH - 20:
        return inline
    inner, end = " " * (indent + 4), " " * indent
    if isinstance(value, dict):
        items = [f"{json.dumps(name)}: {literal(item, indent=indent + 4)}" for name, item in value.items()]
        return "{\n" + "".join(f"{inner}{item},\n" for item in items) + end + "}"
    return "[\n" + "".join(f"{inner}{literal(item, indent=indent + 4)},\n" for item in value) + end + "]"


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)}: {_inline(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_inline(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
