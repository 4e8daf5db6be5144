"""The network: pictures in all their numbers, questions without one, wrong inputs, precision, configuration."""

import json

import pytest
import torch
from huggingface_hub.errors import StrictDataclassFieldValidationError
from torch.testing import assert_close
from transformers import AutoConfig, GPT2Config, T5Config, ViTConfig

from mmcot import MMCoTConfig, MMCoTForConditionalGeneration


PATCHES = 5  # of the tiny ViT: four, and the class token


@pytest.fixture
def inputs():
    """Three questions, the last one shorter, with a picture and a target each."""
    generator = torch.Generator().manual_seed(3)
    mask = torch.tensor([[1] * 7, [1] * 7, [1] * 4 + [0] * 3])
    return {
        "input_ids": torch.randint(3, 128, (3, 7), generator=generator) * mask,
        "attention_mask": mask,
        "pixel_values": torch.randn(3, 3, 16, 16, generator=generator),
        "labels": torch.randint(3, 128, (3, 5), generator=generator),
    }


@pytest.fixture
def features(inputs):
    return torch.randn(3, PATCHES, 24, generator=torch.Generator().manual_seed(4))


@pytest.fixture
def pictures():
    """Two pictures per question."""
    return torch.randn(3, 2, 3, 16, 16, generator=torch.Generator().manual_seed(5))


def without_image(inputs):
    return {name: tensor for name, tensor in inputs.items() if name != "pixel_values"}


def part(inputs, index):
    return {name: tensor[index : index + 1] for name, tensor in inputs.items()}


def logits(model, inputs, **more):
    with torch.no_grad():
        return model(**inputs, **more).logits


class TestPictures:
    def test_pixels_equal_their_features(self, tiny_model, inputs):
        features = tiny_model.get_image_features(inputs["pixel_values"]).pooler_output
        assert features.shape == (3, PATCHES, 24)
        expected = logits(tiny_model, inputs)
        assert_close(logits(tiny_model, without_image(inputs), image_features=features), expected)
        assert not torch.allclose(logits(tiny_model, without_image(inputs)), expected, atol=1e-2)

    def test_the_picture_of_a_row_changes_that_row_only(self, tiny_model, inputs):
        before = logits(tiny_model, inputs)
        inputs["pixel_values"][1] += 1
        changed = (logits(tiny_model, inputs) - before).abs().amax((1, 2))
        assert changed[1] > 1e-3
        assert changed[[0, 2]].max() < 1e-5

    def test_several_pictures_lie_end_to_end(self, tiny_model, inputs, pictures):
        features = torch.cat(
            [tiny_model.get_image_features(pictures[:, index]).pooler_output for index in range(2)], dim=1
        )
        assert_close(tiny_model.get_image_features(pictures).pooler_output, features)
        expected = logits(tiny_model, without_image(inputs), image_features=features)
        assert_close(logits(tiny_model, inputs | {"pixel_values": pictures}), expected)

    def test_rows_with_two_one_and_no_picture_equal_themselves_alone(self, tiny_model, inputs, pictures):
        inputs["pixel_values"] = pictures
        mask = torch.tensor([[1, 1], [1, 0], [0, 0]])
        together = logits(tiny_model, inputs, image_attention_mask=mask)
        assert_close(together[:1], logits(tiny_model, part(inputs, 0)))
        one = part(inputs, 1) | {"pixel_values": pictures[1:2, 0]}
        assert_close(together[1:2], logits(tiny_model, one))
        assert_close(together[2:], logits(tiny_model, part(without_image(inputs), 2)))

    def test_a_mask_of_patches_hides_them(self, tiny_model, inputs, features):
        text = without_image(inputs)
        mask = torch.ones(3, PATCHES, dtype=torch.long)
        mask[:, 3:] = 0
        spoiled = features.clone()
        spoiled[:, 3:] = 1e4
        hidden = logits(tiny_model, text, image_features=spoiled, image_attention_mask=mask)
        assert_close(hidden, logits(tiny_model, text, image_features=features[:, :3]))

    @pytest.mark.parametrize("dtype", [torch.bool, torch.long, torch.float32])
    def test_masks_of_any_type(self, tiny_model, inputs, dtype):
        mask = torch.tensor([[1], [0], [1]])
        expected = logits(tiny_model, inputs, image_attention_mask=mask)
        assert_close(logits(tiny_model, inputs, image_attention_mask=mask.to(dtype)), expected)

    def test_a_frozen_tower_neither_learns_nor_drops_out(self, tiny_model, inputs):
        tiny_model.train()
        assert tiny_model.fusion.training
        assert not any(module.training for module in tiny_model.vision_tower.modules())
        tiny_model(**inputs).loss.backward()
        assert all(parameter.grad is None for parameter in tiny_model.vision_tower.parameters())
        assert all(parameter.grad.abs().sum() > 0 for parameter in tiny_model.fusion.image_projection.parameters())

    def test_a_free_tower_learns(self, make_model, inputs):
        model = make_model(freeze_vision=False)
        assert all(module.training for module in model.train().vision_tower.modules())
        model(**inputs).loss.backward()
        assert model.vision_tower.embeddings.patch_embeddings.projection.weight.grad.abs().sum() > 0

    @pytest.mark.parametrize("freeze", [True, False])
    def test_a_reloaded_tower_is_frozen_as_before(self, make_model, tmp_path, freeze):
        make_model(freeze_vision=freeze).save_pretrained(tmp_path)
        model = MMCoTForConditionalGeneration.from_pretrained(tmp_path)
        assert {parameter.requires_grad for parameter in model.vision_tower.layers.parameters()} == {not freeze}
        assert model.train().vision_tower.training is not freeze


