"""Readings and times as text by the formats of their columns, and as numbers of JSON."""

from __future__ import annotations

import math

import numpy as np
import pytest

from datasets.tables.schema import Column, ColumnType, NumberFormat
from inference.anomaly.reading import ReadingReader
from utils import InvalidInput

COMMA = NumberFormat.DECIMAL_COMMA


def test_text_has_the_format_of_its_sensor_and_numbers_are_numbers():
    time = Column("at", ColumnType.NUMBER, number_format=COMMA).as_fields()
    reader = ReadingReader(["flow", "heat"], "at", time, {"flow": COMMA.value})
    rows = [
        {"at": "1.700.000.000,5", "flow": "1.234,5", "heat": "1234.5"},
        {"at": 1_700_000_000.5, "flow": 1234.5, "heat": 1234.5},
        {"at": None, "flow": None, "heat": "?"},
        {"at": "1700000001", "flow": "1.234", "heat": "1.234"},
    ]
    expected = [[1234.5, 1234.5], [1234.5, 1234.5], [math.nan, math.nan], [1234.0, 1.234]]
    np.testing.assert_array_equal(reader.values(rows), np.array(expected))
    np.testing.assert_array_equal(reader.seconds(rows), [1_700_000_000.5, 1_700_000_000.5, math.nan, 1_700_000_001])
    with pytest.raises(InvalidInput, match=r"row 1, column 'flow': .* such as 1\.234,5 .*, got '1\.5'"):
        reader.values([{"flow": "1.5"}])
    with pytest.raises(InvalidInput, match=r"row 1, column 'at': .* such as 1\.234,5"):
        reader.seconds([{"at": "1700000000.5"}])


def test_cards_of_earlier_versions_read_points():
    reader = ReadingReader(["flow"], "at", {"name": "at", "type": "number", "date_format": None})
    assert reader.values([{"flow": "1.5"}]).tolist() == [[1.5]]
    assert reader.seconds([{"at": "1700000000.5"}]).tolist() == [1_700_000_000.5]
