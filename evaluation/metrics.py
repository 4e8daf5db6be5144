"""Scores of rationales and answers. What they are called and mean is in `configuration/metrics.py`."""

import re
import warnings
from collections.abc import Callable, Sequence
from functools import cache, lru_cache, partial
from itertools import product
from types import SimpleNamespace

from ..configuration.metrics import BLEU_1, BLEU_4, ROUGE_L_OFFICIAL, ROUGE_L_STEMMED
from ..modeling_mmcot.prompt_mmcot import flatten


def rationale_scores(prediction: str, reference: str) -> dict[str, float]:
    """Every score of one rationale by name, 0 to 1; an empty prediction scores 0."""
    return {name: score(prediction, reference) for name, score in RATIONALE_SCORES.items()}


def bleu(prediction: str, reference: str, longest: int) -> float:
    """Sentence BLEU over runs of one to `longest` words, 0 to 1, unsmoothed; white space and full stops part words."""
    from nltk.translate.bleu_score import sentence_bleu

    predicted = [word for word in re.split(r"\s|\.", prediction) if word]
    expected = [word for word in re.split(r"\s|\.", reference) if word]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a text without four matching words in a row, which is no news here
        return float(sentence_bleu([expected], predicted, [1 / longest] * longest))


def rouge_l_stemmed(prediction: str, reference: str) -> float:
    """ROUGE-L F1 of two texts as `rouge_score` has it with its stemmer, 0 to 1.

    It knows the letters a to z and digits only: a text in another script scores 0.
    """
    predicted, expected = stems()(prediction), stems()(reference)
    length = len(predicted) + len(expected)
    return 2 * common_length(predicted, expected) / length if length else 0.0


@cache
def stems() -> Callable[[str], list[str]]:
    """The words of a text as `rouge_score` compares them. Rationales repeat their words: each is stemmed once."""
    from nltk.stem.porter import PorterStemmer
    from rouge_score.tokenize import tokenize

    return partial(tokenize, stemmer=SimpleNamespace(stem=lru_cache(maxsize=None)(PorterStemmer().stem)))


def common_length(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence.

    The rows of the usual table as the bits of numbers, a column each (Hyyrö, 2004): the table itself, which
    `rouge_score` fills, takes longer than all the rest of an evaluation.
    """
    places: dict[str, int] = {}
    for position, word in enumerate(first):
        places[word] = places.get(word, 0) | 1 << position
    everywhere = row = (1 << len(first)) - 1
    for word in second:
        met = row & places.get(word, 0)
        row = (row + met | row - met) & everywhere
    return len(first) - row.bit_count()


def rouge_l_official(prediction: str, reference: str) -> float:
    """ROUGE-L F of two texts as the official evaluation has it, from the package `rouge`: 0 to 1.

    Unlike Lin's (2004) it goes by sentences, each reaching to the next full stop: a word counts once, however often it
    is said, and is shared if it stands in a longest common subsequence of any two of their sentences. Which of several
    such sequences counts depends on which text comes first; the official evaluation puts the reference first.
    """
    predicted, expected = words_by_sentence(prediction), words_by_sentence(reference)
    if not predicted or not expected:
        return 0.0
    shared: set[str] = set()
    for one, other in product(predicted, expected):
        if not shared.issuperset(set(one) & set(other)):
            shared |= common_words(one, other)
    precision = len(shared) / len(set().union(*predicted))
    recall = len(shared) / len(set().union(*expected))
    return 2 * precision * recall / (precision + recall + 1e-8)


def words_by_sentence(text: str) -> list[list[str]]:
    """The words of each sentence; one of white space only holds an empty word, as in the package `rouge`."""
    return [flatten(sentence).split(" ") for sentence in text.split(".") if sentence]


def common_words(first: Sequence[str], second: Sequence[str]) -> set[str]:
    """Words of a longest common subsequence; where there are several, of the one that the package `rouge` takes."""
    lengths = [[0] * (len(second) + 1)]
    for word in first:
        above, row = lengths[-1], [0]
        for column, other in enumerate(second):
            if word == other:
                row.append(above[column] + 1)
            else:
                row.append(above[column + 1] if above[column + 1] > row[column] else row[column])
        lengths.append(row)
    words, i, j = set(), len(first), len(second)
    while i and j:
        if first[i - 1] == second[j - 1]:
            i, j = i - 1, j - 1
            words.add(first[i])
        elif lengths[i - 1][j] > lengths[i][j - 1]:
            i -= 1
        else:
            j -= 1
    return words


# What [`rationale_scores`] gives, by the names of the records.
RATIONALE_SCORES: dict[str, Callable[[str, str], float]] = {
    ROUGE_L_STEMMED.name: rouge_l_stemmed,
    ROUGE_L_OFFICIAL.name: rouge_l_official,
    BLEU_1.name: partial(bleu, longest=1),
    BLEU_4.name: partial(bleu, longest=4),
}


def chance(choices: Sequence[Sequence[str]]) -> float:
    """Percentage that guessing at random gets right: the mean of one over the number of options."""
    return 100 * sum(1 / len(options) for options in choices) / len(choices)
