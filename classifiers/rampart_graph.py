"""Rampart's network as a graph of 8-bit integer products: a third of the time of the one in the package.

The package's graph has 4-bit weights that onnxruntime multiplies as floats. The same weights are written as 8-bit
integers here, with one scale a column, in a graph for a single unpadded text. Activations become integers by the range
of the text they belong to (ONNX ``DynamicQuantizeLinear``): a run holds one text, so no other text is in its sums. What
this costs in F1 is within the noise (``benchmarks/ner.py``); what else was tried: docs/decisions/0022.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

#: Changes with every change of this file that changes a probability.
RECIPE = 3
#: 7 bits and the sign: a processor without VNNI adds two products in 16 bits, and 2 x 255 x 64 still fits.
LEVELS = 64
LAYERS, HEADS, SIZE = 6, 12, 32
_FUSED = "com.microsoft"
_EPSILON = 1e-12
Floats = NDArray[np.float32]


def integer_graph(model: bytes) -> bytes:
    """The ONNX model ``model`` (Rampart's ``model_q4.onnx``) rewritten: the same bytes in, the same bytes out.

    Inputs: ``input_ids`` of shape (1, tokens), with the special tokens; ``wanted``, the places of those whose label is
    asked for. Output: ``logits`` of shape (1, wanted, labels). The last layer is computed for the wanted tokens only.
    """
    weights = _Weights(onnx.load_model_from_string(model).graph)
    graph = _Graph()
    hidden = _embeddings(graph, weights)
    for layer in range(LAYERS):
        hidden = _layer(graph, weights, f"bert.encoder.layer.{layer}.", hidden, last=layer == LAYERS - 1)
    scores = graph.add("MatMul", hidden, graph.constant("classifier", weights.matrix("classifier")))
    bias = graph.constant("classifier.bias", weights.array("classifier.bias"))
    graph.add("Add", scores, bias, outputs=("logits",))
    return graph.serialized(labels=len(weights.array("classifier.bias")))


def _embeddings(graph: _Graph, weights: _Weights) -> str:
    """Word and position embeddings, normalised. All tokens are of the first segment."""
    prefix = "bert.embeddings."
    words = graph.constant("words", weights.array(f"{prefix}word_embeddings.weight_quantized"))
    scale, zero = (weights.array(f"{prefix}word_embeddings.weight_{part}") for part in ("scale", "zero_point"))
    rows = graph.add("Gather", words, "input_ids")
    rows = graph.add("DequantizeLinear", rows, graph.constant("words.scale", scale), graph.constant("words.zero", zero))
    table = weights.table(f"{prefix}position_embeddings") + weights.table(f"{prefix}token_type_embeddings")[0]
    tokens = graph.add("Shape", "input_ids", start=1, end=2)
    first = graph.constant("first", np.array([0], dtype=np.int64))
    positions = graph.add("Slice", graph.constant("positions", table), first, tokens, first)
    norm = [
        graph.constant(f"{prefix}{part}", weights.array(f"{prefix}LayerNorm.{part}")) for part in ("weight", "bias")
    ]
    return graph.add("LayerNormalization", graph.add("Add", rows, positions), *norm, epsilon=_EPSILON)


def _layer(graph: _Graph, weights: _Weights, prefix: str, hidden: str, *, last: bool) -> str:
    """One transformer layer: attention, then two dense layers, each added to its input and normalised."""
    heads, hidden = _attention(graph, weights, f"{prefix}attention.self.", hidden, last=last)
    hidden = _added(graph, weights, f"{prefix}attention.output", heads, hidden)
    dense = f"{prefix}intermediate.dense"
    inner = _product(graph, dense, graph.quantized(hidden), weights.matrix(dense), weights.array(f"{dense}.bias"))
    # FastGelu and BiasGelu are the same function, and take three times as long.
    inner = graph.add("Gelu", inner, approximate="tanh")
    return _added(graph, weights, f"{prefix}output", inner, hidden)


def _attention(graph: _Graph, weights: _Weights, prefix: str, hidden: str, *, last: bool) -> tuple[str, str]:
    """What the heads make of ``hidden``, side by side, and the rows of ``hidden`` that they speak of.

    Plain products of all heads at once: onnxruntime's ``MultiHeadAttention`` takes two to three times as long.
    """
    seen = graph.quantized(hidden)
    asking = seen
    if last:
        hidden = graph.add("Gather", hidden, "wanted", axis=1)
        asking = graph.quantized(hidden)
    # What divides the products of queries and keys is the same on the queries.
    query = _heads(graph, weights, f"{prefix}query", asking, scale=SIZE**-0.5)
    key, value = (_heads(graph, weights, f"{prefix}{part}", seen) for part in ("key", "value"))
    scores = graph.add("FusedMatMul", query, key, domain=_FUSED, transB=1, transBatchA=1, transBatchB=1)
    shares = graph.add("Softmax", scores, axis=-1)
    heads = graph.add("FusedMatMul", shares, value, domain=_FUSED, transBatchB=1)
    heads = graph.add("Transpose", heads, perm=[1, 0, 2])
    shape = graph.constant("side by side", np.array([1, -1, HEADS * SIZE], dtype=np.int64))
    return graph.add("Reshape", heads, shape), hidden


def _heads(graph: _Graph, weights: _Weights, name: str, seen: tuple[str, str, str], scale: float = 1) -> str:
    """A dense layer of attention, (tokens, heads, size)."""
    factor = np.float32(scale)
    product = _product(graph, name, seen, weights.matrix(name) * factor, weights.array(f"{name}.bias") * factor)
    shape = graph.constant("apart", np.array([-1, HEADS, SIZE], dtype=np.int64))
    return graph.add("Reshape", product, shape)


def _added(graph: _Graph, weights: _Weights, name: str, inner: str, hidden: str) -> str:
    product = _product(graph, name, graph.quantized(inner), weights.matrix(f"{name}.dense"))
    more = [
        graph.constant(f"{name}.{part}", weights.array(f"{name}.{part}"))
        for part in ("LayerNorm.weight", "LayerNorm.bias", "dense.bias")
    ]
    return graph.add("SkipLayerNormalization", product, hidden, *more, domain=_FUSED, epsilon=_EPSILON)


def _product(graph: _Graph, name: str, hidden: tuple[str, str, str], matrix: Floats, bias: Floats | None = None) -> str:
    """``hidden`` times ``matrix`` (inputs, outputs), in integers; each column of the matrix has its own scale."""
    integers, scale, zero = hidden
    scales = (np.abs(matrix).max(axis=0) / LEVELS).astype(np.float32)
    scales[scales == 0] = 1
    inputs = [
        integers,
        graph.constant(f"{name}.integers", np.rint(matrix / scales).astype(np.int8)),
        scale,
        graph.constant(f"{name}.scales", scales),
        zero,
        graph.constant(f"{name}.zeros", np.zeros(len(scales), dtype=np.int8)),
    ]
    if bias is not None:
        inputs.append(graph.constant(f"{name}.bias", bias))
    return graph.add("MatMulIntegerToFloat", *inputs, domain=_FUSED)


class _Weights:
    """The arrays of Rampart's own graph."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._arrays = {item.name: item for item in graph.initializer}
        self._products = {
            node.name.removesuffix("/MatMul_Q4").strip("/").replace("/", "."): node
            for node in graph.node
            if node.op_type == "MatMulNBits"
        }

    def array(self, name: str) -> NDArray[Any]:
        return numpy_helper.to_array(self._arrays[name])

    def table(self, name: str) -> Floats:
        """An embedding table, which is stored in 8 bits with one scale."""
        scale, zero = self.array(f"{name}.weight_scale"), self.array(f"{name}.weight_zero_point")
        table: Floats = (self.array(f"{name}.weight_quantized").astype(np.float32) - zero.astype(np.float32)) * scale
        return table

    def matrix(self, name: str) -> Floats:
        """(inputs, outputs) of a dense layer, stored as 4-bit numbers, two a byte, with a scale for each block."""
        node = self._products[name]
        size = {item.name: item.i for item in node.attribute}
        numbers, scales = (self.array(part) for part in node.input[1:3])
        halves = np.stack([numbers & 15, numbers >> 4], axis=-1).astype(np.float32) - 8
        blocks = halves.reshape(size["N"], -1, size["block_size"]) * scales.reshape(size["N"], -1, 1)
        return np.ascontiguousarray(blocks.reshape(size["N"], size["K"]).T)


class _Graph:
    """A graph in the making; nodes and constants are added in the order in which they run."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def constant(self, name: str, values: NDArray[Any]) -> str:
        if all(name != known.name for known in self._constants):
            self._constants.append(numpy_helper.from_array(values, name))
        return name

    def add(self, kind: str, *inputs: str, outputs: tuple[str, ...] = (), domain: str = "", **settings: Any) -> str:
        """A node; returns the name of its first output."""
        outputs = outputs or (f"{kind}.{len(self._nodes)}",)
        self._nodes.append(helper.make_node(kind, inputs, outputs, outputs[0], domain=domain, **settings))
        return outputs[0]

    def quantized(self, values: str) -> tuple[str, str, str]:
        """``values`` as integers, by their range; the scale; the integer that means zero."""
        outputs = f"{values}.integers", f"{values}.scale", f"{values}.zero"
        self.add("DynamicQuantizeLinear", values, outputs=outputs)
        return outputs

    def serialized(self, *, labels: int) -> bytes:
        graph = helper.make_graph(
            self._nodes,
            "rampart",
            [
                helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "tokens"]),
                helper.make_tensor_value_info("wanted", TensorProto.INT64, ["wanted"]),
            ],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, "wanted", labels])],
            self._constants,
        )
        versions = [helper.make_opsetid("", 20), helper.make_opsetid(_FUSED, 1)]
        return bytes(helper.make_model(graph, opset_imports=versions, ir_version=9).SerializeToString())
