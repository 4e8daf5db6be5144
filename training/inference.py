"""Free generation over data sets. Nothing here ever sees a label."""

from collections.abc import Sequence
from typing import Any

import datasets
import torch
from tqdm.auto import tqdm

from mmcot.modeling_mmcot import MMCoTForConditionalGeneration, MMCoTProcessor
from mmcot.modeling_mmcot.configuration_mmcot import ANSWER, DIRECT, RATIONALE
from mmcot.modeling_mmcot.processing_mmcot import letter


# All that a prompt may read: labels (`answer`, `solution`, `lecture`) never reach the side of the model.
VISIBLE_COLUMNS = ("id", "image", "question", "choices", "hint", "caption")


def visible(dataset: datasets.Dataset) -> datasets.Dataset:
    """The data set without its labels."""
    return dataset.select_columns([name for name in dataset.column_names if name in VISIBLE_COLUMNS])


@torch.inference_mode()
def write(
    model: MMCoTForConditionalGeneration,
    processor: MMCoTProcessor,
    dataset: datasets.Dataset,
    stage: str,
    rationales: Sequence[str] | None = None,
    batch_size: int = 32,
    progress: bool = True,
    **generate_kwargs,
) -> list[str]:
    """What the model writes for each row, in the order of the rows.

    Args:
        dataset: the problems; their labels are not read.
        stage: which prompt to build.
        rationales: for the answer stage, one per row.
        batch_size: rows generated together; rows of like length share a batch.
        progress: show a progress bar.
        generate_kwargs: passed on to `generate()`.
    """
    rows = visible(dataset)
    text_rows = rows.remove_columns("image") if "image" in rows.column_names else rows
    prompts = [
        processor.build_prompt(row, stage, None if rationales is None else rationales[position])
        for position, row in enumerate(text_rows)
    ]
    order = sorted(range(len(prompts)), key=lambda position: -len(prompts[position]))
    texts = [""] * len(prompts)
    was_training = model.training
    model.eval()
    for start in tqdm(range(0, len(order), batch_size), desc=f"writing {stage}", disable=not progress, leave=False):
        positions = order[start : start + batch_size]
        images = rows[positions].get("image")
        inputs = processor(images=images, text=[prompts[position] for position in positions])
        ids = model.generate(**inputs.to(model.device, model.dtype), **generate_kwargs)
        for position, text in zip(positions, processor.batch_decode(ids, skip_special_tokens=True), strict=True):
            texts[position] = text
    model.train(was_training)
    return texts


def predict(
    models: dict[str, MMCoTForConditionalGeneration],
    processor: MMCoTProcessor,
    dataset: datasets.Dataset,
    **options,
) -> list[dict[str, Any]]:
    """Answers every problem of a data set.

    Args:
        models: by stage; `rationale` and `answer` for two stages, or `direct` alone.
        options: see [`write`].

    Returns:
        Rows `{id, rationale, answer_text, answer, choice_index, unparsed}` in the order of the data set.
    """
    if DIRECT in models:
        return prediction_rows(dataset, processor, write(models[DIRECT], processor, dataset, DIRECT, **options))
    rationales = write(models[RATIONALE], processor, dataset, RATIONALE, **options)
    answers = write(models[ANSWER], processor, dataset, ANSWER, rationales, **options)
    return prediction_rows(dataset, processor, answers, rationales)


def prediction_rows(
    dataset: datasets.Dataset,
    processor: MMCoTProcessor,
    answers: Sequence[str],
    rationales: Sequence[str] | None = None,
) -> list[dict[str, Any]]:
    """Generated texts as predictions, see [`predict`]."""
    rows = []
    for position, row in enumerate(dataset.select_columns(["id", "choices"])):
        index = processor.parse_answer(answers[position], row["choices"])
        rows.append(
            {
                "id": row["id"],
                "rationale": None if rationales is None else processor.parse_rationale(rationales[position]),
                "answer_text": answers[position],
                "answer": None if index is None else letter(index),
                "choice_index": index,
                "unparsed": index is None,
            }
        )
    return rows
