"""Testing n8n: with an API key by listing a workflow, without one by asking for a webhook that nobody registered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from integrations.providers.answers import Answer, error_of
from integrations.providers.client import ProviderClient
from integrations.providers.connection_test import ConnectionReport
from integrations.providers.outcome import ProviderError, Result
from integrations.providers.values import Values

# A path that no workflow has; asking for it starts nothing.
_UNREGISTERED: Final = "signalbox-connection-test"


def read_workflows(client: ProviderClient, values: Values) -> ConnectionReport:
    """Read one workflow with the API key; without a key, see that n8n's webhooks answer at the base address."""
    if "api_key" not in values:
        return _webhooks_answer(client, values)
    answer = client.get(
        f"{_api(values)}/workflows",
        headers={"X-N8N-API-KEY": values["api_key"]},
        params={"limit": "1"},
        explain=explain,
    )
    workflows = answer.json_object().get("data")
    if not isinstance(workflows, list):
        raise answer.unexpected("it lists no workflows")
    return ConnectionReport(
        identity=_host(api_address(values)),
        data={"api": True, "has_workflows": bool(workflows)},
        message=f"Connected to the API at {_host(api_address(values))}.",
    )


def _webhooks_answer(client: ProviderClient, values: Values) -> ConnectionReport:
    answer = client.exchange("GET", f"{values['base_url']}/{_UNREGISTERED}")
    body = answer.object_or_empty()
    # n8n answers 404 for a path that no active workflow has; a web server before it does so without this code.
    if answer.status == 404 and body.get("code") == 404 and "message" in body:
        host = _host(values["base_url"])
        return ConnectionReport(
            identity=host,
            data={"api": False},
            message=f"The webhooks of n8n answer at {host}. Enter an API key to have the API tested too.",
        )
    if answer.status >= 400 and answer.status != 404:
        raise error_of(answer)
    raise ProviderError(
        Result.WRONG_HOST,
        "Something answers there, but not the webhooks of n8n: enter what the production addresses of webhook nodes have "
        "in common, such as https://n8n.example.com/webhook.",
        status=answer.status,
    )


def explain(answer: Answer) -> ProviderError | None:
    """Say what an error of n8n's public API means; its texts vary from version to version, so the status counts."""
    # A gateway's page says that n8n is down, or wants fewer requests; any other one stands where the API should be.
    if answer.looks_like_html and answer.status < 500 and answer.status != 429:
        return answer.no_api()
    if answer.status == 401:
        message = "n8n does not accept the API key: it is wrong, has ended, or its owner was disabled."
        return ProviderError(Result.BAD_CREDENTIALS, message, status=401)
    if answer.status == 403:
        message = "The API key may not list workflows: give it the scope workflow:list."
        return ProviderError(Result.MISSING_PERMISSION, message, status=403)
    if answer.status == 404:
        message = "There is no public API at this address: it may be switched off, or answer below another path."
        return ProviderError(Result.WRONG_HOST, message, status=404)
    return None


def api_address(config: Mapping[str, object]) -> str:
    """Return where the instance's API answers: `api_url`, else the origin of `base_url`, without a trailing slash."""
    if api_url := config.get("api_url"):
        return str(api_url)
    base = urlsplit(str(config["base_url"]))
    return f"{base.scheme}://{base.netloc}"


def _api(values: Values) -> str:
    """Return where version 1 answers: below `/api`, unless the operator renamed it (N8N_PUBLIC_API_ENDPOINT)."""
    address = api_address(values)
    return address if address.endswith("/v1") else f"{address}/api/v1"


def _host(address: str) -> str:
    return urlsplit(address).netloc
