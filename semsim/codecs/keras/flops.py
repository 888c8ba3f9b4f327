"""Floating-point operations of a TensorFlow graph."""

from __future__ import annotations

import math
from typing import Any

#: Operations of one input by a kernel; the multiply-adds are as many as elements on the side of
#: few pixels times taps of the kernel per channel there.
_CONVOLUTIONS = {"Conv2D", "Conv3D", "DepthwiseConv2dNative"}
_TRANSPOSED = {"Conv2DBackpropInput", "Conv3DBackpropInputV2"}


def count_graph_flops(graph: Any) -> float:
    """Count the operations (2 a multiply-add) of convolutions and matrix products.

    These are what :func:`semsim.codecs.complexity.count_flops` counts, so that Keras codecs stand
    beside the others; the rest (activations, norms, biases) is left out in both.

    Returns:
        the count, or 0.0 where the graph does not show it: a loop (recurrent layers) or a nested
        function, whose operations are not in it, or a shape that only running it would tell.
    """
    flops = 0.0
    for operation in graph.get_operations():
        if any(attribute.HasField("func") for attribute in operation.node_def.attr.values()):
            return 0.0
        try:
            flops += 2.0 * _multiply_adds(operation)
        except ValueError:  # TensorFlow's, for an unknown shape
            return 0.0
    return flops


def _multiply_adds(operation: Any) -> int:
    kind = operation.type
    if kind in _CONVOLUTIONS:
        # A kernel is [..., channels in, channels out], or for depthwise ones [..., in, multiplier].
        kernel = _shape(operation.inputs[1])
        taps = kernel[:-2] if kind == "DepthwiseConv2dNative" else kernel[:-1]
        return math.prod(_shape(operation.outputs[0])) * math.prod(taps)
    if kind in _TRANSPOSED:
        # A kernel is [..., channels out, channels in].
        kernel = _shape(operation.inputs[1])
        return math.prod(_shape(operation.inputs[2])) * math.prod(kernel[:-1])
    if kind == "MatMul":
        inner = 0 if operation.get_attr("transpose_a") else 1
        return math.prod(_shape(operation.outputs[0])) * _shape(operation.inputs[0])[inner]
    if kind.startswith("BatchMatMul"):
        inner = -2 if operation.get_attr("adj_x") else -1
        return math.prod(_shape(operation.outputs[0])) * _shape(operation.inputs[0])[inner]
    if kind == "Einsum":
        return _einsum(operation)
    return 0


def _einsum(operation: Any) -> int:
    """Elements of the output times the sizes of the labels that it does not have."""
    terms, _, result = operation.get_attr("equation").decode().partition("->")
    summed: dict[str, int] = {}
    for term, tensor in zip(terms.split(","), operation.inputs, strict=True):
        shape = _shape(tensor)
        before, _, after = term.partition("...")
        ends = shape[len(shape) - len(after) :] if after else []
        labelled = zip(before + after, [*shape[: len(before)], *ends], strict=True)
        summed |= {label: size for label, size in labelled if label not in result}
    return math.prod(_shape(operation.outputs[0])) * math.prod(summed.values())


def _shape(tensor: Any) -> list[int]:
    shape: list[int] = tensor.shape.as_list()
    if None in shape:
        raise ValueError(f"{tensor.name} has the shape {shape}")
    return shape
