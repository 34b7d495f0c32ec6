"""Taking out of payloads what nobody needs to see: which events a tenant's rules concern, and what they hide. Pure.

A path is a JSONPath (RFC 9535) without filters: `$.customer.email`, `$.items[*].card`, `$..password`. What it finds is
replaced by `***`, whatever it is; a path that finds nothing hides nothing.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import Any, Final, Protocol

from jsonpath import JSONPath, JSONPathEnvironment
from jsonpath.exceptions import JSONPathError
from jsonpath.segments import JSONPathRecursiveDescentSegment
from jsonpath.selectors import Filter

from webhooks.routing import Router

HIDDEN: Final = "***"
MAX_PATHS: Final = 50
MAX_PATH_LENGTH: Final = 200
_ENVIRONMENT: Final = JSONPathEnvironment(strict=True)


class Rule(Protocol):
    """What of events of one type, or pattern of types (`webhooks.routing`), is hidden. `*` matches direct calls, too."""

    @property
    def event_type(self) -> str: ...

    @property
    def paths(self) -> Sequence[str]: ...


class Redaction:
    """The rules of one tenant."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._router = Router((rule.paths, [rule.event_type]) for rule in rules)

    def paths_for(self, event_type: str) -> list[str]:
        """Return what is hidden of an event, of all rules that concern it; `event_type` is blank for direct calls."""
        return list(dict.fromkeys(path for paths in self._router.subscribers(event_type) for path in paths))

    def masked(self, event_type: str, body: str) -> str:
        """Return the payload as it may be shown: unchanged, to the byte, where there is nothing to hide."""
        return masked(body, self.paths_for(event_type))


def path_problems(paths: Collection[object]) -> list[str]:
    """Return what is wrong with the paths of a rule, in the words that a caller reads."""
    if not paths:
        return ["Give at least one path, such as $.customer.email."]
    if len(paths) > MAX_PATHS:
        return [f"Use at most {MAX_PATHS} paths."]
    return [problem for path in paths if (problem := _path_problem(path))]


def masked(body: str, paths: Collection[str]) -> str:
    """Return the JSON text with what the paths find replaced. Idempotent."""
    if not paths:
        return body
    payload = json.loads(body)
    found = [match.parts for path in paths for match in _compiled(path).finditer(payload)]
    for parts in found:
        _hide(payload, parts)
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")) if found else body


def _hide(node: Any, parts: Sequence[str | int]) -> None:
    """Replace one place; another path may have replaced what it lies in before."""
    for part in parts[:-1]:
        node = node[part]
        if not isinstance(node, dict | list):
            return
    node[parts[-1]] = HIDDEN


def _path_problem(path: object) -> str:
    if not isinstance(path, str):
        return "Each path is a text, such as $.customer.email."
    if len(path) > MAX_PATH_LENGTH:
        return f"A path has at most {MAX_PATH_LENGTH} characters."
    try:
        segments = _compiled(path).segments
    except JSONPathError as error:
        return f"{path!r} is no JSONPath: {str(error).splitlines()[0]}. Write it like $.items[*].card or $..password."
    if not segments:
        return f"{path!r} is the whole payload: name what in it is hidden."
    if any(isinstance(selector, Filter) for segment in segments for selector in segment.selectors):
        return f"{path!r} has a filter: only names, [*], indices and one .. are possible."
    # Each further one would walk through everything below everything: seconds for a payload that fits.
    if sum(isinstance(segment, JSONPathRecursiveDescentSegment) for segment in segments) > 1:
        return f"{path!r} has more than one .., which is too slow for large payloads."
    return ""


@lru_cache(maxsize=1024)
def _compiled(path: str) -> JSONPath:
    query = _ENVIRONMENT.compile(path)
    if not isinstance(query, JSONPath):
        raise JSONPathError("one path at a time")
    return query
