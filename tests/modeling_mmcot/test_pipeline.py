"""`pipeline("multimodal-cot")`: inputs of every kind, two stages, one or two models, saving and loading."""

import io
import json
import sys

import datasets
import pytest
import torch
from PIL import Image
from transformers import pipeline
from transformers.utils import logging

from mmcot import MMCoTForConditionalGeneration, MMCoTPipeline


KEYS = {"rationale", "answer", "choice", "choice_index", "answer_text", "confidence", "scores", "parsed", "reason"}
CHOICES = ["red", "blue", "green"]
SHORT = {"max_new_tokens": 5}


def picture(colour="red"):
    return Image.new("RGB", (16, 16), colour)


def same(answers, others):
    """Whether answers agree; scores may differ by what other batches make of the same sums."""
    assert len(answers) == len(others)
    for answer, other in zip(answers, others, strict=True):
        assert answer["scores"] == pytest.approx(other["scores"], abs=1e-5)
    return [answer | {"scores": None} for answer in answers] == [other | {"scores": None} for other in others]


def questions():
    return [
        {"question": "Which colour?", "choices": CHOICES, "image": picture()},
        {"question": "Which animal is it?", "choices": ["a cat", "a dog"], "hint": "Look at the ball."},
        {"question": "Which colour?", "choices": CHOICES, "image": [picture("blue"), picture("green")]},
        {"question": "Which colour?", "choices": ["red"], "image": None, "caption": "the ball is red"},
        {"question": "Which colour?", "choices": CHOICES, "image": picture("green"), "id": "7", "answer": 1},
    ]


@pytest.fixture
def pipe(tiny_processor, make_model):
    """Random models write nonsense, but the same nonsense each time."""
    return MMCoTPipeline(model=make_model(seed=1), answer_model=make_model(seed=2), processor=tiny_processor)


@pytest.fixture
def written_by(pipe, monkeypatch):
    """Function that lets a stage's model write given texts; returns the list of prompts that the model then reads."""

    def script(model, texts):
        prompts, remaining = [], iter(texts)

        def generate(input_ids, **kwargs):
            prompts.extend(pipe.processor.batch_decode(input_ids, skip_special_tokens=True))
            rows = [torch.tensor(pipe.tokenizer(next(remaining))["input_ids"]) for _ in input_ids]
            return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)

        monkeypatch.setattr(model, "generate", generate)
        return prompts

    return script


