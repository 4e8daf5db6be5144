"""Graphs in files: the weights of all graphs of a model in one file beside them, each once."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import onnx_ir as ir


WEIGHTS_DATA = "weights.onnx.data"
SMALL = 1024  # bytes: constants up to this stay in the graph
PAGE = 4096  # bytes: where a weight begins, a reader can map it into memory


def save_graphs(graphs: Mapping[str, ir.Model], folder: Path) -> None:
    """Writes the graphs of a model and their weights.

    Args:
        graphs: by the name of their file.
        folder: is there; what it has of the same names is overwritten.
    """
    places: dict[tuple[str, str], int] = {}
    with (folder / WEIGHTS_DATA).open("wb") as file:
        for graph in graphs.values():
            for value in graph.graph.initializers.values():
                if value.const_value is not None and value.const_value.nbytes > SMALL:
                    value.const_value = put_away(value.const_value, value.name or "", file, places, folder)
    for name, graph in graphs.items():
        ir.save(graph, folder / name)


def put_away(
    tensor: Any, name: str, file: BinaryIO, places: dict[tuple[str, str], int], folder: Path
) -> ir.ExternalTensor:
    """Writes a weight to the end of a file, unless it is in there, and gives what a graph says of it."""
    content = tensor.tobytes()
    key = (hashlib.sha256(content).hexdigest(), str(tensor.dtype))
    if key not in places:
        file.write(b"\0" * (-file.tell() % PAGE))
        places[key] = file.tell()
        file.write(content)
    return ir.ExternalTensor(
        WEIGHTS_DATA, places[key], len(content), tensor.dtype, shape=tensor.shape, name=name, base_dir=folder
    )
