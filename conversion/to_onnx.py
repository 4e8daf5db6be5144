"""A trained folder as ONNX graphs, which answer without torch and transformers."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from ..configuration.repository import PREDICTIONS_FILE, Repository
from ..engine import OnnxPipeline
from ..engine.drafts import DRAFTS_FILE, texts_of_predictions
from ..engine.folder import ENGINE_FILE, TOKENIZER_FILE
from ..engine.graphs import size_of_graphs
from ..engine.shipping import carry_code
from ..inference.load import load_processor, load_stage
from ..modeling_mmcot import MMCoTForConditionalGeneration, MMCoTProcessor
from ..modeling_mmcot.stage_records_mmcot import ROOT_FOLDER, find_stage
from .onnx_answers import ModelAnswers, find_changes, find_questions
from .onnx_card import precision_part, write_onnx_card
from .onnx_files import GraphFolder
from .onnx_precision import PRECISIONS, shrink_graphs
from .onnx_proof import BATCH, prove_stage
from .onnx_settings import (
    ENCODER,
    FULL_PRECISION,
    STEP,
    VISION,
    engine_settings,
    generation_settings,
    picture_size,
    require_exportable,
    stage_settings,
)
from .onnx_trace import trace_encoder, trace_step, trace_vision


def write(repository: Repository, output: Path, say: Callable[[str], None], precision: str = FULL_PRECISION) -> None:
    """Writes the graphs of each stage, adapters merged, and the engine that runs them.

    Before they are kept, they are compared with the model: they write the same tokens. With fewer bits they may not;
    what that changes stands in the card of the export.

    Args:
        repository: trained folder, whole.
        output: folder that does not exist yet or is empty.
        say: told what is proven.
        precision: of the weights, one of `PRECISIONS`.

    Raises:
        ValueError: for a model that cannot be written as such graphs, and for graphs that differ from it.
    """
    processor = load_processor(repository)
    require_exportable(repository.config, processor)
    with building(output) as folder:
        export = Export(repository, processor, folder, say)
        for stage, place in repository.stages.items():
            export.add_stage(stage, place)
        export.finish(precision)


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
        self.differences: dict[str, float | None] = {}
        self.answers = ModelAnswers(processor, repository)
        self.patches: int | None = None
        self._written: dict[str, tuple[str, str | None]] = {}  # where the graphs of a trained folder's model are
        self._towers: dict[str, str] = {}  # where those of an image encoder are, by its weights

    def add_stage(self, stage: str, place: str) -> None:
        """Writes the graphs of a stage, unless one before it has the same model, and proves them.

        Args:
            place: sub-folder of its model in the trained folder.
        """
        model = load_stage(self.repository, stage, dtype=torch.float32).eval()
        generation_settings(
            model.generation_config, self.processor.max_target_length
        )  # refused before minutes of work
        model.set_attn_implementation("eager")  # the others trace into sizes that are fixed
        if place not in self._written:
            self._written[place] = self._write_graphs(model, stage if self.stages else ROOT_FOLDER)
        folder, vision = self._written[place]
        settings = stage_settings(stage, folder, vision, model, self.processor)
        self.stages.append(settings)
        difference = prove_stage(self.folder, settings, model, self.processor)
        self.differences[stage] = difference if find_stage(stage).only_answers else None
        scores = f", and scores within {difference:.0e} of its" if find_stage(stage).only_answers else ""
        self.say(f"{stage}: the same tokens as the model{scores}.")
        self.answers.add(stage, model)

    def _write_graphs(self, model: MMCoTForConditionalGeneration, folder: str) -> tuple[str, str | None]:
        """Writes the graphs of a model; gives its folder and the place of its image encoder."""
        (self.folder / folder).mkdir(exist_ok=True)
        files = GraphFolder(self.folder / folder)
        # Features of one size for all stages, of which some may read no pictures.
        files.add(ENCODER, trace_encoder(model, self.repository.config.image_feature_size or 0))
        files.add(STEP, trace_step(model))
        if model.vision_tower is None:
            return folder, None
        weights = fingerprint(model.vision_tower)
        if weights not in self._towers:
            vision = trace_vision(model, *picture_size(self.processor))
            self.patches = count_patches(vision)
            files.add(VISION, vision)
            self._towers[weights] = VISION if folder == ROOT_FOLDER else f"{folder}/{VISION}"
        return folder, self._towers[weights]

    def finish(self, precision: str) -> None:
        """Writes what there is beside the graphs, and stores their weights in the precision that is asked for."""
        self._write_settings(FULL_PRECISION)
        self.processor.tokenizer.backend_tokenizer.save(str(self.folder / TOKENIZER_FILE))
        carry_code(self.folder)
        self._write_drafts()
        self.answers.compare(self.folder)
        self.say("The engine answers as the model does.")
        shrunk = "" if precision == FULL_PRECISION else self._shrink(precision)
        write_onnx_card(self.folder, self._write_settings(precision), self.differences, shrunk)

    def _write_drafts(self) -> None:
        """Writes what the model is known to write, of which the engine guesses how texts go on."""
        path = self.repository.folder / PREDICTIONS_FILE
        if path.is_file():
            rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            texts = texts_of_predictions(rows, self.repository.stages)
            if any(texts.values()):
                (self.folder / DRAFTS_FILE).write_text(json.dumps(texts, ensure_ascii=False), encoding="utf-8")

    def _write_settings(self, precision: str) -> dict[str, Any]:
        """Writes, and gives, what an engine has to know."""
        settings = engine_settings(self.repository, self.processor, self.stages, self.patches, precision)
        text = json.dumps(settings, indent=1, ensure_ascii=False) + "\n"
        (self.folder / ENGINE_FILE).write_text(text, encoding="utf-8")
        return settings

    def _shrink(self, precision: str) -> str:
        """Stores the weights with fewer bits; gives the part of the card that says what that changes."""
        questions, size = find_questions(self.repository), size_of_graphs(self.folder)
        before = OnnxPipeline(self.folder)(questions.rows, batch_size=BATCH)
        for place in {stage["folder"] for stage in self.stages}:
            shrink_graphs(self.folder / place, precision)
        changes = find_changes(questions, before, OnnxPipeline(self.folder)(questions.rows, batch_size=BATCH))
        smaller = size_of_graphs(self.folder)
        self.say(
            f"{precision}: {changes.answers} of {changes.questions} answers are others, "
            f"{smaller / size:.0%} of the size."
        )
        return precision_part(precision, PRECISIONS[precision].bits, questions.name, changes, (size, smaller))


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
