"""One operation of an OpenAPI document, as the pages need it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

METHODS: Final = ("get", "post", "put", "patch", "delete")
_JSON: Final = "application/json"
_SOME_ID: Final = "019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e"
# What examples say for parameters that are no ids.
_NAMES: Final = {"tenant": "acme", "webhook": "contact_form", "slot": "whatsapp"}


@dataclass(frozen=True, slots=True)
class Operation:
    """A method of an address; `described` is what the document says of it, `components` where it refers to."""

    method: str
    path: str
    described: Mapping[str, Any]
    components: Mapping[str, Any]

    @property
    def tag(self) -> str:
        return str(self.described["tags"][0])

    @property
    def summary(self) -> str:
        return str(self.described["summary"])

    @property
    def is_open(self) -> bool:
        """Whether no credential is needed."""
        return self.described["security"] == [{}]

    @property
    def is_for_people(self) -> bool:
        """Whether an access token is needed, where API keys are taken elsewhere."""
        return bool(self.described.get("x-for-people"))

    @property
    def scopes(self) -> list[str] | None:
        """The scopes of which one is needed; None where scopes do not count."""
        return self.described.get("x-required-scope")

    @property
    def about(self) -> str:
        """The description without its last sentence, the scope, which the pages show elsewhere."""
        text = str(self.described.get("description", ""))
        return text if self.scopes is None else text.rpartition("\n\n")[0]

    @property
    def parameters(self) -> list[Mapping[str, Any]]:
        return list(self.described.get("parameters", []))

    @property
    def takes_key(self) -> bool:
        return any(parameter["name"] == "Idempotency-Key" for parameter in self.parameters)

    @property
    def example_path(self) -> str:
        """The address with something for each of its parameters."""
        path = self.path
        for parameter in self.parameters:
            if parameter["in"] == "path":
                path = path.replace(f"{{{parameter['name']}}}", _NAMES.get(parameter["name"], _SOME_ID))
        return path

    @property
    def body_fields(self) -> list[tuple[str, Mapping[str, Any], bool]]:
        """Name, schema and whether it is required of each field of the body; none where bodies differ in kind."""
        schema = self._resolved(_content(self.described.get("requestBody", {})).get("schema", {}))
        required = schema.get("required", [])
        return [(name, field, name in required) for name, field in schema.get("properties", {}).items()]

    @property
    def body(self) -> Any:
        """An example of the body, or None."""
        return _first_example(self.described.get("requestBody", {}))

    @property
    def answers(self) -> list[tuple[str, Any]]:
        """Status and example of each good answer; None for one without a body."""
        return [
            (status, _first_example(answer))
            for status, answer in self.described["responses"].items()
            if status.startswith("2")
        ]

    @property
    def failures(self) -> list[str]:
        return [status for status in self.described["responses"] if status[0] in "45"]

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        reference = schema.get("$ref")
        return schema if reference is None else self.components["schemas"][reference.rpartition("/")[2]]


def operations_of(document: Mapping[str, Any]) -> Iterator[Operation]:
    """Yield the operations of a document in its order."""
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                yield Operation(method.upper(), path, methods[method], document["components"])


def type_of(schema: Mapping[str, Any], components: Mapping[str, Any]) -> str:
    """Return what a value is, in a word or two: `string (uuid)`, `list of string`, `one of a, b`."""
    if reference := schema.get("$ref"):
        return type_of(components["schemas"][reference.rpartition("/")[2]], components)
    for combined in ("allOf", "oneOf", "anyOf"):
        if combined in schema:
            kinds = dict.fromkeys(type_of(part, components) for part in schema[combined])
            return " or ".join(kind for kind in kinds if kind)
    if "enum" in schema:
        return "one of " + ", ".join(f"`{value}`" for value in schema["enum"] if value not in {None, ""})
    if schema.get("type") == "array":
        return f"list of {type_of(schema.get('items', {}), components)}"
    kind = str(schema.get("type", "anything"))
    return f"{kind} ({schema['format']})" if "format" in schema else kind


def _content(part: Mapping[str, Any]) -> Mapping[str, Any]:
    content: Mapping[str, Any] = part.get("content", {}).get(_JSON, {})
    return content


def _first_example(part: Mapping[str, Any]) -> Any:
    """Return the first example of a body, of JSON if there is any."""
    contents = [_content(part), *part.get("content", {}).values()]
    return next((example["value"] for content in contents for example in content.get("examples", {}).values()), None)