class TestInputs:
    def test_mapping_and_keywords_give_the_same(self, pipe):
        for question in questions()[:4]:
            answer = pipe(question, **SHORT)
            assert set(answer) == KEYS
            assert pipe(**question, **SHORT) == answer

    def test_many_in_every_form(self, pipe):
        rows = questions()
        expected = [pipe(row, **SHORT) for row in rows]
        assert same(pipe(rows, **SHORT), expected)
        assert same(pipe(tuple(rows), **SHORT), expected)
        assert same(list(pipe((row for row in rows), **SHORT)), expected)
        assert same(list(pipe(iter(rows), **SHORT)), expected)

    @pytest.mark.parametrize("batch_size", [2, 3, 8])
    def test_batches_with_and_without_pictures_change_nothing(self, batch_size, pipe):
        one_by_one = pipe(questions(), **SHORT)
        assert len({answer["answer_text"] + answer["rationale"] for answer in one_by_one}) > 1
        assert same(pipe(questions(), batch_size=batch_size, **SHORT), one_by_one)
        assert same(list(pipe((row for row in questions()), batch_size=batch_size, **SHORT)), one_by_one)

    def test_data_set(self, pipe):
        rows = [{"question": "Which colour?", "choices": CHOICES, "image": picture(c)} for c in ("red", "blue")]
        features = datasets.Features(
            {"question": datasets.Value("string"), "choices": datasets.List(datasets.Value("string"))}
            | {"image": datasets.Image()}
        )
        table = datasets.Dataset.from_list(rows, features=features)
        assert same(list(pipe(table, batch_size=2, **SHORT)), pipe(rows, **SHORT))

    def test_nothing_gives_nothing(self, pipe):
        assert pipe([]) == []
        assert pipe(()) == []
        assert list(pipe(iter(()))) == []

    def test_picture_as_path_and_as_object(self, pipe, tmp_path):
        picture("blue").save(tmp_path / "blue.png")
        question = {"question": "Which colour?", "choices": CHOICES}
        read = pipe(**question, image=str(tmp_path / "blue.png"), **SHORT)
        assert (
            read
            == pipe(**question, image=picture("blue"), **SHORT)
            == pipe(**question, image=[picture("blue")], **SHORT)
        )

    def test_picture_reaches_both_models(self, pipe, monkeypatch):
        seen = []
        for model in (pipe.model, pipe.answer_model):
            look = model.vision_tower.forward
            monkeypatch.setattr(
                model.vision_tower,
                "forward",
                lambda pixels, look=look, **options: seen.append(pixels.shape) or look(pixels, **options),
            )
        pipe(questions()[2], **SHORT)
        assert seen == [(2, 3, 16, 16)] * 2
        seen.clear()
        pipe(questions()[1], **SHORT)
        assert seen == []

    def test_scores_are_probabilities_of_the_options(self, pipe):
        answers = pipe(questions(), **SHORT)
        assert [len(answer["scores"]) for answer in answers] == [3, 2, 3, 1, 3]
        assert all(sum(answer["scores"]) == pytest.approx(1) for answer in answers)
        # By hand: how probable each whole answer is, one at a time.
        example = questions()[0]
        rationale = pipe.processor.build_prompt(example, "answer", answers[0]["rationale"])
        inputs = pipe.processor(images=[example["image"]], text=[rationale])
        losses = []
        for letter in "ABC":
            labels = pipe.processor.encode_targets([f"The answer is ({letter})."])
            losses.append(pipe.answer_model(**inputs, labels=labels).loss * labels.numel())
        assert answers[0]["scores"] == pytest.approx((-torch.stack(losses)).softmax(0).tolist(), abs=1e-5)

    def test_context_is_another_word_for_hint(self, pipe, written_by):
        prompts = written_by(pipe.model, ["red"] * 3)
        question = {"question": "Which colour?", "choices": CHOICES}
        for row in ({"hint": "Look."}, {"context": "Look."}, {"context": "Look.", "hint": ""}):
            pipe(question | row, **SHORT)
        assert len(set(prompts)) == 1
        assert "Context: Look. Options:" in prompts[0]

    @pytest.mark.parametrize(
        ("question", "message"),
        [
            ({}, "question"),
            ({"question": "", "choices": CHOICES}, "'question'"),
            ({"question": 5, "choices": CHOICES}, "'question'"),
            ({"choices": CHOICES}, "'question'"),
            ({"question": "Which?", "options": CHOICES}, "write 'choices'"),
            ({"question": "Which?", "choices": "red"}, "'choices'"),
            ({"question": "Which?", "choices": [1, 2]}, "'choices'"),
            ({"question": "Which?", "choices": 5}, "'choices'"),
            ({"question": "Which?", "choices": CHOICES, "image": "no/such.png"}, "no/such.png"),
            ("Which?", "not 'Which\\?'"),
        ],
    )
    def test_bad_question_is_refused(self, question, message, pipe):
        with pytest.raises(ValueError, match=message):
            pipe(question, **SHORT)
        with pytest.raises(ValueError, match=message):
            pipe([questions()[0], question], **SHORT)

    def test_fields_beside_an_input_are_refused(self, pipe):
        with pytest.raises(ValueError, match="choices, image were given"):
            pipe(questions()[0], image=picture(), choices=CHOICES)

    def test_call_without_anything_is_refused(self, pipe):
        with pytest.raises(ValueError, match="'question'"):
            pipe()


