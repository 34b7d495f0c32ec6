"""What every action of every provider must keep; a new one is tested by being declared."""

from __future__ import annotations

import importlib
import json
import logging
import re
from base64 import b64encode
from typing import Any
from urllib.parse import quote

import pytest
import responses

from integrations.providers.actions import Action, ActionRefusedError
from integrations.providers.base import FieldKind, Provider
from integrations.providers.client import ProviderClient
from integrations.providers.outcome import REFUSED, ProviderError, Result
from integrations.providers.registry import all_providers
from integrations.providers.values import Values
from integrations.scopes import Scope
from tests.integrations.providers.action_cases.case import REQUIRED, ActionCase
from tests.integrations.providers.test_connection_contract import ANYTHING, NONSENSE

DECLARED = [(provider, action) for provider in all_providers() for action in provider.declared_actions]
EVERY_ACTION = pytest.mark.parametrize(
    ("provider", "action"), [pytest.param(*each, id=f"{each[0].key}.{each[1].name}") for each in DECLARED]
)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def cases_of(provider: Provider) -> list[ActionCase]:
    module = importlib.import_module(f"tests.integrations.providers.action_cases.{provider.key}")
    cases: list[ActionCase] = module.CASES
    return cases


EVERY_CASE = pytest.mark.parametrize(
    ("provider", "case"),
    [
        pytest.param(provider, case, id=f"{provider.key}.{case.action}-{case.name.replace(' ', '_')}")
        for provider in {provider.key: provider for provider, _ in DECLARED}.values()
        for case in cases_of(provider)
    ],
)


def run(provider: Provider, action: Action, case: ActionCase) -> tuple[object, dict[str, object]]:
    """Run it as the service does; return its answer, or the error, and what it remembers."""
    values = case.opened(provider)
    with ProviderClient(provider, values) as client:
        call, kept = case.call(provider, client, values)
        try:
            return client.scrubber.json(dict(action.function(call)), max_length=2000), kept
        except ProviderError as error:
            return client.scrubbed(error), kept


def first_success(provider: Provider, action: Action) -> ActionCase:
    return next(case for case in cases_of(provider) if (case.action, case.name) == (action.name, "success"))


def assert_shows_no_secret(shown: str, values: Values) -> None:
    for secret in values.secrets():
        forms = (secret, json.dumps(secret)[1:-1], quote(secret, safe=""), secret.encode().hex())
        assert [form for form in (*forms, b64encode(secret.encode()).decode().rstrip("=")) if form in shown] == []


@EVERY_ACTION
def test_declares_what_people_need_to_know(provider: Provider, action: Action) -> None:
    assert action.label[0].isupper()
    assert action.summary.endswith(".")
    assert action.answer, "Say what it answers."
    assert all(meaning.endswith(".") for meaning in action.answer.values())
    assert Scope(action.scope)
    assert callable(action.function)
    for parameter in action.parameters:
        assert parameter.help.endswith("."), parameter.name
        assert bool(parameter.pattern) == bool(parameter.pattern_message), parameter.name
        assert parameter.clean(parameter.example) == parameter.example


@EVERY_ACTION
def test_names_are_its_own_within_the_provider(provider: Provider, action: Action) -> None:
    assert [each.name for each in provider.declared_actions].count(action.name) == 1
    assert action.name in provider.switches
    page = provider.documentation.parents[3] / "docs" / "providers" / f"{provider.key}.md"
    assert f"`{action.name}`" in page.read_text(encoding="utf-8")


@EVERY_ACTION
def test_brings_a_case_for_each_way_in_which_it_can_end(provider: Provider, action: Action) -> None:
    names = [case.name for case in cases_of(provider) if case.action == action.name]
    assert len(set(names)) == len(names)
    assert set(names) >= REQUIRED


