"""Testing any API: one GET of the test path, or one GraphQL query, with the authentication that was chosen."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, urlsplit

from integrations.providers.answers import Answer
from integrations.providers.client import ProviderClient, basic, bearer
from integrations.providers.connection_test import ConnectionReport, text_in
from integrations.providers.custom.template import fill, fill_address
from integrations.providers.outcome import ProviderError, Result
from integrations.providers.values import Values

_STEP: Final = re.compile(r"([\w$-]+)|\[([0-9]+)\]")
_UNAUTHENTICATED: Final = frozenset({"unauthenticated", "unauthorized", "invalid_token", "authentication_error"})
_FORBIDDEN: Final = frozenset({"forbidden", "access_denied", "permission_denied", "insufficient_scope"})
_LIMITED: Final = frozenset({"throttled", "rate_limited", "ratelimited", "rate_limit_exceeded", "too_many_requests"})
_DOWN: Final = frozenset({"internal_server_error", "internal_error", "service_unavailable"})


def call_test_path(client: ProviderClient, values: Values) -> ConnectionReport:
    """Make the request that the settings describe; the answer must be 2xx, no web page, and hold what is expected."""
    headers, query = _authentication(client, values)
    credentials = values.object("credentials")
    headers |= {name: fill(value, credentials) for name, value in values.object("headers").items()}
    url = _with_query(values["base_url"] + fill_address(values.get("test_path", ""), credentials), query)
    if "graphql_query" in values:
        variables = {name: fill(value, credentials) for name, value in values.object("graphql_variables").items()}
        body = {"query": values["graphql_query"], "variables": variables}
        answer = client.post(url, headers={"Accept": "application/json", **headers}, json=body, explain=explain_graphql)
        if not isinstance(answer.json_object().get("data"), dict):
            raise answer.unexpected("it holds no data")
    else:
        answer = client.get(url, headers={"Accept": "application/json", **headers})
        if answer.looks_like_html:
            raise answer.no_api()
    if "test_expect" in values and _at(answer.json(), values["test_expect"]) is None:
        raise answer.unexpected(f"it has nothing at {values['test_expect']}")
    host = urlsplit(values["base_url"]).netloc
    return ConnectionReport(
        identity=host, data={"status": answer.status}, message=f"{host} answered with status {answer.status}."
    )


def _authentication(client: ProviderClient, values: Values) -> tuple[dict[str, str], str]:
    """Return the headers and the part of the query that say who asks."""
    match values["auth_type"]:
        case "bearer":
            return {"Authorization": bearer(values["token"])}, ""
        case "basic":
            return {"Authorization": basic(values["username"], values.get("password", ""))}, ""
        case "header":
            return {values["key_name"]: values["api_key"]}, ""
        case "query":
            return {}, f"{quote(values['key_name'], safe='')}={quote(values['api_key'], safe='')}"
        case "oauth2":
            return {"Authorization": bearer(_access_token(client, values))}, ""
        case "oauth2_code":
            if "access_token" not in values:
                message = f"{client.provider.label} is not connected yet: connect it, or enter a token."
                raise ProviderError(Result.BAD_CREDENTIALS, message)
            return {"Authorization": bearer(values["access_token"])}, ""
        case _:
            return {}, ""


def _access_token(client: ProviderClient, values: Values) -> str:
    """Get a token by client credentials (RFC 6749, section 4.4); the client names itself as section 2.3.1 has it."""
    form = {"grant_type": "client_credentials", **({"scope": values["scope"]} if "scope" in values else {})}
    headers = {"Accept": "application/json"}
    if values["client_authentication"] == "basic":
        client_id, client_secret = (quote(values[name], safe="") for name in ("client_id", "client_secret"))
        headers["Authorization"] = basic(client_id, client_secret)
    else:
        form |= {"client_id": values["client_id"], "client_secret": values["client_secret"]}
    answer = client.post(
        values["token_url"],
        headers=headers,
        data=form,
        explain=_explain_token,
    )
    token = text_in(answer.json_object(), "access_token")
    if not re.fullmatch(r"[!-~]+", token):
        raise answer.unexpected("the token address gave no token")
    client.scrubber.protect(token)
    return token


def _explain_token(answer: Answer) -> ProviderError | None:
    error = text_in(answer.object_or_empty(), "error")
    if answer.is_success or error not in _TOKEN_ERRORS:
        return None
    result, sentence = _TOKEN_ERRORS[error]
    return ProviderError(result, f"{sentence} The token address says {error}.", code=error, status=answer.status)


_TOKEN_ERRORS: Final = {
    "invalid_client": (Result.BAD_CREDENTIALS, "Client ID or secret are not accepted."),
    "unauthorized_client": (Result.MISSING_PERMISSION, "The client may not get tokens by itself."),
    "invalid_scope": (Result.MISSING_PERMISSION, "The client may not have this scope."),
    "unsupported_grant_type": (Result.WRONG_HOST, "This address gives no tokens for client credentials."),
}


def explain_graphql(answer: Answer) -> ProviderError | None:
    """Say what the first of a GraphQL answer's `errors` means, which come with status 200; None without any."""
    errors = answer.object_or_empty().get("errors")
    if not isinstance(errors, list) or not errors:
        return None
    first = errors[0] if isinstance(errors[0], dict) else {}
    code = text_in(first, "extensions", "code").lower()
    if answer.status == 401 or code in _UNAUTHENTICATED:
        result = Result.BAD_CREDENTIALS
    elif answer.status == 403 or code in _FORBIDDEN:
        result = Result.MISSING_PERMISSION
    elif answer.status == 429 or code in _LIMITED:
        result = Result.RATE_LIMITED
    elif answer.status >= 500 or code in _DOWN:
        result = Result.PROVIDER_DOWN
    else:
        result = Result.WRONG_HOST
    said = " ".join(text_in(first, "message").split())[:300] or "nothing"
    wait = answer.retry_after if result is Result.RATE_LIMITED else None
    return ProviderError(
        result, f"The GraphQL query was refused: {said.rstrip('.')}.", wait, code=code, status=answer.status
    )


def _with_query(url: str, query: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{query}" if query else url


def _at(found: object, path: str) -> object:
    """Return what lies at a path such as `items[0].id`; None where there is nothing."""
    for name, place in _STEP.findall(path):
        if name and isinstance(found, dict):
            found = found.get(name)
        elif place and isinstance(found, list):
            found = found[int(place)] if int(place) < len(found) else None
        else:
            return None
    return found
