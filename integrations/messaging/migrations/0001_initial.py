"""Messages and the rates of their senders."""

from __future__ import annotations

from typing import ClassVar

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import integrations.encryption.fields
import integrations.ids
import integrations.messaging.models
import integrations.providers.registry
from integrations.isolation.operations import IsolateTenantTable, TenantForeignKey


class Migration(migrations.Migration):
    initial = True

    dependencies: ClassVar = [
        ("integrations", "0011_oauth"),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="SenderRate",
            fields=[
                ("sender_id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("free_at", models.DateTimeField(help_text="When the next turn is.")),
            ],
            options={
                "indexes": [models.Index(fields=["free_at"], name="sender_rate_free")],
            },
        ),
        migrations.CreateModel(
            name="Message",
            fields=[
                (
                    "id",
                    models.UUIDField(default=integrations.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("channel", models.CharField(choices=integrations.messaging.models.channel_choices, max_length=16)),
                ("provider", models.CharField(choices=integrations.providers.registry.provider_choices, max_length=32)),
                (
                    "source",
                    models.CharField(
                        choices=integrations.messaging.models.source_choices,
                        help_text="Whose credentials send it.",
                        max_length=16,
                    ),
                ),
                (
                    "membership_id",
                    models.UUIDField(help_text="The member whose own integration came first.", null=True),
                ),
                ("to", models.CharField(help_text="E.164, with its plus sign.", max_length=20)),
                (
                    "content",
                    integrations.encryption.fields.EncryptedJSONField(
                        help_text="`text` or `template`; empty once its days are over.", null=True
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=integrations.messaging.models.state_choices, default="accepted", max_length=16
                    ),
                ),
                ("provider_message_id", models.CharField(blank=True, max_length=200)),
                ("error_code", models.CharField(blank=True, max_length=60)),
                ("error_message", models.CharField(blank=True, help_text="In the provider's words.", max_length=500)),
                ("cost", models.DecimalField(decimal_places=6, max_digits=14, null=True)),
                ("currency", models.CharField(blank=True, max_length=16)),
                ("attempts", models.PositiveIntegerField(default=0, help_text="How often its bytes went out.")),
                ("sending_since", models.DateTimeField(null=True)),
                (
                    "slot_at",
                    models.DateTimeField(
                        help_text="When its turn is at the sender's rate, once it had to wait.", null=True
                    ),
                ),
                (
                    "accepted_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("sent_at", models.DateTimeField(null=True)),
                ("delivered_at", models.DateTimeField(null=True)),
                ("read_at", models.DateTimeField(null=True)),
                ("failed_at", models.DateTimeField(null=True)),
                ("unknown_at", models.DateTimeField(null=True)),
                ("settled_by", models.CharField(blank=True, help_text="Who said what became of it.", max_length=254)),
                ("settled_note", models.CharField(blank=True, max_length=500)),
                ("triggered_by", models.CharField(blank=True, max_length=100)),
                ("metadata", models.JSONField(default=dict)),
                ("idempotency_key", models.CharField(blank=True, max_length=255)),
                (
                    "fingerprint",
                    models.CharField(blank=True, help_text="Of what was given with the key.", max_length=64),
                ),
                (
                    "unannounced",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=16), default=list, size=None
                    ),
                ),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "integration",
                    models.ForeignKey(
                        db_constraint=False,
                        help_text="What sends it; empty where that is the platform's environment, or was deleted.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="integrations.integration",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="integrations.tenant"
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [
                    models.Index(fields=["tenant", "id"], name="message_tenant"),
                    models.Index(fields=["to", "id"], name="message_recipient"),
                    models.Index(
                        condition=models.Q(("provider_message_id", ""), _negated=True),
                        fields=["provider", "provider_message_id"],
                        name="message_of_provider",
                    ),
                    models.Index(fields=["integration"], name="message_integration"),
                    models.Index(
                        condition=models.Q(("content__isnull", False)), fields=["id"], name="message_with_content"
                    ),
                    models.Index(
                        condition=models.Q(("unannounced", []), _negated=True),
                        fields=["id"],
                        name="message_unannounced",
                    ),
                    models.Index(
                        condition=models.Q(("state", "unknown")),
                        fields=["id"],
                        name="message_unknown",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("idempotency_key", ""), _negated=True),
                        fields=("tenant", "idempotency_key"),
                        name="message_one_per_key",
                    )
                ],
            },
        ),
        IsolateTenantTable("Message"),
        TenantForeignKey("Message", "integration"),
    ]
