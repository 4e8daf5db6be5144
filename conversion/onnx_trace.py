"""A stage's model as ONNX graphs: traced by torch, then tidied."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import onnx_ir as ir
import torch
from torch import nn

from ..modeling_mmcot import MMCoTForConditionalGeneration
from .onnx_graphs import SLOT_ATTENTION, EncoderGraph, StepGraph, VisionGraph


OPSET = 20
# How many of everything there are in the example that is traced: any numbers but 0 and 1, and none twice.
SIZES = {"pictures": 2, "batch": 3, "query": 4, "cache": 5, "text": 7, "patches": 8}
SIZES["slots"] = SIZES["cache"] + SIZES["query"]


def trace_vision(model: MMCoTForConditionalGeneration, height: int, width: int) -> ir.Model:
    """The graph of a model's image encoder for pictures of one size; see [`VisionGraph`]."""
    pixels = TracedInput("pixel_values", ("pictures",), (3, height, width))
    return trace(VisionGraph(model), [pixels], ["image_features"])


def trace_encoder(model: MMCoTForConditionalGeneration, image_feature_size: int) -> ir.Model:
    """The graph that reads the prompt, and features with so many numbers per patch; see [`EncoderGraph`]."""
    inputs = [
        TracedInput("input_ids", ("batch", "text"), dtype=torch.long),
        TracedInput("attention_mask", ("batch", "text"), dtype=torch.bool),
        TracedInput("image_features", ("batch", "patches"), (image_feature_size,)),
        TracedInput("image_attention_mask", ("batch", "patches"), dtype=torch.bool),
    ]
    return trace(EncoderGraph(model), inputs, layer_names(model, "cross"))


def trace_step(model: MMCoTForConditionalGeneration) -> ir.Model:
    """The graph that writes; see [`StepGraph`]."""
    config: Any = model.language_model.config

    def states(kind: str, tokens: str) -> list[TracedInput]:
        axes = ("batch", None, tokens)
        return [TracedInput(name, axes, (config.num_heads, config.d_kv)) for name in layer_names(model, kind)]

    inputs: list[TracedInput | list[TracedInput]] = [
        TracedInput("ids", ("batch", "query"), dtype=torch.long),
        TracedInput("distance", ("batch", "query", "slots"), dtype=torch.long),
        TracedInput("slot_mask", ("batch", "query", "slots"), dtype=torch.bool),
        TracedInput("text_mask", ("batch", "text"), dtype=torch.bool),
        [*states("past", "cache"), *states("cross", "text")],
    ]
    with slots_as_attention(model):
        return trace(StepGraph(model), inputs, ["logits", *layer_names(model, "present")])


def layer_names(model: MMCoTForConditionalGeneration, kind: str) -> list[str]:
    """What the keys and values of a decoder's layers are called."""
    config: Any = model.language_model.config
    return [f"{kind}_{part}_{layer}" for layer in range(config.num_decoder_layers) for part in "kv"]


class TracedInput:
    """An input of a graph, and a tensor to trace it with.

    Args:
        name: of the input.
        axes: its axes, those of any size by their names in `SIZES`, `None` for one of the fixed sizes.
        sizes: the fixed sizes in order, of the axes that have no name and those after all others.
    """

    def __init__(
        self,
        name: str,
        axes: Sequence[str | None],
        sizes: Sequence[int] = (),
        dtype: torch.dtype = torch.float32,
    ):
        fixed = list(sizes)
        shape = [fixed.pop(0) if axis is None else SIZES[axis] for axis in axes] + fixed
        self.name = name
        self.value = torch.ones(shape, dtype=dtype)
        self.axes = {position: axis for position, axis in enumerate(axes) if axis is not None}


@contextmanager
def slots_as_attention(model: MMCoTForConditionalGeneration) -> Iterator[None]:
    """Within it the decoder attends to slots."""
    config: Any = model.get_decoder().config
    before = config._attn_implementation
    config._attn_implementation = SLOT_ATTENTION
    try:
        yield
    finally:
        config._attn_implementation = before


@contextmanager
def in_silence() -> Iterator[None]:
    """What torch's exporter says of libraries that are not there, and of names that are its own."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def trace(graph: nn.Module, inputs: Sequence[TracedInput | list[TracedInput]], outputs: Sequence[str]) -> ir.Model:
    """The ONNX graph of a module, its weights still those of the module.

    Args:
        inputs: one for each argument of its `forward`, or a list of them for one.
        outputs: names for what it returns.
    """
    lists = [each if isinstance(each, list) else [each] for each in inputs]

    def arguments(field: str) -> tuple[Any, ...]:
        values = [[getattr(each, field) for each in group] for group in lists]
        return tuple(group if isinstance(each, list) else group[0] for group, each in zip(values, inputs, strict=True))

    with in_silence(), torch.no_grad():
        program: Any = torch.onnx.export(
            graph.eval(),
            arguments("value"),
            dynamo=True,
            opset_version=OPSET,
            input_names=[each.name for group in lists for each in group],
            output_names=list(outputs),
            dynamic_shapes=arguments("axes"),
            verbose=False,
        )
    return tidy(program.model)


def tidy(model: ir.Model) -> ir.Model:
    """A graph without what the exporter knows of Python, which would be most of its file."""
    graph = model.graph
    for part in (model, graph, *graph, *(value for node in graph for value in node.outputs)):
        part.metadata_props.clear()
        part.doc_string = None
    for node in graph:
        for value in node.outputs:
            if not value.is_graph_output():
                value.type = value.shape = None  # whoever reads the graph works them out again
    divide_by_roots(graph)
    untranspose(graph)
    return model


def divide_by_roots(graph: ir.Graph) -> None:
    """Writes `x * (1 / root)` as `x / root`.

    In this form onnxruntime knows the normalisation of a T5 and computes it as one: 144 operations of the quickstart's
    model become 102, and a token takes an eighth less time.
    """
    for node in list(graph):
        factors = [value.producer() if value is not None else None for value in node.inputs]
        for position, factor in enumerate(factors):
            if node.op_type == "Mul" and factor is not None and factor.op_type == "Reciprocal":
                quotient = ir.node("Div", [node.inputs[1 - position], factor.inputs[0]], name=node.name)
                graph.insert_before(node, quotient)
                node.outputs[0].replace_all_uses_with(quotient.outputs[0])
                graph.remove(node, safe=True)
                if not factor.outputs[0].uses():
                    graph.remove(factor, safe=True)
                break


def untranspose(graph: ir.Graph) -> None:
    """Says of weights that are others turned over that they are: a head tied to the embedding is held once."""
    embeddings = [node.inputs[0] for node in graph if node.op_type == "Gather"]
    for name, value in list(graph.initializers.items()):
        for other in embeddings:
            if other is not None and is_transposed(value.const_value, other.const_value):
                turned = ir.node("Transpose", [other], {"perm": [1, 0]}, name=f"turn_{other.name}")
                graph.insert_before(graph[0], turned)
                value.replace_all_uses_with(turned.outputs[0])
                del graph.initializers[name]
                break


def is_transposed(one: Any, other: Any) -> bool:
    """Whether two weights hold the same numbers, one turned over."""
    if one is None or other is None or len(one.shape) != 2 or tuple(one.shape) != tuple(other.shape)[::-1]:
        return False
    return np.array_equal(one.numpy().T, other.numpy())
