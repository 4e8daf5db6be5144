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
from ..modeling_mmcot.confidence_mmcot import Temperatures, Written, calibrated, log_confidence
from ..modeling_mmcot.generation_mmcot import generate_batch
from ..modeling_mmcot.outcome_mmcot import parse_stages
from ..modeling_mmcot.stage_records_mmcot import RATIONALE, in_order
from ..modeling_mmcot.wording_mmcot import Wording
from .bars import bar_is_hidden
from .fast_matmul import fast_matmul
from .features import FeatureCache
from .image_hashes import replace_images_by_hashes


SCORE_DIGITS = 4
UNCALIBRATED = Temperatures()
# The products of a token are worth the way to another library in models from this width on: batches of 8 gain 1.3 at
# 256 and 1.7 at 768, but lose a tenth at 192.
WIDE = 256
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
    progress: bool = False,
    scored: bool = True,
    **generate_kwargs,
) -> list[Written]:
    """What the model writes for each example of a data set, in its order. Several processes share the work.

    Args:
        dataset: the examples; their labels are not read.
        stage: which prompt to build.
        written: what earlier stages wrote, by stage, a text for each example.
        features: vision features computed before; the data set then names its images by their hashes.
        batch_size: examples that are generated together; those of like length share a batch.
        progress: show a progress bar on a terminal.
        scored: say, too, how probable the model finds what it wrote.
        generate_kwargs: passed on to `generate()`.
    """
    examples = visible(dataset)
    prompts = build_prompts(processor, examples, stage, written or {})
    if model.vision_tower is None:
        examples = without_images(examples)
    was_training = model.training
    model.eval()
    outputs: dict[int, Written] = {}
    hidden = bar_is_hidden(progress)
    small = batch_size == 1 or model.config.text_config.hidden_size < WIDE
    for positions in tqdm(own_batches(prompts, batch_size), desc=f"writing {stage}", disable=hidden, leave=False):
        batch = [examples[position] for position in positions]
        inputs = processor(text=[prompts[position] for position in positions])
        inputs.update(image_inputs(processor, batch, features))
        choices = [example["choices"] for example in batch]
        with fast_matmul(model.device, unless=small):
            made = generate_batch(model, processor, inputs, stage, choices, generate_kwargs, scored)
        outputs.update(zip(positions, made, strict=True))
    model.train(was_training)
    everything = dict(gather_object(list(outputs.items())))
    return [everything[position] for position in range(len(prompts))]


def build_prompts(
    processor: MMCoTProcessor, examples: datasets.Dataset, stage: str, written: Mapping[str, Sequence[str]]
) -> list[str]:
    """The prompt of each example; see [`generate_texts`] for the arguments."""
    prompts: list[str] = []
    for position, example in enumerate(without_images(examples)):
        earlier = {name: texts[position] for name, texts in written.items()}
        prompts.append(processor.build_prompt(example, stage, **earlier))
    return prompts


def own_batches(prompts: Sequence[str], batch_size: int) -> list[list[int]]:
    """Positions of the prompts that this process has to do, the longest first, in batches."""
    state = PartialState()
    longest_first = sorted(range(len(prompts)), key=lambda position: -len(prompts[position]))
    own = longest_first[state.process_index :: state.num_processes]
    return [own[start : start + batch_size] for start in range(0, len(own), batch_size)]


def image_inputs(
    processor: MMCoTProcessor, examples: Sequence[Mapping[str, Any]], features: FeatureCache | None = None
) -> dict[str, torch.Tensor]:
    """The images of examples as the model takes them: pixels, or cached features. Empty where none has any."""
    if features is None:
        return processor.encode_images([example.get("image") for example in examples])
    return features.inputs([example[IMAGE_HASHES] for example in examples])


def predict(
    models: Mapping[str, MMCoTForConditionalGeneration],
    processor: MMCoTProcessor,
    dataset: datasets.Dataset,
    rationales: Sequence[str] | None = None,
    features: Mapping[str, FeatureCache] | None = None,
    **options,
) -> list[dict[str, Any]]:
    """Answers every example of a data set.

    Args:
        models: by stage; `rationale` and `answer`, or a one-stage model alone.
        rationales: for two stages, what the answer is to be inferred from, one per example, instead of what the
            rationale stage writes.
        features: by stage, caches of what frozen towers say of images; what they lack is computed.
        options: see [`generate_texts`].

    Returns:
        Rows `{id, rationale, answer_text, answer, choice_index, scores, confidence, unparsed}` in the order of the
        data set; the confidence is `None` from models that were not calibrated, and for rationales that were given.
        Of a question without options `answer` is the answer in words, `choice_index` and `scores` are `None`.
    """
    if features:
        for cache in features.values():
            cache.fill(dataset, progress=False)
        dataset = replace_images_by_hashes(dataset)

    written = {} if rationales is None else {RATIONALE: [Written(text) for text in rationales]}
    for stage in in_order(models):
        if stage not in written:
            texts = {earlier: [each.text for each in made] for earlier, made in written.items()}
            written[stage] = generate_texts(
                models[stage], processor, dataset, stage, texts, features.get(stage) if features else None, **options
            )
    root = models[in_order(models)[0]]
    return prediction_rows(dataset, processor, written, root.config.temperatures)


def prediction_rows(
    dataset: datasets.Dataset,
    processor: MMCoTProcessor,
    written: Mapping[str, Sequence[Written]],
    temperatures: Temperatures = UNCALIBRATED,
) -> list[dict[str, Any]]:
    """Predictions from what the stages wrote, see [`predict`].

    Args:
        dataset: the examples.
        written: by stage in their order, what its model wrote for each example.
        temperatures: of the confidences.
    """
    examples = dataset.select_columns(["id", "choices"])
    return [
        prediction_row(example, processor, dict(zip(written, texts, strict=True)), temperatures)
        for example, *texts in zip(examples, *written.values(), strict=True)
    ]


def prediction_row(
    example: Mapping[str, Any], wording: Wording, written: Mapping[str, Written], temperatures: Temperatures
) -> dict[str, Any]:
    """The prediction for one example, see [`prediction_rows`]."""
    parsed = parse_stages(wording, written, example["choices"])
    texts = list(written.values())
    confidence = calibrated(log_confidence(texts, parsed.given), temperatures.of(example["choices"]))
    return {
        "id": example["id"],
        "rationale": parsed.rationale,
        "answer_text": parsed.answer_text,
        "answer": parsed.answer,
        "choice_index": parsed.index,
        "scores": texts[-1].scores and [round(score, SCORE_DIGITS) for score in texts[-1].scores],
        "confidence": confidence and round(confidence, SCORE_DIGITS),
        "unparsed": parsed.given is None,
    }
