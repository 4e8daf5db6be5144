"""What a recipe may say: one dataclass for each of its sections."""

from dataclasses import dataclass, field
from typing import Any

from transformers import Seq2SeqTrainingArguments


@dataclass
class ModelArguments:
    """Where the model comes from: existing checkpoints, or sizes to start from scratch.

    Args:
        text_model: folder or Hub id of an encoder-decoder language model, for instance `google/flan-t5-base`.
        text_config: instead of `text_model`: its configuration, `model_type` first.
        tokenizer: folder or Hub id. Without one that of `text_model`; for `text_config` one is trained on the
            training split.
        vocab_size: tokens of a trained tokenizer.
        vision_model: folder or Hub id of an image encoder.
        vision_config: instead of `vision_model`: its configuration. Without both, the model reads no pictures.
        image_size: what pictures are resized to: the side of a square in pixels, or the `size` of an image processor,
            such as `{shortest_edge: 224, longest_edge: 1333}`. Without it as the checkpoint of `vision_model` says;
            for `vision_config` 224.
        fast_start: prepare the language model of `text_config` for a short training (`training/fast_start.py`).
        cache_features: compute the features of a frozen image encoder once per picture, and keep them on the disk.
        quantization: arguments of `transformers.BitsAndBytesConfig`, such as `{load_in_4bit: true}`, for `text_model`;
            for training with `lora` on a GPU (needs `bitsandbytes`).
        config: further fields of `MMCoTConfig`, such as `freeze_vision`, `missing_image`, `gate_bias`.
    """

    text_model: str | None = None
    text_config: dict[str, Any] | None = None
    tokenizer: str | None = None
    vocab_size: int = 1000
    vision_model: str | None = None
    vision_config: dict[str, Any] | None = None
    image_size: int | dict[str, int] | None = None
    fast_start: bool = False
    cache_features: bool = True
    quantization: dict[str, Any] | None = None
    config: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        if (self.text_model is None) == (self.text_config is None):
            raise ValueError("give either text_model (a checkpoint) or text_config (a start from scratch).")
        if self.vision_model is not None and self.vision_config is not None:
            raise ValueError("vision_model and vision_config exclude each other; keep one of them.")


@dataclass
class DataArguments:
    """How a data set that was made elsewhere becomes examples with ScienceQA's columns.

    Args:
        columns: renames, theirs to ours: `{explanation: solution}`.
        images: folder that the data set's picture paths start from; for A-OKVQA the COCO folder. Without it the folder
            of the file that names them.
        captions: JSON file of captions by problem id, which join the context.
        rationales: of a data set with several per problem, `first` or `all`, each then being an example of its own.
            Without it all for the training split and the first elsewhere.
        on_error: what a bad row does: `raise` stops, `skip` leaves it out, counts it and lists it.
    """

    columns: dict[str, str] = field(default_factory=dict)
    images: str | None = None
    captions: str | None = None
    rationales: str | None = None
    on_error: str = "raise"

    def __post_init__(self):
        if self.on_error not in ("raise", "skip"):
            raise ValueError(f"on_error is {self.on_error!r}; use 'raise' or 'skip'.")
        if self.rationales not in (None, "first", "all"):
            raise ValueError(f"rationales is {self.rationales!r}; use 'first' or 'all'.")


@dataclass
class LoraArguments:
    """Low-rank adapters (Hu et al., 2021) instead of all weights of the language model. The fusion, which is new, is
    trained in full and saved with each adapter.

    Args:
        r: rank of the adapters.
        lora_alpha: their scale; the update counts `lora_alpha / r`.
        lora_dropout: share of an adapter's inputs dropped in training.
        target_modules: regular expression that the full name of a linear layer must match.
        merge: add each trained adapter to the base, so that the run ends with whole models.
    """

    r: int = 16
    lora_alpha: int = 32
    lora_dropout: float = 0.0
    target_modules: str = r"language_model\..*\.(q|v|q_proj|v_proj)"
    merge: bool = False


@dataclass
class ProcessorArguments:
    """The settings of `MMCoTProcessor`, which owns the words."""

    max_length: int = 512
    max_target_length: int = 512
    newline: str = "space"
    lecture: bool = False


@dataclass
class StageArguments(Seq2SeqTrainingArguments):
    """Training of one model: every field of `Seq2SeqTrainingArguments`, with defaults that fit this model.

    Args:
        start_from: `base` (the model section) or `rationale` (the trained weights of stage 1).
        gate_bias: where the gate's bias starts in this stage; without it as in `model.config`.
        position_lr_factor: the relative position tables of T5 learn so many times faster. They hold logits, which have
            to travel much farther than weights; 10 lets a from-scratch model find neighbouring words early.
        generation_max_length: most tokens a text of this stage may have.
    """

    start_from: str = "base"
    gate_bias: float | None = None
    position_lr_factor: float = 1.0
    generation_max_length: int | None = 128
    remove_unused_columns: bool = False  # the collator reads the raw columns
    train_sampling_strategy: str = "group_by_length"
    length_column_name: str = "prompt_length"
    save_strategy: str = "steps"
    save_total_limit: int | None = 1
    logging_steps: float = 50
    report_to: str | list[str] | None = "none"
    dataloader_pin_memory: bool = False

    def __post_init__(self):
        super().__post_init__()
        if self.start_from not in ("base", "rationale"):
            raise ValueError(f"start_from is {self.start_from!r}; use 'base' or 'rationale'.")


@dataclass
class EvaluationArguments:
    """The numbers a run reports.

    Args:
        split: scored at the end, by free generation.
        by: columns of the data set to report accuracy by.
        batch_size: problems generated together.
        validation_limit: at most so many validation problems are scored while training.
    """

    split: str = "test"
    by: list[str] = field(default_factory=list)
    batch_size: int = 32
    validation_limit: int = 200


@dataclass
class HubArguments:
    """Where a run is published as soon as it is complete: keys of the section `training`, named as in
    `TrainingArguments`.

    Args:
        push_to_hub: publish the run folder, as `mmcot push` does.
        hub_model_id: `org/name`; by default the name of the run folder, in your own namespace.
        hub_private_repo: only you see it.
        hub_revision: branch to publish to.
    """

    push_to_hub: bool = False
    hub_model_id: str | None = None
    hub_private_repo: bool = False
    hub_revision: str | None = None
