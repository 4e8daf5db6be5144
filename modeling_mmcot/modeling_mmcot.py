"""The MMCoT network: a T5-family encoder-decoder whose encoder output is fused with image features."""

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from transformers import GenerationMixin, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput, BaseModelOutputWithPooling, Seq2SeqLMOutput
from transformers.utils.generic import ModelOutput, TransformersKwargs, can_return_tuple

from .card_mmcot import leave_card
from .configuration_mmcot import MMCoTConfig
from .encoder_mmcot import MMCoTEncoder, MMCoTEncoderOutput, MMCoTGate, MMCoTGatedFusion, requested_outputs
from .loading_mmcot import find_place, origin_of, stages_alone, with_names_in_memory
from .parts_mmcot import (
    load_language_model,
    load_vision_tower,
    new_language_model,
    new_vision_tower,
    part_classes,
    sort_arguments,
    unread_parameters,
)
from .stage_records_mmcot import ROOT_FOLDER


if TYPE_CHECKING:
    # Never run. `save_pretrained` ships the files it finds in import lines, so this puts the pipeline and the
    # processor into every saved folder.
    from .pipeline_mmcot import MMCoTPipeline  # noqa: F401
    from .processing_mmcot import MMCoTProcessor  # noqa: F401


# What transformers hands to `forward` of every model, among it the tokenizers of `generate(stop_strings=...)`.
WITHOUT_EFFECT = {*TransformersKwargs.__annotations__, "tokenizer", "assistant_tokenizer"}


@dataclass
class MMCoTOutput(Seq2SeqLMOutput):
    """A sequence-to-sequence output with the two views of [`MMCoTEncoderOutput`] on where the model looked."""

    image_attentions: torch.FloatTensor | None = None
    gate: torch.FloatTensor | None = None


class MMCoTPreTrainedModel(PreTrainedModel):
    """Loading, saving and initialisation of MMCoT models."""

    config_class = MMCoTConfig
    # A plain T5 checkpoint is a valid start: its keys gain this prefix.
    base_model_prefix = "language_model"
    main_input_name = "input_ids"
    model_tags = ["mmcot", "multimodal-cot", "chain-of-thought"]  # of every card that the library writes
    input_modalities = ["image", "text"]
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _can_compile_fullgraph = True  # where the parts can: no image encoder for padded pictures, such as DETR, does
    # None but the language model's own. `None` would tell peft that no other place has the tokens that it trains.
    _tied_weights_keys: dict[str, str] = {}
    # What `from_pretrained` was asked for: the models of further stages come from the same folder or commit.
    origin: dict[str, Any] = {}

    if TYPE_CHECKING:
        to: Any  # a method, which the library's decorator hides

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path, *args, **kwargs):
        place = find_place(pretrained_model_name_or_path, kwargs)
        loaded = super().from_pretrained(place.name, *args, **place.options)
        model = loaded[0] if isinstance(loaded, tuple) else loaded  # a tuple with `output_loading_info`
        if place.adapter is not None:
            model.load_adapter(place.adapter, adapter_kwargs=place.where)
            model.origin = origin_of(place.name, place.options)
        else:
            model.origin = origin_of(pretrained_model_name_or_path, kwargs)
            model.config.stages = stages_alone(model.config.stages, kwargs.get("subfolder") or ROOT_FOLDER)
        return loaded

    def __getstate__(self):
        # A token is not for a copy or a file.
        return {**vars(self), "origin": {name: value for name, value in self.origin.items() if name != "token"}}

    def save_pretrained(
        self,
        save_directory,
        is_main_process: bool = True,
        state_dict: dict | None = None,
        push_to_hub: bool = False,
        max_shard_size: int | str = "5GB",
        *args,
        **kwargs,
    ):
        # The library's 50 GB is more than many a connection or file system takes in one piece.
        sizes = (max_shard_size, *args)
        super().save_pretrained(save_directory, is_main_process, state_dict, push_to_hub, *sizes, **kwargs)
        if is_main_process and not getattr(self, "_hf_peft_config_loaded", False):
            leave_card(save_directory, self.config, self.model_tags)

    def load_state_dict(self, state_dict, strict: bool = True, assign: bool = False):
        """Weights in the names that they have in memory, or as `save_pretrained` writes them.

        In this way the Trainer reads its checkpoints back.
        """
        return super().load_state_dict(with_names_in_memory(self, state_dict), strict, assign)

    def _init_weights(self, module: nn.Module):
        # Leaves only: containers of custom code are skipped by the library. Xavier as in the official attention
        # layer, so that the start does not depend on the width.
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:  # a resized output head has none
                nn.init.constant_(module.bias, self.config.gate_bias if isinstance(module, MMCoTGate) else 0.0)


