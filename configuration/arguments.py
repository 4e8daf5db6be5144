"""The sections of a recipe but training, each key said once: its name, what it may hold, its default, its meaning."""

from copy import deepcopy
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Literal

from transformers import CONFIG_MAPPING

from ..modeling_mmcot.configuration_mmcot import MMCoTConfig
from ..modeling_mmcot.parts_mmcot import CONFIG_ARGUMENTS
from .annotations import Range, check_fields, check_keys, nearest
from .recipe_file import BROUGHT_ALONG


Count = Annotated[int, Range(at_least=1)]
Positive = Annotated[float, Range(above=0)]
NotNegative = Annotated[float, Range(at_least=0)]
Share = Annotated[float, Range(at_least=0, below=1)]
Seed = Annotated[int, Range(at_least=0, below=2**32 - 1)]
# Fields of `MMCoTConfig` that a trained model may change; a gate that has learned only ignores where it would start.
CHANGEABLE = ("freeze_vision", "missing_image", "attn_implementation", "gate_bias")
# Column that training adds, by which examples of like length come together.
PROMPT_LENGTH = "prompt_length"


@dataclass
class Section:
    """A part of a recipe. Values that its annotations do not allow raise a `RecipeError` that names the key."""

    def __post_init__(self):
        check_fields(self)


@dataclass
class DataArguments(Section):
    """`data`: how a data set that was made elsewhere becomes examples with ScienceQA's columns."""

    columns: dict[str, str] = field(default_factory=dict)
    """Columns to rename, theirs to ours: `{explanation: solution}`."""
    images: str | None = None
    """Folder that the image paths of the data set start from; for A-OKVQA the COCO folder. By default the folder of
    the file that names them."""
    captions: str | None = None
    """JSON file of captions by example id, which join the context."""
    rationales: Literal["first", "all"] | None = None
    """Of a data set with several rationales per example, which to take; with `all`, each makes an example of its own.
    By default all for the training split and the first elsewhere."""
    on_error: Literal["raise", "skip"] = "raise"
    """What a bad row does: `raise` stops, `skip` leaves it out, counts it and lists it."""


@dataclass
class ModelArguments(Section):
    """`model`: where the model comes from: a trained folder, existing checkpoints, or sizes to start from scratch."""

    origin: str | None = field(default=None, metadata={"key": "from"})
    """Trained, converted or published folder, or Hub id, to go on from: each stage with its own model, language model,
    image encoder and fusion, in the same words. Under `lora`, adapters are put on it."""
    revision: str | None = None
    """Branch, tag or commit of the Hub id in `from`."""
    text_model: str | None = None
    """Folder or Hub id of an encoder-decoder language model, for instance `google/flan-t5-base`."""
    text_config: dict[str, Any] | None = None
    """Instead of `text_model`: its configuration, `model_type` first."""
    tokenizer: str | None = None
    """Folder or Hub id. By default that of `text_model`; for `text_config` one is trained on the training split."""
    vocab_size: Count = 1000
    """Most tokens that a trained tokenizer may have."""
    vision_model: str | None = None
    """Folder or Hub id of an image encoder."""
    vision_config: dict[str, Any] | None = None
    """Instead of `vision_model`: its configuration. Without both, the model reads text only."""
    image_size: Count | dict[str, Count] | None = None
    """What images are resized to: the side of a square in pixels, or the `size` of an image processor, such as
    `{shortest_edge: 224, longest_edge: 1333}`. By default what the checkpoint of `vision_model` says; for
    `vision_config` 224."""
    fast_start: bool = False
    """Prepare the language model of `text_config` for a short training (`training/start.py`)."""
    cache_features: bool = True
    """Compute the features of a frozen image encoder once per image, and keep them on the disk."""
    quantization: dict[str, Any] | None = None
    """Arguments of `transformers.BitsAndBytesConfig`, such as `{load_in_4bit: true}`, for `text_model`; for training
    with `lora` on a GPU (needs `bitsandbytes`)."""
    config: dict[str, Any] = field(default_factory=dict)
    """Further fields of `MMCoTConfig`, such as `freeze_vision`, `missing_image`, `gate_bias`."""

    def __post_init__(self):
        super().__post_init__()
        if self.origin is not None:
            self._check_origin()
            return
        if self.revision is not None:
            raise ValueError("revision is that of the Hub id in from, which is not given; leave revision out.")
        if (self.text_model is None) == (self.text_config is None):
            raise ValueError(
                "give either text_model (a checkpoint) or text_config (a start from scratch), or else from (a trained "
                "folder)."
            )
        if self.vision_model is not None and self.vision_config is not None:
            raise ValueError("vision_model and vision_config exclude each other; keep one of them.")
        known = [name for name in CONFIG_ARGUMENTS if not hasattr(self, name)]
        check_keys("model.config", self.config, known)
        for name, settings in (("text_config", self.text_config), ("vision_config", self.vision_config)):
            if settings is not None:
                check_network(name, **settings)

    def _check_origin(self):
        """Refuses what contradicts the folder that is gone on from."""
        for key in BROUGHT_ALONG:
            if getattr(self, key) != getattr(ModelArguments, key, None):
                raise ValueError(f"from is a whole model, which brings its own {key}; leave {key} or from out.")
        for key in self.config:
            if key not in CHANGEABLE:
                raise ValueError(f"config.{key} of a trained model cannot be changed; leave config.{key} or from out.")