class TestMissingPictures:
    @pytest.mark.parametrize("image", ["pixel_values", "image_features"])
    def test_skip_reads_the_text_alone(self, tiny_model, inputs, features, image):
        text = without_image(inputs)
        given = {image: inputs["pixel_values"] if image == "pixel_values" else features}
        mask = torch.tensor([[1], [0], [0]]).expand(3, 1 if image == "pixel_values" else PATCHES)
        output = tiny_model(**text, **given, image_attention_mask=mask, output_attentions=True)
        assert torch.count_nonzero(output.gate[1:]) == 0
        assert output.gate[0].min() > 0
        text_only = tiny_model(**text)
        assert torch.equal(output.logits[1:], text_only.logits[1:])
        assert torch.equal(output.encoder_last_hidden_state[1:], text_only.encoder_last_hidden_state[1:])
        assert not torch.allclose(output.logits[0], text_only.logits[0], atol=1e-2)

    @pytest.mark.parametrize("patches", [1, PATCHES])
    def test_zeros_reads_an_all_zero_picture(self, make_model, inputs, patches):
        model, text = make_model(missing_image="zeros"), without_image(inputs)
        zeros = torch.zeros(3, patches, 24)
        expected = logits(model, text, image_features=zeros)
        assert_close(logits(model, text), expected)
        masked = logits(
            model, text, image_features=zeros + 3, image_attention_mask=torch.zeros(3, patches, dtype=torch.long)
        )
        assert_close(masked, expected)
        assert not torch.allclose(logits(make_model(), text), expected, atol=1e-2)

    @pytest.mark.parametrize("missing_image", ["skip", "zeros"])
    def test_each_row_of_a_mixed_batch_equals_itself_alone(self, make_model, inputs, missing_image):
        model = make_model(missing_image=missing_image)
        together = logits(model, inputs, image_attention_mask=torch.tensor([[1], [0], [1]]))
        alone = [part(inputs, 0), part(without_image(inputs), 1), part(inputs, 2)]
        assert_close(together, torch.cat([logits(model, row) for row in alone]))

    @pytest.mark.parametrize("missing_image", ["skip", "zeros"])
    @pytest.mark.parametrize("masked", [True, False], ids=["masked_pictures", "no_pictures"])
    def test_every_free_parameter_gets_a_gradient_without_pictures(self, make_model, inputs, missing_image, masked):
        """Processes that train together wait for each other's gradients: a process without pictures must have them."""
        model = make_model(missing_image=missing_image).train()
        batch = inputs | {"image_attention_mask": torch.zeros(3, 1)} if masked else without_image(inputs)
        model(**batch).loss.backward()
        gradients = {name: p.grad for name, p in model.named_parameters() if p.requires_grad}
        assert [name for name, gradient in gradients.items() if gradient is None] == []
        assert all(gradient.isfinite().all() for gradient in gradients.values())


