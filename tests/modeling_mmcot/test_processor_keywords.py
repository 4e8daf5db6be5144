"""The processor takes what every processor of transformers takes, and refuses what it would not do."""

import datasets
import numpy as np
import pytest
import torch
from PIL import Image
from transformers import DetrImageProcessorPil, PreTrainedTokenizerFast

from mmcot import MMCoTProcessor


TEXTS = ["red", "a red cat and a blue dog"]
EXAMPLE = {"question": "Which?", "choices": ["a red cat", "a blue dog"], "hint": "word " * 40, "answer": 0}


@pytest.fixture
def picture():
    return Image.linear_gradient("L").resize((16, 16))


class TestText:
    def test_arrays(self, tiny_processor, picture):
        tensors = tiny_processor(images=[None, picture], text=TEXTS, text_target=TEXTS)
        arrays = tiny_processor(images=[None, picture], text=TEXTS, text_target=TEXTS, return_tensors="np")
        assert arrays.keys() == tensors.keys()
        for name, array in arrays.items():
            assert isinstance(array, np.ndarray)
            assert np.array_equal(array, tensors[name].numpy())

    def test_lists(self, tiny_processor, picture):
        batch = tiny_processor(images=[picture, picture], text=TEXTS, padding=False, return_tensors=None)
        assert {type(value) for value in batch.values()} == {list}
        assert batch["input_ids"] == tiny_processor.encode_prompts(TEXTS)
        assert batch["attention_mask"] == [[1] * len(ids) for ids in batch["input_ids"]]
        assert [row.shape for row in batch["pixel_values"]] == [(3, 16, 16)] * 2

    def test_a_call_may_have_another_length(self, tiny_processor):
        prompt = tiny_processor.build_prompt(EXAMPLE, "direct")
        whole, cut = len(tiny_processor.encode_prompts([prompt])[0]), tiny_processor.truncation.cut
        ids = tiny_processor(text=[prompt], max_length=whole - 5)["input_ids"][0]
        assert len(ids) == whole - 5
        assert tiny_processor.truncation.cut == cut + 1
        text = tiny_processor.decode(ids, skip_special_tokens=True)
        assert text.endswith("Options: (A) a red cat (B) a blue dog Answer:"), "its context goes, as always"
        assert tiny_processor.max_length == 512

    @pytest.mark.parametrize("truncation", [True, None, "longest_first", "only_first"])
    def test_every_strategy_is_the_rule_for_prompts(self, truncation, tiny_processor):
        prompt = tiny_processor.build_prompt(EXAMPLE, "direct")
        ids = tiny_processor(text=[prompt], max_length=60, truncation=truncation)["input_ids"]
        assert torch.equal(ids, tiny_processor(text=[prompt], max_length=60)["input_ids"])

    @pytest.mark.parametrize("truncation", [False, "do_not_truncate"])
    def test_nothing_is_cut_on_request(self, truncation, tiny_processor):
        text = " ".join(TEXTS * 5)
        ids = tiny_processor(text=[text], truncation=truncation, max_length=8)["input_ids"][0]
        assert ids.tolist() == tiny_processor.tokenizer(text)["input_ids"]
        assert tiny_processor.truncation.cut == 0

    def test_padding(self, tiny_processor):
        batch = tiny_processor(text=TEXTS, padding_side="left", pad_to_multiple_of=16)
        assert batch["input_ids"].shape[1] % 16 == 0
        assert batch["attention_mask"][:, -1].all()
        assert not batch["attention_mask"][0, 0]
        full = tiny_processor(text=TEXTS, text_kwargs={"padding": "max_length", "max_length": 40})
        assert full["input_ids"].shape == (2, 40)

    def test_a_prompt_that_stays_too_long_is_padded_to_its_own_length(self, tiny_processor):
        prompts = [tiny_processor.build_prompt(EXAMPLE, "direct"), "red"]
        batch = tiny_processor(text=prompts, padding="max_length", max_length=8)
        assert batch["attention_mask"].sum(1).tolist()[0] == batch["input_ids"].shape[1] > 8

    @pytest.mark.parametrize("side", ["left", "right"])
    def test_offsets_belong_to_the_tokens_that_are_left(self, side, tiny_processor):
        prompts = [tiny_processor.build_prompt(EXAMPLE, "direct"), "a red cat"]
        batch = tiny_processor(
            text=prompts, max_length=70, padding_side=side, return_offsets_mapping=True, return_tensors=None
        )
        whole = tiny_processor.tokenizer(prompts, return_offsets_mapping=True)
        for row in range(2):
            known = set(zip(whole["input_ids"][row], whole["offset_mapping"][row], strict=True))
            there = np.array(batch["attention_mask"][row], dtype=bool)
            ids, spans = np.array(batch["input_ids"][row]), batch["offset_mapping"][row]
            assert len(spans) == len(ids)
            assert {(int(ids[i]), spans[i]) for i in there.nonzero()[0]} <= known
            assert all(spans[i] == (0, 0) for i in (~there).nonzero()[0])

    def test_further_columns_of_the_tokenizer(self, tiny_processor):
        batch = tiny_processor(text=TEXTS, return_special_tokens_mask=True, add_special_tokens=True)
        assert batch["special_tokens_mask"].shape == batch["input_ids"].shape
        bare = tiny_processor(text=TEXTS, add_special_tokens=False, return_attention_mask=False)
        assert set(bare) == {"input_ids"}
        assert tiny_processor.tokenizer.eos_token_id not in bare["input_ids"]

    def test_column_of_a_data_set(self, tiny_processor):
        column = datasets.Dataset.from_dict({"text": TEXTS})["text"]
        assert torch.equal(tiny_processor(text=column)["input_ids"], tiny_processor(text=TEXTS)["input_ids"])

    def test_what_the_tokenizer_was_made_with_counts_unless_the_processor_says_otherwise(self, tiny_processor):
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=tiny_processor.tokenizer.backend_tokenizer,
            pad_token="<pad>",
            eos_token="</s>",
            max_length=30,
            padding="max_length",
        )
        for length, settings in ((30, {}), (24, {"max_length": 24})):
            processor = MMCoTProcessor(tiny_processor.image_processor, tokenizer, **settings)
            assert processor(text=TEXTS)["input_ids"].shape == (2, length)
            assert processor(text=TEXTS, padding=True)["input_ids"].shape[1] < length


