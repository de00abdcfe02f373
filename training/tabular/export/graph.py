"""A graph that grows operator by operator; every number in it is a double."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from datasets.tables.schema import ColumnType
from inference.tabular.inputs import INPUT_OF, METADATA, TableShape

if TYPE_CHECKING:
    import onnx

OPSET, ML_OPSET, IR_VERSION = 18, 5, 10
ML = "ai.onnx.ml"
# As `onnx.TensorProto` numbers them. Onnx itself is imported where it is needed: the web server imports trainers.
FLOAT, UINT8, INT64, STRING, DOUBLE = 1, 2, 7, 8, 11


class Graph:
    """Nodes and constants of a graph under construction; names are made here."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def op(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add an operator with one output; gives the output's name."""
        from onnx import helper

        output = f"n{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [output], domain=domain, **attributes))
        return output

    def top_values(self, values: str, count: int) -> str:
        """The `count` smallest of each row, rising."""
        from onnx import helper

        output = f"n{len(self._nodes)}"
        inputs = [values, self.ints([count])]
        self._nodes.append(helper.make_node("TopK", inputs, [output, f"{output}_at"], axis=1, largest=0, sorted=1))
        return output

    def doubles(self, array: Any) -> str:
        """Add a constant, float64."""
        return self._constant(np.ascontiguousarray(array, dtype=np.float64))

    def ints(self, array: Any) -> str:
        """Add a constant, int64."""
        return self._constant(np.asarray(array, dtype=np.int64))

    def cast(self, name: str, to: int = DOUBLE) -> str:
        """Convert; to double if nothing else is said."""
        return self.op("Cast", name, to=to)

    def columns(self, name: str, indices: Sequence[int] | np.ndarray) -> str:
        """Some columns of a matrix, in this order."""
        return self.op("Gather", name, self.ints(indices), axis=1)

    def affine(self, name: str, weights: np.ndarray, bias: np.ndarray) -> str:
        """`x @ weights + bias`."""
        return self.op("Add", self.op("MatMul", name, self.doubles(weights)), self.doubles(bias))

    def model(
        self, shape: TableShape, result: str, known: Mapping[str, Sequence[str]] | None = None
    ) -> onnx.ModelProto:
        """The finished model.

        Args:
            result: name of a double, rows x classes, or rows x 1 for regression.
            known: categories that the graph knows, by column, for its metadata.
        """
        from onnx import helper

        width = max(1, len(shape.classes))
        output_type = FLOAT if shape.classes else DOUBLE
        inputs = [
            helper.make_tensor_value_info(
                name, STRING if kind is ColumnType.CATEGORY else DOUBLE, ["rows", len(members)]
            )
            for kind, name in INPUT_OF.items()
            if (members := shape.of_type(kind))
        ]
        output = helper.make_tensor_value_info(shape.output, output_type, ["rows", width])
        model = self.finished("table", inputs, result, output)
        helper.set_model_props(model, {METADATA: shape.as_json(known)})
        return model

    def finished(
        self, name: str, inputs: Sequence[onnx.ValueInfoProto], result: str, output: onnx.ValueInfoProto
    ) -> onnx.ModelProto:
        """The finished model of any inputs; the result becomes its only output, in that one's type."""
        from onnx import helper

        to = output.type.tensor_type.elem_type
        self._nodes.append(helper.make_node("Cast", [result], [output.name], to=to))
        graph = helper.make_graph(self._nodes, name, inputs, [output], self._constants)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML, ML_OPSET)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="DIYML")

    def _constant(self, array: np.ndarray) -> str:
        from onnx import numpy_helper

        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(array, name))
        return name


def tensor(name: str, kind: int, values: np.ndarray) -> onnx.TensorProto:
    """A vector as an attribute of an operator."""
    from onnx import helper

    return helper.make_tensor(name, kind, [len(values)], values.tobytes(), raw=True)
