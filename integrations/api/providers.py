"""`GET /api/v1/providers` and `/api/platform/providers`: the registry as data, from which a front end draws its forms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.api.parameters import read_parameters
from integrations.api.serializers import StrictSerializer
from integrations.api.tenancy import TenantMixin
from integrations.providers.base import Capability, FieldKind
from integrations.providers.description import described
from integrations.providers.registry import all_providers, get_provider, provider_choices, slot_choices
from integrations.scopes import AnyOf, Scope

_CAPABILITIES: Final = [(capability.value, capability.value) for capability in Capability]


class ProviderParameters(StrictSerializer):
    provider = serializers.ChoiceField(choices=provider_choices(), required=False, help_text="This one alone.")
    slot = serializers.ChoiceField(choices=slot_choices(), required=False, help_text="Those that can fill this slot.")
    capability = serializers.ChoiceField(choices=_CAPABILITIES, required=False, help_text="Those that can do this.")


class ProviderChoiceSerializer(serializers.Serializer[Any]):
    value = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # a declared field; the property stays


class ProviderConditionSerializer(serializers.Serializer[Any]):
    field = serializers.CharField(help_text="The name of another, public field.")
    values = serializers.ListField(child=serializers.CharField(), help_text="One of its values.")


class ProviderFieldSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="What requests and answers call it.")
    label = serializers.CharField(help_text="What people call it.")  # type: ignore[assignment]
    help = serializers.CharField(help_text="A sentence for beside the input.")
    kind = serializers.ChoiceField(choices=[(kind.value, kind.value) for kind in FieldKind])
    secret = serializers.BooleanField(help_text="Written only: answers mask it.")
    required = serializers.BooleanField()  # type: ignore[assignment]
    required_without = serializers.ListField(
        child=serializers.CharField(), help_text="Required when none of these has a value."
    )
    required_with = serializers.ListField(
        child=serializers.CharField(), help_text="Required when one of these has a value."
    )
    required_when = ProviderConditionSerializer(
        allow_null=True, help_text="Required when another field has such a value."
    )
    used_when = ProviderConditionSerializer(
        allow_null=True,
        help_text="Means something only when another field has such a value: a form may hide it otherwise.",
    )
    section = serializers.CharField(
        allow_blank=True,
        help_text="The heading below which a form may fold it away; empty for what nearly everybody fills in.",
    )
    pattern = serializers.CharField(
        allow_blank=True, help_text="A regular expression that the whole value matches, without white space around it."
    )
    pattern_message = serializers.CharField(allow_blank=True, help_text="What to say of a value that does not.")
    normalised = serializers.BooleanField(
        help_text="Other spellings are turned into one that matches, such as a pasted address: leave the check to the site."
    )
    max_length = serializers.IntegerField()
    choices = ProviderChoiceSerializer(many=True, help_text="Of the kind `choice`; empty for the others.")
    default = serializers.CharField(allow_blank=True, help_text="What counts when it is left out.")
    example = serializers.CharField(help_text="Made up, and of the right form.")


class ProviderActionSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="What addresses call it.")
    label = serializers.CharField()  # type: ignore[assignment]
    summary = serializers.CharField(help_text="What it does.")
    repeatable = serializers.BooleanField(help_text="Doing it twice comes to the same as once.")
    parameters = ProviderFieldSerializer(many=True, help_text="What its body holds, none of it secret.")
    answer = serializers.DictField(
        child=serializers.CharField(), help_text="What it answers, and what each name means."
    )


class ProviderExampleSerializer(serializers.Serializer[Any]):
    title = serializers.CharField()
    note = serializers.CharField(allow_blank=True)
    values = serializers.DictField(
        child=serializers.CharField(), help_text="By name of field, secrets among them; all of it is made up."
    )


class ProviderSerializer(serializers.Serializer[Any]):
    key = serializers.CharField(help_text="`provider` in requests.")
    label = serializers.CharField()  # type: ignore[assignment]
    slot = serializers.CharField(help_text="What a tenant has one default of.")
    capabilities = serializers.ListField(child=serializers.ChoiceField(choices=_CAPABILITIES))
    documentation = serializers.CharField(
        help_text="The page that says where to find the values: an address, or a path in the project's repository."
    )
    fields = ProviderFieldSerializer(many=True, help_text="In the order of a form.")  # type: ignore[assignment]
    actions = ProviderActionSerializer(many=True, help_text="What can be done there on request.")
    examples = ProviderExampleSerializer(
        many=True, help_text="Settings of several kinds of use; for most there are none."
    )


_JIRA: Final = described(get_provider("jira"))
_EXAMPLE: Final = OpenApiExample(
    "One of them",
    # Without the rest of its fields, and the same whatever this site's settings are.
    value={**_JIRA, "documentation": "docs/providers/jira.md", "fields": _JIRA["fields"][:2]},
    response_only=True,
)
_DESCRIPTION: Final = (
    "All of them, in the order in which people see them, with what each field is and when it is required, and what can be "
    "done there on request: enough to draw forms. It depends on the site's version alone and holds nothing of a tenant. What a request may say in the end is "
    "decided when it is made; 422 then names the field and the reason."
)


class _ProviderList(APIView):
    @extend_schema(
        tags=["providers"],
        operation_id="providers_list",
        summary="List providers and their fields",
        description=_DESCRIPTION,
        parameters=[ProviderParameters],
        responses=ProviderSerializer(many=True),
        examples=[_EXAMPLE],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        wanted = read_parameters(request, ProviderParameters)
        return Response(_matching(wanted))


class PlatformProviderList(_ProviderList):
    """For platform staff, auditors among them."""


class ProviderList(TenantMixin, _ProviderList):
    """For tenants: whoever may see, use or write integrations."""

    scopes = {"GET": AnyOf({Scope.INTEGRATIONS_READ, Scope.INTEGRATIONS_USE, Scope.INTEGRATIONS_WRITE})}


def _matching(wanted: dict[str, Any]) -> Sequence[dict[str, Any]]:
    return [
        described(provider)
        for provider in all_providers()
        if wanted.get("provider") in {None, provider.key}
        and wanted.get("slot") in {None, provider.slot}
        and (wanted.get("capability") is None or provider.can(Capability(wanted["capability"])))
    ]