class TestProgress:
    @pytest.mark.parametrize(("count", "terminal", "shown"), [(20, True, True), (19, True, False), (20, False, False)])
    def test_long_lists_have_a_bar_at_a_terminal(self, pipe, monkeypatch, count, terminal, shown):
        error = io.StringIO()
        error.isatty = lambda: terminal
        monkeypatch.setattr("sys.stderr", error)
        logging.enable_progress_bar()  # commands that other tests call switch the library's bars off
        answers = pipe([questions()[0]] * count, batch_size=10, max_new_tokens=1)
        assert len(answers) == count
        assert ("answering" in error.getvalue()) == shown


class TestStages:
    def test_answer_is_read_and_completed(self, pipe, written_by):
        written_by(pipe.model, ["Solution: The ball is blue."])
        written_by(pipe.answer_model, ["The answer is (B)."])
        answer = pipe(questions()[0])
        assert sum(answer.pop("scores")) == pytest.approx(1)
        assert answer == {
            "rationale": "The ball is blue.",
            "answer": "B",
            "choice": "blue",
            "choice_index": 1,
            "answer_text": "The answer is (B).",
            "confidence": None,
            "parsed": True,
            "reason": None,
        }

    @pytest.mark.parametrize("text", ["red or blue", "", "The answer is (C)."])
    def test_what_names_no_option_stays_unparsed(self, text, pipe, written_by):
        written_by(pipe.model, ["Solution: red."])
        written_by(pipe.answer_model, [text])
        question = {"question": "Which colour?", "choices": ["red", "blue"]}
        answer = pipe(question)
        assert len(answer.pop("scores")) == 2
        assert answer == {
            "rationale": "red.",
            "answer": None,
            "choice": None,
            "choice_index": None,
            "answer_text": text,
            "confidence": None,
            "parsed": False,
            "reason": "the text names no option, or several",
        }

    def test_answer_stage_reads_what_the_rationale_stage_wrote(self, pipe, written_by):
        rationales = [f"Solution: The ball is {colour}." for colour in ("red", "blue", "green")]
        first = written_by(pipe.model, rationales)
        second = written_by(pipe.answer_model, ["The answer is (A)."] * 3)
        rows = [{"question": "Which colour?", "choices": CHOICES, "solution": "The gold cat."}] * 3
        answers = pipe(rows, batch_size=2)
        stem = "Question: Which colour? Context: N/A Options: (A) red (B) blue (C) green"
        assert first == [f"{stem} Solution:"] * 3
        assert second == [f"{stem} {rationale} Answer:" for rationale in rationales]
        assert [answer["rationale"] for answer in answers] == [
            "The ball is red.",
            "The ball is blue.",
            "The ball is green.",
        ]

    def test_without_a_length_a_rationale_may_be_as_long_as_in_training(self, pipe, monkeypatch):
        lengths = []

        def generate(input_ids, **kwargs):
            lengths.append({name: kwargs[name] for name in kwargs.keys() & {"max_new_tokens", "max_length"}})
            return input_ids

        monkeypatch.setattr(pipe.model, "generate", generate)
        monkeypatch.setattr(pipe.answer_model, "generate", generate)
        monkeypatch.setattr(pipe.answer_model.generation_config, "max_new_tokens", 12)
        pipe(questions()[0])
        pipe(questions()[0], max_new_tokens=9)
        pipe(questions()[0], max_length=30)
        assert lengths[::2] == [{"max_new_tokens": 512}, {"max_new_tokens": 9}, {"max_length": 30}]
        assert lengths[1::2] == [{}, {"max_new_tokens": 9}, {"max_length": 30}]

    def test_generation_arguments_at_construction(self, tiny_model, tiny_processor):
        pipe = MMCoTPipeline(model=tiny_model, processor=tiny_processor, max_new_tokens=3)
        assert pipe(questions()[0]) == pipe(questions()[0], max_new_tokens=3)
        assert pipe(questions()[0]) == pipe(questions()[0], generate_kwargs={"max_new_tokens": 3})

    def test_models_in_training_mode_are_put_to_work(self, make_model, tiny_processor):
        pipe = MMCoTPipeline(model=make_model().train(), answer_model=make_model(2).train(), processor=tiny_processor)
        assert not pipe.model.training
        assert not pipe.answer_model.training


