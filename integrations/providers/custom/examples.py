"""One example of each kind of authentication, of named credentials and of GraphQL, for the form and the provider's page."""

from __future__ import annotations

from typing import Final

from integrations.providers.example import Example

EXAMPLES: Final = (
    Example(
        title="Bearer token: Retell AI",
        note="The key is under API Keys in Retell's dashboard. A list of agents proves it and starts no call.",
        values={
            "base_url": "https://api.retellai.com",
            "auth_type": "bearer",
            "token": "key_example0123456789abcdef",
            "test_path": "/list-agents",
        },
    ),
    Example(
        title="User name and password: a ticket system of your own",
        note="Some APIs want the key as the user name and no password.",
        values={
            "base_url": "https://tickets.example.com/api",
            "auth_type": "basic",
            "username": "signalbox",
            "password": "example password",
            "test_path": "/users/me",
            "test_expect": "id",
        },
    ),
    Example(
        title="Key in a header: a shipping service",
        values={
            "base_url": "https://api.example.com/v2",
            "auth_type": "header",
            "key_name": "X-API-Key",
            "api_key": "example-key-for-documentation",
            "test_path": "/account",
        },
    ),
    Example(
        title="Key in the query: a geocoder",
        note="Only where the API has no other way: addresses are kept in the logs of whoever sees them.",
        values={
            "base_url": "https://geo.example.com",
            "auth_type": "query",
            "key_name": "key",
            "api_key": "example-key-for-documentation",
            "test_path": "/v1/status",
        },
    ),
    Example(
        title="OAuth2 client credentials: a shop",
        note="A token is asked for with client ID and client secret, kept until it ends, and asked for anew then.",
        values={
            "base_url": "https://shop.example.com/api",
            "auth_type": "oauth2",
            "token_url": "https://shop.example.com/oauth/token",
            "client_id": "signalbox-example",
            "client_secret": "example-client-secret-for-documentation",
            "scope": "orders:read",
            "test_path": "/orders?limit=1",
        },
    ),
    Example(
        title="OAuth2, a person agrees: a bookkeeping service",
        note="Save, then press Connect. What the API wants besides may stand in the authorization address.",
        values={
            "base_url": "https://api.books.example.com",
            "auth_type": "oauth2_code",
            "authorize_url": "https://login.books.example.com/authorize?access_type=offline",
            "token_url": "https://login.books.example.com/token",
            "client_id": "signalbox-example",
            "client_secret": "example-client-secret-for-documentation",
            "scope": "invoices.read",
            "test_path": "/me",
        },
    ),
    Example(
        title="No authentication: an API of your own network",
        note="The operator has to open the private network (OUTBOUND_ALLOWED_NETWORKS).",
        values={"base_url": "https://weather.example.com", "auth_type": "none", "test_path": "/health"},
    ),
    Example(
        title="Named credentials: an API that wants two keys",
        note="Each value is encrypted by itself; {{app}} and {{user}} stand for them.",
        values={
            "base_url": "https://api.example.com",
            "auth_type": "none",
            "credentials": '{"app": "example-app-key", "user": "example-user-key"}',
            "headers": '{"X-App": "{{app}}", "X-User": "{{user}}"}',
            "test_path": "/ping",
        },
    ),
    Example(
        title="GraphQL: one address, a query, variables",
        note="An answer with errors is a failure, though its status is 200.",
        values={
            "base_url": "https://api.example.com/graphql",
            "auth_type": "bearer",
            "token": "example-token-for-documentation",
            "credentials": '{"agent_id": "example-agent"}',
            "graphql_query": "query Agent($id: ID!) { agent(id: $id) { id } }",
            "graphql_variables": '{"id": "{{agent_id}}"}',
            "test_expect": "data.agent.id",
        },
    ),
)
