"""A trained folder as ONNX graphs, which answer without torch and transformers."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from ..configuration.repository import Repository
from ..inference.load import load_processor, load_stage
from ..modeling_mmcot import MMCoTForConditionalGeneration, MMCoTProcessor
from ..modeling_mmcot.stage_records_mmcot import ROOT_FOLDER, find_stage
from .onnx_settings import (
    ENCODER,
    SETTINGS_FILE,
    STEP,
    TOKENIZER_FILE,
    VISION,
    engine_settings,
    picture_size,
    require_exportable,
    stage_settings,
)


LIBRARIES = ("onnx", "onnxscript", "onnxruntime")


def write(repository: Repository, output: Path, say: Callable[[str], None]) -> None:
    """Writes the graphs of each stage, adapters merged, and what an engine has to know of them.

    The graphs are compared with the model before they are kept: they write the same tokens.

    Args:
        repository: trained folder, whole.
        output: folder that does not exist yet or is empty.
        say: told what is proven.

    Raises:
        ValueError: for a model that cannot be written as such graphs, and for graphs that differ from it.
        ImportError: where the libraries are not installed.
    """
    require_libraries()
    processor = load_processor(repository)
    require_exportable(repository.config, processor)
    with building(output) as folder:
        export = Export(repository, processor, folder, say)
        for stage, place in repository.stages.items():
            export.add_stage(stage, place)
        export.finish()


def require_libraries() -> None:
    """Refuses to begin without the libraries that make and run graphs."""
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    if missing:
        raise ImportError(f"ONNX graphs need {', '.join(missing)}: pip install 'mmcot[onnx]'")


@contextmanager
def building(output: Path) -> Iterator[Path]:
    """A folder beside the one that is asked for, which takes its place at the end, or else leaves nothing behind."""
    folder = output.with_name(f".{output.name}.building")
    shutil.rmtree(folder, ignore_errors=True)  # of a process that was killed
    folder.mkdir(parents=True)
    try:
        yield folder
        if output.exists():
            output.rmdir()
        folder.rename(output)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Export:
    """An export that grows stage by stage.

    Args:
        repository: where the models are.
        processor: of all of them.
        folder: to write into.
        say: told what is proven.
    """

    def __init__(self, repository: Repository, processor: MMCoTProcessor, folder: Path, say: Callable[[str], None]):
        self.repository = repository
        self.processor = processor
        self.folder = folder
        self.say = say
        self.stages: list[dict[str, Any]] = []
        self.patches: int | None = None
        self._written: dict[str, tuple[str, str | None]] = {}  # where the graphs of a trained folder's model are
        self._towers: dict[str, str] = {}  # where those of an image encoder are, by its weights

    def add_stage(self, stage: str, place: str) -> None:
        """Writes the graphs of a stage, unless one before it has the same model, and proves them.

        Args:
            place: sub-folder of its model in the trained folder.
        """
        from .onnx_proof import prove_stage

        model = load_stage(self.repository, stage, dtype=torch.float32).eval()
        model.set_attn_implementation("eager")  # the others trace into sizes that are fixed
        if place not in self._written:
            self._written[place] = self._write_graphs(model, stage if self.stages else ROOT_FOLDER)
        folder, vision = self._written[place]
        settings = stage_settings(stage, folder, vision, model, self.processor)
        self.stages.append(settings)
        difference = prove_stage(self.folder, settings, model, self.processor)
        scores = f", and scores within {difference:.0e} of its" if find_stage(stage).only_answers else ""
        self.say(f"{stage}: the same tokens as the model{scores}.")

    def _write_graphs(self, model: MMCoTForConditionalGeneration, folder: str) -> tuple[str, str | None]:
        """Writes the graphs of a model; gives its folder and the place of its image encoder."""
        from .onnx_files import save_graphs
        from .onnx_trace import trace_encoder, trace_step, trace_vision

        graphs, vision = {ENCODER: trace_encoder(model), STEP: trace_step(model)}, None
        if model.vision_tower is not None:
            weights = fingerprint(model.vision_tower)
            if weights not in self._towers:
                graphs[VISION] = trace_vision(model, *picture_size(self.processor))
                self.patches = count_patches(graphs[VISION])
                self._towers[weights] = VISION if folder == ROOT_FOLDER else f"{folder}/{VISION}"
            vision = self._towers[weights]
        (self.folder / folder).mkdir(exist_ok=True)
        save_graphs(graphs, self.folder / folder)
        return folder, vision

    def finish(self) -> None:
        """Writes what there is beside the graphs."""
        settings = engine_settings(self.repository, self.processor, self.stages, self.patches, "fp32")
        text = json.dumps(settings, indent=1, ensure_ascii=False) + "\n"
        (self.folder / SETTINGS_FILE).write_text(text, encoding="utf-8")
        self.processor.tokenizer.backend_tokenizer.save(str(self.folder / TOKENIZER_FILE))


def count_patches(vision: Any) -> int:
    """How many patches the graph of an image encoder makes of a picture."""
    return int(vision.graph.outputs[0].shape[1])


def fingerprint(module: torch.nn.Module) -> str:
    """What tells the weights of a part of a model from others."""
    digest = hashlib.sha256()
    for name, weight in sorted(module.state_dict().items()):
        digest.update(f"{name} {tuple(weight.shape)} {weight.dtype}".encode())
        digest.update(weight.contiguous().numpy().tobytes())
    return digest.hexdigest()
