"""JSON Schemas (2020-12) of everything that operations take and give."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from api.operation import Content, Operation

_REFERENCE = "#/components/schemas/{model}"
_TOKEN = "api_token"  # noqa: S105  # the name of a field
_ONLY_TOKEN = {_TOKEN}


class Schemas:
    """The schemas of so many operations under names of their own.

    Attributes:
        definitions: by name, for `components/schemas`.
    """

    definitions: dict[str, Any]

    def __init__(self, operations: Iterable[Operation]):
        wanted: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {}
        for operation in operations:
            for taken in (operation.takes, operation.query):
                if taken is not None and self.has_fields(taken):
                    wanted[taken, "validation"] = None
            if _is_model(operation.gives):
                wanted[operation.gives, "serialization"] = None
        self._references, whole = models_json_schema(list(wanted), ref_template=_REFERENCE, by_alias=True)
        self.definitions = {name: _without_token(schema) for name, schema in whole.get("$defs", {}).items()}

    def has_fields(self, model: type[BaseModel]) -> bool:
        """Whether there is anything to send beside the token."""
        return bool(model.model_fields.keys() - _ONLY_TOKEN)

    def has_required(self, model: type[BaseModel]) -> bool:
        """Whether something must be sent."""
        return any(field.is_required() for field in model.model_fields.values())

    def reference(self, model: type[BaseModel], mode: JsonSchemaMode = "validation") -> dict[str, Any]:
        """Where the schema of a model is."""
        return self._references[model, mode]

    def answer(self, gives: Any) -> dict[str, Any]:
        """The content of an answer, by media type."""
        if isinstance(gives, Content):
            return {media_type: {} for media_type in (gives.media_type, *gives.others)}
        return {"application/json": {"schema": self.reference(gives, "serialization")}}

    def query(self, model: type[BaseModel]) -> list[dict[str, Any]]:
        """A model as parameters of the query."""
        if not self.has_fields(model):
            return []
        schema = self._of(model)
        required = schema.get("required", [])
        return [
            {"name": name, "in": "query", "required": name in required, "schema": _without_null(field)}
            for name, field in schema["properties"].items()
        ]

    def form(self, model: type[BaseModel], files: Iterable[str]) -> dict[str, Any]:
        """A model and files as parts of a multipart form."""
        schema = self._of(model) if self.has_fields(model) else {"properties": {}}
        parts = {name: {"type": "array", "items": {"type": "string", "format": "binary"}} for name in files}
        kept = {name: field for name, field in schema["properties"].items() if name not in parts}
        required = [name for name in schema.get("required", []) if name not in parts]
        return {"type": "object", "properties": {**kept, **parts}, "required": [*required, *parts]}

    def _of(self, model: type[BaseModel]) -> dict[str, Any]:
        name = self.reference(model)["$ref"].rsplit("/", 1)[1]
        return self.definitions[name]


def _is_model(gives: Any) -> bool:
    return isinstance(gives, type) and issubclass(gives, BaseModel)


def _without_token(schema: dict[str, Any]) -> dict[str, Any]:
    """The token may come among the parameters, but nobody who reads this should send it there."""
    properties = {name: field for name, field in schema.get("properties", {}).items() if name != _TOKEN}
    return {**schema, "properties": properties} if "properties" in schema else schema


def _without_null(field: dict[str, Any]) -> dict[str, Any]:
    """A query has no null: what is not wanted is left out."""
    kept = [option for option in field.get("anyOf", []) if option.get("type") != "null"]
    if len(kept) == len(field.get("anyOf", [])):
        return field
    rest = {name: value for name, value in field.items() if name not in ("anyOf", "default")}
    return {**kept[0], **rest} if len(kept) == 1 else {**rest, "anyOf": kept}
