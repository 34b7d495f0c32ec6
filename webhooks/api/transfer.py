"""`GET|POST …/webhooks/export` and `POST …/webhooks/import`: a tenant's webhooks as a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any, Final, cast

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.api.parameters import read_parameters
from integrations.api.parsers import StrictJSONParser
from integrations.api.serializers import StrictSerializer
from integrations.api.tenancy import TenantMixin
from integrations.errors import InvalidInputError
from integrations.scopes import Scope
from webhooks.api.transfer_examples import FILE, IMPORTED, SEALED
from webhooks.services.exporting import ExportedFile, export_webhooks
from webhooks.services.importing import ImportPlan, import_webhooks
from webhooks.transfer.csv_file import read_csv
from webhooks.transfer.json_file import rows_of_document
from webhooks.transfer.rows import MAX_BYTES, MAX_ROWS, FileError, FileRow

PASSPHRASE_HEADER: Final = "X-Signalbox-Passphrase"  # noqa: S105  (the name of the header)
_CSV: Final = "csv"
_ACTIONS: Final = ("create", "update", "unchanged", "refused")


class ExportParameters(StrictSerializer):
    file_format = serializers.ChoiceField(choices=("json", "csv"), default="json")


class SealedExportSerializer(ExportParameters):
    passphrase = serializers.CharField(
        max_length=1000, trim_whitespace=False, help_text="At least 12 characters; opens the secrets at the import."
    )


class ImportParameters(StrictSerializer):
    dry_run = serializers.BooleanField(default=False, help_text="Say what would happen, and do nothing.")


class ImportedRowSerializer(serializers.Serializer[Any]):
    row = serializers.IntegerField(source="number", help_text="Its line in a CSV file, its place in a JSON one.")
    workflow_name = serializers.CharField()
    action = serializers.ChoiceField(choices=_ACTIONS)
    changes = serializers.DictField(help_text="`from` and `to` by field; of a secret only that it changes.")
    errors = serializers.DictField(  # type: ignore[assignment]  # a declared field; the property stays
        source="problems", child=serializers.ListField(child=serializers.CharField())
    )
    notes = serializers.ListField(child=serializers.CharField(), help_text="What is left for a person to do.")


class ImportedSerializer(serializers.Serializer[Any]):
    """What a file did, or would do."""

    applied = serializers.BooleanField(source="is_applied")
    created = serializers.SerializerMethodField()
    updated = serializers.SerializerMethodField()
    unchanged = serializers.SerializerMethodField()
    refused = serializers.SerializerMethodField()
    rows = ImportedRowSerializer(many=True)

    def get_created(self, plan: ImportPlan) -> int:
        return plan.count("create")

    def get_updated(self, plan: ImportPlan) -> int:
        return plan.count("update")

    def get_unchanged(self, plan: ImportPlan) -> int:
        return plan.count("unchanged")

    def get_refused(self, plan: ImportPlan) -> int:
        return plan.count("refused")


class CSVParser(BaseParser):
    """A CSV file as it is, in UTF-8."""

    media_type = "text/csv"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, str]:
        raw: bytes = stream.read()
        try:
            return {_CSV: raw.decode("utf-8")}
        except UnicodeDecodeError as error:
            raise ParseError(f"The file is no UTF-8: byte {error.start}.") from None


class WebhookExport(TenantMixin, APIView):
    scopes = {"GET": Scope.WEBHOOKS_READ, "POST": Scope.WEBHOOKS_WRITE}
    safe_to_repeat = True  # it changes nothing
    shows_secrets = True  # addresses, in clear

    @extend_schema(
        tags=["webhooks"],
        operation_id="webhooks_export",
        summary="Export all webhooks",
        description="A file without secrets, for another site or a repository.",
        parameters=[ExportParameters],
        responses={(200, "application/json"): OpenApiTypes.OBJECT, (200, "text/csv"): OpenApiTypes.STR},
        examples=[FILE],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        parameters = read_parameters(request, ExportParameters)
        return _as_file(export_webhooks(actor=self.actor, tenant=self.tenant, **parameters))

    @extend_schema(
        tags=["webhooks"],
        operation_id="webhooks_export_sealed",
        summary="Export all webhooks with their secrets sealed",
        description=(
            "The bearer tokens, header values and signing secrets are encrypted with the passphrase (scrypt, "
            "AES-256-GCM). Leaves an entry in the activity log."
        ),
        request=SealedExportSerializer,
        responses={(200, "application/json"): OpenApiTypes.OBJECT, (200, "text/csv"): OpenApiTypes.STR},
        examples=[SEALED, FILE],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        given = SealedExportSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return _as_file(export_webhooks(actor=self.actor, tenant=self.tenant, **given.validated_data))


class WebhookImport(TenantMixin, APIView):
    parser_classes = (StrictJSONParser, CSVParser)
    scopes = {"POST": Scope.WEBHOOKS_WRITE}
    safe_to_repeat = True  # by name, so that the second time finds everything as it is to be

    @extend_schema(
        tags=["webhooks"],
        operation_id="webhooks_import",
        summary="Import webhooks",
        description=(
            f"The body is an exported file, JSON or `text/csv`, up to {MAX_ROWS:,} webhooks and "
            f"{MAX_BYTES // 1024 // 1024} MiB. By name: new ones are created, others changed, those that the file does "
            "not name stay. All of it or nothing: a wrong row is named in `errors` (422), and nothing is stored. With "
            "`dry_run=true` the answer says what would happen, wrong rows included."
        ),
        parameters=[
            ImportParameters,
            OpenApiParameter(
                PASSPHRASE_HEADER,
                str,
                OpenApiParameter.HEADER,
                description="Opens the sealed secrets of the file; without it they are left out.",
            ),
        ],
        request={"application/json": OpenApiTypes.OBJECT, "text/csv": OpenApiTypes.STR},
        responses=ImportedSerializer,
        examples=[FILE, IMPORTED],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        dry_run = read_parameters(request, ImportParameters)["dry_run"]
        try:
            rows, salt = _read(request)
        except FileError as error:
            raise InvalidInputError({"file": [str(error)]}) from None
        plan = import_webhooks(
            actor=self.actor,
            tenant=self.tenant,
            rows=rows,
            salt=salt,
            passphrase=_passphrase(request),
            dry_run=dry_run,
        )
        if not (plan.is_applied or dry_run):
            raise InvalidInputError(
                {
                    f"rows[{row.number}].{column}": reasons
                    for row in plan.rows
                    for column, reasons in row.problems.items()
                }
            )
        return Response(ImportedSerializer(plan).data)


def _passphrase(request: Request) -> str | None:
    """Return the passphrase as it was typed: headers come as Latin-1, whatever bytes were sent."""
    given = request.headers.get(PASSPHRASE_HEADER)
    try:
        return given.encode("latin-1").decode("utf-8") if given is not None else None
    except UnicodeError:
        return given


def _read(request: Request) -> tuple[list[FileRow], str | None]:
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isdigit() and int(length) > MAX_BYTES:
        raise FileError(f"The file is larger than {MAX_BYTES // 1024 // 1024} MiB.")
    if (request.content_type or "").partition(";")[0].strip() == CSVParser.media_type:
        return read_csv(cast("dict[str, str]", request.data).get(_CSV, ""))
    return rows_of_document(request.data)


def _as_file(exported: ExportedFile) -> HttpResponse:
    return HttpResponse(
        exported.text,
        content_type=exported.content_type,
        headers={"Content-Disposition": f'attachment; filename="{exported.name}"', "Cache-Control": "no-store"},
    )
