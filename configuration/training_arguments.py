"""The sections of a recipe about training: transformers' own arguments, with defaults for MMCoT.

They lie apart because the library's import brings much that only training needs.
"""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from transformers import Seq2SeqTrainingArguments

from .annotations import Range, check_fields
from .arguments import PROMPT_LENGTH, Count, NotNegative, Positive, Seed, Share


@dataclass
class StageArguments(Seq2SeqTrainingArguments):
    """`training` and the section of each model: every field of `Seq2SeqTrainingArguments`, with defaults for MMCoT."""

    output_dir: str = "trainer_output"
    start_from: Literal["base", "rationale"] = "base"
    """What training starts from: `base` (the section `model`) or `rationale` (the trained weights of stage 1)."""
    gate_bias: float | None = None
    """Start value of the gate's bias in this stage; by default as in `model.config`."""
    position_lr_factor: Positive = 1.0
    """The relative position tables of T5 learn so many times faster. They hold logits, which have to travel much
    farther than weights; 10 lets a model that starts from scratch find neighbouring words early."""
    shuffle_options: bool = False
    """Show the options of a problem in another order at each epoch, the letter moving with its option, so that the
    model looks letters up and learns none by heart (`docs/stage2.md`). Problems whose texts speak of letters or places
    of options keep their order."""
    generation_max_length: Count | None = 128
    """Most tokens that a generated text of this stage may have."""
    remove_unused_columns: bool = False  # the collator reads the raw columns
    train_sampling_strategy: str = "group_by_length"
    length_column_name: str = PROMPT_LENGTH
    save_total_limit: Count | None = 1
    logging_steps: Positive = 50
    logging_nan_inf_filter: bool = False  # a loss that is no number ends the training
    report_to: str | list[str] | None = "none"
    dataloader_pin_memory: bool = False

    # The library leaves these unchecked, or finds out in the middle of a run.
    narrowed: ClassVar[dict[str, Any]] = {
        "per_device_train_batch_size": Count,
        "per_device_eval_batch_size": Count,
        "gradient_accumulation_steps": Count,
        "max_steps": Literal[-1] | Count,
        "num_train_epochs": Positive,
        "learning_rate": Positive,
        "warmup_steps": NotNegative,
        "weight_decay": NotNegative,
        "adam_beta1": Share,
        "adam_beta2": Share,
        "adam_epsilon": Positive,
        "max_grad_norm": NotNegative,
        "label_smoothing_factor": Share,
        "neftune_noise_alpha": NotNegative | None,
        "eval_steps": Positive | None,
        "eval_delay": NotNegative,
        "eval_accumulation_steps": Count | None,
        "save_steps": Positive,
        "generation_num_beams": Count | None,
        "seed": Seed,
        "data_seed": Seed | None,
        "torch_empty_cache_steps": Count | None,
        "dataloader_num_workers": Annotated[int, Range(at_least=0)],
        "dataloader_prefetch_factor": Count | None,
        "ddp_bucket_cap_mb": Count | None,
        "ddp_timeout": Count,
    }

    def __post_init__(self):
        check_fields(self)
        super().__post_init__()