@EVERY_ACTION
def test_wrong_parameters_are_named(provider: Provider, action: Action) -> None:
    plain: list[object] = ["\x00", 1.5, "x" * 200_000]
    for parameter in action.parameters:
        wrong = plain if parameter.kind is FieldKind.JSON else [*plain, ["x"], {"a": "b"}]
        numbers = ["0", "-1", "1/../2", "1?x", "١", "abc"] if "number" in parameter.pattern_message.lower() else []
        addresses = ["http://169.254.169.254/", "nowhere"] if parameter.kind is FieldKind.URL else []
        for value in [*wrong, *numbers, *addresses]:
            _, problems = action.cleaned({parameter.name: value})
            assert parameter.name in problems, value
            assert all(reason.endswith((".", "?")) for reason in problems[parameter.name])
    _, problems = action.cleaned({"no_such_parameter": 1})
    assert problems["no_such_parameter"][0].startswith("Unknown parameter.")


@EVERY_CASE
def test_recorded_answers_come_to_the_right_result(
    provider: Provider, case: ActionCase, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    (action,) = [action for action in provider.declared_actions if action.name == case.action]

    with responses.RequestsMock() as mock:
        for reply in case.replies:
            reply.register(mock)
        found, kept = run(provider, action, case)
        assert [(call.request.method, call.request.url) for call in mock.calls] == [
            (reply.method, reply.url) for reply in case.replies
        ]
        sent = [json.loads(call.request.body) for call in mock.calls if call.request.body]

    if isinstance(found, ProviderError):
        result = REFUSED if isinstance(found, ActionRefusedError) else found.result.value
        assert (result, found.retry_after) == (case.result, case.retry_after), found.message
        assert case.says in found.message
        assert re.fullmatch(r"[A-Z].*[.…]", found.message)
        assert getattr(found, "parameter", "") == case.parameter
    else:
        assert case.result == Result.OK
        assert found == case.answer
        assert isinstance(found, dict)
        assert found.keys() == action.answer.keys()
    if case.sent:
        assert sent == list(case.sent)
    assert_shows_no_secret(f"{found} {kept} {caplog.text}", case.opened(provider))


@EVERY_ACTION
@pytest.mark.parametrize("status", [200, 204, 302, 400, 401, 403, 404, 418, 422, 429, 500, 503])
def test_nonsense_is_no_crash(provider: Provider, action: Action, status: int) -> None:
    case = first_success(provider, action)
    for body in NONSENSE:
        for content_type in ("application/json", "text/html; charset=no-such-charset"):
            with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
                for method in METHODS:
                    mock.add(method, ANYTHING, status=status, body=body, content_type=content_type)
                found, _ = run(provider, action, case)
            # What is gone is as good as deleted; elsewhere no such answer is a success.
            assert isinstance(found, ProviderError) or status in {200, 204, 404}, f"{status} {body[:20]!r}"


@EVERY_ACTION
@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 422, 429, 500])
def test_answer_that_repeats_all_secrets_shows_none(
    provider: Provider, action: Action, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    case = first_success(provider, action)
    values = case.opened(provider)

    def repeat(request: Any) -> tuple[int, dict[str, str], str]:
        said = f"{' '.join(values.secrets())} {request.url} {dict(request.headers)} {request.body}"
        names = ("message", "error", "name", "status", "code", "detail", "title", "source_id")
        return status, {"Retry-After": said}, json.dumps({**dict.fromkeys(names, said), "id": 7})

    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for method in METHODS:
            mock.add_callback(method, ANYTHING, callback=repeat, content_type="application/json")
        found, kept = run(provider, action, case)
    assert_shows_no_secret(f"{found!r} {found} {kept} {caplog.text}", values)


@EVERY_ACTION
def test_no_connection_is_the_networks_fault(provider: Provider, action: Action) -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for method in METHODS:
            mock.add(method, ANYTHING, body=ConnectionResetError(104, "Connection reset by peer"))
        found, _ = run(provider, action, first_success(provider, action))
    assert isinstance(found, ProviderError)
    assert found.result is Result.NETWORK
