"""Answers in the shape of Jira Cloud's platform API (v3) and of Atlassian's gateway."""

from __future__ import annotations

from typing import Any, Final

from integrations.providers.outcome import Result
from tests.integrations.providers.connection_cases.case import HTML, Case, Reply

CLOUD_ID: Final = "11223344-a1b2-4c3d-8e4f-a1b2c3d4e5f6"
SITE: Final = "https://your-domain.atlassian.net"
GATEWAY: Final = f"https://api.atlassian.com/ex/jira/{CLOUD_ID}"
SITES_URL: Final = "https://api.atlassian.com/oauth/token/accessible-resources"
SCOPED: Final = dict.fromkeys(("access_token", "client_id", "client_secret", "refresh_token"))
API_TOKEN: Final = {**SCOPED, "cloud_id": None}
OAUTH: Final = {"api_token": None, "email": None, "cloud_id": None}
UNCONNECTED: Final = {**OAUTH, "access_token": None}
USER: Final = {
    "accountId": "5b10a2844c20165700ede21g",
    "accountType": "atlassian",
    "active": True,
    "displayName": "Mia Krystof",
    "emailAddress": "mia@example.com",
    "timeZone": "Australia/Sydney",
    "self": "https://your-domain.atlassian.net/rest/api/3/user?accountId=5b10a2844c20165700ede21g",
}
MIA: Final = "Mia Krystof at your-domain.atlassian.net"
DATA: Final = {
    "account_id": "5b10a2844c20165700ede21g",
    "account_type": "atlassian",
    "email": "mia@example.com",
    "time_zone": "Australia/Sydney",
}
THIS: Final = {"id": CLOUD_ID, "url": SITE, "name": "your-domain", "scopes": ["read:jira-work", "read:jira-user"]}
OTHER_ID: Final = "00000000-0000-4000-8000-000000000000"
OTHER: Final = {**THIS, "id": OTHER_ID, "url": "https://other.atlassian.net"}


def me(status: int, body: Any, headers: Any = None, base: str = SITE) -> tuple[Reply, ...]:
    return (Reply("GET", f"{base}/rest/api/3/myself", status, body, headers or {}),)


def sites(status: int, body: Any) -> tuple[Reply, ...]:
    return (Reply("GET", SITES_URL, status, body),)


REFUSED: Final = "Client must be authenticated to access this resource."
SLOWLY: Final = {"errorMessages": ["Rate limit exceeded"]}
LOCKED: Final = {"X-Seraph-LoginReason": "AUTHENTICATION_DENIED"}
FAILED: Final = {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"}
BURST: Final = {"RateLimit-Reason": "jira-burst-based"}
QUOTA: Final = {"RateLimit-Reason": "jira-quota-tenant-based", "Retry-After": "1800"}
PAGE: Final = {"Content-Type": "text/html"}
GONE: Final = {"code": 401, "message": "Unauthorized"}
CASES: Final = [
    Case(name="success", result=Result.OK, values=API_TOKEN, replies=me(200, USER), identity=MIA, data=DATA),
    Case(name="success with scopes", result=Result.OK, values=SCOPED, replies=me(200, USER, base=GATEWAY), identity=MIA, data=DATA),
    Case(name="success with an access token", result=Result.OK, values=OAUTH, replies=(*sites(200, [OTHER, THIS]), *me(200, USER, base=GATEWAY)), identity=MIA, data={**DATA, "cloud_id": CLOUD_ID}),
    Case(name="success with an access token and a cloud ID", result=Result.OK, replies=(*sites(200, [THIS]), *me(200, USER, base=GATEWAY)), identity=MIA),
    Case(name="success with e-mail withheld", result=Result.OK, values=API_TOKEN, replies=me(200, {"accountId": "5b10"}), identity="5b10 at your-domain.atlassian.net"),
    Case(name="access token of another site", result=Result.MISSING_PERMISSION, values=OAUTH, replies=sites(200, [OTHER]), says="but https://other.atlassian.net"),
    Case(name="access token of no site", result=Result.MISSING_PERMISSION, values=OAUTH, replies=sites(200, []), says="no site at all"),
    Case(name="cloud ID of another site", result=Result.WRONG_HOST, values={"cloud_id": OTHER_ID}, replies=sites(200, [OTHER, THIS]), says=f"is {CLOUD_ID}"),
    Case(name="wrong credentials", result=Result.BAD_CREDENTIALS, values=API_TOKEN, replies=me(401, REFUSED, FAILED), says="needs the cloud ID"),
    Case(name="wrong credentials as JSON", result=Result.BAD_CREDENTIALS, values=SCOPED, replies=me(401, GONE, base=GATEWAY), says="has ended"),
    Case(name="ended credentials", result=Result.BAD_CREDENTIALS, values=OAUTH, replies=sites(401, GONE), says="has ended"),
    Case(name="not connected yet", result=Result.BAD_CREDENTIALS, values=UNCONNECTED, replies=(), says="no access token of Jira Cloud yet"),
    Case(name="captcha", result=Result.BAD_CREDENTIALS, values=API_TOKEN, replies=me(401, HTML, {**LOCKED, **PAGE}), says="captcha"),
    Case(name="missing permission", result=Result.MISSING_PERMISSION, values=API_TOKEN, replies=me(403, {"message": "Current user does not have access to Jira."}), says="no access to Jira"),
    Case(name="missing scope", result=Result.MISSING_PERMISSION, values=SCOPED, replies=me(401, {"code": 401, "message": "Unauthorized; scope does not match"}, base=GATEWAY), says="read:jira-user"),
    Case(name="no such site", result=Result.WRONG_HOST, values=API_TOKEN, replies=me(404, HTML, PAGE), says="check the site"),
    Case(name="renamed site", result=Result.WRONG_HOST, values=API_TOKEN, replies=me(302, "", {"Location": "https://elsewhere.atlassian.net"}), says="check the site"),
    Case(name="rate limit", result=Result.RATE_LIMITED, values=API_TOKEN, replies=me(429, SLOWLY, BURST), says="jira-burst-based"),
    Case(name="rate limit with a time", result=Result.RATE_LIMITED, values=OAUTH, replies=(*sites(200, [THIS]), *me(429, SLOWLY, QUOTA, base=GATEWAY)), retry_after=1800.0, says="used up"),
    Case(name="outage", result=Result.PROVIDER_DOWN, values=API_TOKEN, replies=me(503, HTML, PAGE)),
    Case(name="outage of the gateway", result=Result.PROVIDER_DOWN, values=OAUTH, replies=sites(504, "")),
    Case(name="nonsense", result=Result.WRONG_HOST, values=API_TOKEN, replies=me(200, HTML), says="web page"),
    Case(name="nobody", result=Result.WRONG_HOST, values=API_TOKEN, replies=me(200, {"displayName": "Anonymous"}), says="no account"),
    Case(name="nonsense of the gateway", result=Result.WRONG_HOST, values=OAUTH, replies=sites(200, {"sites": [THIS]}), says="no sites"),
    Case(name="half-closed body", result=Result.NETWORK, values=API_TOKEN, replies=me(200, USER, {"Content-Length": "5000"})),
]  # fmt: skip
