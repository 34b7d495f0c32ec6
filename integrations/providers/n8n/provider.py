"""n8n: workflows that are started by webhooks, and the instance's public API."""

from __future__ import annotations

from pathlib import Path

from integrations.providers.base import Capability, Field, FieldKind, Provider
from integrations.providers.n8n.connection import read_workflows

# More is appended to these addresses, so they cannot have a query; a fragment is refused for every address.
_WITHOUT_QUERY = r"[^?]+"

n8n = Provider(
    key="n8n",
    label="n8n",
    slot="n8n",
    documentation=Path(__file__).with_name("doc.md"),
    capabilities=frozenset({Capability.TEST, Capability.WEBHOOK_BASE}),
    test=read_workflows,
    webhook_base_field="base_url",
    fields=(
        Field(
            name="base_url",
            label="Webhook base address",
            help="What the addresses of this tenant's webhooks start with; may carry a path.",
            example="https://n8n.example.com/webhook/tenant123",
            secret=False,
            required=True,
            kind=FieldKind.URL,
            pattern=_WITHOUT_QUERY,
            pattern_message="An address without a query (the part after ?), such as https://n8n.example.com/webhook.",
            max_length=1000,
        ),
        Field(
            name="api_url",
            label="API address",
            section="Further settings",
            help=(
                "Where the public API answers; left out, it is the host of the webhook base address. "
                "If the operator renamed its path, enter it up to /v1."
            ),
            example="https://n8n.example.com",
            secret=False,
            kind=FieldKind.URL,
            pattern=_WITHOUT_QUERY,
            pattern_message="An address without a query (the part after ?), such as https://n8n.example.com.",
            max_length=1000,
        ),
        Field(
            name="api_key",
            label="API key",
            help="From Settings, n8n API. Firing webhooks does not need it.",
            example="n8n_api_0123456789abcdef0123456789abcdef01234567",
            pattern=r"[!-~]+",
            pattern_message="Paste the key alone: no spaces and no letters outside ASCII.",
            max_length=4000,
        ),
    ),
)
