"""Bodies and answers of messages. Only shapes are checked here; what may be sent is the services' to say."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from integrations.api.serializers import ObjectField, StrictSerializer, TextField
from integrations.messaging.content import content_of
from integrations.messaging.models import Message, channel_choices, state_choices
from integrations.messaging.services.settling_by_hand import SETTLED
from integrations.resolution import Source

STORED, REMOVED, HIDDEN = "stored", "removed", "hidden"
CONTENTS = [STORED, REMOVED, HIDDEN]
SETTLED_STATES = [(state.value, state.value.capitalize()) for state in SETTLED]


class TemplateBodySerializer(StrictSerializer):
    """A text that WhatsApp approved before."""

    name = TextField(max_length=512, help_text="As it is called in WhatsApp Manager.")
    language = TextField(max_length=15, help_text="Such as `en_US`.")
    components = serializers.ListField(
        child=ObjectField(),
        required=False,
        max_length=50,
        help_text="What stands for its variables, as Meta documents.",
    )


class MessageBodySerializer(StrictSerializer):
    """The body of a message: `text` or `template`."""

    channel = serializers.ChoiceField(choices=channel_choices())
    to = TextField(max_length=40, help_text="The number with its country code: `+4915112345678`.")
    text = TextField(required=False, trim_whitespace=False, help_text="How long it may be depends on the provider.")
    template = TemplateBodySerializer(required=False, allow_null=True, help_text="WhatsApp only.")
    integration = serializers.UUIDField(
        required=False,
        allow_null=True,
        help_text="What sends it. Unless given: the member's own, the tenant's default, the platform's.",
    )
    triggered_by = TextField(
        required=False, allow_blank=True, trim_whitespace=False, max_length=100, help_text="Shown in the messages."
    )
    metadata = ObjectField(
        required=False,
        allow_null=True,
        help_text="Notes of your own, at most 16 KiB; shown in the messages, never sent.",
    )
    idempotency_key = TextField(
        required=False,
        allow_null=True,
        trim_whitespace=False,
        max_length=255,
        help_text="The same key with the same body within 24 hours: the first answer; with another body: 409.",
    )


class SettleSerializer(StrictSerializer):
    """What became of a message of which nobody knew."""

    state = serializers.ChoiceField(choices=SETTLED_STATES)
    note = TextField(required=False, allow_blank=True, max_length=500, help_text="How you know.")


class MessageSerializer(serializers.Serializer[Any]):
    """One message to one person, without what it says."""

    id = serializers.UUIDField()
    channel = serializers.ChoiceField(choices=channel_choices())
    provider = serializers.CharField(help_text="The key of the provider that sends it.")
    integration = serializers.UUIDField(
        source="integration_id", allow_null=True, help_text="Null for the platform's own, and once it was deleted."
    )
    source = serializers.ChoiceField(  # type: ignore[assignment]  # a declared field; the attribute stays
        choices=[source.value for source in Source], help_text="Whose credentials send it."
    )
    to = serializers.CharField(help_text="E.164.")
    state = serializers.ChoiceField(choices=state_choices())
    provider_message_id = serializers.CharField(help_text="Blank until the provider took it.")
    error_code = serializers.CharField(help_text="The provider's own code.")
    error_message = serializers.CharField(help_text="In the provider's words, or why it was not sent.")
    cost = serializers.DecimalField(
        max_digits=14, decimal_places=6, allow_null=True, help_text="Null where the provider told none."
    )
    currency = serializers.CharField()
    attempts = serializers.IntegerField(help_text="How often it was given to the provider.")
    triggered_by = serializers.CharField()
    metadata = serializers.DictField()
    created_at = serializers.DateTimeField(source="accepted_at")
    sent_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)
    read_at = serializers.DateTimeField(allow_null=True)
    failed_at = serializers.DateTimeField(allow_null=True)
    unknown_at = serializers.DateTimeField(allow_null=True, help_text="Since when nobody knows whether it was sent.")
    settled_by = serializers.CharField(help_text="Who said what became of it; blank where the provider did.")
    settled_note = serializers.CharField()
    updated_at = serializers.DateTimeField()


class MessageTemplateSerializer(serializers.Serializer[Any]):
    """A template as it was sent."""

    name = serializers.CharField()
    language = serializers.CharField()
    components = serializers.ListField(child=serializers.DictField())


class MessageDetailSerializer(MessageSerializer):
    """A message with what it says. The context's `hide_content` leaves that out."""

    content = serializers.ChoiceField(
        choices=CONTENTS, help_text="Whether text or template are still `stored`; auditors find them `hidden`."
    )
    text = serializers.CharField(allow_null=True, help_text="Null for a template, and where it is not shown.")
    template = MessageTemplateSerializer(allow_null=True)

    def to_representation(self, instance: Message) -> dict[str, Any]:
        """Show the message, opening its content; to be called in the tenant's scope. Raises EncryptionError."""
        shown: dict[str, Any] = MessageSerializer(instance).data
        known, content = self._content(instance)
        return {**shown, "content": known, "text": content.get("text"), "template": content.get("template")}

    def _content(self, message: Message) -> tuple[str, dict[str, Any]]:
        if message.content is None:
            return REMOVED, {}
        if self.context.get("hide_content"):
            return HIDDEN, {}
        return STORED, content_of(message) or {}
