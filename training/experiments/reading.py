"""From the text of a document to an experiment, or to everything that is wrong with it, with line and column."""

from __future__ import annotations

import difflib
import hashlib
import json
import types
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from datasets.registry import KINDS, canonical_type
from storage.device import DeviceChoice
from training.experiments.choices import CHOICES
from training.experiments.section import Section
from training.experiments.sections import document_model
from training.experiments.text import Marked, Path, Problem, read_marked, refusal
from training.parameters import field_error, parse
from training.registry import TRAINERS
from utils import InvalidInput, some_of

_NEAR = 0.6
_TYPE = ("type",)
_PARAMETERS, _SPLIT = "parameters", "train_split"
Found = Iterable[Problem]


@dataclass(frozen=True)
class Experiment:
    """A document that is right in itself.

    Attributes:
        text: as it was sent.
        sha256: of that.
        document: a model of `document_model`.
        params: of the trainer, those that the document names.
    """

    text: str
    sha256: str
    is_json: bool
    project_type: str
    document: Any
    params: dict[str, Any]
    marked: Marked

    @property
    def name(self) -> str:
        """What it is called."""
        return str(self.document.name)

    @property
    def project(self) -> str:
        """Name of the project that it is about."""
        return str(self.document.data.project)

    @property
    def device(self) -> DeviceChoice:
        """What it may run on."""
        return DeviceChoice(self.document.device)

    @property
    def dataset_version(self) -> int | None:
        """The version of the dataset to train on; None for the data as they are."""
        return getattr(self.document.data, "version", None)

    def problem(self, path: Path, message: str) -> Problem:
        """Something that is wrong with a part of it."""
        return Problem(self.marked.place(path), ".".join(path), message)


def read_experiment(content: bytes, is_json: bool = False) -> Experiment:
    """Read a document.

    Args:
        content: UTF-8, YAML or JSON.
        is_json: it must be JSON.

    Raises:
        InvalidInput: with an entry in `errors` for everything that is wrong: `field`, `message`, `line`, `column`.
        TooLarge: it has more than 64 KiB.
    """
    marked = read_marked(content, is_json)
    if not isinstance(marked.value, dict):
        raise refusal([Problem(marked.place(()), "", f"wanted keys with values, got {_kind(marked.value)}")])
    project_type = _type_of(marked)
    schema = document_model(project_type)
    known, problems = _known(schema, {**marked.value, "type": project_type}, (), marked, project_type)
    document = None
    try:
        document = schema.model_validate_json(json.dumps(known), strict=True)
    except ValidationError as error:
        problems += [_problem(schema, dict(item), marked) for item in error.errors(include_url=False)]
    params, origins = _params(known, project_type)
    problems += _bad_choice(known, marked, project_type)
    if document is not None:
        problems += _bad_evaluation(document, marked)
    if not problems:
        problems += _bad_params(params, origins, marked, project_type)
    if problems:
        raise refusal(problems)
    text = content.decode("utf-8-sig")
    return Experiment(text, hashlib.sha256(content).hexdigest(), is_json, project_type, document, params, marked)


def _type_of(marked: Marked) -> str:
    given, names = marked.value.get("type"), ", ".join(KINDS)
    found = canonical_type(given) if isinstance(given, str) else None
    if found is None:
        got = f"got {_kind(given)}" if "type" in marked.value else "it is missing"
        raise refusal([Problem(marked.place(_TYPE), "type", f"type must be one of {names}; {got}")])
    return found


def _known(
    schema: type[BaseModel], values: dict[str, Any], path: Path, marked: Marked, project_type: str
) -> tuple[dict[str, Any], list[Problem]]:
    """The values whose keys the schema knows, and a problem for each that it does not know."""
    known: dict[str, Any] = {}
    problems: list[Problem] = []
    for key, value in values.items():
        if key not in schema.model_fields:
            message = _unknown(key, schema, path, project_type)
            problems.append(Problem(marked.key_place((*path, key)), ".".join((*path, key)), message))
            continue
        section = _section(schema.model_fields[key].annotation)
        if section is not None and value is None:
            continue  # a section without anything in it
        if section is not None and isinstance(value, dict):
            value, more = _known(section, value, (*path, key), marked, project_type)
            problems += more
        known[key] = value
    return known, problems


def _unknown(key: str, schema: type[BaseModel], path: Path, project_type: str) -> str:
    where = f" in {'.'.join(path)}" if path else ""
    message = f"unknown key '{key[:50]}'{where}"
    if near := difflib.get_close_matches(key, schema.model_fields, 1, _NEAR):
        return f"{message}: do you mean '{near[0]}'?"
    if home := [name for name in _homes(document_model(project_type), key, ()) if name != path]:
        return f"{message}: it belongs {'into ' + '.'.join(home[0]) if home[0] else 'to the top'}"
    names = list(schema.model_fields)
    return f"{message}: {'it has ' + some_of(names, 20) if names else f'there is nothing to choose for {project_type}'}"


def _homes(schema: type[BaseModel], key: str, path: Path) -> Iterable[Path]:
    """The sections that know a key."""
    if key in schema.model_fields:
        yield path
    for name, info in schema.model_fields.items():
        if section := _section(info.annotation):
            yield from _homes(section, key, (*path, name))


