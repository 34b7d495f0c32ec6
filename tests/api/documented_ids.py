"""Where the tenants' OpenAPI document says that a request names an object: in its body, or in its query."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from integrations.api.audience import Audience
from integrations.api.documents import document
from tests.api.objects import OBJECTS

# Names of parameters that mean an object without saying that they are ids.
_MEAN_OBJECTS = {*OBJECTS, "owner"} - {"slot", "provider", "action"}  # these are the same for all


def ids_in_bodies() -> set[tuple[str, str]]:
    """Return operation and field of every id that a body may hold."""
    return {
        (operation["operationId"], field)
        for operation in _operations()
        for content in operation.get("requestBody", {}).get("content", {}).values()
        for field in _ids(content["schema"])
    }


def ids_in_queries() -> set[tuple[str, str]]:
    """Return operation and parameter of everything in a query that names an object."""
    return {
        (operation["operationId"], parameter["name"])
        for operation in _operations()
        for parameter in operation.get("parameters", [])
        if parameter["in"] == "query"
        if (parameter["name"] in _MEAN_OBJECTS and "enum" not in parameter["schema"])
        or parameter["schema"].get("format") == "uuid"
    }


def _operations() -> Iterator[dict[str, Any]]:
    for item in document(Audience.TENANT)["paths"].values():
        yield from (operation for method, operation in item.items() if method != "parameters")


def _ids(schema: dict[str, Any], at: str = "") -> Iterator[str]:
    while "$ref" in schema:
        schema = document(Audience.TENANT)["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if schema.get("format") == "uuid":
        yield at
    for branch in (*schema.get("oneOf", ()), *schema.get("anyOf", ()), *schema.get("allOf", ())):
        yield from _ids(branch, at)
    for name, inner in schema.get("properties", {}).items():
        yield from _ids(inner, f"{at}.{name}" if at else name)
    if isinstance(schema.get("items"), dict):
        yield from _ids(schema["items"], f"{at}[]")
