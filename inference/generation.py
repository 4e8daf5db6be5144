"""Free generation over data sets. Nothing here ever sees a label."""

from collections.abc import Mapping, Sequence
from typing import Any

import datasets
import torch
from accelerate import PartialState
from accelerate.utils import gather_object
from tqdm.auto import tqdm

from ..data.examples import IMAGE_HASHES
from ..data.image_column import without_images
from ..modeling_mmcot import MMCoTForConditionalGeneration, MMCoTProcessor
from ..modeling_mmcot.configuration_mmcot import RATIONALE, in_order
from ..modeling_mmcot.prompt_mmcot import letter
from ..modeling_mmcot.writing_mmcot import generate_batch
from .features import FeatureCache
from .image_hashes import replace_images_by_hashes


SCORE_DIGITS = 4
# All that a prompt may read: labels (`answer`, `solution`, `lecture`) never reach the side of the model.
VISIBLE_COLUMNS = ("id", "image", IMAGE_HASHES, "question", "choices", "hint", "caption")


def visible(dataset: datasets.Dataset) -> datasets.Dataset:
    """The data set without its labels."""
    return dataset.select_columns([name for name in dataset.column_names if name in VISIBLE_COLUMNS])


@torch.inference_mode()
def generate_texts(
    model: MMCoTForConditionalGeneration,
    processor: MMCoTProcessor,
    dataset: datasets.Dataset,
    stage: str,
    written: Mapping[str, Sequence[str]] | None = None,
    features: FeatureCache | None = None,
    batch_size: int = 32,
    progress: bool = True,
    **generate_kwargs,
) -> tuple[list[str], list[list[float] | None]]:
    """What the model writes for each row, in the order of the rows. Several processes share the work.

    Args:
        dataset: the problems; their labels are not read.
        stage: which prompt to build.
        written: what earlier stages wrote, by stage, a text for each row.
        features: vision features computed before; the data set then names its pictures by their hashes.
        batch_size: rows generated together; rows of like length share a batch.
        progress: show a progress bar.
        generate_kwargs: passed on to `generate()`.

    Returns:
        The texts, and how probable the model finds each option (`None` for stages that write a rationale).
    """
    rows = visible(dataset)
    text_rows = without_images(rows)
    if model.vision_tower is None:
        rows = text_rows
    prompts = [
        processor.build_prompt(row, stage, **{name: texts[position] for name, texts in (written or {}).items()})
        for position, row in enumerate(text_rows)
    ]
    state = PartialState()
    order = sorted(range(len(prompts)), key=lambda position: -len(prompts[position]))
    order = order[state.process_index :: state.num_processes]
    was_training = model.training
    model.eval()
    outputs = {}
    starts = range(0, len(order), batch_size)
    for start in tqdm(starts, desc=f"writing {stage}", disable=not (progress and state.is_main_process), leave=False):
        positions = order[start : start + batch_size]
        batch = [rows[position] for position in positions]
        inputs = processor(text=[prompts[position] for position in positions])
        inputs.update(image_inputs(processor, batch, features))
        choices = [row["choices"] for row in batch]
        texts, scores = generate_batch(model, processor, inputs, stage, choices, generate_kwargs)
        outputs.update(zip(positions, zip(texts, scores, strict=True), strict=True))
    model.train(was_training)
    everything = dict(gather_object(list(outputs.items())))
    in_rows = [everything[position] for position in range(len(prompts))]
    return [text for text, _ in in_rows], [score for _, score in in_rows]


def image_inputs(
    processor: MMCoTProcessor, rows: Sequence[Mapping[str, Any]], features: FeatureCache | None = None
) -> dict[str, torch.Tensor]:
    """The pictures of rows as the model takes them: pixels, or cached features. Empty where no row has any."""
    if features is None:
        return processor.encode_images([row.get("image") for row in rows])
    return features.inputs([row[IMAGE_HASHES] for row in rows])


def predict(
    models: Mapping[str, MMCoTForConditionalGeneration],
    processor: MMCoTProcessor,
    dataset: datasets.Dataset,
    rationales: Sequence[str] | None = None,
    features: Mapping[str, FeatureCache] | None = None,
    **options,
) -> list[dict[str, Any]]:
    """Answers every problem of a data set.

    Args:
        models: by stage; `rationale` and `answer`, or a one-stage model alone.
        rationales: for two stages, what the answer is to be inferred from, one per row, instead of what the
            rationale stage writes.
        features: by stage, caches of what frozen towers say of pictures; what they lack is computed.
        options: see [`generate_texts`].

    Returns:
        Rows `{id, rationale, answer_text, answer, choice_index, scores, unparsed}` in the order of the data set.
    """
    if features:
        for cache in features.values():
            cache.fill(dataset, progress=False)
        dataset = replace_images_by_hashes(dataset)

    written = {} if rationales is None else {RATIONALE: rationales}
    *earlier, last = (stage for stage in in_order(models) if stage not in written)

    def generate(stage: str) -> tuple[list[str], list[list[float] | None]]:
        cache = features[stage] if features else None
        return generate_texts(models[stage], processor, dataset, stage, written, cache, **options)

    for stage in earlier:
        written[stage], _ = generate(stage)
    return prediction_rows(dataset, processor, last, generate(last), written.get(RATIONALE))


def prediction_rows(
    dataset: datasets.Dataset,
    processor: MMCoTProcessor,
    stage: str,
    written: tuple[Sequence[str], Sequence[list[float] | None]],
    rationales: Sequence[str] | None = None,
) -> list[dict[str, Any]]:
    """What the last or only stage wrote as predictions, see [`predict`]; with the rationales it read, if any."""
    rows = []
    for position, (row, text, scores) in enumerate(
        zip(dataset.select_columns(["id", "choices"]), *written, strict=True)
    ):
        rationale, answer = processor.split_output(text, stage)
        if rationales is not None:
            rationale = processor.parse_rationale(rationales[position])
        index = processor.parse_answer(answer, row["choices"])
        rows.append(
            {
                "id": row["id"],
                "rationale": rationale,
                "answer_text": answer,
                "answer": None if index is None else letter(index),
                "choice_index": index,
                "scores": scores and [round(score, SCORE_DIGITS) for score in scores],
                "unparsed": index is None,
            }
        )
    return rows
