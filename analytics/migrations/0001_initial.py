"""The tables of this room, as the models declare them; those that grow by the day are partitioned."""

import django.contrib.postgres.fields
from django.db import migrations, models

import analytics.histogram
import integrations.ids
from integrations.partitioning.operations import CreatePartitionedModel


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="HourlyRollup",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant_id", "target_id", "hour", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("target_kind", models.CharField(default="webhook", max_length=16)),
                ("target_id", models.UUIDField()),
                ("hour", models.DateTimeField()),
                ("calls", models.BigIntegerField(default=0, help_text="Finished runs of deliveries.")),
                ("succeeded", models.BigIntegerField(default=0)),
                ("failed", models.BigIntegerField(default=0)),
                ("attempts", models.BigIntegerField(default=0)),
                ("response_time_ms_sum", models.BigIntegerField(default=0)),
                (
                    "histogram",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), default=analytics.histogram.empty_histogram, size=None
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["tenant_id", "hour"], name="rollup_tenant_hour")],
            },
        ),
        CreatePartitionedModel(
            name="WebhookCall",
            fields=[
                (
                    "id",
                    models.UUIDField(default=integrations.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("tenant_id", models.UUIDField()),
                ("target_kind", models.CharField(default="webhook", max_length=16)),
                ("target_id", models.UUIDField()),
                ("workflow_name", models.CharField(max_length=100)),
                ("delivery_id", models.UUIDField()),
                ("event_id", models.UUIDField()),
                ("event_type", models.CharField(blank=True, max_length=128)),
                ("run", models.IntegerField(default=1)),
                ("attempt", models.IntegerField()),
                ("is_final", models.BooleanField()),
                ("triggered_by", models.CharField(blank=True, max_length=100)),
                ("request_headers", models.JSONField(default=dict)),
                ("status_code", models.IntegerField(null=True)),
                ("response_body", models.TextField(blank=True)),
                ("response_time_ms", models.IntegerField()),
                ("dns_ms", models.IntegerField(null=True)),
                ("connect_ms", models.IntegerField(null=True)),
                ("tls_ms", models.IntegerField(null=True)),
                ("first_byte_ms", models.IntegerField(null=True)),
                ("success", models.BooleanField()),
                (
                    "error_kind",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("status", "The endpoint answered with an error status"),
                            ("timeout", "No complete answer in time"),
                            ("dns", "The host name could not be resolved"),
                            ("connect", "No connection"),
                            ("tls", "TLS failed"),
                            ("protocol", "The answer was no valid HTTP"),
                            ("refused", "The address is not allowed"),
                            ("configuration", "The webhook cannot be sent as it is configured"),
                            ("interrupted", "Sending was interrupted"),
                        ],
                        max_length=16,
                    ),
                ),
                ("error_message", models.CharField(blank=True, max_length=500)),
                ("metadata", models.JSONField(default=dict)),
                ("timestamp", models.DateTimeField()),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [
                    models.Index(fields=["tenant_id", "id"], name="call_tenant"),
                    models.Index(fields=["target_id", "id"], name="call_target"),
                    models.Index(fields=["delivery_id"], name="call_delivery"),
                ],
            },
        ),
    ]
