"""Graphs with weights of fewer bits, in blocks around zero that have a scale each.

The operators are those of onnxruntime's own domain: `MatMulNBits`, which its quantizer writes, and
`GatherBlockQuantized`, which that writes for 4 bits only.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from .onnx_files import GraphFolder


CONTRIBUTED = "com.microsoft"
# Multiplies with the row that comes in at 8 bits, too, in blocks of that row alone: what stands beside it in a batch
# plays no part.
INTEGER_PRODUCTS = 4


@dataclass(frozen=True)
class Blocks:
    """How weights are stored.

    Args:
        bits: of a number.
        size: numbers that have a scale in common.
    """

    bits: int
    size: int


# Chosen on the quickstart's model and its 600 test problems. With 8 bits no answer changed. With 4, blocks of 16
# changed 3 answers and 4 rationales, blocks of 32 as many as 6 and 8, and an embedding of 4 bits some more.
PRECISIONS = {"int8": Blocks(8, 32), "int4": Blocks(4, 16)}
EMBEDDING = Blocks(8, 32)


def shrink_graphs(folder: Path, precision: str) -> None:
    """Stores the graphs of a model with fewer bits, in the place of those that are there."""
    smaller = folder / "smaller"
    smaller.mkdir()
    files = GraphFolder(smaller)
    for path in sorted(folder.glob("*.onnx")):
        files.add(path.name, with_fewer_bits(ir.load(path), precision))
    for path in smaller.iterdir():
        path.replace(folder / path.name)
    smaller.rmdir()


def with_fewer_bits(model: ir.Model, precision: str) -> ir.Model:
    """The same graph with its large weights in blocks.

    Args:
        precision: one of `PRECISIONS`.
    """
    blocks = PRECISIONS[precision]
    ir.external_data.load_to_model(model)
    turn_weights(model.graph)
    shrink_embeddings(model)
    quantizer = quantizer_class()(
        ir.to_proto(model),
        bits=blocks.bits,
        block_size=blocks.size,
        is_symmetric=True,
        accuracy_level=INTEGER_PRODUCTS,
    )
    quantizer.process()
    return ir.from_proto(quantizer.model.model)


def quantizer_class() -> Any:
    """The quantizer of onnxruntime, which makes itself the loudest voice of a process when it is imported."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    from onnxruntime.quantization import matmul_nbits_quantizer

    root.handlers[:], root.level = handlers, level
    matmul_nbits_quantizer.logger.setLevel(logging.WARNING)
    return matmul_nbits_quantizer.MatMulNBitsQuantizer


def turn_weights(graph: ir.Graph) -> None:
    """Stores a weight that is another turned over as a weight of its own: the quantizer skips what is computed."""
    for node in list(graph):
        source = node.inputs[0] if node.op_type == "Transpose" else None
        if source is not None and source.is_initializer() and source.const_value is not None:
            content = np.ascontiguousarray(source.const_value.numpy().T)
            turned = ir.Value(
                name=f"{source.name}_turned", const_value=ir.tensor(content, name=f"{source.name}_turned")
            )
            graph.initializers.add(turned)
            node.outputs[0].replace_all_uses_with(turned)
            graph.remove(node, safe=True)


def shrink_embeddings(model: ir.Model) -> None:
    """Stores the embedding of the words in blocks: of a T5 of base size it is a fifth of all weights."""
    graph = model.graph
    model.opset_imports[CONTRIBUTED] = 1
    for node in list(graph):
        table = node.inputs[0] if node.op_type == "Gather" else None
        if table is None or not table.is_initializer() or table.const_value is None or len(table.shape or ()) != 2:
            continue
        weights = table.const_value.numpy()
        if weights.dtype != np.float32 or weights.shape[1] % EMBEDDING.size:
            continue
        parts = [
            ir.Value(name=f"{table.name}_{kind}", const_value=ir.tensor(part, name=f"{table.name}_{kind}"))
            for kind, part in zip(("blocks", "scales"), in_blocks(weights), strict=True)
        ]
        for part in parts:
            if part.name not in graph.initializers:
                graph.initializers.add(part)
        settings = {"bits": EMBEDDING.bits, "block_size": EMBEDDING.size, "gather_axis": 0, "quantize_axis": 1}
        words = ir.node(
            "GatherBlockQuantized", [parts[0], node.inputs[1], parts[1]], settings, domain=CONTRIBUTED, name=node.name
        )
        graph.insert_before(node, words)
        node.outputs[0].replace_all_uses_with(words.outputs[0])
        graph.remove(node, safe=True)
        if not table.uses():
            del graph.initializers[table.name]  # type: ignore[arg-type]


def in_blocks(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights `(rows, numbers)` as bytes of which the middle is zero, and their scales `(rows, blocks)`."""
    middle = 2 ** (EMBEDDING.bits - 1)
    parts = weights.reshape(len(weights), -1, EMBEDDING.size)
    scales = np.abs(parts).max(-1) / (middle - 1)
    scales = np.where(scales == 0, 1, scales).astype(np.float32)
    return (np.rint(parts / scales[..., None]) + middle).astype(np.uint8).reshape(weights.shape), scales
