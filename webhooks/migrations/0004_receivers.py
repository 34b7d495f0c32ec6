"""Receiving webhooks."""

from __future__ import annotations

from typing import ClassVar

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import integrations.encryption.fields
import integrations.ids
import integrations.providers.registry
from integrations.isolation.operations import IsolateTenantTable, TenantForeignKey


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("integrations", "0002_isolation"),
        ("webhooks", "0003_recoveries"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="Receiver",
            fields=[
                (
                    "id",
                    models.UUIDField(default=integrations.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "provider",
                    models.CharField(choices=integrations.providers.registry.receiving_choices, max_length=32),
                ),
                ("name", models.CharField(max_length=60)),
                ("secret", integrations.encryption.fields.EncryptedTextField()),
                (
                    "previous_secret",
                    integrations.encryption.fields.EncryptedTextField(blank=True, editable=False, null=True),
                ),
                ("previous_secret_expires_at", models.DateTimeField(editable=False, null=True)),
                (
                    "verify_token",
                    integrations.encryption.fields.EncryptedTextField(blank=True, editable=False, null=True),
                ),
                (
                    "options",
                    models.JSONField(
                        blank=True, default=dict, help_text="How a sender without a provider of its own signs."
                    ),
                ),
                (
                    "event_types",
                    models.JSONField(blank=True, default=list, help_text="What is let in; all when empty."),
                ),
                (
                    "allowed_networks",
                    models.JSONField(blank=True, default=list, help_text="From where; from everywhere when empty."),
                ),
                (
                    "rate_limit_per_minute",
                    models.PositiveIntegerField(
                        blank=True, null=True, validators=[django.core.validators.MinValueValidator(1)]
                    ),
                ),
                ("is_active", models.BooleanField(default=True)),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("created_by_name", models.CharField(blank=True, editable=False, max_length=254)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="receivers", to="integrations.tenant"
                    ),
                ),
            ],
            options={
                "ordering": ["tenant", "name"],
            },
        ),
        migrations.CreateModel(
            name="InboundRequest",
            fields=[
                (
                    "id",
                    models.UUIDField(default=integrations.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("tenant_id", models.UUIDField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("stored", "Stored"),
                            ("published", "Published"),
                            ("duplicate", "Duplicate"),
                            ("ignored", "Ignored"),
                            ("refused", "Refused"),
                        ],
                        default="stored",
                        max_length=16,
                    ),
                ),
                ("detail", models.CharField(blank=True, max_length=200)),
                ("url", models.CharField(max_length=2000)),
                ("headers", models.JSONField(default=dict, help_text="Without what proves the sender.")),
                ("body", models.BinaryField(null=True)),
                ("event_ids", models.JSONField(default=list)),
                ("received_at", models.DateTimeField(auto_now_add=True)),
                (
                    "receiver",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="requests",
                        to="webhooks.receiver",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="InboundKey",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant_id", "receiver_id", "key", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("key", models.CharField(max_length=200)),
                ("expires_at", models.DateTimeField()),
                (
                    "receiver",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="webhooks.receiver",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ReceiverCount",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant_id",
                        "receiver_id",
                        "hour",
                        "outcome",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("hour", models.DateTimeField()),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("accepted", "Accepted"),
                            ("duplicate", "Duplicate"),
                            ("ignored", "Ignored: an event type that is not wanted"),
                            ("signature", "Refused: wrong signature"),
                            ("stale", "Refused: old timestamp"),
                            ("network", "Refused: from another network"),
                            ("rate", "Refused: too many"),
                            ("too_large", "Refused: too large"),
                            ("malformed", "Refused: makes no sense"),
                        ],
                        max_length=16,
                    ),
                ),
                ("requests", models.BigIntegerField(default=0)),
                (
                    "receiver",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="webhooks.receiver",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="receiver",
            constraint=models.UniqueConstraint(
                fields=("tenant", "name"),
                name="receiver_name_unique",
                violation_error_message="This tenant has a receiver of this name already.",
            ),
        ),
        migrations.AddIndex(
            model_name="inboundrequest",
            index=models.Index(fields=["receiver", "id"], name="inbound_receiver"),
        ),
        migrations.AddIndex(
            model_name="inboundrequest",
            index=models.Index(fields=["tenant_id", "id"], name="inbound_tenant"),
        ),
        migrations.AddIndex(
            model_name="inboundrequest",
            index=models.Index(condition=models.Q(("state", "stored")), fields=["id"], name="inbound_stored"),
        ),
        migrations.AddIndex(
            model_name="inboundkey",
            index=models.Index(fields=["expires_at"], name="inbound_key_expiry"),
        ),
        migrations.AddIndex(
            model_name="receivercount",
            index=models.Index(fields=["hour"], name="receiver_count_hour"),
        ),
        IsolateTenantTable("Receiver", referenced=True),
        IsolateTenantTable("InboundRequest"),
        IsolateTenantTable("InboundKey"),
        IsolateTenantTable("ReceiverCount"),
        TenantForeignKey("InboundRequest", "receiver"),
        TenantForeignKey("InboundKey", "receiver"),
        TenantForeignKey("ReceiverCount", "receiver"),
    ]