class TestFolders:
    @pytest.fixture(autouse=True)
    def own_module_cache(self, tmp_path_factory, monkeypatch):
        """Code of saved folders is copied to a temporary place, not to the user's cache, and forgotten again."""

        def forget():
            for name in [name for name in sys.modules if name.partition(".")[0] == "transformers_modules"]:
                del sys.modules[name]

        cache = tmp_path_factory.mktemp("modules")
        monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(cache))
        monkeypatch.syspath_prepend(cache)
        forget()
        yield
        forget()

    @pytest.fixture
    def folder(self, make_model, tiny_processor, tmp_path):
        """Two models in one folder, as two stages leave them."""
        stages = {"rationale": ".", "answer": "answer"}
        models = [make_model(seed=seed, stages=stages) for seed in (1, 2)]
        MMCoTPipeline(model=models[0], answer_model=models[1], processor=tiny_processor).save_pretrained(tmp_path)
        return tmp_path

    def test_two_models_load_from_one_folder(self, folder, pipe):
        expected = pipe(questions(), **SHORT)
        loaded = pipeline("multimodal-cot", model=str(folder), pipeline_class=MMCoTPipeline)
        assert loaded.answer_model is not loaded.model
        assert same(loaded(questions(), **SHORT), expected)
        remote = pipeline("multimodal-cot", model=str(folder), trust_remote_code=True)
        assert same(remote(questions(), **SHORT), expected)

    def test_answer_model_has_the_type_of_the_first(self, folder):
        loaded = pipeline("multimodal-cot", model=str(folder), pipeline_class=MMCoTPipeline, dtype=torch.bfloat16)
        assert loaded.model.dtype == loaded.answer_model.dtype == torch.bfloat16
        assert set(loaded(questions()[0], **SHORT)) == KEYS

    def test_one_model_for_both_stages_is_loaded_once(self, tiny_model, tiny_processor, tmp_path):
        joint = MMCoTPipeline(model=tiny_model, processor=tiny_processor)
        joint.save_pretrained(tmp_path)
        assert not (tmp_path / "answer").exists()
        loaded = pipeline("multimodal-cot", model=str(tmp_path), trust_remote_code=True)
        assert loaded.answer_model is loaded.model
        assert same(loaded(questions(), **SHORT), joint(questions(), **SHORT))

    def test_models_put_together_by_hand_do_not_overwrite_each_other(self, pipe, tmp_path):
        assert pipe.model.config.stages == {"rationale": ".", "answer": "."}
        pipe.save_pretrained(tmp_path)
        assert json.loads((tmp_path / "config.json").read_text())["stages"] == {"rationale": ".", "answer": "answer"}
        for model, path in ((pipe.model, tmp_path), (pipe.answer_model, tmp_path / "answer")):
            loaded = MMCoTForConditionalGeneration.from_pretrained(path).state_dict()
            assert all(torch.equal(loaded[name], tensor) for name, tensor in model.state_dict().items())
        loaded = pipeline("multimodal-cot", model=str(tmp_path), trust_remote_code=True)
        assert same(loaded(questions(), **SHORT), pipe(questions(), **SHORT))

    def test_settings_of_the_processor_come_back(self, tiny_model, tiny_processor, tmp_path):
        tiny_processor.newline, tiny_processor.max_length = "official", 99
        MMCoTPipeline(model=tiny_model, processor=tiny_processor).save_pretrained(tmp_path)
        loaded = pipeline("multimodal-cot", model=str(tmp_path), trust_remote_code=True).processor
        assert (loaded.newline, loaded.max_length) == ("official", 99)
