"""Where a model looked: what hiding each place of a picture does to the words and options that it wrote."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

from .answering_mmcot import build_prompt, write_stages
from .confidence_mmcot import Written
from .explanation_figure_mmcot import draw_explanation, heat_pictures
from .generation_mmcot import token_log_probabilities
from .hiding_mmcot import grid_of, hide_windows, shrink, spread_over_cells
from .looking_mmcot import Looked
from .prompt_mmcot import STATEMENT, flatten
from .stage_records_mmcot import RATIONALE, find_stage, in_order
from .stages_mmcot import StageModels
from .words_mmcot import WordTokens, split_words


if TYPE_CHECKING:
    from .modeling_mmcot import MMCoTForConditionalGeneration
    from .processing_mmcot import MMCoTProcessor


# Each needs as much memory as a row of a training batch.
PICTURES_AT_ONCE = 16


@dataclass
class Seen:
    """What a picture did for a word or an option.

    Args:
        text: the word, or the option.
        probability: of the word after those before it, or of the option, with the pictures as they are.
        weight: how much of it comes from the pictures: how far it falls where there are none, from -1 to 1.
        maps: for each picture how far it falls while a place is hidden, `(rows, columns)`, from -1 to 1. What is
            negative speaks against the word or option. The grid lies over the whole picture, 8 cells along its longer
            side.
    """

    text: str
    probability: float
    weight: float
    maps: list[np.ndarray]


@dataclass
class Explanation:
    """Where the models looked for one answer.

    Args:
        question: as it was asked.
        pictures: of the question, in RGB, at most 1024 pixels long.
        words: of the rationale; of the whole text from a model that writes rationale and answer as one.
        options: all of them; none from a model that writes rationale and answer as one text.
        answer: of a question without options, in their place: the words of the answer.
        gates: by stage that reads pictures, the mean of the fusion's gate: the share of the picture in the numbers
            that the decoder reads.
    """

    question: str
    pictures: list[Image.Image]
    words: list[Seen]
    options: list[Seen]
    answer: list[Seen]
    gates: dict[str, float]

    @property
    def maps(self) -> list[np.ndarray]:
        """For each picture where the rationale comes from, `(rows, columns)`: the sum over its words. Without words,
        where the most probable option does, or the answer."""
        best = sorted(self.options, key=lambda option: option.probability)[-1:]
        chosen = self.words or best or self.answer
        if not chosen:
            return [np.zeros(grid_of(picture)) for picture in self.pictures]
        return [np.sum(maps, axis=0) for maps in zip(*(seen.maps for seen in chosen), strict=True)]

    def heat(self, word: int | None = None) -> list[Image.Image]:
        """The pictures, in colour where they counted: for the whole rationale, or for the word at a position."""
        return heat_pictures(self.pictures, self.maps if word is None else self.words[word].maps)

    def figure(self) -> Any:
        """A `matplotlib.figure.Figure` for light background: pictures, rationale, options, and what counted.

        Raises:
            ImportError: without `matplotlib`.
        """
        return draw_explanation(self)

    def save(self, path: str | os.PathLike) -> None:
        """Writes the figure; the ending of the path says in which format (PNG, SVG, PDF)."""
        self.figure().savefig(path, dpi=150)


@torch.no_grad()
def explain_answer(
    stages: StageModels, processor: "MMCoTProcessor", example: Mapping[str, Any], written: Mapping[str, Written]
) -> Explanation:
    """Reads the question again with one place after another hidden.

    The words are those that were written, so the model only reads them. For the options, or the words of the answer,
    it thinks anew each time: a rationale by greedy search, or the caller's, and then their probabilities.

    Args:
        stages: the models.
        processor: of all of them.
        example: the question, see [`read_question`].
        written: what the stages wrote for it.
    """
    pictures = [shrink(picture) for picture in example["image"]]
    words = written_words(stages, processor, written)
    settings = {stage: greedy_settings(processor, written[stage]) for stage in stages}
    last = in_order(stages)[-1]
    choices, answer = example["choices"], words_of_answer(processor, written, last)
    word_rows, answer_rows = [], []
    # As they are, without any, and hidden place by place.
    for batch in batches(chain([pictures, []], hide_windows(pictures))):
        looked = Looked(stages, processor, batch)
        if words is not None:
            prompts = [build_prompt(processor, example, words.stage, {})] * len(batch)
            word_rows += word_probabilities(stages, processor, words, looked, prompts)
        if answer is not None:
            asked = [{**example, "image": images} for images in batch]
            anew = write_stages(stages, processor, asked, settings, looked)
            prompts = [build_prompt(processor, example, last, row) for row in anew]
            answer_rows += (
                [row[last].scores or [] for row in anew]
                if choices
                else word_probabilities(stages, processor, answer, looked, prompts)
            )
    seen = [] if answer is None else compare(choices or answer.tokens.texts, answer_rows, pictures)
    return Explanation(
        question=example["question"],
        pictures=pictures,
        words=[] if words is None else compare(words.tokens.texts, word_rows, pictures),
        options=seen if choices else [],
        answer=[] if choices else seen,
        gates=mean_gates(stages, processor, {**example, "image": pictures}, written),
    )


@dataclass
class WordsOfStage:
    """The words to explain, and the stage that wrote them."""

    stage: str
    tokens: WordTokens


def words_of_answer(processor: "MMCoTProcessor", written: Mapping[str, Written], stage: str) -> WordsOfStage | None:
    """The words that follow "The answer is"; `None` from a stage that writes more than an answer."""
    if not find_stage(stage).only_answers:
        return None
    text = flatten(written[stage].text)
    words = split_words(processor, text, skip=len(STATEMENT) if text.startswith(STATEMENT) else 0)
    words.texts = [word.rstrip(".") or word for word in words.texts]
    return WordsOfStage(stage, words)


def written_words(
    stages: StageModels, processor: "MMCoTProcessor", written: Mapping[str, Written]
) -> WordsOfStage | None:
    """The words of the rationale; `None` where no stage of the models writes one."""
    stage = next((name for name in in_order(stages) if find_stage(name).writes_rationale), None)
    if stage is None:
        return None
    text, cue = written[stage].text, ""
    if stage == RATIONALE:
        cue = find_stage(stage).cue
        text = f"{cue} {processor.parse_rationale(text)}"
    return WordsOfStage(stage, split_words(processor, text, skip=len(cue)))


def greedy_settings(processor: "MMCoTProcessor", written: Written) -> dict[str, Any]:
    """Settings of `generate()` for a text like the one that was written, and at most about twice as long."""
    tokens = processor.tokenizer(written.text)["input_ids"]
    return {"do_sample": False, "num_beams": 1, "max_new_tokens": 2 * len(tokens) + 8}


def batches(rows: Iterable[Any]) -> Iterator[list[Any]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, PICTURES_AT_ONCE)):
        yield batch


def word_probabilities(
    stages: StageModels,
    processor: "MMCoTProcessor",
    words: WordsOfStage,
    looked: Looked,
    prompts: Sequence[str],
) -> list[list[float]]:
    """For each row of pictures with its prompt how probable each word is after those before it."""
    inputs = processor(text=prompts)
    with stages.use(words.stage) as model:
        inputs.update(looked.inputs(model, range(len(prompts))))
        read = model.get_encoder()(**inputs.to(model.device, model.dtype))
        labels = words.tokens.labels.to(model.device).expand(len(prompts), -1)
        logarithms = token_log_probabilities(model, read, labels).cpu()
    return words.tokens.sum_by_word(logarithms).exp().tolist()


def compare(texts: Sequence[str], rows: Sequence[Sequence[float]], pictures: Sequence[Image.Image]) -> list[Seen]:
    """What the pictures did for each text.

    Args:
        rows: probabilities of the texts with the pictures as they are, without any, and with each place hidden.
    """
    table = np.array(rows)
    falls = table[0] - table[1:]
    return [
        Seen(
            text=text,
            probability=float(table[0, column]),
            weight=float(falls[0, column]),
            maps=spread_over_cells(falls[1:, column], pictures),
        )
        for column, text in enumerate(texts)
    ]


def mean_gates(
    stages: StageModels, processor: "MMCoTProcessor", example: Mapping[str, Any], written: Mapping[str, Written]
) -> dict[str, float]:
    """By stage that reads pictures, the mean of the gate over what the stage read."""
    gates = {}
    for stage in filter(stages.reads_pictures, in_order(stages)):
        prompt = build_prompt(processor, example, stage, written)
        with stages.use(stage) as model:
            inputs = processor(images=[example["image"]], text=[prompt]).to(model.device, model.dtype)
            gates[stage] = mean_gate(model, inputs)
    return gates


def mean_gate(model: "MMCoTForConditionalGeneration", inputs: Mapping[str, Any]) -> float:
    encoder = model.get_encoder()
    text = {name: inputs[name] for name in ("input_ids", "attention_mask")}
    pictures = [inputs.get(name) for name in ("pixel_values", "image_features", "image_attention_mask", "image_sizes")]
    # Not by `output_attentions`, for which the text encoder would need another implementation of attention.
    _, _, gate = encoder.fuse(encoder.text_encoder(**text).last_hidden_state, *pictures)
    return float(gate.mean())
