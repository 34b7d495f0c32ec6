"""The tables of this room, as the models declare them; those that grow by the day are partitioned."""

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import integrations.encryption.fields
import integrations.ids
import webhooks.models.webhook
from integrations.partitioning.operations import CreatePartitionedModel


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("integrations", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Engine",
            fields=[
                (
                    "id",
                    models.UUIDField(default=integrations.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("host", models.CharField(max_length=200)),
                ("pid", models.IntegerField()),
                ("started_at", models.DateTimeField(auto_now_add=True)),
                ("heartbeat_at", models.DateTimeField(auto_now_add=True)),
                (
                    "in_flight",
                    models.IntegerField(
                        default=0, help_text="Deliveries held or not yet recorded at the last heartbeat."
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Webhook",
            fields=[
                (
                    "id",
                    models.UUIDField(default=integrations.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("workflow_name", models.CharField(max_length=100)),
                ("url", integrations.encryption.fields.EncryptedTextField(blank=True, null=True)),
                ("url_host", models.CharField(blank=True, editable=False, max_length=253)),
                ("description", models.CharField(blank=True, max_length=500)),
                ("is_active", models.BooleanField(default=True)),
                ("auth_token", integrations.encryption.fields.EncryptedTextField(blank=True, null=True)),
                (
                    "signature_scheme",
                    models.CharField(
                        choices=[
                            ("hmac", "v1: HMAC-SHA256, one shared secret"),
                            ("ed25519", "v1a: ed25519, the receiver has the public key"),
                        ],
                        default="hmac",
                        help_text="Changing it makes a new signing secret; the old one signs as well for 24 hours.",
                        max_length=16,
                    ),
                ),
                ("signing_secret", integrations.encryption.fields.EncryptedTextField()),
                (
                    "previous_signing_secret",
                    integrations.encryption.fields.EncryptedTextField(blank=True, editable=False, null=True),
                ),
                ("previous_secret_expires_at", models.DateTimeField(editable=False, null=True)),
                ("event_types", models.JSONField(blank=True, default=list)),
                ("headers", integrations.encryption.fields.EncryptedJSONField(blank=True, default=dict)),
                (
                    "payload_format",
                    models.CharField(
                        choices=[("raw", "The payload itself"), ("standard", "type, timestamp and data")],
                        default="raw",
                        max_length=16,
                    ),
                ),
                (
                    "retry_schedule",
                    models.CharField(
                        choices=[
                            ("quick", "Quick: 3 retries within seconds"),
                            ("durable", "Durable: 9 retries within 28 hours"),
                        ],
                        default=webhooks.models.webhook.default_retry_schedule,
                        max_length=16,
                    ),
                ),
                (
                    "max_retries",
                    models.PositiveSmallIntegerField(
                        blank=True, null=True, validators=[django.core.validators.MaxValueValidator(20)]
                    ),
                ),
                (
                    "retry_client_errors",
                    models.BooleanField(default=True, help_text="Retry the answers 408, 425 and 429."),
                ),
                (
                    "timeout_ms",
                    models.PositiveIntegerField(
                        default=30000,
                        validators=[
                            django.core.validators.MinValueValidator(1000),
                            django.core.validators.MaxValueValidator(60000),
                        ],
                    ),
                ),
                (
                    "max_concurrency",
                    models.PositiveSmallIntegerField(
                        default=16,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(256),
                        ],
                    ),
                ),
                (
                    "rate_limit_per_minute",
                    models.PositiveIntegerField(
                        blank=True, null=True, validators=[django.core.validators.MinValueValidator(1)]
                    ),
                ),
                (
                    "disabled_reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("manual", "Disabled by a person"),
                            ("gone", "The endpoint answered 410 Gone"),
                            ("failing", "Nothing but failures for days"),
                        ],
                        editable=False,
                        max_length=16,
                    ),
                ),
                ("disabled_at", models.DateTimeField(editable=False, null=True)),
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
                    "integration",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        help_text="The integration whose base_url derived addresses use. Empty: the tenant's n8n integration.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="webhooks",
                        to="integrations.integration",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="webhooks", to="integrations.tenant"
                    ),
                ),
            ],
            options={
                "ordering": ["tenant", "workflow_name"],
            },
        ),
        CreatePartitionedModel(
            name="Delivery",
            fields=[
                (
                    "id",
                    models.UUIDField(default=integrations.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("tenant_id", models.UUIDField()),
                ("target_kind", models.CharField(choices=[("webhook", "Webhook")], default="webhook", max_length=16)),
                ("target_id", models.UUIDField()),
                ("event_id", models.UUIDField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("retrying", "Retrying"),
                            ("held", "Held"),
                            ("succeeded", "Succeeded"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                            ("unknown", "Unknown"),
                        ],
                        default="pending",
                        max_length=16,
                    ),
                ),
                ("attempts", models.IntegerField(default=0)),
                ("run", models.IntegerField(default=1, help_text="A manual retry is a new run.")),
                ("last_status_code", models.IntegerField(null=True)),
                ("last_error", models.CharField(blank=True, max_length=500)),
                ("max_retries", models.SmallIntegerField(null=True)),
                ("timeout_ms", models.IntegerField(null=True)),
                ("retry_schedule", models.CharField(blank=True, max_length=16)),
                ("next_attempt_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("finished_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name_plural": "deliveries",
                "ordering": ["-id"],
                "indexes": [
                    models.Index(fields=["tenant_id", "id"], name="delivery_tenant"),
                    models.Index(fields=["target_id", "id"], name="delivery_target"),
                    models.Index(fields=["event_id"], name="delivery_event"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Due",
            fields=[
                ("delivery_id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("tenant_id", models.UUIDField()),
                ("target_kind", models.CharField(choices=[("webhook", "Webhook")], default="webhook", max_length=16)),
                ("target_id", models.UUIDField()),
                ("event_id", models.UUIDField()),
                ("due_at", models.DateTimeField()),
                ("attempt", models.IntegerField(default=0, help_text="Attempts made so far in this run.")),
                ("run", models.IntegerField(default=1)),
                ("max_retries", models.SmallIntegerField(null=True)),
                ("timeout_ms", models.IntegerField(null=True)),
                ("retry_schedule", models.CharField(blank=True, max_length=16)),
                ("lease_by", models.UUIDField(null=True)),
                ("leased_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name_plural": "due",
                "db_table": "webhooks_due",
                "indexes": [
                    models.Index(
                        condition=models.Q(("lease_by", None)),
                        fields=["tenant_id", "target_id", "due_at"],
                        name="due_waiting",
                    ),
                    models.Index(
                        condition=models.Q(("lease_by__isnull", False)), fields=["lease_by"], name="due_leased"
                    ),
                ],
            },
        ),
        CreatePartitionedModel(
            name="Event",
            fields=[
                (
                    "id",
                    models.UUIDField(default=integrations.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("tenant_id", models.UUIDField()),
                ("event_type", models.CharField(blank=True, max_length=128)),
                ("triggered_by", models.CharField(blank=True, max_length=100)),
                ("metadata", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [models.Index(fields=["tenant_id", "id"], name="event_tenant")],
            },
        ),
        migrations.CreateModel(
            name="IdempotencyKey",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant_id", "key", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("key", models.CharField(max_length=255)),
                ("fingerprint", models.CharField(max_length=64)),
                ("event_id", models.UUIDField(null=True)),
                ("status_code", models.SmallIntegerField(null=True)),
                ("expires_at", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["expires_at"], name="idempotency_expiry")],
            },
        ),
        CreatePartitionedModel(
            name="Payload",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("tenant_id", models.UUIDField()),
                ("body", models.TextField()),
            ],
            options={
                "indexes": [models.Index(fields=["tenant_id", "id"], name="payload_tenant")],
            },
        ),
        migrations.CreateModel(
            name="TenantRuntime",
            fields=[
                ("tenant_id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("rate_tokens", models.FloatField(default=0)),
                ("rate_refilled_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="WebhookRuntime",
            fields=[
                (
                    "webhook",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="runtime",
                        serialize=False,
                        to="webhooks.webhook",
                    ),
                ),
                ("consecutive_failures", models.IntegerField(default=0)),
                ("breaker_open_until", models.DateTimeField(null=True)),
                ("breaker_opened_count", models.IntegerField(default=0)),
                ("failing_since", models.DateTimeField(null=True)),
                ("rate_tokens", models.FloatField(default=0)),
                ("rate_refilled_at", models.DateTimeField(null=True)),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="integrations.tenant"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="WebhookStats",
            fields=[
                (
                    "webhook",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="stats",
                        serialize=False,
                        to="webhooks.webhook",
                    ),
                ),
                ("total_calls", models.BigIntegerField(default=0)),
                ("successful_calls", models.BigIntegerField(default=0)),
                ("failed_calls", models.BigIntegerField(default=0)),
                ("attempts", models.BigIntegerField(default=0)),
                ("last_called_at", models.DateTimeField(null=True)),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="integrations.tenant"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "webhook stats",
            },
        ),
        migrations.AddConstraint(
            model_name="webhook",
            constraint=models.UniqueConstraint(
                fields=("tenant", "workflow_name"),
                name="webhook_name_unique",
                violation_error_message="This tenant has a webhook of this name already.",
            ),
        ),
    ]
