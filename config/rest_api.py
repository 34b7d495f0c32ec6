"""How Django REST framework and drf-spectacular work here. Nothing of it depends on the environment."""

from __future__ import annotations

from typing import Any

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "integrations.authentication.drf.JWTAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["integrations.api.permissions.IsPlatformAdmin"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "integrations.api.negotiation.UsualJSONNegotiation",
    "DEFAULT_PARSER_CLASSES": ["integrations.api.parsers.StrictJSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "integrations.api.pagination.PageNumbers",
    "DEFAULT_SCHEMA_CLASS": "integrations.api.openapi.ProblemAwareSchema",
    "EXCEPTION_HANDLER": "integrations.api.problems.exception_handler",
    "DEFAULT_THROTTLE_RATES": {"token_refresh": "30/minute"},
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Signalbox",
    "DESCRIPTION": "The integration control room: credentials, webhooks, messages and what happened to them.",
    "VERSION": "0.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": r"/api",
    # The platform's document; `manage.py spectacular --custom-settings integrations.api.documents.TENANT_DOCUMENT`
    # writes the tenants'.
    "PREPROCESSING_HOOKS": ["integrations.api.documents.platform_endpoints"],
    "ENUM_NAME_OVERRIDES": {
        "AlertChannelKind": "analytics.alerts.channel_kinds.registry.channel_choices",
        "AlertRuleKind": "analytics.alerts.rule_kinds.registry.kind_choices",
        "AlertScope": "analytics.alerts.api.serializers.SCOPES",
        "AlertState": "analytics.alerts.api.serializers.STATES",
        "DeliveryState": "webhooks.models.DeliveryState",
        "InvitationState": "integrations.models.InvitationState",
        "MessageSettledState": "integrations.messaging.api.serializers.SETTLED_STATES",
        "MessageState": "integrations.messaging.models.state_choices",
        "RecoveryState": "webhooks.models.RecoveryState",
        "ConnectionTestOutcome": "integrations.providers.outcome.result_choices",
    },
}
