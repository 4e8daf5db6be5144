"""How sure answers may sound: one temperature for their confidences, fitted on examples that were not learned."""

from ..evaluation.confidence import fit_temperature
from ..modeling_mmcot.confidence_mmcot import log_confidence
from ..modeling_mmcot.outcome_mmcot import parse_stages
from .rationales import written_by
from .run import Run
from .train_model import TrainedModel


def calibrate(run: Run, model: TrainedModel, stage: str) -> None:
    """Fits the temperature of the run to what the model of the last stage answers on the validation split."""
    dataset = run.splits["validation"]
    run.say(f"Answering {len(dataset)} problems of validation, to learn how far confidences can be trusted.")
    written = written_by(dataset, stage) | {stage: model.generate(run, dataset, stage)}
    logarithms, right = [], []
    for choices, label, *texts in zip(dataset["choices"], dataset["answer"], *written.values(), strict=True):
        choice = parse_stages(run.processor, dict(zip(written, texts, strict=True)), choices).index
        logarithms.append(log_confidence(texts, choice))
        right.append(choice == label)
    run.confidence_temperature = fit_temperature(logarithms, right)