def check_network(name: str, model_type: Any = None, **settings: Any) -> None:
    """Refuses a network's configuration that transformers refuses, or would take while it ignores a mistyped key."""
    if str(model_type) not in CONFIG_MAPPING or model_type == MMCoTConfig.model_type:
        raise ValueError(
            f"{name}.model_type is {model_type!r}; give one that transformers knows, such as t5 or resnet."
        )
    kind = CONFIG_MAPPING[model_type]
    known = [*kind.attribute_map, *(entry.name for entry in fields(kind))]
    for key in settings:
        similar = nearest(key, known, cutoff=0.85)
        if key not in known and similar is not None:
            raise ValueError(f"{name} has the unknown key {key}: did you mean {similar}?")
    try:
        kind(**deepcopy(settings))
    except Exception as error:  # each configuration has checks of its own
        raise ValueError(f"{name}: {error}") from error


@dataclass
class ProcessorArguments(Section):
    """`processor`: the settings of `MMCoTProcessor`, which builds the texts that the model reads and learns."""

    max_length: Count = 512
    """Most tokens of a prompt."""
    max_target_length: Count = 512
    """Most tokens of a text to learn."""
    newline: Literal["space", "official"] = "space"
    """What a line break in a lecture or solution becomes; `official` writes a backslash and an n, as the official
    code does."""
    lecture: bool = False
    """Whether the rationale begins with the column `lecture`."""


@dataclass
class LoraArguments(Section):
    """`lora`: low-rank adapters (Hu et al., 2021) instead of all weights of the language model.

    The fusion of text and image, which is new, is trained in full and saved with each adapter.
    """

    r: Count = 16
    """Rank of the adapters."""
    lora_alpha: Count = 32
    """Scale of the adapters: what they add is multiplied by `lora_alpha / r`."""
    lora_dropout: Share = 0.0
    """Share of an adapter's inputs that is dropped in training."""
    target_modules: str = r"language_model\..*\.(q|v|q_proj|v_proj)"
    """Regular expression that the full name of a linear layer must match to get an adapter."""
    merge: bool | None = None
    """Add each trained adapter to its model, so that the run ends with whole models. By default only where the stages
    go on from models of their own (`model.from`), which leave no base to share."""


@dataclass
class EvaluationArguments(Section):
    """`evaluation`: the scores that a run reports."""

    split: str = "test"
    """The split that is scored at the end, by free generation."""
    by: list[str] = field(default_factory=list)
    """Columns of the data set to report accuracy by."""
    batch_size: Count = 32
    """Examples that are generated for together."""
    validation_limit: Count = 200
    """Most validation examples that are scored while training."""


@dataclass
class HubArguments(Section):
    """Where a run is published as soon as it is complete: keys of `training`, named as in `TrainingArguments`."""

    push_to_hub: bool = False
    """Publish the run folder, as `mmcot push` does."""
    hub_model_id: str | None = None
    """`org/name`; by default the name of the run folder, in your own namespace."""
    hub_private_repo: bool = False
    """Only you see it."""
    hub_revision: str | None = None
    """Branch to publish to."""
