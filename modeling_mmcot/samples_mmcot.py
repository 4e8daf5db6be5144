"""Several rationales for one question: what they agree on."""

from collections.abc import Sequence
from dataclasses import dataclass

from .confidence_mmcot import Written, log_confidence


# Rationales as the model itself would draw them; callers may say otherwise.
SAMPLING = {"do_sample": True, "num_beams": 1, "temperature": 1.0, "top_k": 0, "top_p": 1.0}


@dataclass
class Choice:
    """What samples come to.

    Args:
        sample: position of the one that speaks for all: of those that chose the answer, the most probable.
        index: position of the chosen option; `None` where no sample named one.
        scores: of the options, the mean over all samples.
        agreement: share of the samples that chose the answer.
    """

    sample: int
    index: int | None
    scores: list[float]
    agreement: float


def choose(samples: Sequence[Sequence[Written]], indexes: Sequence[int | None]) -> Choice:
    """The option with the best mean score among those that a sample named.

    Args:
        samples: for each sample what the stages wrote, the last with scores of the options.
        indexes: for each sample, which option its answer names.
    """
    rows = [stages[-1].scores or [] for stages in samples]
    scores = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    named = {index for index in indexes if index is not None}
    if not named:
        return Choice(0, None, scores, 0.0)
    best = max(named, key=lambda index: scores[index])
    agreeing = [position for position, index in enumerate(indexes) if index == best]
    sample = max(agreeing, key=lambda position: log_confidence(samples[position], best) or 0.0)
    return Choice(sample, best, scores, len(agreeing) / len(samples))
