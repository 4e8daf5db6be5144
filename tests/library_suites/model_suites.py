"""What transformers asks of any model, asked of three of ours: a frozen tower, a trained one, and none.

Only runs where `library_tests` is, see `sources.py`.
"""

import functools
import unittest
from unittest.mock import patch

import torch
from library_tests.test_configuration_common import ConfigTester  # type: ignore[import-not-found]
from library_tests.test_modeling_common import ModelTesterMixin, floats_tensor, ids_tensor  # type: ignore[import-not-found]
from library_tests.test_training_mixin import TrainingTesterMixin  # type: ignore[import-not-found]
from transformers import T5Config, ViTConfig

from mmcot import MMCoTConfig, MMCoTForConditionalGeneration


class MMCoTModelTester:
    """A tiny model and a batch for it, under the names that transformers' tests read."""

    is_training = True
    batch_size, seq_length, vocab_size = 3, 7, 99
    hidden_size, num_hidden_layers, num_attention_heads = 32, 2, 4
    image_size = 16
    text_config = T5Config(
        vocab_size=vocab_size,
        d_model=hidden_size,
        d_kv=8,
        d_ff=37,
        num_layers=num_hidden_layers,
        num_heads=num_attention_heads,
        decoder_start_token_id=0,
    ).to_dict()
    vision_config = ViTConfig(
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        image_size=image_size,
        patch_size=8,
    ).to_dict()

    def __init__(self, **fields):
        self.fields = fields

    def get_config(self):
        return MMCoTConfig(**{"text_config": self.text_config, "vision_config": self.vision_config, **self.fields})

    def prepare_config_and_inputs_for_common(self):
        config = self.get_config()
        shape = [self.batch_size, self.seq_length]
        inputs = {
            "input_ids": ids_tensor(shape, self.vocab_size - 2) + 2,  # neither padding nor end
            "attention_mask": torch.ones(shape, dtype=torch.long),
            "decoder_input_ids": ids_tensor(shape, self.vocab_size - 2) + 2,
        }
        if config.vision_config is None:
            inputs["image_features"] = floats_tensor([self.batch_size, 5, config.image_feature_size])
        else:
            inputs["pixel_values"] = floats_tensor([self.batch_size, 3, self.image_size, self.image_size])
        return config, inputs


class ModelSuite(ModelTesterMixin, TrainingTesterMixin):
    """transformers' tests of a model and of its configuration."""

    all_model_classes = (MMCoTForConditionalGeneration,)
    is_encoder_decoder = True
    _is_composite = True
    additional_model_inputs = ["pixel_values", "image_features"]
    model_tester = None
    fields = {}

    def setUp(self):
        self.model_tester = MMCoTModelTester(**self.fields)

    def _prepare_for_class(self, inputs_dict, model_class, return_labels=False):
        # Theirs knows the models of the library by name.
        inputs = super()._prepare_for_class(inputs_dict, model_class)
        return inputs | {"labels": torch.zeros_like(inputs["decoder_input_ids"])} if return_labels else inputs

    def test_config(self):
        ConfigTester(self, config_class=MMCoTConfig, has_text_modality=False, **self.fields).run_common_tests()

    def test_attention_outputs(self):
        # It counts the outputs of an encoder-decoder and knows nothing of our two, which other tests are about.
        forward = MMCoTForConditionalGeneration.forward

        @functools.wraps(forward)
        def without_our_own(model, **inputs):
            output = forward(model, **inputs)
            return type(output)(**{name: output[name] for name in output if name not in ("image_attentions", "gate")})

        with patch.object(MMCoTForConditionalGeneration, "forward", without_our_own):
            super().test_attention_outputs()


class FrozenTower(ModelSuite, unittest.TestCase):
    """A ViT that stays as it is."""


class TrainedTower(ModelSuite, unittest.TestCase):
    """A ViT that learns with the rest."""

    fields = {"freeze_vision": False}


class FeaturesOnly(ModelSuite, unittest.TestCase):
    """No tower: pictures come as features."""

    fields = {"vision_config": None, "image_feature_size": 24}

    def _image_features_prepare_config_and_inputs(self):
        self.skipTest("There is no tower whose features could be had.")