class TestImages:
    def test_settings_of_the_image_processor(self, tiny_processor, picture):
        usual = tiny_processor(images=picture)["pixel_values"]
        for keywords in ({"do_normalize": False}, {"images_kwargs": {"do_normalize": False}}):
            assert torch.allclose(tiny_processor(images=picture, **keywords)["pixel_values"], usual / 2 + 0.5)
        large = tiny_processor(images=[picture], text=["red"], size={"height": 32, "width": 32})
        assert large["pixel_values"].shape == (1, 3, 32, 32)
        unscaled = tiny_processor(images=picture, do_rescale=False, do_normalize=False)["pixel_values"]
        assert unscaled.max() > 200

    def test_many_pictures_as_one_array(self, tiny_processor):
        pictures = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
        expected = tiny_processor(images=[Image.fromarray(array) for array in pictures])["pixel_values"]
        moved = torch.tensor(pictures).permute(0, 3, 1, 2)
        for images in (pictures, moved, list(moved)):
            for layout in ({}, {"input_data_format": "channels_first"}):
                assert torch.equal(tiny_processor(images=images, **layout)["pixel_values"], expected)
        several = tiny_processor(images=[pictures], text=["red"])
        assert several["pixel_values"].shape == (1, 3, 3, 16, 16)

    def test_fractions_are_fractions(self, tiny_processor):
        pictures = torch.rand(2, 3, 16, 16)
        assert tiny_processor(images=pictures)["pixel_values"].std() > 0.4
        with pytest.raises(ValueError, match="do_rescale is false, but a picture of fractions"):
            tiny_processor(images=pictures, do_rescale=False)

    def test_sizes_come_from_an_image_processor_that_pads(self, tiny_processor):
        assert "image_sizes" not in tiny_processor.model_input_names
        padding = MMCoTProcessor(DetrImageProcessorPil(), tiny_processor.tokenizer)
        assert "image_sizes" in padding.model_input_names


class TestRefused:
    @pytest.mark.parametrize("keywords", [{"max_lenght": 8}, {"videos": ["a.mp4"]}, {"audio": [0.0]}])
    def test_unknown(self, keywords, tiny_processor):
        with pytest.raises(TypeError, match=f"'{next(iter(keywords))}' is a keyword of neither"):
            tiny_processor(text=TEXTS, **keywords)

    @pytest.mark.parametrize("group", ["text_kwargs", "images_kwargs"])
    def test_unknown_within_a_group(self, group, tiny_processor, picture):
        with pytest.raises(TypeError, match="'colour'"):
            tiny_processor(text="red", images=picture, **{group: {"colour": 1}})

    @pytest.mark.parametrize(
        "keywords",
        [{"text_pair": "red"}, {"stride": 2}, {"return_overflowing_tokens": True}, {"is_split_into_words": True}],
    )
    def test_what_no_prompt_has(self, keywords, tiny_processor):
        with pytest.raises(ValueError, match=f"{next(iter(keywords))} is not for prompts"):
            tiny_processor(text="red", **keywords)

    @pytest.mark.parametrize("keywords", [{"truncation": "middle"}, {"padding": "both"}, {"return_tensors": "tf"}])
    def test_unknown_value(self, keywords, tiny_processor):
        with pytest.raises(ValueError, match=f"{next(iter(keywords.values()))} is not a valid"):
            tiny_processor(text=TEXTS, **keywords)

    def test_twice(self, tiny_processor):
        with pytest.raises(ValueError, match="padding was passed two times"):
            tiny_processor(text=TEXTS, padding=True, text_kwargs={"padding": False})

    def test_ragged_tensors(self, tiny_processor):
        with pytest.raises(ValueError, match="padding=True"):
            tiny_processor(text=TEXTS, padding=False)
