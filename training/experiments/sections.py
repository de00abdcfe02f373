"""What a document may say, one schema a project type: made of what its trainer and its kind of data take anyway."""

from __future__ import annotations

import copy
import functools
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema, create_model

from datasets.registry import KINDS
from storage.device import DeviceChoice
from training.experiments.choices import CHOICES, Choice
from training.experiments.data_sections import SECTIONS
from training.experiments.section import Section
from training.registry import TRAINERS

_SPLIT, _PARAMETERS = "train_split", "parameters"
_MOST_DESCRIPTION_CHARACTERS = 2_000
_ABOUT = "What is trained, on what, how, and what it must be worth to be published."
_NAME = r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}$"


def _named(text: str) -> str:
    if not re.fullmatch(_NAME, text):
        raise ValueError("must be up to 100 letters A to Z, digits, spaces, dots, - and _, a letter or digit first")
    return text


ExperimentName = Annotated[
    str,
    AfterValidator(_named),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": _NAME,
            "description": "Names the experiment in its project: what was trained under it before is its history.",
        }
    ),
]


class Evaluation(Section):
    """What a model must be worth to be published; of a project type, with its `metric`."""

    minimum: float | None = Field(default=None, description="Published when the metric is at least this.")
    maximum: float | None = Field(default=None, description="Published when the metric is at most this: of an error.")


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")


def document_model(project_type: str) -> type[BaseModel]:
    """The schema of documents for projects of a type."""
    return _document_model(project_type)


@functools.cache
def _document_model(project_type: str) -> type[BaseModel]:
    sections, split = SECTIONS[KINDS[project_type].name], TRAINERS[project_type].Params.model_fields[_SPLIT]
    preparation = create_model(
        f"{project_type.title()}Preparation",
        __base__=sections.Preparation,
        __doc__="How the data are read and split.",
        **{_SPLIT: _field(split)},
    )
    fields: dict[str, Any] = {
        "name": ExperimentName,
        "type": Annotated[Literal[project_type], Field(description="The project type.")],
        "description": Annotated[str, Field(max_length=_MOST_DESCRIPTION_CHARACTERS)],
        "data": sections.Data,
        "preparation": preparation,
        "model": _model_section(project_type),
        "parameters": _parameters_section(project_type),
        "device": Annotated[DeviceChoice, Field(description="What the training may run on.")],
        "evaluation": _evaluation_section(project_type),
    }
    defaults: dict[str, Any] = {"name": ..., "type": ..., "data": ..., "description": "", "device": DeviceChoice.ANY}
    definitions: dict[str, Any] = {
        name: (annotation, defaults.get(name, Field(default_factory=annotation))) for name, annotation in fields.items()
    }
    return create_model(f"{project_type.title()}Experiment", __base__=_Document, __doc__=_ABOUT, **definitions)


def _model_section(project_type: str) -> type[Section]:
    """The key that names the algorithm, and its parameters; nothing where the trainer leaves no choice."""
    name, choice = f"{project_type.title()}Model", CHOICES.get(project_type)
    if choice is None:
        return create_model(name, __base__=Section, __doc__="Nothing: there is one way to train this type.")
    info = TRAINERS[project_type].Params.model_fields[choice.field]
    fields: dict[str, Any] = {
        choice.field: (Literal[choice.names], Field(default=info.default, description=info.description)),
        _PARAMETERS: (
            dict[str, Any],
            Field(default_factory=dict, description="Of what is named, each with a default."),
        ),
    }
    base = type("_Base", (Section,), {"model_config": ConfigDict(json_schema_extra=_conditions(choice))})
    return create_model(name, __base__=base, __doc__="What is trained.", **fields)


def _conditions(choice: Choice) -> dict[str, Any]:
    """JSON Schema: the parameters depend on what is named."""
    return {
        "allOf": [
            {
                "if": {"properties": {choice.field: {"const": name}}, "required": [choice.field]},
                "then": {"properties": {_PARAMETERS: params.model_json_schema()}},
            }
            for name, params in choice.params.items()
        ]
    }


def _parameters_section(project_type: str) -> type[Section]:
    """The trainer's params but for those that other sections hold."""
    choice = CHOICES.get(project_type)
    elsewhere = {_SPLIT, *((choice.field, _PARAMETERS) if choice else ())}
    params = TRAINERS[project_type].Params.model_fields
    fields = {name: _field(info) for name, info in params.items() if name not in elsewhere}
    about = "Of the training, each with a default."
    return create_model(f"{project_type.title()}Parameters", __base__=Section, __doc__=about, **fields)


def _evaluation_section(project_type: str) -> type[Section]:
    """The bounds, and the metrics that the trainer knows."""
    trainer = TRAINERS[project_type]
    fields: dict[str, Any] = {
        "metric": (
            Literal[tuple(trainer.METRICS)] | None,
            Field(default=None, description=f"None is the one that models are known by: {trainer.METRIC}."),
        )
    }
    about = "What a model must be worth to be published."
    return create_model(f"{project_type.title()}Evaluation", __base__=Evaluation, __doc__=about, **fields)


def _field(info: Any) -> Any:
    return info.annotation, copy.copy(info)