class MMCoTForConditionalGeneration(MMCoTPreTrainedModel, GenerationMixin):
    """Multimodal Chain-of-Thought: reads a question and a picture, writes a rationale or an answer.

    Each of the two stages is one model of this class. Example:

    ```python
    inputs = processor(images=[picture], text=[processor.build_prompt(example, "rationale")])
    print(processor.batch_decode(model.generate(**inputs, max_new_tokens=64), skip_special_tokens=True))
    ```
    """

    # The Trainer's token count for gradient accumulation reaches `forward`, which divides by it.
    accepts_loss_kwargs = True

    def __init__(self, config: MMCoTConfig):
        # The library asks for these before there are parts.
        parts = part_classes(config)
        self._supports_flash_attn = all(part._supports_flash_attn for part in parts)
        # A T5 has no flash attention because of its position bias, and claims flex attention, where it goes wrong: it
        # has one row, and is read as if there were one for each question.
        self._supports_flex_attn = self._supports_flash_attn and all(part._supports_flex_attn for part in parts)
        self._can_compile_fullgraph = all(part._can_compile_fullgraph for part in parts)
        super().__init__(config)
        self.language_model = new_language_model(config.text_config)
        self.vision_tower: Any = new_vision_tower(config.vision_config)
        image_feature_size = config.image_feature_size
        assert image_feature_size is not None  # the configuration has filled it in
        self.fusion: Any = None
        if image_feature_size:
            text_size = self.language_model.get_input_embeddings().embedding_dim
            self.fusion = MMCoTGatedFusion(text_size=text_size, image_feature_size=image_feature_size)
        self.post_init()
        self.freeze_vision_tower()

    @classmethod
    def from_pretrained_parts(
        cls, text_model: str | None = None, vision_model: str | None = None, **kwargs
    ) -> "MMCoTForConditionalGeneration":
        """Starts from an ordinary language model and image encoder; only the fusion is new.

        Args:
            text_model: folder or Hub id of an encoder-decoder, for instance `google/flan-t5-base`. Without one, the
                language model starts from scratch with the `text_config` of `kwargs`.
            vision_model: folder or Hub id of an image encoder, for instance `google/vit-large-patch32-384`. Without
                one, the tower starts from scratch with the `vision_config` of `kwargs`, if there is one.
            kwargs: fields of [`MMCoTConfig`]; `dtype` and `attn_implementation` of the whole model; and where the
                parts come from, in the words of `from_pretrained` (`revision`, `token`, `cache_dir`, ...), for both
                parts, or as `text_revision` or `vision_revision` for one.

        Raises:
            TypeError: for any other keyword.
            ValueError: for a whole MMCoT model in place of a part.
        """
        fields, loading = sort_arguments(kwargs, {"text": text_model, "vision": vision_model})
        dtype = kwargs.get("dtype", "auto")
        if text_model is not None:
            language_model = load_language_model(text_model, **loading["text"])
            fields["text_config"], dtype = language_model.config, language_model.dtype
        if vision_model is not None:
            vision_tower: Any = load_vision_tower(vision_model, **loading["vision"])
            fields["vision_config"] = vision_tower.config
        model: Any = cls(cls.config_class(**fields))
        if dtype not in ("auto", None):
            model.to(getattr(torch, dtype) if isinstance(dtype, str) else dtype)
        if text_model is not None:
            model.language_model = language_model
            model.generation_config = language_model.generation_config
            model.generation_config.decoder_start_token_id = model.config.decoder_start_token_id
        if vision_model is not None:
            model.vision_tower = vision_tower.to(model.dtype)  # a saved model is loaded in one precision
        model.freeze_vision_tower()
        return model.eval()

    def freeze_vision_tower(self) -> None:
        """Applies `config.freeze_vision` to the tower's parameters."""
        if self.vision_tower is not None:
            self.vision_tower.requires_grad_(not self.config.freeze_vision)
            self.train(self.training)

    def train(self, mode: bool = True):
        super().train(mode)
        tower = getattr(self, "vision_tower", None)  # absent while `__init__` runs
        if tower is None:
            return self
        # Gradients are taken here, too: `from_pretrained` makes new parameters and ends with `eval()`.
        if self.config.freeze_vision:
            tower.eval().requires_grad_(False)  # it never drops out or updates its statistics
        else:
            # Processes that train together would wait for the gradients of these for ever.
            for parameter in unread_parameters(tower):
                parameter.requires_grad_(False)
        return self

    def get_input_embeddings(self):
        return self.language_model.get_input_embeddings()

    def set_input_embeddings(self, value):
        self.language_model.set_input_embeddings(value)

    def get_output_embeddings(self):
        return self.language_model.get_output_embeddings()

    def set_output_embeddings(self, new_embeddings):
        self.language_model.set_output_embeddings(new_embeddings)

    def get_encoder(self, modality: str | None = None):
        """The whole encoder (text, picture, fusion), or with `modality="image"` the vision tower."""
        return self.vision_tower if modality == "image" else MMCoTEncoder(self)

    def get_decoder(self):
        return self.language_model.get_decoder()

    @can_return_tuple
    def get_image_features(
        self,
        pixel_values: torch.Tensor,
        image_sizes: torch.LongTensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
    ) -> BaseModelOutputWithPooling:
        """What the image encoder makes of pictures; see [`~MMCoTForConditionalGeneration.forward`] for the inputs.

        Returns:
            `pooler_output (batch, images * patches, image_feature_size)`: the `image_features` of each question;
            `last_hidden_state (batch * images, patches, image_feature_size)`: those of each picture; on request
            `hidden_states` and `attentions` as the image encoder has them.
        """
        outputs = requested_outputs(self.config, output_attentions, output_hidden_states)
        return self.get_encoder().encode_images(pixel_values, image_sizes=image_sizes, **outputs)[0]

    @torch.no_grad()
    def generate(self, inputs: torch.Tensor | None = None, generation_config=None, *args, **kwargs):
        """See `GenerationMixin.generate`.

        With `output_attentions=True, return_dict_in_generate=True` the output has `image_attentions` and `gate`, too,
        as [`~MMCoTForConditionalGeneration.forward`] gives them, a row for each row of the input.
        """
        library: Any = super()
        defaults = self.generation_config if generation_config is None else generation_config
        names = ("output_attentions", "output_hidden_states")
        wanted = {name: kwargs.get(name, getattr(defaults, name)) for name in names}
        if not wanted["output_attentions"]:
            return library.generate(inputs, generation_config, *args, **kwargs)
        if inputs is not None:
            kwargs["input_ids"], inputs = inputs, None
        if kwargs.get("encoder_outputs") is None:
            of_encoder = inspect.signature(MMCoTEncoder.forward).parameters.keys() & kwargs.keys()
            kwargs["encoder_outputs"] = self.get_encoder()(**{name: kwargs[name] for name in of_encoder} | wanted)
        # Before `generate`, which repeats what it is given for its beams.
        views = {name: kwargs["encoder_outputs"].get(name) for name in ("image_attentions", "gate")}
        outputs = library.generate(inputs, generation_config, *args, **kwargs)
        if isinstance(outputs, ModelOutput):
            for name, view in views.items():
                outputs[name] = view
        return outputs

    def prepare_decoder_input_ids_from_labels(self, labels: torch.Tensor) -> torch.Tensor:
        """Labels `(batch, target)` moved one to the right, as the decoder reads them."""
        shifted = labels.roll(1, dims=-1)
        shifted[:, 0] = self.config.decoder_start_token_id
        return shifted.masked_fill(shifted == -100, self.config.pad_token_id)

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.LongTensor | None = None,
        attention_mask: torch.Tensor | None = None,
        pixel_values: torch.Tensor | None = None,
        image_features: torch.Tensor | None = None,
        image_attention_mask: torch.Tensor | None = None,
        image_sizes: torch.LongTensor | None = None,
        decoder_input_ids: torch.Tensor | None = None,
        decoder_attention_mask: torch.Tensor | None = None,
        encoder_outputs: MMCoTEncoderOutput | None = None,
        past_key_values=None,
        inputs_embeds: torch.Tensor | None = None,
        decoder_inputs_embeds: torch.Tensor | None = None,
        labels: torch.LongTensor | None = None,
        use_cache: bool | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        num_items_in_batch: torch.Tensor | int | None = None,
        return_dict: bool | None = None,
        **kwargs: Any,
    ) -> MMCoTOutput:
        """Predicts the next token of rationale or answer.

        Args:
            input_ids: prompt, `(batch, text)`; or `inputs_embeds (batch, text, d_model)`.
            attention_mask: `(batch, text)`, 1 where there is text. Derived from pad ids where not given.
            pixel_values: pictures, `(batch, 3, height, width)` or `(batch, images, 3, height, width)`.
            image_features: instead, patches encoded elsewhere, `(batch, patches, image_feature_size)`.
            image_attention_mask: `(batch, patches)`, or `(batch, images)` beside `pixel_values`; 1 where there is a
                picture. A row of zeros is a question without picture, as are all rows where neither is given.
            image_sizes: height and width of each picture without padding, `(batch, images, 2)`, where they differ. A
                compiled model looks at such pictures uncompiled, so not with `fullgraph=True`.
            labels: target, `(batch, target)`, -100 where nothing is to be learned.
            output_attentions: also return `image_attentions` and `gate`.
            num_items_in_batch: target tokens in all accumulated batches, which the loss is divided by.
            return_dict: a tuple where it is false, whatever the configuration says.
            kwargs: what transformers hands to every model, without effect here.

        Raises:
            TypeError: for any other keyword.
            ValueError: for image inputs that do not fit; the message says what to pass.
        """
        check_without_effect(kwargs)
        outputs = requested_outputs(self.config, output_attentions, output_hidden_states)
        if encoder_outputs is None:
            encoder_outputs = self.get_encoder()(
                input_ids=input_ids,
                attention_mask=attention_mask,
                inputs_embeds=inputs_embeds,
                pixel_values=pixel_values,
                image_features=image_features,
                image_attention_mask=image_attention_mask,
                image_sizes=image_sizes,
                **outputs,
            )
        elif not isinstance(encoder_outputs, ModelOutput):
            encoder_outputs = MMCoTEncoderOutput(last_hidden_state=encoder_outputs[0])
        if attention_mask is None:
            attention_mask = encoder_outputs.get("attention_mask")
        if labels is not None and decoder_input_ids is None and decoder_inputs_embeds is None:
            decoder_input_ids = self.prepare_decoder_input_ids_from_labels(labels)
        decoded = self.language_model(
            encoder_outputs=BaseModelOutput(last_hidden_state=encoder_outputs.last_hidden_state),
            attention_mask=attention_mask,
            decoder_input_ids=decoder_input_ids,
            decoder_attention_mask=decoder_attention_mask,
            decoder_inputs_embeds=decoder_inputs_embeds,
            past_key_values=past_key_values,
            use_cache=use_cache,
            return_dict=True,
            **outputs,
        )
        loss = None if labels is None else token_loss(decoded.logits, labels, num_items_in_batch)
        return join_outputs(loss, encoder_outputs, decoded)


