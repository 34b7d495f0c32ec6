"""Export and import of a tenant's webhooks: files that come and go, and what one would do before it does it.

Between the dry run and the import the file waits in the page itself, signed, so that what was shown is what is applied.
Secrets in it are sealed, and their passphrase is asked for again: it is in no page and in no database.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Self
from uuid import UUID

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.core import signing
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.cache import add_never_cache_headers

from integrations.admin.secret_input import SecretField
from integrations.admin.service_admin import ServiceModelAdmin, add_service_error
from integrations.encryption.errors import UnreadableSecretError
from integrations.errors import InvalidInputError, ServiceError
from integrations.models import Tenant
from webhooks.models import Webhook
from webhooks.services.exporting import WRITERS, ExportedFile, export_webhooks
from webhooks.services.importing import ImportPlan, PlannedRow, import_webhooks
from webhooks.transfer.csv_file import read_csv
from webhooks.transfer.json_file import read_json
from webhooks.transfer.rows import MAX_BYTES, FileError, FileRow
from webhooks.transfer.sealing import MIN_PASSPHRASE

_SALT: Final = "webhooks.admin.transfer"
_WAITS_SECONDS: Final = 3600
_ACTIONS: Final = (
    ("create", "created", "good"),
    ("update", "changed", "warning"),
    ("unchanged", "unchanged", "neutral"),
    ("refused", "refused", "bad"),
)
_UNREADABLE: Final = "A stored secret of this tenant no longer opens. Enter it again, then repeat this."


class PassphraseField(SecretField):
    """A passphrase counts as it is typed, spaces included."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.strip = False


class _TenantForm(forms.Form):
    tenant = forms.ModelChoiceField(
        queryset=Tenant.objects.existing(),
        widget=AutocompleteSelect(Webhook._meta.get_field("tenant"), admin.site),
    )


class ExportForm(_TenantForm):
    file_format = forms.ChoiceField(label="Format", choices=[(name, name.upper()) for name in WRITERS])
    passphrase = PassphraseField(
        label="Passphrase",
        help_text=f"Empty: without secrets. With one, at least {MIN_PASSPHRASE} characters, they are in the file, sealed.",
    )
    repeated = PassphraseField(label="Passphrase again", help_text="Nobody can open the secrets without it.")

    def clean_repeated(self) -> str:
        repeated = str(self.cleaned_data.get("repeated") or "")
        if repeated != (self.cleaned_data.get("passphrase") or ""):
            raise forms.ValidationError("This is not the same passphrase.")
        return repeated


class ImportForm(_TenantForm):
    file = forms.FileField(label="File", help_text="JSON or CSV, as the export writes it; at most 2 MiB.")
    passphrase = PassphraseField(
        label="Passphrase", help_text="Of a file with sealed secrets. Empty: its secrets are left out."
    )

    def clean_file(self) -> UploadedFile:
        file: UploadedFile = self.cleaned_data["file"]
        if (file.size or 0) > MAX_BYTES:  # before anything of it is read
            raise forms.ValidationError(f"The file is larger than {MAX_BYTES // 1024 // 1024} MiB.")
        return file


