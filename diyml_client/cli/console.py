"""What the commands say: results on stdout, everything else on stderr; colours and bars only for a person's eyes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from diyml_client.records import Record

_PLAIN_CHARACTERS = 1000


class Output:
    """Both streams of one command."""

    def __init__(self, as_json: bool, quiet: bool = False):
        self.as_json = as_json
        self.quiet = quiet
        self._out = _console(sys.stdout)
        self.err = _console(sys.stderr)

    @property
    def live(self) -> bool:
        """Whether somebody looks on as it happens."""
        return self.err.is_terminal and not self.as_json and not self.quiet

    def say(self, text: str) -> None:
        """A message; on stderr, so that it is never part of a result."""
        if not self.quiet:
            self.err.print(text, markup=False, highlight=False, soft_wrap=True)

    def data(self, value: Any) -> None:
        """A result for a program: one JSON value on one line."""
        sys.stdout.write(json.dumps(plain(value), ensure_ascii=False) + "\n")
        sys.stdout.flush()

    def text(self, text: str) -> None:
        """A result as it is."""
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[Any]], none: str) -> None:
        """A result for a person; `none` is said where there are no rows."""
        shown = [[Text(cell(value)) for value in row] for row in rows]
        if not shown:
            self.say(none)
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold", no_wrap=not self._out.is_terminal)
        for row in shown:
            table.add_row(*row)
        self._out.print(table)

    def list(self, items: Iterable[Any], columns: dict[str, str], none: str) -> None:
        """A list, either way; `columns` are headings by field."""
        if self.as_json:
            self.data(list(items))
        else:
            rows = ([_brief(getattr(item, name)) for name in columns] for item in items)
            self.table([*columns.values()], rows, none)

    def one(self, item: Any, fields: Sequence[tuple[str, Any]]) -> None:
        """One thing, either way; `fields` are its lines for a person."""
        if self.as_json:
            self.data(item)
            return
        width = max(len(name) for name, _ in fields) + 2
        for name, value in fields:
            self.text(f"{name:{width}}{cell(value)}")

    def bar(self, unit: str) -> AbstractContextManager[Progress]:
        """A progress bar on stderr; it shows nothing where nobody looks on."""
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        del unit
        return Progress(*columns, console=self.err, disable=not self.live, transient=True)


def _console(stream: Any) -> Console:
    """A console for a stream; rich itself obeys NO_COLOR and TERM=dumb."""
    terminal = bool(stream.isatty())
    width = None if terminal else _PLAIN_CHARACTERS
    return Console(file=stream, force_terminal=terminal, width=width, highlight=False, emoji=False)


def _brief(value: Any) -> Any:
    """Of what holds figures by name only the overall ones: a cell has no room for those of each class."""
    if not isinstance(value, dict):
        return value
    return {name: item for name, item in value.items() if not isinstance(item, (dict, list, tuple))}


def plain(value: Any) -> Any:
    """A value as JSON holds it: records as the server sent them."""
    if isinstance(value, Record):
        return value.raw or {
            name: plain(item) for name, item in vars(value).items() if not name.startswith(("_", "raw"))
        }
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value


def cell(value: Any) -> str:
    """A value as a person reads it."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M")
    if isinstance(value, (list, tuple)):
        return ", ".join(map(cell, value)) or "-"
    if isinstance(value, dict):
        return ", ".join(f"{name} {cell(item)}" for name, item in value.items()) or "-"
    return str(value)
