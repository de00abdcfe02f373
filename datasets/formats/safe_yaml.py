"""YAML files of a source: text, lists and mappings, nothing else."""

from __future__ import annotations

from typing import Any

import yaml

MOST_YAML_BYTES = 256 * 1024
_MOST_DEPTH = 16


class _Loader(yaml.BaseLoader):
    """Leaves every value the text it is: a class named `no` or `1.0` is neither false nor a number.

    Aliases are refused, because a few lines of them unfold to more than any memory holds.
    """

    _depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: yaml.Event = self.peek_event()
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent):
            raise ValueError(f"line {line}: aliases (*) are not read: write the values out")
        if self._depth >= _MOST_DEPTH:
            raise ValueError(f"line {line}: nested deeper than {_MOST_DEPTH} levels")
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


def load_yaml(text: str) -> Any:
    """What a YAML text says, every scalar as text.

    Raises:
        ValueError: it is no YAML, has aliases, or is nested too deeply, in words that name the line.
    """
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - makes text, lists and mappings only
    except (yaml.YAMLError, RecursionError) as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise ValueError(f"{where}this is no YAML that can be read: {problem or type(error).__name__}") from None
