"""Configuration of MMCoT: every number that defines the network, and where its two stages live in a repository."""

import copy
import re
from collections.abc import Mapping

from huggingface_hub.dataclasses import strict
from transformers import AutoConfig, PreTrainedConfig
from transformers.configuration_utils import SubConfigSpec

from .confidence_mmcot import Temperatures
from .stage_records_mmcot import ANSWER, RATIONALE, ROOT_FOLDER, STAGES


SUB_FOLDER = re.compile(r"[\w.-]+(?:/[\w.-]+)*", re.ASCII)

# What a saved folder says of itself, so that `trust_remote_code=True` finds every class without this package.
AUTO_MAP = {
    "AutoConfig": "configuration_mmcot.MMCoTConfig",
    "AutoModel": "modeling_mmcot.MMCoTForConditionalGeneration",
    "AutoModelForSeq2SeqLM": "modeling_mmcot.MMCoTForConditionalGeneration",
    "AutoModelForImageTextToText": "modeling_mmcot.MMCoTForConditionalGeneration",
    "AutoModelForMultimodalLM": "modeling_mmcot.MMCoTForConditionalGeneration",
    "AutoProcessor": "processing_mmcot.MMCoTProcessor",
}
TASK = "multimodal-cot"
CUSTOM_PIPELINES = {
    TASK: {"impl": "pipeline_mmcot.MMCoTPipeline", "pt": ["AutoModelForSeq2SeqLM"], "type": "multimodal"}
}


@strict
class MMCoTConfig(PreTrainedConfig):
    """Configuration of [`MMCoTForConditionalGeneration`] (Zhang et al., 2023, arXiv 2302.00923).

    Args:
        text_config (`PreTrainedConfig` or `dict`, defaults to T5):
            The encoder-decoder language model. The T5 family is the reference.
        vision_config (`PreTrainedConfig` or `dict`, *optional*):
            The image encoder that turns `pixel_values` into features. Without one the model reads `image_features`.
        image_feature_size (`int`, *optional*):
            Numbers per image patch. Taken from `vision_config` where there is one, else 768. With 0 the model reads
            no pictures: it has neither tower nor fusion.
        image_feature_length (`int`, *optional*):
            Patches per picture of features computed elsewhere. Only documents what the model was trained on.
        freeze_vision (`bool`, defaults to `True`):
            Keep the image encoder as it is: no gradients, evaluation mode also in training.
        missing_image (`"skip"` or `"zeros"`, defaults to `"skip"`):
            What a question without a picture reads: `"skip"` closes the gate, so that the text is read alone;
            `"zeros"` fuses an all-zero picture, which the official checkpoints were trained with.
        gate_bias (`float`, defaults to 0):
            Start value of the gate's bias: negative favours the text, positive the picture.
        stages (`dict`, *optional*):
            Sub-folder of each stage in the repository, `"."` being the root: two models
            `{"rationale": ".", "answer": "answer"}`, or one model for both (default).
        confidence_temperature (`float`, *optional*):
            Makes probabilities into confidences: an answer that the models of all stages together found probable by
            `p` has the confidence `p ** (1 / confidence_temperature)`. Fitted after training, on examples that were
            not learned. Without one, answers have no confidence.
        words_temperature (`float`, *optional*):
            The same for answers in words, to questions without options.
        pad_token_id, eos_token_id, decoder_start_token_id (`int`, *optional*):
            Taken from `text_config` where not given.

    Raises:
        ValueError: for values that contradict each other; the message says which to change.
    """

    model_type = "mmcot"
    sub_configs_defaults = {
        "text_config": SubConfigSpec(AutoConfig, model_type="t5"),
        "vision_config": SubConfigSpec(AutoConfig, model_type="vit", optional=True),
    }

    text_config: dict | PreTrainedConfig | None = None
    vision_config: dict | PreTrainedConfig | None = None
    image_feature_size: int | None = None
    image_feature_length: int | None = None
    freeze_vision: bool = True
    missing_image: str = "skip"
    gate_bias: float | int = 0.0
    stages: dict[str, str] | None = None
    confidence_temperature: float | int | None = None
    words_temperature: float | int | None = None
    is_encoder_decoder: bool = True
    pad_token_id: int | None = None
    eos_token_id: int | list[int] | None = None
    decoder_start_token_id: int | None = None
    tie_word_embeddings: bool = True

    def __post_init__(self, **kwargs):
        if self.text_config is None:
            self.text_config = {"model_type": "t5"}
        super().__post_init__(**kwargs)
        if self.image_feature_size is None:
            self.image_feature_size = 768 if self.vision_config is None else vision_feature_size(self.vision_config)
        if self.stages is None:
            self.stages = {RATIONALE: ROOT_FOLDER, ANSWER: ROOT_FOLDER}
        # Generation reads these on the outer level.
        text = self.text_config.get_text_config(decoder=True)
        if self.pad_token_id is None:
            self.pad_token_id = text.pad_token_id
        if self.eos_token_id is None:
            self.eos_token_id = text.eos_token_id
        if self.decoder_start_token_id is None:
            start = getattr(self.text_config, "decoder_start_token_id", None)
            self.decoder_start_token_id = self.pad_token_id if start is None else start
        # Here, too: `@strict` turns the ValueError of a validator into an error of its own.
        self.validate_architecture()

    def validate_architecture(self):
        """Part of `@strict` validation: what no single field can tell."""
        if not self.text_config.is_encoder_decoder:
            raise ValueError(
                f"text_config is a {self.text_config.model_type!r} model, which has no encoder. "
                "Use an encoder-decoder such as T5, mT5, BART or T5Gemma."
            )
        if self.missing_image not in ("skip", "zeros"):
            raise ValueError(f"missing_image is {self.missing_image!r}; use 'skip' or 'zeros'.")
        if self.image_feature_size < 0:
            raise ValueError(
                f"image_feature_size is {self.image_feature_size}; it counts numbers per patch, or is 0 for a model "
                "that reads no pictures."
            )
        if self.vision_config is not None and self.image_feature_size != vision_feature_size(self.vision_config):
            raise ValueError(
                f"image_feature_size is {self.image_feature_size}, but the vision tower gives "
                f"{vision_feature_size(self.vision_config)} numbers per patch. Leave image_feature_size out."
            )
        for name in ("confidence_temperature", "words_temperature"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} is {value}; use a number above 0, or leave it out.")
        if not self.stages:
            raise ValueError("stages is empty; name at least one stage and its folder.")
        for stage, folder in self.stages.items():
            check_stage_folder(stage, folder)

    @property
    def temperatures(self) -> Temperatures:
        """What makes probabilities into confidences."""
        return Temperatures(self.confidence_temperature, self.words_temperature)

    @classmethod
    def get_config_dict(cls, pretrained_model_name_or_path, **kwargs):
        settings, kwargs = super().get_config_dict(pretrained_model_name_or_path, **kwargs)
        require_mmcot(pretrained_model_name_or_path, settings.get("model_type", cls.model_type))
        return settings, kwargs

    def get_text_config(self, decoder=None, encoder=None):
        """The language model's configuration; as a decoder, its depth is the decoder's, which sizes the cache."""
        text = self.text_config.get_text_config(decoder=decoder, encoder=encoder)
        decoder_layers = getattr(text, "num_decoder_layers", None)
        if decoder and decoder_layers is not None and decoder_layers != text.num_hidden_layers:
            text = copy.deepcopy(text)
            text.num_hidden_layers = decoder_layers
        return text

    def save_pretrained(self, save_directory, push_to_hub=False, **kwargs):
        """Saves the configuration with the names of its classes: a saved folder is a Hub repository."""
        self.auto_map = dict(AUTO_MAP)
        self.custom_pipelines = copy.deepcopy(CUSTOM_PIPELINES)
        super().save_pretrained(save_directory, push_to_hub=push_to_hub, **kwargs)