class ConfirmForm(forms.Form):
    """Goes from the dry run to the import; asks for the passphrase again where one was given."""

    waiting = forms.CharField(widget=forms.HiddenInput())
    passphrase = PassphraseField(label="Passphrase", help_text="Again: it was not kept.")

    def __init__(self, *args: Any, is_sealed: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if is_sealed:
            self.fields["passphrase"].required = True
        else:
            del self.fields["passphrase"]


@dataclass(frozen=True, slots=True)
class WaitingFile:
    """A file between its dry run and its import, as the person's page holds it."""

    tenant_id: str
    user_id: str
    name: str
    text: str
    is_sealed: bool
    """Whether the dry run opened its sealed secrets, as the import then must, too."""

    def signed(self) -> str:
        return signing.dumps(asdict(self), salt=_SALT, compress=True)

    @classmethod
    def read(cls, signed: str, user_id: str) -> Self | None:
        """Return the file; None for one that was changed, is older than an hour, or is another person's."""
        try:
            waiting = cls(**signing.loads(signed, salt=_SALT, max_age=_WAITS_SECONDS))
        except signing.BadSignature:
            return None
        return waiting if waiting.user_id == user_id else None


def file_rows(name: str, text: str) -> tuple[list[FileRow], str | None]:
    """Return the rows of a file and its salt, by its content where the name does not tell. Raises FileError."""
    ending = name.lower().rpartition(".")[2]
    is_json = ending == "json" or (ending != "csv" and text.lstrip("\ufeff \t\r\n").startswith(("{", "[")))
    return read_json(text.removeprefix("\ufeff")) if is_json else read_csv(text)


class TransferPages(ServiceModelAdmin):
    """The pages, for the admin of webhooks."""

    change_list_template = "admin/webhooks/webhook/change_list.html"

    def get_urls(self) -> list[URLPattern]:
        return [
            path("export/", self.changing_page(self.export_view), name="webhooks_webhook_export"),
            path("import/", self.changing_page(self.import_view), name="webhooks_webhook_import"),
            path("import/apply/", self.changing_page(self.apply_view), name="webhooks_webhook_import_apply"),
            *super().get_urls(),
        ]

    def export_view(self, request: HttpRequest) -> HttpResponse:
        """Ask for the tenant and the format; answer the file as a download."""
        form = ExportForm(request.POST if request.method == "POST" else None, initial=request.GET.dict())
        if request.method == "POST" and form.is_valid():
            given = form.cleaned_data
            try:
                exported = export_webhooks(
                    actor=self.actor(request),
                    tenant=given["tenant"],
                    file_format=given["file_format"],
                    passphrase=given["passphrase"] or None,
                )
            except ServiceError as error:
                add_service_error(form, error)
            except UnreadableSecretError:
                form.add_error(None, _UNREADABLE)
            else:
                return _download(exported)
        return self._transfer_page(request, "export.html", {"title": "Export webhooks", "form": form})

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """Ask for the file; show what it would do."""
        is_sent = request.method == "POST"
        form = ImportForm(
            request.POST if is_sent else None, request.FILES if is_sent else None, initial=request.GET.dict()
        )
        if is_sent and form.is_valid():
            tenant, passphrase = form.cleaned_data["tenant"], form.cleaned_data["passphrase"] or None
            try:
                name, text = _uploaded(form.cleaned_data["file"])
                plan = self._import(request, tenant, name, text, passphrase, dry_run=True)
            except FileError as error:
                form.add_error("file", str(error))
            except InvalidInputError as error:
                add_service_error(form, error)
            except UnreadableSecretError:
                form.add_error(None, _UNREADABLE)
            else:
                waiting = WaitingFile(str(tenant.pk), str(request.user.pk), name, text, passphrase is not None)
                return self._plan_page(request, tenant, waiting, plan)
        return self._transfer_page(request, "import.html", {"title": "Import webhooks", "form": form})

    def apply_view(self, request: HttpRequest) -> HttpResponse:
        """Import the file of the dry run, and say what it did."""
        waiting = WaitingFile.read(request.POST.get("waiting", ""), str(request.user.pk))
        if waiting is None:
            form = ImportForm()
            context = {
                "title": "Import webhooks",
                "form": form,
                "refusal": "That took too long: choose the file again.",
            }
            return self._transfer_page(request, "import.html", context)
        tenant = get_object_or_404(Tenant.objects.existing(), pk=UUID(waiting.tenant_id))
        confirm = ConfirmForm(request.POST, is_sealed=waiting.is_sealed)
        if confirm.is_valid():
            passphrase = confirm.cleaned_data["passphrase"] if waiting.is_sealed else None
            try:
                plan = self._import(request, tenant, waiting.name, waiting.text, passphrase)
            except InvalidInputError as error:
                add_service_error(confirm, error)
            except UnreadableSecretError:
                confirm.add_error(None, _UNREADABLE)
            else:
                if not _is_mistyped(plan):
                    return self._plan_page(request, tenant, waiting, plan)
                confirm.add_error("passphrase", "The secrets do not open with it. Nothing was imported.")
        context = {"title": "Import webhooks", "tenant": tenant, "confirm": confirm, "file_name": waiting.name}
        return self._transfer_page(request, "plan.html", context)

    def _import(
        self,
        request: HttpRequest,
        tenant: Tenant,
        name: str,
        text: str,
        passphrase: str | None,
        *,
        dry_run: bool = False,
    ) -> ImportPlan:
        rows, salt = file_rows(name, text)
        return import_webhooks(
            actor=self.actor(request), tenant=tenant, rows=rows, salt=salt, passphrase=passphrase, dry_run=dry_run
        )

    def _plan_page(self, request: HttpRequest, tenant: Tenant, waiting: WaitingFile, plan: ImportPlan) -> HttpResponse:
        """Show what the file did, or what it would do and the button that does it."""
        may_import = not plan.is_applied and plan.rows and not plan.count("refused")
        confirm = (
            ConfirmForm(initial={"waiting": waiting.signed()}, is_sealed=waiting.is_sealed) if may_import else None
        )
        words = {action: (word, tone) for action, word, tone in _ACTIONS}
        context = {
            "title": "Imported webhooks" if plan.is_applied else "Import webhooks",
            "tenant": tenant,
            "plan": plan,
            "rows": [(row, *words[row.action], _changes(row)) for row in plan.rows],
            "sums": [(plan.count(action), word, tone) for action, word, tone in _ACTIONS if plan.count(action)],
            "confirm": confirm,
            "file_name": waiting.name,
        }
        return self._transfer_page(request, "plan.html", context)

    def _transfer_page(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        form = context.get("form") or context.get("confirm")
        media = self.media + form.media if form is not None else self.media
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "media": media}
        response = TemplateResponse(request, f"admin/webhooks/transfer/{template}", {**shared, **context})
        add_never_cache_headers(response)
        return response


def _uploaded(file: UploadedFile) -> tuple[str, str]:
    """Return the name and the text of a file. Raises FileError."""
    try:
        return file.name or "", file.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileError(f"The file is no UTF-8: byte {error.start + 1}. Save it as CSV UTF-8 or JSON.") from None


def _is_mistyped(plan: ImportPlan) -> bool:
    """Tell whether sealed secrets that do not open are all that is wrong."""
    refused = [row.problems for row in plan.rows if row.problems]
    return not plan.is_applied and bool(refused) and all(set(problems) == {"sealed"} for problems in refused)


def _changes(row: PlannedRow) -> list[dict[str, Any]]:
    """Return what changes, field by field, in the words of a page; of a new webhook only what it is given."""
    changes = []
    for name, change in row.changes.items():
        if not isinstance(change, dict):
            changes.append({"field": name, "secret": "set" if row.action == "create" else change})
        elif row.action != "create" or change["to"] not in (None, "", []):
            changes.append({"field": name, "from": _shown(change["from"]), "to": _shown(change["to"])})
    return changes


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "–"
    return "–" if value is None or value == "" else str(value)


def _download(exported: ExportedFile) -> HttpResponse:
    return HttpResponse(
        exported.text,
        content_type=exported.content_type,
        headers={"Content-Disposition": f'attachment; filename="{exported.name}"', "Cache-Control": "no-store"},
    )