def check_without_effect(kwargs: dict[str, Any]) -> None:
    """Refuses a keyword that not even transformers hands to every model."""
    for name in kwargs:
        if name not in WITHOUT_EFFECT:
            raise TypeError(f"forward() got an unexpected keyword argument {name!r}")


def join_outputs(loss: torch.Tensor | None, encoded: BaseModelOutput, decoded: Seq2SeqLMOutput) -> MMCoTOutput:
    """What encoder and decoder gave, as one output."""
    return MMCoTOutput(
        loss=loss,
        logits=decoded.logits,
        past_key_values=decoded.past_key_values,
        decoder_hidden_states=decoded.decoder_hidden_states,
        decoder_attentions=decoded.decoder_attentions,
        cross_attentions=decoded.cross_attentions,
        encoder_last_hidden_state=encoded.last_hidden_state,
        encoder_hidden_states=encoded.hidden_states,
        encoder_attentions=encoded.attentions,
        image_attentions=encoded.get("image_attentions"),
        gate=encoded.get("gate"),
    )


def token_loss(
    logits: torch.Tensor, labels: torch.LongTensor, num_items_in_batch: torch.Tensor | int | None
) -> torch.Tensor:
    """Cross entropy of `logits (batch, target, vocabulary)`: the mean over tokens, or their sum over a given count.

    The count makes accumulated or distributed small batches equal one large batch exactly.
    """
    loss = nn.functional.cross_entropy(
        logits.float().flatten(0, 1),
        labels.to(logits.device).flatten(),
        ignore_index=-100,
        reduction="mean" if num_items_in_batch is None else "sum",
    )
    return loss if num_items_in_batch is None else loss / num_items_in_batch


MMCoTForConditionalGeneration.register_for_auto_class("AutoModelForSeq2SeqLM")

__all__ = ["MMCoTForConditionalGeneration", "MMCoTPreTrainedModel"]
