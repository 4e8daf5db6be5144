"""The graphs of an export in onnxruntime: pictures to features, prompts to what a decoder reads of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from .folder import ExportedStage


PICTURES_AT_ONCE = 32
# Threads that wait for each other cost a small model more than they help it. On two cores one thread took 0.5 to 0.9
# of the time of two with 2 MB of graphs, and 0.6 with 14 MB, but 1.3 of it in batches of 32. From 56 MB on two were
# faster in batches of 8 and more; a text alone took 1.3 times as long with two at 56 MB, and as long at 64 and 199.
ONE_THREAD = 32_000_000  # bytes


def threads_for(folder: Path) -> int | None:
    """How many threads work best on the graphs in a folder; `None` for as many as there are cores."""
    return 1 if size_of_graphs(folder) < ONE_THREAD else None


def size_of_graphs(folder: Path) -> int:
    """Bytes of the graphs in a folder and of their weights."""
    return sum(path.stat().st_size for path in folder.rglob("*.onnx*") if path.is_file())


class GraphFiles:
    """Graphs, each opened once, whichever stages share it.

    Args:
        threads: that work on one graph; by default as many as there are cores.
    """

    def __init__(self, threads: int | None = None):
        self.options = onnxruntime.SessionOptions()
        self.options.intra_op_num_threads = threads or 0
        self.options.inter_op_num_threads = 1
        # Lengths differ from call to call: what is planned for one is waste for the next.
        self.options.enable_mem_pattern = False
        self.options.log_severity_level = 3  # errors
        self._sessions: dict[Path, onnxruntime.InferenceSession] = {}

    def open(self, path: Path) -> onnxruntime.InferenceSession:
        """The graph in a file.

        Raises:
            ValueError: for a file that is not there or no graph.
        """
        if path not in self._sessions:
            try:
                session = onnxruntime.InferenceSession(str(path), self.options, providers=["CPUExecutionProvider"])
            except Exception as error:  # the library raises a class of its own for each kind of fault
                reason = " ".join(str(error).split())
                raise ValueError(f"{path} cannot be loaded ({reason[:200]}); export the model again.") from error
            self._sessions[path] = session
        return self._sessions[path]


@dataclass
class ReadPrompt:
    """What the decoder of a stage reads of a prompt and its pictures.

    Args:
        states: for each layer the keys and the values of a batch, `(batch, heads, text, key)`.
        row: of the prompt in that batch.
        length: its tokens, the first of the row.
    """

    states: Sequence[np.ndarray]
    row: int
    length: int


class StageReader:
    """Reads prompts and pictures for a stage.

    Args:
        stage: what the export says of it.
        files: its graphs.
        feature_size: numbers in the features of a patch.
    """

    def __init__(self, stage: ExportedStage, files: GraphFiles, feature_size: int):
        encoder, vision = stage.graphs["encoder"], stage.graphs["vision"]
        assert encoder is not None
        self.stage = stage
        self.feature_size = feature_size
        self.tower = vision  # what its features are known by
        self.encoder = files.open(encoder)
        self.vision = None if vision is None else files.open(vision)

    def look(self, pixels: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Features `(patches, f)` of pictures `(3, height, width)`."""
        assert self.vision is not None
        features: list[np.ndarray] = []
        for start in range(0, len(pixels), PICTURES_AT_ONCE):
            batch = np.stack(pixels[start : start + PICTURES_AT_ONCE])
            features.extend(self.vision.run(None, {"pixel_values": batch})[0])
        return features

    def read(self, prompts: Sequence[Sequence[int]], features: Sequence[Sequence[np.ndarray]]) -> list[ReadPrompt]:
        """Reads a batch.

        Args:
            prompts: token ids of each.
            features: of the pictures of each.
        """
        width = max(map(len, prompts))
        ids = np.full((len(prompts), width), self.stage.padding, np.int64)
        for row, prompt in enumerate(prompts):
            ids[row, : len(prompt)] = prompt
        lengths = np.array([len(prompt) for prompt in prompts])
        patches = [sum(map(len, pictures)) for pictures in features]
        seen = np.zeros((len(prompts), max(1, *patches), self.feature_size), np.float32)
        for row, pictures in enumerate(features):
            if pictures:
                seen[row, : patches[row]] = np.concatenate(pictures)
        states = self.encoder.run(
            None,
            {
                "input_ids": ids,
                "attention_mask": np.arange(width) < lengths[:, None],
                "image_features": seen,
                "image_attention_mask": np.arange(seen.shape[1]) < np.array(patches)[:, None],
            },
        )
        return [ReadPrompt(states, row, len(prompt)) for row, prompt in enumerate(prompts)]
