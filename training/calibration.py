"""How sure answers may sound: a temperature for the confidences of each kind, fitted on examples not learned."""

from ..configuration.metrics import KINDS, WITH_OPTIONS, WITHOUT_OPTIONS, Kind
from ..data.image_column import without_images
from ..evaluation.confidence import fit_temperature
from ..evaluation.predictions import is_right_answer
from ..modeling_mmcot.confidence_mmcot import Temperatures, log_confidence
from ..modeling_mmcot.outcome_mmcot import parse_stages
from .rationales import written_by
from .run import Run
from .train_model import TrainedModel


def calibrate(run: Run, model: TrainedModel, stage: str) -> None:
    """Fits the temperatures of the run to what the model of the last stage answers on the validation split."""
    dataset = run.splits["validation"]
    run.say(f"Answering {len(dataset)} problems of validation, to learn how far confidences can be trusted.")
    written = written_by(dataset, stage) | {stage: model.generate(run, dataset, stage)}
    found: dict[Kind, tuple[list[float | None], list[bool]]] = {kind: ([], []) for kind in KINDS}
    for example, *texts in zip(without_images(dataset), *written.values(), strict=True):
        given = parse_stages(run.processor, dict(zip(written, texts, strict=True)), example["choices"]).given
        logarithms, right = next(lists for kind, lists in found.items() if kind.contains(example))
        logarithms.append(log_confidence(texts, given))
        right.append(is_right_answer(given, example))
    run.temperatures = Temperatures(*(fit_temperature(*found[kind]) for kind in (WITH_OPTIONS, WITHOUT_OPTIONS)))
