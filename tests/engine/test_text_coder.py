"""Prompts have the tokens that the processor gives them, cut by the same rule."""

import pytest

from mmcot import MMCoTProcessor
from mmcot.engine.text_coder import TextCoder


@pytest.fixture
def coder(tiny_processor, tmp_path):
    path = tmp_path / "tokenizer.json"
    tiny_processor.tokenizer.backend_tokenizer.save(str(path))
    return TextCoder(path, "space", False, 40, 8)


def test_tokens_are_those_of_the_processor(coder, tiny_processor):
    processor = MMCoTProcessor(tiny_processor.image_processor, tiny_processor.tokenizer, max_length=40)
    processor.max_target_length = 8
    example = {"question": "Which animal is it?", "choices": ["a cat", "a dog"], "hint": "Look at the ball. " * 9}
    prompts = [
        processor.build_prompt(example, "rationale"),
        processor.build_prompt(example, "answer", "The cat is red. " * 30),
        processor.build_prompt({"question": "Why?"}, "rationale"),
        "The picture shows a cat. " * 20,
        "",
    ]
    assert [coder.build_prompt(example, "rationale"), *prompts[1:]] == prompts
    assert coder.encode_prompts(prompts) == processor.encode_prompts(prompts)
    assert vars(coder.truncation) == vars(processor.truncation)
    assert coder.truncation.cut == 3
    texts = ["The answer is (A).", "The picture shows a cat. The cat is red."]
    labels = processor.encode_targets(texts).tolist()
    assert coder.encode_targets(texts) == [[token for token in row if token != -100] for row in labels]
    for row in coder.encode_targets(texts):
        assert coder.decode(row) == processor.tokenizer.decode(row, skip_special_tokens=True)


def test_a_prompt_that_stays_too_long_is_refused(coder):
    example = {"question": "Why? " * 5000, "choices": ["a", "b"]}
    with pytest.raises(ValueError, match="4096 are the most"):
        coder.encode_prompts([coder.build_prompt(example, "rationale")])


def test_a_file_that_is_no_tokenizer(tmp_path):
    path = tmp_path / "tokenizer.json"
    path.write_text("{}")
    with pytest.raises(ValueError, match="tokenizer.json cannot be read"):
        TextCoder(path, "space", False, 40, 8)