def _section(annotation: Any) -> type[Section] | None:
    """The section that a field holds, also when it may be left out; None for any other field."""
    options = get_args(annotation) if get_origin(annotation) in (types.UnionType, Union) else (annotation,)
    return next((one for one in options if isinstance(one, type) and issubclass(one, Section)), None)


def _problem(schema: type[BaseModel], item: dict[str, Any], marked: Marked) -> Problem:
    """What pydantic says, at the place that it is about."""
    missing, location = item["type"] == "missing", _location(item, marked)
    owner, depth = schema, 0
    while depth < len(location) and (section := _section_of(owner, location[depth])):
        owner, depth = section, depth + 1
    path = ".".join(location)
    if depth == len(location):
        message = f"{path} must hold keys with values, got {_kind(item['input'])}"
        return Problem(marked.place(location), path, message)
    message = field_error(owner, {**item, "loc": location[depth:]})["message"]
    prefix = "".join(f"{part}." for part in location[:depth])
    return Problem(marked.key_place(location[:-1]) if missing else marked.place(location), path, prefix + message)


def _location(item: dict[str, Any], marked: Marked) -> Path:
    """Where something is wrong, without what pydantic puts in beside the document's keys."""
    found: Path = ()
    parts = [str(part) for part in item["loc"]]
    for part in parts[:-1] if item["type"] == "missing" else parts:
        found = (*found, part) if (*found, part) in marked.values else found
    return (*found, parts[-1]) if item["type"] == "missing" else found or (parts[0],)


def _section_of(schema: type[BaseModel], name: str) -> type[Section] | None:
    info = schema.model_fields.get(name)
    return _section(info.annotation) if info else None


def _params(values: dict[str, Any], project_type: str) -> tuple[dict[str, Any], dict[str, Path]]:
    """The trainer's params, and from where in the document each comes."""
    params: dict[str, Any] = {}
    origins: dict[str, Path] = {}
    for section, names in ((_PARAMETERS, None), ("model", None), ("preparation", {_SPLIT})):
        found = values.get(section) or {}
        for name, value in found.items() if isinstance(found, dict) else ():
            if names is None or name in names:
                params[name], origins[name] = value, (section, name)
    return params, origins


def _bad_choice(values: dict[str, Any], marked: Marked, project_type: str) -> Found:
    """What is wrong with the parameters of what `model` names; of what it names, the schema has told."""
    choice, model = CHOICES.get(project_type), values.get("model")
    given = model.get(_PARAMETERS) if isinstance(model, dict) else None
    if choice is None or not isinstance(model, dict) or not isinstance(given, dict):
        return
    named = model.get(choice.field, choice.auto)
    base = ("model", _PARAMETERS)
    if named not in choice.params:
        if named == choice.auto and given:
            text = f"model.parameters: `{choice.auto}` chooses them: leave them out, or name the {choice.field}"
            yield Problem(marked.key_place(base), ".".join(base), text)
        return
    fields = choice.params[named].model_fields
    for key in given.keys() - fields.keys():
        near = difflib.get_close_matches(key, fields, 1, _NEAR)
        tip = f"do you mean '{near[0]}'?" if near else f"{named} knows {some_of(list(fields), 20)}"
        path = (*base, key)
        yield Problem(marked.key_place(path), ".".join(path), f"unknown key '{key[:50]}' in model.parameters: {tip}")
    try:
        parse(choice.params[named], {key: value for key, value in given.items() if key in fields}, strict=True)
    except InvalidInput as error:
        yield from _placed(error, {name: (*base, name) for name in fields}, marked, base)


def _bad_params(params: dict[str, Any], origins: dict[str, Path], marked: Marked, project_type: str) -> Found:
    """What the trainer finds wrong with params that are right each by itself."""
    try:
        parse(TRAINERS[project_type].Params, params, strict=True)
    except InvalidInput as error:
        yield from _placed(error, origins, marked, (_PARAMETERS,))


def _placed(error: InvalidInput, origins: dict[str, Path], marked: Marked, base: Path) -> Found:
    """Errors of fields at the places that these come from."""
    for entry in error.errors:
        words = {entry["field"].split(".")[0], entry["message"].removeprefix("body: ").split(" ")[0].rstrip(":")}
        path = next((origins[word] for word in words if word in origins), base)
        message = entry["message"].removeprefix("body: ")
        prefix = "".join(f"{part}." for part in path[:-1]) if message.startswith(path[-1]) else ""
        yield Problem(marked.place(path), ".".join(path), prefix + message)


def _bad_evaluation(document: Any, marked: Marked) -> Found:
    wanted, path = document.evaluation, ("evaluation",)
    bounds: Sequence[float] = [bound for bound in (wanted.minimum, wanted.maximum) if bound is not None]
    if wanted.metric and not bounds:
        yield Problem(marked.key_place(path), "evaluation", "evaluation names a metric: say its minimum or maximum too")
    if len(bounds) == 2 and bounds[0] > bounds[1]:
        text = f"evaluation.minimum must not be more than evaluation.maximum, got {bounds[0]} and {bounds[1]}"
        yield Problem(marked.place((*path, "minimum")), "evaluation.minimum", text)


def _kind(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return "keys with values" if isinstance(value, dict) else "a list"
    if value is None:
        return "nothing"
    return f"{value!r}"[:80] if isinstance(value, str) else json.dumps(value)
