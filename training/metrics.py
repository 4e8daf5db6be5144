"""Scores of rationales and answers."""

from collections.abc import Sequence

from mmcot.modeling_mmcot.processing_mmcot import plain


def rouge_l(prediction: str, reference: str) -> float:
    """ROUGE-L F1 of two texts over lower-cased words (Lin, 2004): the longest common subsequence, 0 to 1."""
    predicted, expected = plain(prediction).split(), plain(reference).split()
    row = [0] * (len(expected) + 1)
    for word in predicted:
        diagonal = 0
        for column, other in enumerate(expected, start=1):
            above = row[column]
            row[column] = diagonal + 1 if word == other else max(above, row[column - 1])
            diagonal = above
    return 2 * row[-1] / (len(predicted) + len(expected)) if predicted and expected else 0.0


def accuracy(predicted: Sequence[int | None], expected: Sequence[int]) -> float:
    """Percentage of right answers; an unparsed one (`None`) is wrong."""
    right = sum(guess == truth for guess, truth in zip(predicted, expected, strict=True))
    return 100 * right / len(expected)


def chance(choices: Sequence[Sequence[str]]) -> float:
    """Percentage that guessing at random gets right: the mean of one over the number of options."""
    return 100 * sum(1 / len(options) for options in choices) / len(choices)
