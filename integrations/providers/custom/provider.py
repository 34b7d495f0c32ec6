"""Any REST or GraphQL API that no other provider stands for."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from integrations.providers.base import Capability, Field, FieldKind, Provider
from integrations.providers.custom.connection import call_test_path
from integrations.providers.custom.examples import EXAMPLES
from integrations.providers.oauth_fields import previous_secret_field

# RFC 9110's tokens: what the name of a header may consist of.
HEADER_NAME: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}"
_WITHOUT_QUERY: Final = r"[^?]+"
_PRINTABLE: Final = r"[!-~]+"
_OAUTH2: Final = ("oauth2", "oauth2_code")
_WITHOUT_PROTOCOL: Final = (
    r"[^?#]+(?:\?(?!(?:[^#]*&)?(?:client_id|redirect_uri|response_type|scope|state|code_challenge(?:_method)?)=)[^#]*)?"
)
_PASTE: Final = "Paste it alone: no spaces and no letters outside ASCII."

_ADDRESS: Final = (
    Field(
        name="base_url",
        label="Base address",
        help="What all addresses of the API start with; may carry a path.",
        example="https://api.example.com/v2",
        secret=False,
        required=True,
        kind=FieldKind.URL,
        pattern=_WITHOUT_QUERY,
        pattern_message="An address without a query (the part after ?), such as https://api.example.com/v2.",
        max_length=1000,
    ),
    Field(
        name="auth_type",
        label="Authentication",
        help="How the API wants to be told who asks; the fields below say which of them each kind needs.",
        example="bearer",
        secret=False,
        kind=FieldKind.CHOICE,
        choices=(
            ("none", "None"),
            ("bearer", "Bearer token"),
            ("basic", "User name and password (Basic)"),
            ("header", "Key in a header"),
            ("query", "Key in the query"),
            ("oauth2", "OAuth2 client credentials"),
            ("oauth2_code", "OAuth2, a person agrees"),
        ),
        default="none",
    ),
)
_CREDENTIALS: Final = (
    Field(
        name="token",
        label="Bearer token",
        help="For “Bearer token”; for example the API key of Retell AI.",
        example="example-token-for-documentation",
        required_when=("auth_type", ("bearer",)),
        pattern=_PRINTABLE,
        pattern_message=_PASTE,
        max_length=4000,
    ),
    Field(
        name="username",
        label="User name",
        help="For Basic; some APIs want a key here and nothing as the password.",
        example="ada@example.com",
        secret=False,
        required_when=("auth_type", ("basic",)),
        pattern=r"[^:]+",
        pattern_message="Without a colon.",
        max_length=254,
    ),
    Field(
        name="password",
        label="Password",
        used_when=("auth_type", ("basic",)),
        help="For Basic; left out, it is empty.",
        example="example password",
        max_length=1000,
    ),
    Field(
        name="key_name",
        label="Name of the header or parameter",
        help="For a key in a header, such as X-API-Key, or in the query, such as api_key.",
        example="X-API-Key",
        secret=False,
        required_when=("auth_type", ("header", "query")),
        pattern=HEADER_NAME,
        pattern_message="A name such as X-API-Key or api_key: no spaces and no colon.",
        max_length=100,
    ),
    Field(
        name="api_key",
        label="Key",
        help="For a key in a header or in the query.",
        example="example-key-for-documentation",
        required_when=("auth_type", ("header", "query")),
        pattern=r"[!-~](?:[ -~]*[!-~])?",
        pattern_message="Paste it alone: no letters outside ASCII.",
        max_length=4000,
    ),
    Field(
        name="token_url",
        label="Token address",
        help="For OAuth2: where client ID and secret are exchanged for a token.",
        example="https://login.example.com/oauth/token",
        secret=False,
        required_when=("auth_type", _OAUTH2),
        kind=FieldKind.URL,
        max_length=1000,
    ),
    Field(
        name="authorize_url",
        label="Authorization address",
        help="For OAuth2 where a person agrees: the page that “Connect” leads to. Parameters that the API wants may stand in its "
        "query, such as access_type=offline.",
        example="https://login.example.com/oauth/authorize",
        secret=False,
        required_when=("auth_type", ("oauth2_code",)),
        kind=FieldKind.URL,
        pattern=_WITHOUT_PROTOCOL,
        pattern_message="Without client_id, redirect_uri, response_type, scope, state and code_challenge: they are added.",
        max_length=1000,
    ),
    Field(
        name="client_id",
        label="Client ID",
        help="For OAuth2.",
        example="signalbox-example",
        secret=False,
        required_when=("auth_type", _OAUTH2),
        pattern=_PRINTABLE,
        pattern_message=_PASTE,
    ),
    Field(
        name="client_secret",
        label="Client secret",
        help="For OAuth2.",
        example="example-client-secret-for-documentation",
        required_when=("auth_type", _OAUTH2),
        pattern=_PRINTABLE,
        pattern_message=_PASTE,
        max_length=1000,
    ),
    previous_secret_field(used_when=("auth_type", _OAUTH2)),
    Field(
        name="client_authentication",
        label="How the client names itself",
        used_when=("auth_type", _OAUTH2),
        help="For OAuth2: where client ID and client secret stand in a request for tokens.",
        example="basic",
        secret=False,
        kind=FieldKind.CHOICE,
        choices=(("basic", "In the header Authorization (Basic)"), ("body", "In the body")),
        default="basic",
    ),
    Field(
        name="scope",
        label="Scope",
        used_when=("auth_type", _OAUTH2),
        help="For OAuth2: what is asked for, separated by spaces; many APIs want none.",
        example="read:tickets write:tickets",
        secret=False,
        pattern=r"[!-~]+(?: [!-~]+)*",
        pattern_message="Words separated by single spaces.",
        max_length=1000,
    ),
    Field(
        name="pkce",
        label="Proof key (PKCE)",
        used_when=("auth_type", ("oauth2_code",)),
        help="For OAuth2 where a person agrees: leave it on unless the API refuses it.",
        example="on",
        secret=False,
        kind=FieldKind.CHOICE,
        choices=(("on", "On"), ("off", "Off")),
        default="on",
    ),
    Field(
        name="access_token",
        label="Access token",
        used_when=("auth_type", _OAUTH2),
        help="For OAuth2: comes from connecting, or by itself with client credentials.",
        example="example-access-token-for-documentation",
        pattern=_PRINTABLE,
        pattern_message=_PASTE,
        max_length=4000,
    ),
    Field(
        name="refresh_token",
        label="Refresh token",
        used_when=("auth_type", ("oauth2_code",)),
        help="For OAuth2 where a person agrees: comes from connecting, and renews the access token.",
        example="example-refresh-token-for-documentation",
        pattern=_PRINTABLE,
        pattern_message=_PASTE,
        max_length=4000,
    ),
    Field(
        name="credentials",
        label="Named credentials",
        section="Named credentials and headers",
        help="A JSON object; {{name}} in headers, path, query and body stands for the value. Blank values are kept.",
        example='{"agent_id": "example-agent", "workspace_key": "example-workspace-key"}',
        kind=FieldKind.OBJECT,
        max_length=20_000,
    ),
    Field(
        name="headers",
        label="Further headers",
        section="Named credentials and headers",
        help="A JSON object of names and values, which may hold {{name}}. Sent with every request. Blank values are kept.",
        example='{"X-Workspace": "{{workspace_key}}"}',
        kind=FieldKind.OBJECT,
        name_pattern=HEADER_NAME,
        name_message="A header's name has no spaces and no colon.",
        max_length=20_000,
    ),
)
_TEST: Final = (
    Field(
        name="test_path",
        label="Test path",
        help="What a test asks for with GET, below the base address; may have a query and hold {{name}}.",
        example="/agents?id={{agent_id}}",
        secret=False,
        pattern=r"/[^\s#\\]*",
        pattern_message="A path that begins with a slash, such as /me; no spaces and no #.",
        max_length=1000,
    ),
    Field(
        name="test_expect",
        label="Expected in the answer",
        help="Where the answer's JSON must have something, such as data.id or items[0].id; left out, status 2xx is enough.",
        example="agent.id",
        secret=False,
        pattern=r"[\w$-]+(?:\.[\w$-]+|\[[0-9]{1,4}\])*",
        pattern_message="Names separated by dots, and places in brackets, such as items[0].id.",
        max_length=200,
    ),
    Field(
        name="graphql_query",
        label="GraphQL query",
        section="GraphQL",
        help="For GraphQL: a test sends it by POST to base address and test path instead of asking with GET.",
        example="query Me($id: ID!) { agent(id: $id) { id } }",
        secret=False,
        kind=FieldKind.MULTILINE,
        max_length=4000,
    ),
    Field(
        name="graphql_variables",
        label="GraphQL variables",
        section="GraphQL",
        help="A JSON object of names and texts, which may hold {{name}}. Blank values are kept.",
        example='{"id": "{{agent_id}}"}',
        kind=FieldKind.OBJECT,
        max_length=20_000,
    ),
)

custom = Provider(
    key="custom",
    label="Custom API",
    slot="custom",
    documentation=Path(__file__).with_name("doc.md"),
    capabilities=frozenset({Capability.TEST, Capability.OAUTH2}),
    oauth2="integrations.providers.custom.oauth2.oauth2",
    test=call_test_path,
    fields=(*_ADDRESS, *_CREDENTIALS, *_TEST),
    examples=EXAMPLES,
)
