"""Year, month, day, weekday and hour of days since 1970, as arithmetic on doubles.

The calendar is computed as in "chrono-Compatible Low-Level Date Algorithms" (Howard Hinnant, civil_from_days): years
begin in March, so that the leap day is the last, and eras of 400 years are all alike.
"""

from __future__ import annotations

from training.tabular.export.graph import Graph

PARTS = ("days", "year", "month", "day", "weekday", "hour")
_MARCH_1_OF_YEAR_0 = 719_468
_ERA_DAYS = 146_097
# A time of day that was divided by 86,400 may be a rounding error short of its full hour.
_HOUR_SLACK = 1e-6


class _Arithmetic:
    """Operators on doubles, with numbers as constants."""

    def __init__(self, graph: Graph):
        self._graph = graph

    def plus(self, a: str, b: str | float) -> str:
        return self._graph.op("Add", a, self._name(b))

    def minus(self, a: str, b: str | float) -> str:
        return self._graph.op("Sub", a, self._name(b))

    def times(self, a: str, b: str | float) -> str:
        return self._graph.op("Mul", a, self._name(b))

    def over(self, a: str, b: float) -> str:
        """Divided and rounded down."""
        return self._graph.op("Floor", self._graph.op("Div", a, self._name(b)))

    def rest(self, a: str, b: float) -> str:
        """What the division leaves."""
        return self.minus(a, self.times(self.over(a, b), b))

    def at_least(self, a: str, bound: float) -> str:
        """1.0 or 0.0; 0.0 for NaN."""
        return self._graph.cast(self._graph.op("GreaterOrEqual", a, self._name(bound)))

    def _name(self, value: str | float) -> str:
        return value if isinstance(value, str) else self._graph.doubles(value)


def add_date_parts(graph: Graph, dates: str) -> list[str]:
    """The parts of all date columns, each rows x columns, in the order of `PARTS`; NaN stays NaN."""
    do = _Arithmetic(graph)
    whole = graph.op("Floor", dates)
    shifted = do.plus(whole, _MARCH_1_OF_YEAR_0)
    era = do.over(shifted, _ERA_DAYS)
    day_of_era = do.minus(shifted, do.times(era, _ERA_DAYS))
    leaps = do.minus(do.over(day_of_era, 36_524), do.over(day_of_era, 1_460))
    leaps = do.minus(leaps, do.over(day_of_era, 146_096))
    year_of_era = do.over(do.plus(day_of_era, leaps), 365)
    before = do.minus(
        do.plus(do.times(year_of_era, 365), do.over(year_of_era, 4)),
        do.over(year_of_era, 100),
    )
    day_of_year = do.minus(day_of_era, before)
    since_march = do.over(do.plus(do.times(day_of_year, 5), 2), 153)
    day = do.plus(do.minus(day_of_year, do.over(do.plus(do.times(since_march, 153), 2), 5)), 1)
    next_year = do.at_least(since_march, 10)
    month = do.minus(do.plus(since_march, 3), do.times(next_year, 12))
    year = do.plus(do.plus(year_of_era, do.times(era, 400)), next_year)
    weekday = do.rest(do.plus(whole, 3), 7)
    hour = graph.op("Floor", do.plus(do.times(do.minus(dates, whole), 24), _HOUR_SLACK))
    return [dates, year, month, day, weekday, hour]
