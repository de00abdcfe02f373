"""The graph of a model of time series: from a window of readings to a score and the sensors' parts of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from training.tabular.export.graph import DOUBLE, FLOAT, IR_VERSION, ML, ML_OPSET, OPSET, Graph

if TYPE_CHECKING:
    import onnx

__all__ = ["DOUBLE", "FLOAT", "SeriesGraph"]

WINDOW, SCORE, CONTRIBUTIONS = "window", "score", "contributions"


class SeriesGraph(Graph):
    """A graph whose input is a double [rows, window, sensors]."""

    def reduce(self, kind: str, name: str, axes: list[int], keep: bool = False) -> str:
        """`ReduceSum`, `ReduceMean` or another over some axes."""
        return self.op(kind, name, self.ints(axes), keepdims=int(keep))

    def plus(self, name: str, other: Any) -> str:
        """Add a name or a constant."""
        return self.op("Add", name, self._name(other))

    def minus(self, name: str, other: Any) -> str:
        """Subtract a name or a constant."""
        return self.op("Sub", name, self._name(other))

    def times(self, name: str, other: Any) -> str:
        """Multiply by a name or a constant."""
        return self.op("Mul", name, self._name(other))

    def over(self, name: str, other: Any) -> str:
        """Divide by a name or a constant."""
        return self.op("Div", name, self._name(other))

    def rows(self, windows: str, start: int, stop: int) -> str:
        """Rows `start` to `stop` of each window; below 0 they count from its end, as in Python."""
        most = 2**62
        return self.op("Slice", windows, self.ints([start]), self.ints([stop if stop else most]), self.ints([1]))

    def floats(self, array: Any) -> str:
        """Add a constant, float32, for operators that know no doubles."""
        return self._constant(np.ascontiguousarray(array, dtype=np.float32))

    def series_model(self, window: int, sensors: int, score: str, parts: str) -> onnx.ModelProto:
        """The finished model.

        Args:
            score: name of a double [rows]; `parts` of a double [rows, sensors].
        """
        from onnx import helper

        for result, output in ((score, SCORE), (parts, CONTRIBUTIONS)):
            self._nodes.append(helper.make_node("Identity", [result], [output]))
        given = helper.make_tensor_value_info(WINDOW, DOUBLE, ["rows", window, sensors])
        told = [
            helper.make_tensor_value_info(SCORE, DOUBLE, ["rows"]),
            helper.make_tensor_value_info(CONTRIBUTIONS, DOUBLE, ["rows", sensors]),
        ]
        graph = helper.make_graph(self._nodes, "series", [given], told, self._constants)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML, ML_OPSET)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="DIYML")

    def _name(self, value: Any) -> str:
        return value if isinstance(value, str) else self.doubles(value)
