"""What an ONNX file must be before a runtime sees it: plain, bounded, and complete in itself."""

from __future__ import annotations

from collections.abc import Iterator

import onnx
from google.protobuf.message import DecodeError

from inference.answers import Damaged

MOST_BYTES = 1024**3
MOST_NODES = 50_000
DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})


def check_model(content: bytes) -> None:
    """See that a model holds standard operators only, no reference to another file, and not too much of anything.

    A tensor may name a file that a runtime then opens, and a custom operator may be looked for in a shared library;
    neither occurs in what training exports.

    Raises:
        Damaged: it does not; the message says what was found.
    """
    if len(content) > MOST_BYTES:
        raise _refused(f"it has {len(content):,} bytes, allowed are {MOST_BYTES:,}")
    try:
        model = onnx.load_model_from_string(content)
    except DecodeError:
        raise _refused("it is no ONNX file") from None
    if model.functions:
        raise _refused("it defines functions of its own")
    nodes = 0
    for graph in _graphs(model.graph):
        nodes += len(graph.node)
        if nodes > MOST_NODES:
            raise _refused(f"it has more than the {MOST_NODES:,} nodes allowed")
        _check_graph(graph)


def _check_graph(graph: onnx.GraphProto) -> None:
    for node in graph.node:
        if node.domain not in DOMAINS:
            raise _refused(f"the operator {node.op_type[:50]} is of the foreign domain '{node.domain[:50]}'")
    for tensor in _tensors(graph):
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise _refused("it refers to another file")


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """The graph and those inside its branches and loops."""
    waiting = [graph]
    while waiting:
        graph = waiting.pop()
        yield graph
        for node in graph.node:
            for attribute in node.attribute:
                waiting += [attribute.g] if attribute.HasField("g") else []
                waiting += attribute.graphs


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)


def _refused(reason: str) -> Damaged:
    return Damaged(f"the stored model may not be run: {reason}. Train the project again")
