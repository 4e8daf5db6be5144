"""What a stage's model writes for a batch, and how probable it finds it. The encoder runs once for both."""

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from transformers import BatchFeature

from .confidence_mmcot import Written
from .encoder_mmcot import MMCoTEncoderOutput
from .prompt_mmcot import batches_to_read
from .settings_mmcot import check_settings, refusals_name
from .stage_records_mmcot import find_stage


if TYPE_CHECKING:
    from .modeling_mmcot import MMCoTForConditionalGeneration
    from .processing_mmcot import MMCoTProcessor


# Each needs as much memory as a row of a training batch.
OPTIONS_AT_ONCE = 64
TOKENS_AT_ONCE = 512


def generate_batch(
    model: "MMCoTForConditionalGeneration",
    processor: "MMCoTProcessor",
    inputs: BatchFeature,
    stage: str,
    choices: Sequence[Sequence[str]],
    generate_kwargs: Mapping[str, Any],
    scored: bool = True,
) -> list[Written]:
    """What the model of a stage writes for each question of a batch.

    Args:
        model: of the stage.
        processor: of both stages.
        inputs: the prompts and pictures, as the processor gives them.
        stage: one that writes nothing but an answer has scores of options, another the probability of its text.
        choices: the options of each question. Where it has none, the text's probability stands in for their scores.
        generate_kwargs: passed on to `generate()`.
        scored: give these probabilities; without them, only texts.

    Raises:
        ValueError: for settings of `generate()` that are wrong, or give more than one text for each question.
    """
    given = {name: value for name, value in generate_kwargs.items() if value is not None}
    check_settings(given, model)
    inputs = inputs.to(model.device, model.dtype)
    encoder_outputs = read_prompts(model, inputs)
    lengths = (model.generation_config.max_new_tokens, model.generation_config.max_length)
    settings = dict(given)
    if lengths == (None, None) and not {"max_length", "generation_config"} & given.keys():
        # `generate` alone would stop after 20 tokens, in the middle of a rationale.
        settings.setdefault("max_new_tokens", processor.max_target_length)
    text = {name: inputs[name] for name in ("input_ids", "attention_mask")}
    tokenizer = processor.tokenizer  # for `stop_strings`
    # Of a copy, in which `generate` may repeat the rows for its beams.
    read = copy.copy(encoder_outputs)
    with refusals_name(given):
        ids = model.generate(**text, encoder_outputs=read, tokenizer=tokenizer, **settings)
    texts = processor.batch_decode(ids, skip_special_tokens=True)
    if not scored:
        return [Written(text) for text in texts]
    counts = [len(options) if find_stage(stage).only_answers else 0 for options in choices]
    made = [Written(text) for text in texts]
    if any(counts):
        targets = processor.encode_targets(processor.option_targets(max(counts), stage))
        for each, scores in zip(made, option_scores(model, encoder_outputs, targets, counts), strict=True):
            each.scores = scores or None
    rest = [row for row, count in enumerate(counts) if not count]
    if rest:
        for row, value in zip(rest, text_log_probabilities(model, encoder_outputs, ids, rest), strict=True):
            made[row].log_probability = value
    return made


def read_prompts(model: "MMCoTForConditionalGeneration", inputs: BatchFeature) -> MMCoTEncoderOutput:
    """What the encoder makes of a batch of prompts and their pictures; on a CPU in parts of like length."""
    encoder, mask = model.get_encoder(), inputs["attention_mask"]
    if model.device.type != "cpu":
        return encoder(**inputs)
    lengths, longest_first = mask.sum(-1).sort(descending=True)
    parts = []
    for part in batches_to_read(lengths.tolist(), len(mask)):
        rows = longest_first[part]
        places = mask[rows].any(0).nonzero()[:, 0]
        own = {name: values[rows] for name, values in inputs.items()}
        own |= {name: own[name][:, places] for name in ("input_ids", "attention_mask")}
        parts.append((rows[:, None], places, encoder(**own).last_hidden_state))
    first = parts[0][-1]
    states = first.new_zeros(*mask.shape, first.shape[-1])
    for rows, places, read in parts:
        states[rows, places] = read
    return MMCoTEncoderOutput(last_hidden_state=states, attention_mask=mask)


