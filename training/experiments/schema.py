"""The schema of documents as JSON Schema (2020-12), for editors and for whoever writes them by program."""

from __future__ import annotations

import functools
from typing import Any

from pydantic.json_schema import models_json_schema

from datasets.registry import KINDS
from training.experiments.sections import document_model


@functools.cache
def json_schema() -> dict[str, Any]:
    """One schema for all project types, which `type` tells apart."""
    models = {project_type: document_model(project_type) for project_type in KINDS}
    references, whole = models_json_schema(
        [(model, "validation") for model in models.values()], ref_template="#/$defs/{model}"
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "DIYML experiment",
        "description": "A training as a document, in YAML or JSON.",
        "type": "object",
        "required": ["type"],
        "oneOf": [references[model, "validation"] for model in models.values()],
        "$defs": whole["$defs"],
    }
