"""The tokenizer of models that start from scratch."""

import pytest
from transformers import AutoTokenizer, ViTImageProcessorPil

from mmcot import MMCoTProcessor
from mmcot.data.sketchqa import SketchQAOptions, compose
from mmcot.modeling_mmcot.prompt_mmcot import letter
from mmcot.modeling_mmcot.stage_records_mmcot import STAGES
from mmcot.training.tokenizer import train_tokenizer


def texts_of(split, **sizes):
    """All prompts and targets of a split."""
    processor = MMCoTProcessor(ViTImageProcessorPil(), train_tokenizer(["no text is encoded here"]))
    return [
        build(row, stage)
        for row in compose(split, SketchQAOptions(**sizes))
        for stage in STAGES
        for build in (processor.build_prompt, processor.build_target)
    ]


@pytest.fixture(scope="module")
def test_texts():
    return texts_of("test", test=200)


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(texts_of("train", train=1000))


def test_special_tokens_have_the_ids_of_t5(tokenizer):
    assert (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id) == (0, 1, 2)
    assert tokenizer.convert_ids_to_tokens([0, 1, 2]) == ["<pad>", "</s>", "<unk>"]


def test_texts_of_another_split_hold_no_unknown_token(tokenizer, test_texts):
    assert len(test_texts) == 2000
    for ids in tokenizer(test_texts)["input_ids"]:
        assert 2 not in ids
        assert ids.index(1) == len(ids) - 1


def test_texts_survive_the_round_trip(tokenizer, test_texts):
    for text, ids in zip(test_texts, tokenizer(test_texts)["input_ids"], strict=True):
        assert tokenizer.decode(ids, skip_special_tokens=True) == text


@pytest.mark.parametrize(
    "text",
    [
        "The answer is (B).",
        "(A) red (B) blue",
        "red, blue: green. (blue) red?",
        "Solution: It is red. So the answer is (A).",
        "",
        "r e d",
    ],
)
def test_typical_texts_survive_the_round_trip(text, tokenizer):
    assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text


def test_a_letter_in_brackets_is_one_token(tokenizer):
    for index in range(4):
        assert len(tokenizer(f"({letter(index)})", add_special_tokens=False)["input_ids"]) == 1
    ids = tokenizer("Options: (A) red (B) blue", add_special_tokens=False)["input_ids"]
    stated = tokenizer("The answer is (B).", add_special_tokens=False)["input_ids"]
    assert set(ids) & set(stated) == set(tokenizer("(B)", add_special_tokens=False)["input_ids"])


def test_a_word_has_the_same_tokens_before_punctuation(tokenizer):
    word = tokenizer("red", add_special_tokens=False)["input_ids"]
    for text in ("red.", "red,", "red)"):
        assert tokenizer(text, add_special_tokens=False)["input_ids"][: len(word)] == word
    assert tokenizer("is red", add_special_tokens=False)["input_ids"][-len(word) :] == word


def test_quotes_and_accents_survive_the_round_trip_where_they_were_seen():
    text = 'Zoé\'s "red" kite; the (big) one!'
    tokenizer = train_tokenizer([text])
    assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text


def test_character_never_seen_is_unknown(tokenizer):
    assert 2 in tokenizer("日")["input_ids"]


@pytest.mark.parametrize("vocab_size", [128, 200])
def test_vocabulary_stays_within_its_size(vocab_size, test_texts):
    tokenizer = train_tokenizer(test_texts, vocab_size=vocab_size)
    assert len(tokenizer) == vocab_size
    assert max(max(ids) for ids in tokenizer(test_texts[:50])["input_ids"]) < vocab_size


def test_training_is_reproducible(tokenizer):
    assert train_tokenizer(texts_of("train", train=1000)).get_vocab() == tokenizer.get_vocab()


def test_saved_tokenizer_is_the_same(tokenizer, test_texts, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert (loaded.pad_token_id, loaded.eos_token_id, loaded.unk_token_id) == (0, 1, 2)
    assert loaded(test_texts[:300])["input_ids"] == tokenizer(test_texts[:300])["input_ids"]
