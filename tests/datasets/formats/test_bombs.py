"""Files that are made to take all memory or time are refused at once."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterator

import pytest

from datasets.formats.json_items import JsonDocument
from datasets.formats.safe_xml import parse_xml
from datasets.formats.safe_yaml import load_yaml
from tests.datasets.formats.sources import MemorySource


@pytest.fixture(autouse=True)
def _is_quick_and_small() -> Iterator[None]:
    """What a bomb unfolds to would take gigabytes."""
    tracemalloc.start()
    begin = time.monotonic()
    yield
    seconds, most_bytes = time.monotonic() - begin, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seconds < 20
    assert most_bytes < 60 * 1024 * 1024


def _json(text: bytes) -> Callable[[], object]:
    def load() -> object:
        document = JsonDocument(MemorySource({"a.json": text}), "a.json", 8 * 1024 * 1024)
        return [document.load(item) for key in document.names() for item in document.items(key)]

    return load


LAUGHS = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 10))
BILLION = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    ("load", "reason"),
    [
        (lambda: load_yaml(f"l0: &l0 lol\n{LAUGHS}"), "line 2: aliases"),
        (lambda: load_yaml("a: &a [*a]"), "aliases"),
        (lambda: load_yaml("[" * 2_000), "nested deeper"),
        (lambda: load_yaml("{a: " * 20_000), "nested deeper"),
        (lambda: load_yaml("- " * 20_000), "nested deeper"),
        (lambda: load_yaml("? " * 20_000), "nested deeper"),
        (lambda: load_yaml("a: \x07"), "no YAML"),
        (lambda: parse_xml(f"<!DOCTYPE a [<!ENTITY l0 'lol'>{BILLION}]><a>&l9;</a>".encode()), "document types"),
        (lambda: parse_xml(b"<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>"), "document types"),
        (lambda: parse_xml(b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>"), "document types"),
        (lambda: parse_xml(b"<a>&x;</a>"), "no XML"),
        (lambda: parse_xml(b"<a>" * 100_000), "nested deeper"),
        (lambda: parse_xml(b"<a>" + b"<b/>" * 60_000 + b"</a>"), "elements"),
        (lambda: parse_xml(b"<?xml version='1.0' encoding='nonsense'?><a/>"), "encoding"),
        (lambda: parse_xml(b""), "no XML"),
        (_json(b'{"a": ' + b"[" * 1_000_000), "nested deeper"),
        (_json(b'{"a": [' + b'{"a":' * 1_000_000), "nested deeper"),
        (_json(b'{"a": [[' + b"[]," + b" " * 5_000_000 + b"[]]]}"), "allowed are"),
        (_json(b'{"a": ["' + b"x" * 5_000_000), "does not end"),
        (_json(b'{"a": ["' + b'\\"' * 2_000_000), "does not end"),
        (_json(b'{"a": [' + b"9" * 100_000 + b"]}"), "no JSON"),
        (_json(b'{"a": [NaN]}'), "NaN is no number"),
        (_json(b'{"a": [1 2]}'), "no JSON"),
        (_json(b'{"a": [1,,2]}'), "nothing stands before"),
        (_json(b'{"a": [1'), "ends in the middle"),
        (_json(b'{"a" [1]}'), "wanted :"),
        (_json(b"{a: [1]}"), "in quotes"),
        (_json(b"[]"), "wanted a JSON object"),
        (_json(b""), "wanted a JSON object"),
        (_json(b"{" + b"x" * 9_000_000), "split it"),
    ],
)
def test_it_is_refused_in_words(load: Callable[[], object], reason: str):
    with pytest.raises(ValueError, match=reason):
        load()


def test_many_small_items_take_no_more_than_their_text():
    content = b'{"images": [' + b"[]," * 20_000 + b"[]]}"
    document = JsonDocument(MemorySource({"a.json": content}), "a.json", 64 * 1024 * 1024)
    before = tracemalloc.get_traced_memory()[0]
    assert sum(document.load(item) == [] for item in document.items("images")) == 20_001
    assert tracemalloc.get_traced_memory()[1] - before < 1024 * 1024


def test_items_know_their_lines():
    content = b'{\n"a": [\n{"x": "],}\\""},\n\n  2, {\n"y": [1, {}]}\n], "b": {"a": [7]}, "c": -1.5e3 }'
    document = JsonDocument(MemorySource({"a.json": content}), "a.json", 1000)
    assert [(item.line, document.load(item)) for item in document.items("a")] == [
        (3, {"x": '],}"'}),
        (5, 2),
        (5, {"y": [1, {}]}),
    ]
    assert (document.value("b"), document.value("c"), document.value("d")) == ({"a": [7]}, -1500, None)
    assert list(document.items("b")) == []
