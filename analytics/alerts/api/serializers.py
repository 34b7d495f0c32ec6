"""What alerts, rules and channels look like in bodies and answers. Only shapes are checked here; the rules are the services'."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from analytics.alerts.channel_kinds.registry import channel_choices
from analytics.alerts.models import Alert, AlertChannel, AlertRule
from analytics.alerts.rule_kinds.registry import get_rule_kind, kind_choices
from integrations.api.serializers import StrictSerializer
from integrations.encryption.errors import EncryptionError
from integrations.encryption.secret import Secret
from integrations.platform_roles import HIDDEN

# Their names are in SPECTACULAR_SETTINGS.
STATES = (("open", "Open"), ("recovered", "Recovered"))
SCOPES = (("platform", "The platform"), ("tenant", "The tenant"))
UNREADABLE = "unreadable"


class AlertParameters(StrictSerializer):
    state = serializers.ChoiceField(choices=STATES, required=False, help_text="Only these.")
    kind = serializers.ChoiceField(choices=kind_choices(), required=False, help_text="Only of this kind of rule.")


class AlertRuleReferenceSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="rule_id")
    kind = serializers.ChoiceField(source="rule_kind", choices=kind_choices())
    name = serializers.CharField(source="rule_name")
    scope = serializers.SerializerMethodField(help_text="Whose rule it is.")

    @extend_schema_field(serializers.ChoiceField(choices=SCOPES))
    def get_scope(self, alert: Alert) -> str:
        return "platform" if alert.of_platform else "tenant"


class AlertObjectSerializer(serializers.Serializer[Any]):
    key = serializers.CharField(source="object_key", help_text="The object's id, or another name of it.")
    label = serializers.CharField(source="object_label")  # type: ignore[assignment]  # a declared field


class AlertSerializer(serializers.Serializer[Any]):
    """Trouble of one object, found by one rule."""

    id = serializers.UUIDField()
    state = serializers.SerializerMethodField()
    rule = AlertRuleReferenceSerializer(source="*")
    object = AlertObjectSerializer(source="*")
    value = serializers.FloatField(allow_null=True, help_text="What was measured last, in the rule's unit.")
    sentence = serializers.CharField(help_text="What is wrong, for a person.")
    opened_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField()
    recovered_at = serializers.DateTimeField(allow_null=True)
    times_opened = serializers.IntegerField(help_text="More than 1: it came back within an hour of its recovery.")

    @extend_schema_field(serializers.ChoiceField(choices=STATES))
    def get_state(self, alert: Alert) -> str:
        return "open" if alert.recovered_at is None else "recovered"


class PlatformAlertSerializer(AlertSerializer):
    tenant = serializers.UUIDField(source="tenant_id", allow_null=True, help_text="Whose object it is; null: nobody's.")


class RuleChangeSerializer(StrictSerializer):
    """A body that changes a rule of one's own."""

    name = serializers.CharField(required=False, max_length=100)
    parameters = serializers.DictField(
        child=serializers.JSONField(),
        required=False,
        help_text="Whole numbers by name; what is left out has the kind's default.",
    )
    enabled = serializers.BooleanField(required=False)


class TenantRuleChangeSerializer(RuleChangeSerializer):
    """A tenant may also mute a rule of the platform, and change nothing else of it."""

    muted = serializers.BooleanField(
        required=False, help_text="Of the platform's rules only: whether you are not told what they find."
    )


class RuleWriteSerializer(RuleChangeSerializer):
    """A body that creates a rule."""

    kind = serializers.ChoiceField(choices=kind_choices())


class RuleSerializer(serializers.Serializer[Any]):
    """A rule, with all of its parameters."""

    # The context holds `muted`: the ids of the rules that the tenant muted.

    id = serializers.UUIDField()
    scope = serializers.SerializerMethodField(help_text="Whose rule it is.")
    kind = serializers.ChoiceField(choices=kind_choices())
    name = serializers.CharField()
    parameters = serializers.SerializerMethodField()
    enabled = serializers.BooleanField()
    muted = serializers.SerializerMethodField(help_text="Whether the tenant muted this rule of the platform.")
    error = serializers.CharField(source="last_error", allow_blank=True, help_text="Why it cannot be evaluated.")
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField(source="created_by_name", allow_blank=True)
    updated_at = serializers.DateTimeField()

    @extend_schema_field(serializers.ChoiceField(choices=SCOPES))
    def get_scope(self, rule: AlertRule) -> str:
        return "platform" if rule.tenant_id is None else "tenant"

    @extend_schema_field(serializers.DictField(child=serializers.IntegerField()))
    def get_parameters(self, rule: AlertRule) -> dict[str, int]:
        return get_rule_kind(rule.kind).defaults() | rule.parameters

    def get_muted(self, rule: AlertRule) -> bool:
        return rule.id in self.context["muted"]


class ChannelChangeSerializer(StrictSerializer):
    """A body that changes a channel. Secrets that are left out or blank stay as they are."""

    name = serializers.CharField(required=False, max_length=100)
    enabled = serializers.BooleanField(required=False)
    recipients = serializers.ListField(
        child=serializers.CharField(max_length=254), required=False, help_text="For `email`: up to 20 addresses."
    )
    url = serializers.CharField(
        required=False, allow_blank=True, max_length=2_000, help_text="For `slack` and `webhook`. A secret."
    )
    secret = serializers.CharField(
        required=False, allow_blank=True, max_length=256, help_text="For `webhook`: `whsec_…`; one is made otherwise."
    )
    rule_kinds = serializers.ListField(
        child=serializers.ChoiceField(choices=kind_choices()),
        required=False,
        max_length=50,
        help_text="What is told here; empty: everything.",
    )


class ChannelWriteSerializer(ChannelChangeSerializer):
    """A body that creates a channel."""

    kind = serializers.ChoiceField(choices=channel_choices())
    name = serializers.CharField(max_length=100)


class ChannelSerializer(serializers.Serializer[Any]):
    """A channel; its secrets are masked."""

    # The context holds `hide_secrets`: whether they must not even be shown masked.

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=channel_choices())
    name = serializers.CharField()
    enabled = serializers.BooleanField()
    recipients = serializers.ListField(child=serializers.CharField())
    url = serializers.SerializerMethodField(help_text="Masked; `unreadable` where it does not open.")
    url_host = serializers.CharField(allow_blank=True)
    secret = serializers.SerializerMethodField(help_text="Masked; whole only in the answer that made it.")
    rule_kinds = serializers.ListField(child=serializers.ChoiceField(choices=kind_choices()))
    failures = serializers.IntegerField(help_text="Messages in a row that did not get through.")
    last_error = serializers.CharField(allow_blank=True)
    last_failed_at = serializers.DateTimeField(allow_null=True)
    last_sent_at = serializers.DateTimeField(allow_null=True)
    retry_at = serializers.DateTimeField(allow_null=True, help_text="When the next message is tried.")
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField(source="created_by_name", allow_blank=True)
    updated_at = serializers.DateTimeField()

    def get_url(self, channel: AlertChannel) -> str | None:
        return self._masked(channel.url)

    def get_secret(self, channel: AlertChannel) -> str | None:
        return self._masked(channel.secret)

    def _masked(self, secret: Secret | None) -> str | None:
        if secret is None:
            return None
        if self.context["hide_secrets"]:
            return HIDDEN
        try:
            return secret.masked()
        except EncryptionError:
            return UNREADABLE
