"""Several rationales for one question: what they agree on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .confidence_mmcot import Written, log_confidence
from .free_answers_mmcot import comparable


# Rationales as the model itself would draw them; callers may say otherwise.
SAMPLING = {"do_sample": True, "num_beams": 1, "temperature": 1.0, "top_k": 0, "top_p": 1.0}


@dataclass
class Choice:
    """What samples come to.

    Args:
        sample: position of the one that speaks for all: of those that gave the answer, the most probable.
        given: the answer, see [`Parsed`]; `None` where no sample gave one.
        scores: of the options, the mean over all samples; `None` where there are no options.
        agreement: share of the samples that gave the answer.
    """

    sample: int
    given: int | str | None
    scores: list[float] | None
    agreement: float


def choose(samples: Sequence[Sequence[Written]], answers: Sequence[int | str | None]) -> Choice:
    """The option with the best mean score among those that a sample named; where there are no options, the words that
    most samples gave, and of equally many those that the models found most probable together.

    Args:
        samples: for each sample what the stages wrote, the last with scores of the options, if there are any.
        answers: for each sample what it gave, see [`Parsed`].
    """
    rows = [stages[-1].scores for stages in samples]
    scores = [sum(column) / len(rows) for column in zip(*(row or () for row in rows), strict=True)]
    kinds = [comparable(answer) if isinstance(answer, str) else answer for answer in answers]
    worth: dict[int | str, tuple[float, float]] = {}
    for kind, stages in zip(kinds, samples, strict=True):
        if isinstance(kind, int):
            worth[kind] = (scores[kind], 0.0)
        elif kind is not None:
            votes, sure = worth.get(kind, (0.0, 0.0))
            worth[kind] = (votes + 1, sure + math.exp(stages[-1].log_probability or 0.0))
    if not worth:
        return Choice(0, None, scores or None, 0.0)
    best = max(worth, key=lambda kind: worth[kind])
    agreeing = [position for position, kind in enumerate(kinds) if kind == best]
    sample = max(agreeing, key=lambda position: log_confidence(samples[position], answers[position]) or 0.0)
    return Choice(sample, answers[sample], scores or None, len(agreeing) / len(samples))
