"""What a score stands beside: what the same system answers without its pictures, and what the questions alone give."""

import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import datasets
import numpy as np

from ..configuration.ablations import BLANK, FULL_SYSTEM
from ..configuration.metrics import ACCURACY
from ..data.image_column import has_image, without_images
from ..modeling_mmcot import MMCoTForConditionalGeneration, MMCoTProcessor
from ..modeling_mmcot.answers_mmcot import plain
from .ablations import run_ablations
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


def most_frequent_answers(train: datasets.Dataset, dataset: datasets.Dataset) -> list[dict[str, Any]]:
    """Predictions that look at nothing but the text of the question: of its options, the one that was most often right
    for this text in the training split; for a new text, the one that was most often right at all.

    Args:
        train: examples with labels.
        dataset: the examples to answer.
    """
    by_question: dict[str, Counter[str]] = defaultdict(Counter)
    everywhere: Counter[str] = Counter()
    for row in with_right_options(train):
        answer = plain(row["choices"][row["answer"]])
        by_question[plain(row["question"])][answer] += 1
        everywhere[answer] += 1
    rows = []
    for row in without_images(dataset):
        known, options = by_question.get(plain(row["question"]), Counter()), [plain(each) for each in row["choices"]]
        best = max(range(len(options)), key=lambda place: (known[options[place]], everywhere[options[place]], -place))
        rows.append({"id": row["id"], "choice_index": best})
    return rows


def with_right_options(train: datasets.Dataset) -> list[dict[str, Any]]:
    """The question, options and label of each example whose label is one of its options."""
    rows = train.select_columns(["question", "choices", "answer"]).to_list()
    return [row for row in rows if row["choices"] and row["answer"] is not None]


def measure_baselines(
    predictions: Sequence[Mapping[str, Any]],
    dataset: datasets.Dataset,
    blank: Sequence[Mapping[str, Any]] = (),
    train: datasets.Dataset | None = None,
) -> dict[str, dict[str, Any]]:
    """The accuracy of a system beside that of baselines.

    Args:
        predictions: of the system.
        dataset: the examples, with labels.
        blank: its predictions for all or some of them with blank pictures.
        train: the training split, if it is at hand.

    Returns:
        `full system`; `blank pictures` and `most frequent answer`, where they were measured; `chance`. Each has its
        `accuracy` in percent, `{"value", "n", "low", "high"}`; `chance` no interval. The two also have `full`, the
        accuracy of the system on the same problems, and `gain`, how many points it is better, paired.
    """
    answered = match_predictions(predictions, dataset)
    baselines = {FULL_SYSTEM: {"accuracy": estimate(answered.right, ACCURACY.scale)}}
    if blank:
        baselines[BLANK.name] = beside(answered, blank, dataset)
    known = 0 if train is None else len(with_right_options(train))
    if train is not None and known >= FEWEST_TO_LEARN_FROM:
        learned = beside(answered, most_frequent_answers(train, dataset), dataset)
        baselines[FREQUENT_NAME] = learned | {"learned_from": known}
    guessing = chance([example["choices"] for example in answered.examples])
    baselines[CHANCE_NAME] = {"accuracy": {"value": guessing, "n": len(answered.examples)}}
    return baselines


def judge(
    predictions: Sequence[Mapping[str, Any]],
    dataset: datasets.Dataset,
    blank: Sequence[Mapping[str, Any]] = (),
    train: datasets.Dataset | None = None,
) -> dict[str, Any]:
    """What `metrics.json` opens with: the `verdict` in a sentence, and the `baselines`, see [`measure_baselines`]."""
    baselines = measure_baselines(predictions, dataset, blank, train)
    return {"verdict": give_verdict(baselines), "baselines": baselines}


def beside(
    answered: AnsweredExamples, others: Sequence[Mapping[str, Any]], dataset: datasets.Dataset
) -> dict[str, Any]:
    """One baseline, on the problems that it answers."""
    ids = {str(row["id"]) for row in others}
    members = np.array([example["id"] in ids for example in answered.examples])
    full, other = answered.right[members], match_predictions(others, dataset).right[members]
    return {
        "accuracy": estimate(other, ACCURACY.scale),
        "full": estimate(full, ACCURACY.scale),
        "gain": estimate_difference(full, other, ACCURACY.scale),
    }
