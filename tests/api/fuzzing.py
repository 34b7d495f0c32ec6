"""Requests made from the API's own documents, good ones and bad ones, and whether the answers are as documented."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

# For each operation: so many requests as documented with objects that exist, with made-up ones, and wrong requests.
EXAMPLES: Final = int(os.environ.get("SIGNALBOX_FUZZ_EXAMPLES") or 3)
_CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]

Values = Mapping[str, str]


class Site:
    """Answers as a web server does: it closes the response, which Schemathesis does not."""

    def __init__(self) -> None:
        self._application = WSGIHandler()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        response = self._application(environ, start_response)
        try:
            return list(response)
        finally:
            response.close()


class Fuzzer:
    """Fuzzes what an OpenAPI document describes, as whoever carries `headers`.

    `prepare` makes the objects that a path names, for one operation, and returns what the path says for them.
    """

    def __init__(self, document: str, *, headers: Mapping[str, str], prepare: Callable[[list[str]], Values]) -> None:
        self._schema = schemathesis.openapi.from_wsgi(document, Site())
        self._headers = dict(headers)
        self._prepare = prepare

    def problems(self) -> list[str]:
        """Return what was not as documented, a text for each operation and kind of request."""
        return [problem for result in self._schema.get_all_operations() for problem in self._problems(result.ok())]

    def _problems(self, operation: Any) -> Iterator[str]:
        names = [parameter.name for parameter in operation.path_parameters]
        real = dict(self._prepare(names)) if names else {}
        kinds: dict[str, dict[str, Any]] = {
            "as documented": {"path_parameters": real or None},
            "wrong": {"generation_mode": GenerationMode.NEGATIVE, "path_parameters": real or None},
        }
        if real:
            kinds["of nothing"] = {}
        for kind, how in kinds.items():
            try:
                self._run(operation.as_strategy(**how))
            except Unsatisfiable:  # nothing about the operation can be wrong
                continue
            except FailureGroup as group:
                for failure in group.exceptions:
                    yield f"{operation.label} ({kind}): {failure}"

    def _run(self, cases: SearchStrategy[Case]) -> None:
        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            deadline=None,
            print_blob=False,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=cases)
        def run(case: Case) -> None:
            response = case.call(headers=self._headers)
            case.validate_response(response, checks=_CHECKS)

        run()