def require_mmcot(name: object, model_type: str) -> None:
    """Refuses a checkpoint of another model, most often one that is to become a part of ours."""
    if model_type != MMCoTConfig.model_type:
        raise ValueError(
            f"{name} is a {model_type!r} model, no {MMCoTConfig.model_type}. To make one of it and an image encoder: "
            "MMCoTForConditionalGeneration.from_pretrained_parts(text_model, vision_model)."
        )


def vision_feature_size(vision_config: PreTrainedConfig) -> int:
    """Numbers per patch an image encoder gives: its hidden size, or its last stage's for convolutional ones."""
    sizes = getattr(vision_config, "hidden_sizes", None)
    return sizes[-1] if sizes else vision_config.hidden_size


def stages_are_adapters(stages: Mapping[str, str]) -> bool:
    """Whether the stages of a repository are adapters on a base, which then lies at the root: none of them does.

    Args:
        stages: sub-folder of each stage, see [`MMCoTConfig`].
    """
    return ROOT_FOLDER not in stages.values()


def check_stage_folder(stage: str, folder: str) -> None:
    """Refuses a stage that does not exist or a folder outside the repository."""
    if stage not in STAGES:
        raise ValueError(f"stages names {stage!r}; the stages are {', '.join(STAGES)}.")
    if not SUB_FOLDER.fullmatch(folder) or ".." in folder.split("/"):
        raise ValueError(f"stages[{stage!r}] is {folder!r}; give a sub-folder of the repository, or '.'.")


MMCoTConfig.register_for_auto_class()

__all__ = ["MMCoTConfig"]