class TestWrongInputs:
    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            ({"image_features": torch.ones(3, 5, 24), "pixel_values": torch.ones(3, 3, 16, 16)}, "pass one of them"),
            ({"image_features": torch.ones(3, 5, 23)}, r"\(3, patches, 24\)"),
            ({"image_features": torch.ones(2, 5, 24)}, r"\(3, patches, 24\)"),
            ({"image_features": torch.ones(3, 24)}, r"\(3, patches, 24\)"),
            ({"pixel_values": torch.ones(3, 16, 16)}, r"\(batch, 3, height, width\)"),
            ({"pixel_values": torch.ones(2, 3, 16, 16)}, r"\(3, patches, 24\)"),
            (
                {"image_features": torch.ones(3, 5, 24), "image_attention_mask": torch.ones(3, 4)},
                r"expected \(batch, patches\) = \(3, 5\)",
            ),
            (
                {"pixel_values": torch.ones(3, 2, 3, 16, 16), "image_attention_mask": torch.ones(3, 3)},
                r"\(batch, images\) beside pixel_values",
            ),
            (
                {"pixel_values": torch.ones(3, 3, 16, 16), "image_attention_mask": torch.ones(3)},
                r"\(batch, images\) beside pixel_values",
            ),
        ],
    )
    def test_the_message_says_what_to_pass(self, tiny_model, inputs, wrong, words):
        with pytest.raises(ValueError, match=words):
            tiny_model(**without_image(inputs), **wrong)

    def test_pixels_for_a_model_without_a_tower(self, make_model, inputs):
        model = make_model(vision_config=None, image_feature_size=24)
        with pytest.raises(ValueError, match=r"Pass image_features \(batch, patches, 24\).*vision_config"):
            model(**inputs)


class TestAttentions:
    def test_image_attentions_and_gate(self, tiny_model, inputs, features):
        mask = torch.ones(3, PATCHES, dtype=torch.long)
        mask[0, 2:] = 0
        output = tiny_model(
            **without_image(inputs), image_features=features, image_attention_mask=mask, output_attentions=True
        )
        attentions, gate = output.image_attentions, output.gate
        assert attentions.shape == (3, 7, PATCHES)
        assert gate.shape == (3, 7, 32)
        assert_close(attentions.sum(-1), torch.ones(3, 7))
        assert torch.count_nonzero(attentions[0, :, 2:]) == 0
        assert attentions[1].std() > 0
        assert ((gate > 0) & (gate < 1)).all()
        assert tiny_model(**inputs).image_attentions is None

    def test_they_are_what_the_fused_states_were_made_of(self, tiny_model, inputs, features):
        fusion = tiny_model.fusion
        text = {name: inputs[name] for name in ("input_ids", "attention_mask")}
        states = tiny_model.get_encoder()(**text).last_hidden_state
        encoded = tiny_model.get_encoder()(**text, image_features=features, output_attentions=True)
        image = fusion.image_projection(features)
        seen = fusion.output(encoded.image_attentions @ fusion.value(image))
        assert_close(encoded.last_hidden_state, (1 - encoded.gate) * states + encoded.gate * seen)
        single_head = torch.nn.functional.scaled_dot_product_attention(
            fusion.query(states), fusion.key(image), fusion.value(image)
        )
        assert_close(seen, fusion.output(single_head))

    def test_a_tuple_on_request(self, tiny_model, inputs):
        output = tiny_model(**inputs)
        as_tuple = tiny_model(**inputs, return_dict=False)
        assert torch.equal(as_tuple[0], output.loss)
        assert torch.equal(as_tuple[1], output.logits)

    def test_the_configuration_may_request_what_a_call_may(self, make_model, inputs):
        model = make_model()
        model.set_attn_implementation("eager")
        model.config.output_attentions = model.config.output_hidden_states = True
        output = model(**inputs)
        assert len(output.encoder_hidden_states) == len(output.decoder_hidden_states) == 3
        assert len(output.encoder_attentions) == len(output.cross_attentions) == 2
        assert output.image_attentions.shape == (3, 7, PATCHES)
        silent = model(**inputs, output_attentions=False, output_hidden_states=False)
        assert silent.keys() == make_model()(**inputs).keys()

    def test_image_features_have_the_form_of_the_library(self, tiny_model, inputs, pictures):
        tiny_model.set_attn_implementation("eager")
        seen = tiny_model.get_image_features(pictures, output_hidden_states=True, output_attentions=True)
        batch, images = pictures.shape[:2]
        assert seen.last_hidden_state.shape == (batch * images, PATCHES, 24)
        assert torch.equal(seen.pooler_output, seen.last_hidden_state.view(batch, images * PATCHES, 24))
        assert [len(seen.hidden_states), len(seen.attentions)] == [3, 2]
        plain = tiny_model.get_image_features(pictures)
        assert plain.hidden_states is plain.attentions is None
        as_tuple = tiny_model.get_image_features(pictures, return_dict=False)
        assert torch.equal(as_tuple[0], plain.last_hidden_state)
        assert torch.equal(as_tuple[1], plain.pooler_output)
        tiny_model.config.output_hidden_states = True
        assert len(tiny_model.get_image_features(pictures).hidden_states) == 3


