"""The same examples again with something changed, to see what the model owes to it.

What is changed stands in `configuration/ablations.py`.
"""

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import datasets
import numpy as np

from ..configuration.ablations import ABLATIONS, ALL_EXAMPLES, FULL_SYSTEM, PICTURED, Ablation
from ..configuration.metrics import ACCURACY, Kind
from ..data.image_column import has_image, without_images
from ..inference.features import FeatureCache
from ..modeling_mmcot import MMCoTForConditionalGeneration, MMCoTProcessor
from ..modeling_mmcot.stage_records_mmcot import ANSWER
from .asked_once import AskedOnce
from .changed_images import change_images
from .changed_rationales import Reasoned, change_rationales
from .intervals import estimate, estimate_difference
from .predictions import AnsweredExamples, match_predictions


def run_ablations(
    models: Mapping[str, MMCoTForConditionalGeneration],
    processor: MMCoTProcessor,
    dataset: datasets.Dataset,
    predictions: Sequence[Mapping[str, Any]],
    seed: int = 0,
    ablations: Iterable[Ablation] | None = None,
    features: Mapping[str, FeatureCache] | None = None,
    say: Callable[[str], None] = lambda text: None,
    progress: bool = True,
    **options,
) -> dict[str, list[dict[str, Any]]]:
    """Answers the examples again, once for each ablation that applies to them.

    Those of images do where there are images; those of rationales, or of one stage, where a model reads rationales.
    Nothing is generated twice: where an ablation leaves what a stage reads and sees as it was, its text stands.

    Args:
        models: by stage, see [`predict`].
        dataset: the examples, with gold rationales for the ablation that reads them.
        predictions: of the full system; what they lack is generated.
        seed: of what is shuffled.
        ablations: by default all.
        features: by stage, caches of what frozen towers say of images.
        say: told at the end how much was generated.
        progress: show progress bars on a terminal.
        options: see [`generate_texts`].

    Returns:
        Prediction rows by the name of the ablation.
    """
    chosen = applicable(ABLATIONS.values() if ablations is None else ablations, models, dataset)
    with tempfile.TemporaryDirectory() as folder:
        system = AskedOnce(models, processor, features, folder, progress=progress, **options)
        views = {change: system.look(change_images(change, dataset, seed)) for change in changes_of_images(chosen)}
        system.remember(views[None], predictions)
        full = system.answer(dict.fromkeys(models, views[None]))
        reasoned = Reasoned(
            without_images(dataset).to_list(),
            [row["rationale"] or "" for row in full],
            [row["choice_index"] for row in full],
            [row["answer"] for row in full],
            processor,
            seed,
        )
        ablated = {
            each.name: system.answer(
                {stage: views[each.images if each.stage in (None, stage) else None] for stage in models},
                change_rationales(each, reasoned),
            )
            for each in chosen
        }
    for stage in system.stages:
        say(f"Of {system.asked[stage]:,} texts of the {stage} stage, {system.generated[stage]:,} had to be generated.")
    return ablated


def applicable(ablations: Iterable[Ablation], models: Mapping[str, Any], dataset: datasets.Dataset) -> list[Ablation]:
    """Those of the ablations that change anything for these models and examples."""
    has_images, two_stages = any(has_image(dataset)), ANSWER in models
    return [
        each
        for each in ablations
        if (has_images or not each.images) and (two_stages or not (each.rationales or each.stage))
    ]


def changes_of_images(ablations: Iterable[Ablation]) -> list[str | None]:
    """What images become in any of the ablations, and that they stay."""
    return [None, *dict.fromkeys(each.images for each in ablations if each.images)]


def measure_ablations(
    predictions: Sequence[Mapping[str, Any]],
    ablated: Mapping[str, Sequence[Mapping[str, Any]]],
    dataset: datasets.Dataset,
    kind: Kind | None = None,
) -> dict[str, dict[str, dict[str, Any]]]:
    """What each ablation costs.

    Args:
        predictions: of the full system.
        ablated: what [`run_ablations`] returned.
        dataset: the examples, with labels.
        kind: of those to measure on; by default all.

    Returns:
        By name, the full system first, and by group of examples (`all problems`, `with a picture`), each
        `{"value", "n", "low", "high"}`: `accuracy` in percent; `difference` to the full system in percentage points;
        `unchanged`, the percentage of answers that stay as they were; and for rationales of other examples `follows`,
        the percentage of answers that go with them, of those that come to an option that was not the answer. The full
        system has accuracy alone.
    """
    answered = match_predictions(predictions, dataset, kind)
    pictured = np.array([example["has_image"] for example in answered.examples])
    groups = {ALL_EXAMPLES: np.ones_like(pictured)}
    if pictured.any():
        groups[PICTURED] = pictured
    full = {
        group: {"accuracy": estimate(answered.right[members], ACCURACY.scale)} for group, members in groups.items()
    }
    table: dict[str, dict[str, dict[str, Any]]] = {FULL_SYSTEM: full}
    for name, rows in ablated.items():
        again = match_predictions(rows, dataset, kind)
        table[name] = {group: measure_ablation(name, answered, again, members) for group, members in groups.items()}
    return table


def measure_ablation(
    name: str, answered: AnsweredExamples, again: AnsweredExamples, members: np.ndarray
) -> dict[str, Any]:
    """One ablation on a group of examples; see [`measure_ablations`]."""
    both = zip(answered.chosen, again.chosen, strict=True)
    answers = [pair for pair, member in zip(both, members, strict=True) if member]
    scores = {
        "accuracy": estimate(again.right[members], ACCURACY.scale),
        "difference": estimate_difference(again.right[members], answered.right[members], ACCURACY.scale),
        "unchanged": estimate([before == after for before, after in answers], ACCURACY.scale),
    }
    if name in ABLATIONS and ABLATIONS[name].rationales == "another":
        suggested = [option for option, member in zip(again.concluded, members, strict=True) if member]
        follows = [
            after == option
            for (before, after), option in zip(answers, suggested, strict=True)
            if option is not None and option != before
        ]
        if follows:
            scores["follows"] = estimate(follows, ACCURACY.scale)
    return scores
