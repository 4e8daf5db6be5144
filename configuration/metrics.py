"""What is measured: every score and every class of examples, each with its words and the way it is written.

A new score of rationales is a record here and, under its name, a function in `evaluation/metrics.py`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Metric:
    """A score, as files name it and people read it.

    Args:
        name: its key in `metrics.json` and, after `eval_`, in a Trainer's log; what a recipe's
            `metric_for_best_model` calls it.
        label: its heading in tables and charts.
        meaning: what it says, as a phrase.
        percent: whether its values are percentages; else they are fractions.
    """

    name: str
    label: str
    meaning: str
    percent: bool = False

    @property
    def scale(self) -> int:
        """Its best value."""
        return 100 if self.percent else 1

    def text(self, value: float) -> str:
        """A value as it is written: `81.5 %` or `0.815`."""
        return f"{value:.1f} %" if self.percent else f"{value:.3f}"

    def interval(self, score: Mapping[str, float]) -> str:
        """The interval of a score `{"low", "high", ...}` as it is written, without unit."""
        digits = 1 if self.percent else 3
        return f"{score['low']:.{digits}f} to {score['high']:.{digits}f}"


ACCURACY = Metric("accuracy", "accuracy", "share of the problems answered right", percent=True)
EXACT_MATCH = Metric(
    "exact_match", "exact match", "share of the problems without options answered right", percent=True
)
DIRECT_ANSWER = Metric(
    "direct_answer",
    "direct answer",
    "full marks for what three of ten people said, as in A-OKVQA",
    percent=True,
)
CONCLUSION = Metric(
    "conclusion", "right conclusion", "share of the rationales that come to the gold ones' conclusion", percent=True
)
# Two scores share the name ROUGE-L. The keys are those of the packages and papers they are compared with.
ROUGE_L_STEMMED = Metric("rougeL", "ROUGE-L, stemmed", "word stems shared in order, as rouge_score counts them")
ROUGE_L_OFFICIAL = Metric(
    "rouge_l", "ROUGE-L, official", "words shared in order within sentences, as the official evaluation counts them"
)
BLEU_1 = Metric("bleu1", "BLEU-1", "shared words")
BLEU_4 = Metric("bleu4", "BLEU-4", "shared runs of one to four words")
CALIBRATION_ERROR = Metric(
    "calibration_error", "calibration error", "how far confidences are from the share that is right", percent=True
)
AUROC = Metric("auroc", "AUROC", "how often a right answer is surer than a wrong one; 0.5 is chance")
SIMILARITY = Metric("similarity", "similarity", "cosine of sentence embeddings")

METRICS = {
    metric.name: metric
    for metric in (
        *(ACCURACY, EXACT_MATCH, DIRECT_ANSWER, CONCLUSION, ROUGE_L_STEMMED, ROUGE_L_OFFICIAL, BLEU_1, BLEU_4),
        *(SIMILARITY, CALIBRATION_ERROR, AUROC),
    )
}


# Of examples that come in pairs, which differ in one cue.
BOTH_RIGHT = Metric("both_right", "both right", "share of the pairs with two right answers", percent=True)
ANSWER_FLIPS = Metric("answer_flips", "answer flips", "share of the pairs with two different answers", percent=True)
RATIONALE_FLIPS = Metric(
    "rationale_flips", "rationale flips", "share of the pairs whose rationales come to different options", percent=True
)
CONTRADICTED = Metric(
    "contradicted", "contradicted", "share of the rationales' statements that the picture contradicts", percent=True
)
PAIR_METRICS = {metric.name: metric for metric in (BOTH_RIGHT, ANSWER_FLIPS, RATIONALE_FLIPS, CONTRADICTED)}


@dataclass(frozen=True)
class ExampleClass:
    """A class of examples that accuracy is reported by.

    Args:
        name: its key in `metrics.json`, as in the paper's tables.
        meaning: its examples, as a phrase.
        contains: whether an example belongs to it: its columns, and `has_image` instead of its images.
    """

    name: str
    meaning: str
    contains: Callable[[Mapping[str, Any]], bool]


LOWER_GRADES = {f"grade{grade}" for grade in range(1, 7)}
UPPER_GRADES = {f"grade{grade}" for grade in range(7, 13)}
WITH_IMAGE = ExampleClass("IMG", "with a picture", lambda example: example["has_image"])
AVERAGE = ExampleClass("average", "all problems", lambda example: True)

CLASSES = {
    each.name: each
    for each in (
        ExampleClass("NAT", "natural science", lambda example: example.get("subject") == "natural science"),
        ExampleClass("SOC", "social science", lambda example: example.get("subject") == "social science"),
        ExampleClass("LAN", "language science", lambda example: example.get("subject") == "language science"),
        ExampleClass("TXT", "with a text context", lambda example: bool(example.get("hint"))),
        WITH_IMAGE,
        ExampleClass(
            "NO", "with neither text nor picture", lambda example: not example.get("hint") and not example["has_image"]
        ),
        ExampleClass("G1-6", "grades 1 to 6", lambda example: example.get("grade") in LOWER_GRADES),
        ExampleClass("G7-12", "grades 7 to 12", lambda example: example.get("grade") in UPPER_GRADES),
        AVERAGE,
    )
}


@dataclass(frozen=True)
class Kind:
    """Problems with options, or those without. Each kind is scored by itself, and nothing is said of both together.

    Args:
        key: of its scores in `metrics.json`; those of problems with options stand at the top.
        title: its heading.
        score: what its right answers are counted as.
    """

    key: str
    title: str
    score: Metric

    def say(self, sentence: str) -> str:
        """A sentence on problems of this kind, where it may stand beside one on the other."""
        return sentence if self is WITH_OPTIONS else f"Without options: {sentence}"

    def contains(self, example: Mapping[str, Any]) -> bool:
        """Whether an example is of this kind."""
        return bool(example["choices"]) == (self is WITH_OPTIONS)


WITH_OPTIONS = Kind("", "Problems with options", ACCURACY)
WITHOUT_OPTIONS = Kind("without_options", "Problems without options", EXACT_MATCH)
KINDS = (WITH_OPTIONS, WITHOUT_OPTIONS)


def scored_kinds(metrics: Mapping[str, Any]) -> Iterator[tuple[Kind, Mapping[str, Any]]]:
    """The kinds of problems that `metrics.json` has scores of, and these scores."""
    if WITHOUT_OPTIONS.key not in metrics or "chance" in metrics:
        yield WITH_OPTIONS, metrics
    if WITHOUT_OPTIONS.key in metrics:
        yield WITHOUT_OPTIONS, metrics[WITHOUT_OPTIONS.key]


def add_to_kinds(metrics: Mapping[str, Any], further: Callable[[Kind], Mapping[str, Any]]) -> dict[str, Any]:
    """What `metrics.json` holds, with what a function gives for each kind of problems."""
    whole = dict(metrics)
    for kind, scores in scored_kinds(metrics):
        if kind is WITH_OPTIONS:
            whole |= further(kind)
        else:
            whole[kind.key] = {**scores, **further(kind)}
    return whole


def open_kinds(metrics: Mapping[str, Any], opening: Callable[[Kind], Mapping[str, Any]]) -> dict[str, Any]:
    """The same, where for each kind that comes first."""
    opened = {kind: {**opening(kind), **scores} for kind, scores in scored_kinds(metrics)}
    whole = opened.pop(WITH_OPTIONS, dict(metrics))
    return whole | {kind.key: scores for kind, scores in opened.items()}
