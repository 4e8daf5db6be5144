"""Words of a text and their tokens."""

import torch

from mmcot.modeling_mmcot.words_mmcot import split_words


def test_pieces_of_a_word_are_joined(tiny_processor):
    text = "Solution: The unbelievable cat, so  red."
    tokens = split_words(tiny_processor, text, skip=len("Solution:"))
    assert tokens.texts == ["The", "unbelievable", "cat,", "so", "red."]
    ids = tokens.labels[0]
    for word, expected in enumerate(tokens.texts):
        own = ids[tokens.positions[tokens.owners == word]]
        assert tiny_processor.tokenizer.decode(own).strip() == expected
    # All tokens but those of the cue and the end of the sequence, each once and in order.
    cue = len(tiny_processor.tokenizer("Solution:", add_special_tokens=False)["input_ids"])
    assert tokens.positions.tolist() == list(range(cue, len(ids) - 1))


def test_sums_are_by_word(tiny_processor):
    tokens = split_words(tiny_processor, "a unbelievable cat")
    count = tokens.labels.shape[1]
    sums = tokens.sum_by_word(torch.stack([torch.ones(count), torch.arange(count)]))
    assert sums.shape == (2, 3)
    assert sums[0].sum() == count - 1
    assert sums[0, 1] > 1
    assert sums[1].sum() == sum(range(count - 1))


def test_words_beyond_the_longest_target_are_left_out(tiny_processor):
    text = "The ball is green. So its colour is green."
    whole = split_words(tiny_processor, text)
    tiny_processor.max_target_length = 6
    cut = split_words(tiny_processor, text)
    assert cut.labels.shape == (1, 6)
    assert cut.texts == whole.texts[: len(cut.texts)]
    assert cut.positions.tolist() == whole.positions.tolist()[:5]


def test_text_without_words_has_none(tiny_processor):
    tokens = split_words(tiny_processor, "Solution:", skip=len("Solution:"))
    assert tokens.texts == []
    assert tokens.sum_by_word(torch.ones(2, tokens.labels.shape[1])).shape == (2, 0)
