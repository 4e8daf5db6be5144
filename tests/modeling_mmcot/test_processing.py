"""Prompts to the character, what a long prompt loses, and the tensors of text and pictures."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from transformers import AutoProcessor, AutoTokenizer

from mmcot import MMCoTProcessor
from mmcot.modeling_mmcot.prompt_mmcot import RATIONALE_TAIL, Prompt
from mmcot.training.tokenizer import train_tokenizer


OWN_PROMPTS = Path(__file__).with_name("prompts.jsonl")
# Official name -> stage, and whether its rationale holds the lecture.
OFFICIAL_FORMATS = {
    "QCM-A": ("direct", False),
    "QCM-E": ("rationale", False),
    "QCM-LE": ("rationale", True),
    "QCMG-A": ("answer", True),
    "QCM-LEA": ("rationale_answer", True),
    "QCM-ALE": ("answer_rationale", True),
}
LONG = {
    "question": "Which animal is in the picture?",
    "choices": ["a red cat", "a blue dog"],
    "hint": " ".join(f"word{number}" for number in range(60)),
    "answer": 0,
}
RATIONALE = " ".join(f"reason{number}" for number in range(120))


def rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def ids_of(row):
    return f"{row['stage']}-{row['newline']}"


@pytest.fixture
def make_processor(tiny_processor):
    """Function of processor settings: a tiny processor with them."""

    def make(tokenizer=None, **options):
        return MMCoTProcessor(tiny_processor.image_processor, tokenizer or tiny_processor.tokenizer, **options)

    return make


@pytest.fixture(scope="session")
def t5_tokenizer(shared_dir):
    folder = shared_dir / "data" / "t5_tokenizer"
    if not folder.is_dir():
        pytest.skip("needs the tokenizer ../shared/data/t5_tokenizer")
    return AutoTokenizer.from_pretrained(folder)


@pytest.fixture(scope="session")
def trained_tokenizer():
    """Knows the words of this file; its tokens start with the space before a word, those of T5 do not."""
    texts = [
        "Question: " + LONG["question"],
        LONG["hint"],
        RATIONALE,
        "Context: Options: (A) a red cat (B) a blue dog",
    ]
    return train_tokenizer([*texts, "Solution: It is red. Answer:"], vocab_size=300)


@pytest.fixture(params=["trained", "t5"])
def tokenizer(request):
    return request.getfixturevalue(f"{request.param}_tokenizer")


def picture(colour="red", mode="RGB", size=(16, 16)):
    return Image.new("RGB", size, colour).convert(mode)


class TestWords:
    @pytest.mark.parametrize("row", rows(OWN_PROMPTS), ids=ids_of)
    def test_own_examples(self, row, make_processor):
        processor = make_processor(newline=row["newline"], lecture=row.get("lecture", False))
        assert processor.build_prompt(row["problem"], row["stage"], row.get("rationale")) == row["source"]
        assert processor.build_target(row["problem"], row["stage"]) == row["target"]

    @pytest.mark.parametrize("name", OFFICIAL_FORMATS)
    def test_official_texts_to_the_character(self, name, shared_dir, make_processor):
        data = shared_dir / "data" / "scienceqa"
        golden = shared_dir / "golden" / "prompts.jsonl"
        if not (data.is_dir() and golden.is_file()):
            pytest.skip("needs ../shared/golden/prompts.jsonl and ../shared/data/scienceqa")
        problems = json.loads((data / "scienceqa" / "problems.json").read_text(encoding="utf-8"))
        captions = json.loads((data / "captions.json").read_text(encoding="utf-8"))["captions"]
        stage, lecture = OFFICIAL_FORMATS[name]
        processors = [make_processor(newline=newline, lecture=lecture) for newline in ("official", "space")]
        cases = [row for row in rows(golden) if row["format"] == name]
        assert len(cases) == (160 if name == "QCMG-A" else 80)
        for row in cases:
            problem = problems[row["pid"]] | {"caption": captions.get(row["pid"], "") if row["use_caption"] else ""}
            broken = any("\n" in problem[field] for field in ("lecture", "solution"))
            for processor in processors[:1] if broken else processors:
                prompt = processor.build_prompt(problem, stage, row["generated_rationale"])
                assert (prompt, processor.build_target(problem, stage)) == (row["source"], row["target"])

    def test_prompt_knows_its_context_and_rationale(self, tiny_processor):
        prompt = tiny_processor.build_prompt(LONG | {"caption": "a cat"}, "answer", "Solution: It  is a cat. ")
        assert prompt[slice(*prompt.context)] == f"{LONG['hint']} a cat"
        assert prompt[slice(*prompt.rationale)] == "It is a cat."

    def test_generated_rationale_hides_the_gold_one(self, tiny_processor):
        problem = LONG | {"solution": "gold words"}
        assert "gold" in tiny_processor.build_prompt(problem, "answer")
        assert "gold" not in tiny_processor.build_prompt(problem, "answer", "")
        for stage in ("rationale", "direct", "rationale_answer", "answer_rationale"):
            assert "gold" not in tiny_processor.build_prompt(problem, stage)

    @pytest.mark.parametrize(
        ("text", "rationale"),
        [
            ("Solution: It is red.", "It is red."),
            ("  Solution:\nIt is\n red.", "It is red."),
            ("It is red.", "It is red."),
            ("Solution:", ""),
            ("Solution: Solution: twice", "Solution: twice"),
            ("", ""),
        ],
    )
    def test_rationale_loses_its_cue(self, text, rationale, tiny_processor):
        assert tiny_processor.parse_rationale(text) == rationale

    def test_unknown_stage_and_newline_are_refused_with_the_known_ones(self, tiny_processor, make_processor):
        with pytest.raises(ValueError, match="'reason'.*rationale, answer, direct"):
            tiny_processor.build_prompt(LONG, "reason")
        with pytest.raises(ValueError, match="'QCM-A'"):
            tiny_processor.build_target(LONG, "QCM-A")
        with pytest.raises(ValueError, match="'windows'.*'official'"):
            make_processor(newline="windows")


class TestTruncation:
    def test_context_goes_first_and_from_its_end(self, tokenizer, make_processor):
        processor = make_processor(tokenizer)
        prompt = processor.build_prompt(LONG, "answer", RATIONALE)
        full = len(processor.encode_prompts([prompt])[0])
        processor.max_length = full - 10
        text = tokenizer.decode(processor.encode_prompts([prompt])[0], skip_special_tokens=True)
        start = prompt.index(LONG["hint"])
        kept = text[: text.index(" Options:")]
        assert prompt.startswith(kept)
        assert start < len(kept) < start + len(LONG["hint"])
        assert text.removeprefix(kept) == prompt[start + len(LONG["hint"]) :]

    def test_then_the_rationale_from_its_beginning(self, tokenizer, make_processor):
        processor = make_processor(tokenizer)
        problem = LONG | {"hint": "Look."}
        prompt = processor.build_prompt(problem, "answer", RATIONALE)
        processor.max_length = len(processor.encode_prompts([prompt])[0]) - 20
        text = tokenizer.decode(processor.encode_prompts([prompt])[0], skip_special_tokens=True)
        head, _, rest = text.partition(" Solution: ")
        assert head == "Question: Which animal is in the picture? Context: Options: (A) a red cat (B) a blue dog"
        assert len(rest) < len(RATIONALE)
        assert f"{RATIONALE} Answer:".endswith(rest)

    def test_what_may_not_go_stays_and_is_counted(self, tokenizer, make_processor):
        processor = make_processor(tokenizer, max_length=8)
        prompt = processor.build_prompt(LONG, "answer", RATIONALE)
        ids = processor.encode_prompts([prompt])[0]
        text = tokenizer.decode(ids, skip_special_tokens=True)
        assert text.startswith("Question: Which animal is in the picture? Context: Options: (A) a red cat (B)")
        tail = tokenizer.decode(tokenizer(RATIONALE)["input_ids"][-1 - RATIONALE_TAIL : -1])
        assert text.endswith(f"{tail} Answer:")
        counts = processor.truncation
        assert (counts.prompts, counts.cut, counts.too_long) == (1, 1, 1)
        assert counts.tokens == len(tokenizer(prompt)["input_ids"]) - len(ids)

    def test_short_rationale_stays_whole(self, tokenizer, make_processor):
        processor = make_processor(tokenizer, max_length=8)
        text = tokenizer.decode(
            processor.encode_prompts([processor.build_prompt(LONG, "answer", "It is red.")])[0],
            skip_special_tokens=True,
        )
        assert text.endswith("Solution: It is red. Answer:")

    def test_other_text_loses_its_middle(self, tokenizer, make_processor):
        processor = make_processor(tokenizer, max_length=20)
        text = " ".join(["red"] * 30 + ["cat"] * 30)
        ids = processor.encode_prompts([text])[0]
        whole = tokenizer(text)["input_ids"]
        assert len(ids) == 20
        middle = next(cut for cut in range(20) if ids[:cut] + whole[len(whole) - 20 + cut :] == ids)
        assert abs(middle - 10) <= 2

    def test_prompt_too_long_for_memory_is_refused_by_name(self, tiny_processor):
        long = tiny_processor.build_prompt({"question": "cat " * 5000, "choices": ["a", "b"], "hint": "red"}, "direct")
        short = tiny_processor.build_prompt(LONG, "direct")
        with pytest.raises(
            ValueError, match=r"^The prompt 'Question: cat cat .*'\.\.\. has \d+ tokens .* Shorten the question"
        ):
            tiny_processor(text=[short, long])
        assert tiny_processor(text=[tiny_processor.build_prompt(LONG | {"hint": "cat " * 200_000}, "direct")])
        tiny_processor.max_length = 10_000  # a model that was made for it
        assert tiny_processor(text=[long])["input_ids"].shape[1] > 5000

    def test_counts_add_up_over_prompts(self, tiny_tokenizer, make_processor):
        processor = make_processor(tiny_tokenizer)
        short = processor.build_prompt(LONG | {"hint": ""}, "direct")
        long = processor.build_prompt(LONG, "direct")
        processor.max_length = len(tiny_tokenizer(short)["input_ids"]) + 5
        surplus = len(tiny_tokenizer(long)["input_ids"]) - processor.max_length
        processor(text=[short, long, long])
        counts = processor.truncation
        assert (counts.prompts, counts.cut, counts.tokens, counts.too_long) == (3, 2, 2 * surplus, 0)

    @settings(
        derandomize=True, deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(
        hint=st.text(max_size=80),
        rationale=st.lists(st.text("ab cdé½.", max_size=9), max_size=100).map(" ".join),
        stage=st.sampled_from(["rationale", "answer", "direct"]),
        max_length=st.integers(1, 300),
    )
    def test_any_length(self, tokenizer, make_processor, hint, rationale, stage, max_length):
        processor = make_processor(tokenizer, max_length=max_length)
        prompt = processor.build_prompt(LONG | {"hint": hint}, stage, rationale)
        whole = tokenizer(prompt)["input_ids"]
        bare = tokenizer(processor.build_prompt(LONG | {"hint": ""}, stage, ""))["input_ids"]
        ids = processor.encode_prompts([prompt])[0]
        assert len(ids) <= max(max_length, len(bare) + RATIONALE_TAIL + 1)
        assert (ids == whole) == (len(whole) <= max_length or processor.truncation.tokens == 0)
        assert len(ids) >= min(len(whole), max_length)
        assert processor.truncation.too_long == (len(ids) > max_length)
        assert processor.truncation.tokens == len(whole) - len(ids)
        left = iter(whole)
        assert all(token in left for token in ids), "what is left keeps its order"
        options = tokenizer("Options: (A) a red cat (B) a blue dog", add_special_tokens=False)["input_ids"]
        assert any(ids[place : place + len(options)] == options for place in range(len(ids)))
        cue = tokenizer("Solution:" if stage == "rationale" else "Answer:")["input_ids"]
        assert ids[-len(cue) :] == cue


class TestTensors:
    def test_one_text_is_a_batch_of_one(self, tiny_processor):
        one, many = tiny_processor(text="red cat"), tiny_processor(text=["red cat"])
        assert set(one) == {"input_ids", "attention_mask"}
        assert one["input_ids"].shape[0] == 1
        assert torch.equal(one["input_ids"], many["input_ids"])

    @pytest.mark.parametrize("side", ["right", "left"])
    def test_padding_as_the_tokenizer_pads(self, side, tiny_processor, monkeypatch):
        monkeypatch.setattr(tiny_processor.tokenizer, "padding_side", side)
        batch = tiny_processor(text=["red", "a red cat"])
        ids, mask = batch["input_ids"], batch["attention_mask"]
        length = int(mask[0].sum())
        assert length < ids.shape[1] == mask[1].sum()
        padding = ids[0, length:] if side == "right" else ids[0, :-length]
        assert (padding == tiny_processor.tokenizer.pad_token_id).all()
        assert mask[0].tolist() == sorted(mask[0].tolist(), reverse=side == "right")
        assert tiny_processor.batch_decode(ids, skip_special_tokens=True) == ["red", "a red cat"]

    def test_padding_to_the_full_length(self, make_processor):
        batch = make_processor(max_length=24)(text=["red", "a red cat"], padding="max_length")
        assert batch["input_ids"].shape == batch["attention_mask"].shape == (2, 24)

    @pytest.mark.parametrize("side", ["right", "left"])
    def test_labels_are_padded_with_minus_100_on_the_right(self, side, tiny_processor, monkeypatch):
        monkeypatch.setattr(tiny_processor.tokenizer, "padding_side", side)
        targets = ["The answer is (A).", "red"]
        labels = tiny_processor(text=["red", "blue"], text_target=targets)["labels"]
        eos = tiny_processor.tokenizer.eos_token_id
        for row, target in zip(labels.tolist(), targets, strict=True):
            ids = [token for token in row if token != -100]
            assert row == ids + [-100] * (len(row) - len(ids))
            assert ids[-1] == eos
            assert tiny_processor.decode(ids, skip_special_tokens=True) == target

    def test_long_target_keeps_its_end(self, make_processor):
        labels = make_processor(max_target_length=5)(text="red", text_target="red " * 30)["labels"]
        assert labels.shape == (1, 5)
        assert labels[0, -1] == 1

    @pytest.mark.parametrize("length", [2, 3, 8, 100])
    def test_targets_are_cut_as_the_tokenizer_would_but_leave_it_alone(self, length, tokenizer, make_processor):
        processor = make_processor(tokenizer, max_target_length=length)
        targets = ["The answer is (A).", "red", "red cat blue dog " * 9]
        rows = [row[row != -100].tolist() for row in processor.encode_targets(targets)]
        assert tokenizer.backend_tokenizer.truncation is None
        assert rows == tokenizer(targets, truncation=True, max_length=length)["input_ids"]
        make_processor(tokenizer)
        assert tokenizer.backend_tokenizer.truncation is None

    def test_one_picture_each(self, tiny_processor):
        batch = tiny_processor(images=[picture("red"), [picture("blue", size=(40, 24))]], text=["red", "blue"])
        assert batch["pixel_values"].shape == (2, 3, 16, 16)
        assert batch["image_attention_mask"].tolist() == [[1], [1]]
        assert not torch.equal(batch["pixel_values"][0], batch["pixel_values"][1])

    def test_no_picture_at_all(self, tiny_processor):
        for images in (None, [None, None], [[], []], [None, []]):
            assert set(tiny_processor(images=images, text=["red", "blue"])) == {"input_ids", "attention_mask"}

    def test_none_one_and_several_pictures(self, tiny_processor):
        images = [None, picture("red"), [picture("red"), picture("blue"), picture("green")], [None, picture("blue")]]
        batch = tiny_processor(images=images, text=["red"] * 4)
        pixels = batch["pixel_values"]
        assert pixels.shape == (4, 3, 3, 16, 16)
        assert batch["image_attention_mask"].tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 1], [1, 0, 0]]
        assert not pixels[batch["image_attention_mask"] == 0].any()
        assert torch.equal(pixels[1, 0], pixels[2, 0])
        assert torch.equal(pixels[3, 0], pixels[2, 1])

    @pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "CMYK"])
    def test_any_mode_is_read_as_rgb(self, mode, tiny_processor):
        image = picture("red", mode)
        pixels = tiny_processor(images=image, text="red")["pixel_values"]
        assert pixels.shape == (1, 3, 16, 16)
        assert torch.equal(pixels, tiny_processor(images=image.convert("RGB"), text="red")["pixel_values"])

    def test_picture_from_a_path(self, tiny_processor, tmp_path):
        picture("green").save(tmp_path / "green.png")
        read = tiny_processor(images=[str(tmp_path / "green.png")], text=["red"])
        assert torch.equal(read["pixel_values"], tiny_processor(images=picture("green"), text="red")["pixel_values"])

    def test_pictures_without_text(self, tiny_processor):
        for images in (picture(), [picture()]):
            batch = tiny_processor(images=images)
            assert set(batch) == {"pixel_values", "image_attention_mask"}
            assert batch["pixel_values"].shape == (1, 3, 16, 16)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"text": ["red", "blue"], "images": [None]}, "1 entries in images for 2 texts"),
            ({"text": "red", "images": [None, None]}, "2 entries in images for 1 texts"),
            ({"text": ["red", "blue"], "text_target": ["red"]}, "1 entries in text_target for 2 texts"),
            ({"text": ["red", "blue"], "text_target": "red"}, "1 entries in text_target for 2 texts"),
            ({}, "Nothing to encode; give text, images or text_target"),
            ({"text": ["red", None]}, "text holds a NoneType; give one string per prompt"),
            ({"text": [["red", "blue"]]}, "text holds a list; give one string per prompt"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, arguments, message, tiny_processor):
        with pytest.raises(ValueError, match=message):
            tiny_processor(**arguments)

    def test_model_takes_what_the_processor_makes(self, tiny_processor, tiny_model):
        batch = tiny_processor(images=[None, picture()], text=["red", "blue"], text_target=["red", "blue"])
        assert {*batch} == {*tiny_processor.model_input_names, "labels"}
        with torch.no_grad():
            assert tiny_model(**batch).loss > 0


@pytest.mark.parametrize("load", [MMCoTProcessor.from_pretrained, AutoProcessor.from_pretrained])
def test_saved_processor_keeps_its_settings(load, make_processor, make_config, tmp_path):
    options = {"newline": "official", "lecture": True, "max_length": 77, "max_target_length": 33}
    processor = make_processor(**options)
    make_config().save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    loaded = load(tmp_path)
    assert type(loaded) is MMCoTProcessor
    assert {name: getattr(loaded, name) for name in options} == options
    problem = LONG | {"lecture": "two\nlines", "solution": "of text"}
    prompt = loaded.build_prompt(problem, "answer")
    assert prompt == processor.build_prompt(problem, "answer")
    assert isinstance(prompt, Prompt)
    first, second = (it(text=prompt, images=picture()) for it in (processor, loaded))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