def option_scores(
    model: "MMCoTForConditionalGeneration",
    encoder_outputs: MMCoTEncoderOutput,
    targets: torch.Tensor,
    option_counts: list[int],
) -> list[list[float]]:
    """Probabilities of the options, given that the answer is one of them.

    Args:
        model: of a stage that answers.
        encoder_outputs: what it read, `last_hidden_state (batch, text, d_model)`.
        targets: the answers "The answer is (A)." and so on, `(options, target)`, -100 where padded.
        option_counts: options of each question, at most `len(targets)`.

    Returns:
        For each question one number per option; they sum to 1. An empty list for one without options.
    """
    counts = torch.tensor(option_counts)
    rows = torch.arange(len(counts)).repeat_interleave(counts)  # for each option of each question, the question
    options = torch.cat([torch.arange(count) for count in option_counts])
    chunks = zip(rows.split(OPTIONS_AT_ONCE), options.split(OPTIONS_AT_ONCE), strict=True)
    scores = torch.cat(
        [log_probabilities(model, encoder_outputs, row, targets[option]).sum(-1) for row, option in chunks]
    )
    return [row.softmax(-1).tolist() for row in scores.split(option_counts)]


def text_log_probabilities(
    model: "MMCoTForConditionalGeneration",
    encoder_outputs: MMCoTEncoderOutput,
    ids: torch.Tensor,
    rows: Sequence[int] | None = None,
) -> list[float]:
    """Logarithms of how probable the model finds texts, their ends included, each given what its row read.

    They are the model's own, whatever sampling, beams or penalties `generate()` chose the texts with.

    Args:
        model: of the stage that wrote them.
        encoder_outputs: what it read, `last_hidden_state (batch, text, d_model)`.
        ids: what `generate()` returned, `(batch, tokens)`, the first of which it was given.
        rows: which of them; by default all.
    """
    chosen = torch.tensor(range(len(ids)) if rows is None else rows, device=ids.device)
    targets = ids[chosen, 1:]
    # True up to the last token of each text: what pads it, stands after it.
    written = (targets != model.config.pad_token_id).flip(-1).cumsum(-1).flip(-1) > 0
    targets = targets.masked_fill(~written, -100)
    return token_log_probabilities(model, encoder_outputs, targets, chosen).sum(-1).tolist()


def token_log_probabilities(
    model: "MMCoTForConditionalGeneration",
    encoder_outputs: MMCoTEncoderOutput,
    targets: torch.Tensor,
    rows: torch.Tensor | None = None,
) -> torch.Tensor:
    """Logarithms `(batch, target)` of how probable each token of a text is after what its row read and those before.

    Args:
        targets: a text for each row, `(rows, target)`, -100 where padded; 0 comes of that.
        rows: of what was read, `(rows,)`; by default all.
    """
    rows = torch.arange(len(targets), device=targets.device) if rows is None else rows
    size = max(1, TOKENS_AT_ONCE // targets.shape[1])
    chunks = zip(rows.split(size), targets.split(size), strict=True)
    return torch.cat([log_probabilities(model, encoder_outputs, *chunk) for chunk in chunks])


def log_probabilities(
    model: "MMCoTForConditionalGeneration",
    encoder_outputs: MMCoTEncoderOutput,
    rows: torch.Tensor,
    targets: torch.Tensor,
) -> torch.Tensor:
    """Logarithms of how probable the tokens of `targets (texts, target)` are after what `rows (texts,)` of the encoder
    say."""
    labels = targets.to(model.device)
    rows = rows.to(model.device)
    logits = model(
        encoder_outputs=MMCoTEncoderOutput(encoder_outputs["last_hidden_state"][rows]),
        attention_mask=encoder_outputs["attention_mask"][rows],
        decoder_input_ids=model.prepare_decoder_input_ids_from_labels(labels),
        use_cache=False,
    ).logits  # (texts, target, vocabulary)
    chosen = labels.clamp(min=0)[..., None]
    # How far all others lie below, together: added up beside a chosen one of 1, most of them would be rounded away.
    others = (logits.float() - logits.float().gather(-1, chosen)).scatter(-1, chosen, -torch.inf).logsumexp(-1)
    return -torch.nn.functional.softplus(others).masked_fill(labels == -100, 0)
