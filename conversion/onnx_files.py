"""Graphs in files: the weights of all graphs of a model in one file beside them, each once."""

import hashlib
from pathlib import Path
from typing import Any, BinaryIO

import onnx_ir as ir


WEIGHTS_DATA = "weights.onnx.data"
SMALL = 1024  # bytes: constants up to this stay in the graph
PAGE = 4096  # bytes: a weight begins where a reader can map it into memory


class GraphFolder:
    """The folder of a model's graphs. They come one after another, so that only one of them is in memory.

    Args:
        folder: is there; graphs that it has stay, but for those of the same names, and their weights go.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._places: dict[tuple[str, str], int] = {}
        (folder / WEIGHTS_DATA).write_bytes(b"")

    def add(self, name: str, graph: ir.Model) -> None:
        """Writes a graph into a file of that name, and its weights, where they are not there already, beside it."""
        with (self.folder / WEIGHTS_DATA).open("ab") as file:
            for value in graph.graph.initializers.values():
                if value.const_value is not None and value.const_value.nbytes > SMALL:
                    value.const_value = self._put_away(value.const_value, value.name or "", file)
        ir.save(graph, self.folder / name)

    def _put_away(self, tensor: Any, name: str, file: BinaryIO) -> ir.ExternalTensor:
        """Writes a weight to the end of a file, unless it is in there, and gives what a graph says of it."""
        content = tensor.tobytes()
        key = (hashlib.sha256(content).hexdigest(), str(tensor.dtype))
        if key not in self._places:
            file.write(b"\0" * (-file.tell() % PAGE))
            self._places[key] = file.tell()
            file.write(content)
        where = {"shape": tensor.shape, "name": name, "base_dir": self.folder}
        return ir.ExternalTensor(WEIGHTS_DATA, self._places[key], len(content), tensor.dtype, **where)