class TestPrecision:
    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
    def test_half_precision(self, tiny_model, inputs, tmp_path, dtype):
        tiny_model.save_pretrained(tmp_path)
        model = MMCoTForConditionalGeneration.from_pretrained(tmp_path, dtype=dtype)
        assert {model.fusion.gate.weight.dtype, model.vision_tower.dtype, model.dtype} == {dtype}
        output = model(**inputs, image_attention_mask=torch.tensor([[1], [0], [1]]), output_attentions=True)
        assert output.logits.dtype == dtype
        assert output.loss.isfinite()
        assert output.image_attentions.isfinite().all()
        expected = tiny_model(**inputs, image_attention_mask=torch.tensor([[1], [0], [1]])).loss
        assert_close(output.loss.float(), expected, atol=0.1, rtol=0.02)
        assert model.generate(**without_image(inputs | {"labels": None}), max_new_tokens=3).shape[0] == 3

    def test_gradient_checkpointing_changes_no_gradient(self, without_dropout, inputs):
        gradients = []
        for checkpointing in (False, True):
            model = without_dropout().train()
            if checkpointing:
                model.gradient_checkpointing_enable()
                assert any(getattr(module, "gradient_checkpointing", False) for module in model.modules())
            model(**inputs).loss.backward()
            gradients.append({name: p.grad for name, p in model.named_parameters() if p.grad is not None})
        assert gradients[0].keys() == gradients[1].keys()
        for name, gradient in gradients[0].items():
            assert_close(gradients[1][name], gradient)

    def test_device_map_auto(self, tiny_model, inputs, tmp_path):
        tiny_model.save_pretrained(tmp_path)
        model = MMCoTForConditionalGeneration.from_pretrained(tmp_path, device_map="auto")
        del inputs["labels"]
        ids = model.generate(**{name: tensor.to(model.device) for name, tensor in inputs.items()}, max_new_tokens=4)
        assert torch.equal(ids.cpu(), tiny_model.generate(**inputs, max_new_tokens=4))


