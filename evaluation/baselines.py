"""What a score stands beside: what the same system answers without its pictures, and what the questions alone give."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import datasets
import numpy as np

from ..configuration.ablations import BLANK, FULL_SYSTEM
from ..configuration.metrics import ACCURACY, KINDS, WITH_OPTIONS, Kind
from ..data.image_column import has_image, without_images
from ..modeling_mmcot import MMCoTForConditionalGeneration, MMCoTProcessor
from ..modeling_mmcot.answers_mmcot import plain
from ..modeling_mmcot.free_answers_mmcot import ACCEPTED_ANSWERS, answer_words
from .ablations import run_ablations
from .changed_images import change_images
from .intervals import estimate, estimate_difference
from .metrics import chance
from .predictions import AnsweredExamples, match_predictions
from .verdict import CHANCE_NAME, FREQUENT_NAME, give_verdict


# With fewer problems, what is measured on blank pictures says nothing.
FEWEST = 100
# Of the time that the whole took, the most that blank pictures may take again.
SHARE = 0.1
# From fewer problems nobody learns which answers are frequent.
FEWEST_TO_LEARN_FROM = 20
SEED = 0


def blank_sample(n: int) -> list[int]:
    """The problems that are answered again with blank pictures, so many that it takes a tenth of the time of all."""
    return sorted(random.Random(SEED).sample(range(n), min(n, max(FEWEST, round(SHARE * n)))))


def answer_blank(
    models: Mapping[str, MMCoTForConditionalGeneration],
    processor: MMCoTProcessor,
    dataset: datasets.Dataset,
    predictions: Sequence[Mapping[str, Any]],
    **options,
) -> list[dict[str, Any]]:
    """What a system answers when every picture is blank; see [`run_ablations`]. Nothing if it never sees one."""
    looks = any(model.vision_tower is not None for model in models.values())
    if not looks or not any(has_image(dataset)):
        return []
    return run_ablations(models, processor, dataset, predictions, ablations=[BLANK], **options)[BLANK.name]


def answer_blank_with(
    predict: Callable[[datasets.Dataset], Iterable[dict[str, Any]]], dataset: datasets.Dataset
) -> list[dict[str, Any]]:
    """The same by whatever predicts examples."""
    return list(predict(change_images(BLANK.images, dataset))) if any(has_image(dataset)) else []


def most_frequent_answers(train: datasets.Dataset, dataset: datasets.Dataset) -> list[dict[str, Any]]:
    """Predictions that look at nothing but the text of the question: of its options, the one that was most often right
    for this text in the training split; for a new text, the one that was most often right at all. The same without
    options, of all answers that were right without options.

    Args:
        train: examples with labels.
        dataset: the examples to answer.
    """
    by_question: dict[tuple[Kind, str], Counter[str]] = defaultdict(Counter)
    everywhere: dict[Kind, Counter[str]] = defaultdict(Counter)
    for kind in KINDS:
        for row in with_right_answers(train, kind):
            answer = plain(row["choices"][row["answer"]] if row["choices"] else answer_words(row))
            by_question[kind, plain(row["question"])][answer] += 1
            everywhere[kind][answer] += 1
    rows = []
    for row in without_images(dataset):
        kind = next(kind for kind in KINDS if kind.contains(row))
        known, often = by_question.get((kind, plain(row["question"])), Counter()), everywhere[kind]
        options = [plain(each) for each in row["choices"]] or list(known or often)
        best = max(range(len(options)), key=lambda place: (known[options[place]], often[options[place]], -place))
        if row["choices"]:
            rows.append({"id": row["id"], "choice_index": best})
        else:
            rows.append({"id": row["id"], "answer_text": options[best]})
    return rows


def with_right_answers(train: datasets.Dataset, kind: Kind) -> list[dict[str, Any]]:
    """The question, options and label of each example of a kind that has a label."""
    columns = ["question", "choices", "answer", ACCEPTED_ANSWERS]
    rows = train.select_columns([name for name in columns if name in train.column_names]).to_list()
    return [row for row in rows if kind.contains(row) and (row["answer"] is not None or row.get(ACCEPTED_ANSWERS))]


def measure_baselines(
    predictions: Sequence[Mapping[str, Any]],
    dataset: datasets.Dataset,
    blank: Sequence[Mapping[str, Any]] = (),
    train: datasets.Dataset | None = None,
    kind: Kind = WITH_OPTIONS,
) -> dict[str, dict[str, Any]]:
    """The accuracy of a system beside that of baselines.

    Args:
        predictions: of the system.
        dataset: the examples, with labels.
        blank: its predictions for all or some of them with blank pictures.
        train: the training split, if it is at hand.
        kind: of the examples to measure on.

    Returns:
        `full system`; `blank pictures` and `most frequent answer`, where they were measured; `chance`, where there are
        options. Each has its `accuracy` in percent, `{"value", "n", "low", "high"}`; `chance` no interval. The two
        also have `full`, the accuracy of the system on the same problems, and `gain`, how many points it is better,
        paired.
    """
    answered = match_predictions(predictions, dataset, kind)
    baselines: dict[str, dict[str, Any]] = {FULL_SYSTEM: {"accuracy": estimate(answered.right, ACCURACY.scale)}}
    names = {example["id"] for example in answered.examples}
    seen = [row for row in blank if str(row["id"]) in names]
    if seen:
        baselines[BLANK.name] = beside(answered, seen, dataset, kind)
    known = 0 if train is None else len(with_right_answers(train, kind))
    if train is not None and known >= FEWEST_TO_LEARN_FROM:
        examples = dataset.select([place for place, name in enumerate(dataset["id"]) if str(name) in names])
        learned = beside(answered, most_frequent_answers(train, examples), dataset, kind)
        baselines[FREQUENT_NAME] = learned | {"learned_from": known}
    if kind is WITH_OPTIONS:
        guessing = chance([example["choices"] for example in answered.examples])
        baselines[CHANCE_NAME] = {"accuracy": {"value": guessing, "n": len(answered.examples)}}
    return baselines


def judge(
    predictions: Sequence[Mapping[str, Any]],
    dataset: datasets.Dataset,
    blank: Sequence[Mapping[str, Any]] = (),
    train: datasets.Dataset | None = None,
    kind: Kind = WITH_OPTIONS,
) -> dict[str, Any]:
    """What the scores of a kind open with: the `verdict` in a sentence, and the `baselines`, see
    [`measure_baselines`]."""
    baselines = measure_baselines(predictions, dataset, blank, train, kind)
    return {"verdict": give_verdict(baselines), "baselines": baselines}


def beside(
    answered: AnsweredExamples, others: Sequence[Mapping[str, Any]], dataset: datasets.Dataset, kind: Kind
) -> dict[str, Any]:
    """One baseline, on the problems that it answers."""
    ids = {str(row["id"]) for row in others}
    members = np.array([example["id"] in ids for example in answered.examples])
    full, other = answered.right[members], match_predictions(others, dataset, kind).right[members]
    return {
        "accuracy": estimate(other, ACCURACY.scale),
        "full": estimate(full, ACCURACY.scale),
        "gain": estimate_difference(full, other, ACCURACY.scale),
    }
