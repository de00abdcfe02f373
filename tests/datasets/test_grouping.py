from __future__ import annotations

import time

import pytest

from datasets.grouping import check_pattern, compiled, groups_of
from utils import InvalidInput


@pytest.mark.parametrize(
    ("pattern", "name", "group"),
    [
        (r"^(patient\d+)_", "patient12_left.png", "name:patient12"),
        (r"^([^_]+)_", "fox_003.jpg", "name:fox"),
        (r"^(.+?)[-_]\d+", "blue car-17.png", "name:blue car"),
        (r"case-\d{4}", "scan of case-2041 b.png", "name:case-2041"),
        (r"(?:left|right)-(\w+)", "left-ada.png", "name:ada"),
        (r"^(a)?b", "b.png", None),
        (r"^x", "fox.png", None),
    ],
)
def test_the_first_group_or_the_whole_match_names_the_group(pattern: str, name: str, group: str | None):
    check_pattern(pattern)
    assert groups_of(name, (), compiled(pattern)) == ((group,) if group else ())


def test_a_tag_names_a_group_too():
    assert groups_of("a", ("blurred", "group:7", "group:"), None) == ("group:7",)
    assert groups_of("fox_1", ("group:7",), compiled("^([a-z]+)_")) == ("group:7", "name:fox")


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+b", "(a|a)*b", "(a*)*", "(.*)(.*)(.*)x", "a?" * 30 + "a" * 30, "(a|a)" * 20, "(?=a)b", r"(a)\1",
        "(?P<x>a)", "(", "[", "*", "a" * 201, "(?i)a", "(?:a{0,99}){0,99}b", "(?:a|aa){99}b", ".*.*.*=.*",
        "((a?)?)?" * 12,
    ],
)  # fmt: skip
def test_what_may_take_long_or_is_no_expression_is_refused(pattern: str):
    with pytest.raises(InvalidInput, match="group_pattern cannot be used: ") as refused:
        check_pattern(pattern)
    assert refused.value.errors[0]["field"] == "group_pattern"
    assert compiled(pattern) is None


@pytest.mark.parametrize("pattern", [".*.*x", "^.*.*.*x", "(a|b)(a|b)(a|b).*x", "^(.+?)(.+?)(.+?)x"])
def test_what_is_allowed_takes_little_time_on_the_worst_name(pattern: str):
    allowed = compiled(pattern)
    assert allowed
    started = time.perf_counter()
    groups_of("a" * 100, (), allowed)
    groups_of("ab" * 50, (), allowed)
    assert time.perf_counter() - started < 5