class TestConfiguration:
    def test_json_round_trip(self, make_config, tmp_path):
        config = make_config(
            missing_image="zeros",
            gate_bias=-1.5,
            image_feature_length=5,
            stages={"rationale": ".", "answer": "answer"},
        )
        config.save_pretrained(tmp_path)
        for reloaded in (MMCoTConfig.from_pretrained(tmp_path), AutoConfig.from_pretrained(tmp_path)):
            assert isinstance(reloaded, MMCoTConfig)
            assert isinstance(reloaded.text_config, T5Config)
            assert isinstance(reloaded.vision_config, ViTConfig)
            assert reloaded.to_dict() | {"_name_or_path": ""} == config.to_dict()
        saved = json.loads((tmp_path / "config.json").read_text())
        assert (saved["gate_bias"], saved["stages"]["answer"]) == (-1.5, "answer")

    def test_sub_configurations_as_objects_or_dictionaries(self, make_config):
        from_objects = make_config()
        parts = {name: getattr(from_objects, name).to_dict() for name in ("text_config", "vision_config")}
        assert MMCoTConfig(**parts).to_dict() == from_objects.to_dict()

    def test_defaults(self):
        config = MMCoTConfig()
        assert isinstance(config.text_config, T5Config)
        assert (config.vision_config, config.image_feature_size) == (None, 768)
        assert (config.missing_image, config.freeze_vision, config.is_encoder_decoder) == ("skip", True, True)
        assert config.stages == {"rationale": ".", "answer": "."}
        assert (config.pad_token_id, config.eos_token_id, config.decoder_start_token_id) == (0, 1, 0)

    def test_what_the_parts_say_is_taken_from_them(self, make_config):
        text = T5Config(pad_token_id=5, eos_token_id=6, decoder_start_token_id=7)
        config = make_config(text_config=text)
        assert (config.pad_token_id, config.eos_token_id, config.decoder_start_token_id) == (5, 6, 7)
        assert config.image_feature_size == 24
        assert make_config(decoder_start_token_id=9).decoder_start_token_id == 9

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"image_feature_size": 25}, "Leave image_feature_size out"),
            ({"image_feature_size": -1, "vision_config": None}, "or is 0"),
            ({"missing_image": "ignore"}, "'skip' or 'zeros'"),
            ({"text_config": GPT2Config()}, "encoder-decoder such as T5"),
            ({"stages": {"reason": "."}}, "the stages are rationale, answer, direct"),
            ({"stages": {"answer": "../x"}}, "sub-folder of the repository"),
            ({"stages": {"answer": "a/../../x"}}, "sub-folder of the repository"),
            ({"stages": {"answer": "/x"}}, "sub-folder of the repository"),
        ],
    )
    def test_contradictions_are_refused(self, make_config, fields, words):
        with pytest.raises(ValueError, match=words):
            make_config(**fields)

    @pytest.mark.parametrize(
        "fields", [{"missing_image": None}, {"freeze_vision": "yes"}, {"image_feature_size": 2.5}]
    )
    def test_values_of_the_wrong_type_are_refused(self, make_config, fields):
        with pytest.raises(StrictDataclassFieldValidationError, match=next(iter(fields))):
            make_config(**fields)

    def test_a_saved_contradiction_is_refused_when_loaded(self, make_config, tmp_path):
        make_config().save_pretrained(tmp_path)
        saved = json.loads((tmp_path / "config.json").read_text())
        (tmp_path / "config.json").write_text(json.dumps(saved | {"stages": {"answer": "../elsewhere"}}))
        with pytest.raises(ValueError, match="sub-folder of the repository"):
            MMCoTConfig.from_pretrained(tmp_path)

    @pytest.mark.parametrize(("encoder", "decoder"), [(2, 5), (5, 2), (3, 3)])
    def test_decoder_depth_sizes_the_cache(self, make_config, encoder, decoder):
        config = make_config(text_config=T5Config(num_layers=encoder, num_decoder_layers=decoder))
        assert config.get_text_config(decoder=True).num_hidden_layers == decoder
        assert config.get_text_config().num_hidden_layers == encoder
        assert config.text_config.num_layers == encoder

    def test_stages_may_name_any_of_the_five(self, make_config):
        stages = dict.fromkeys(["rationale", "answer", "direct", "rationale_answer", "answer_rationale"], "sub/folder")
        assert make_config(stages=stages).stages == stages
