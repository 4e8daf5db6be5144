"""How texts are written: no seat stays idle, guesses save steps and change nothing, options are one tree."""

import json

import numpy as np
import pytest
import torch
from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from mmcot.engine import OnnxPipeline
from mmcot.engine.drafts import MOST_CHARACTERS, Drafts, texts_of_predictions
from mmcot.engine.option_tree import grow_tree, likeliest_path, path_probabilities
from mmcot.engine.running_rows import GROWTH
from mmcot.engine.texts import drawing_probabilities, log_probability_of, log_softmax
from mmcot.engine.writing_settings import WritingSettings, require_known_settings


@pytest.fixture(scope="module")
def many(rows):
    return [{**row, "question": f"{row['question']} {'Look. ' * number}"} for number in range(2) for row in rows]


def steps_of(engine, stage="step.onnx"):
    """The shapes of what the graph of a stage was asked for; forgets them."""
    runs = engine.sessions[stage].runs
    taken = [run for run in runs if run["past_k_0"][2] >= GROWTH]
    runs.clear()
    return taken


@pytest.fixture(scope="module")
def short(make_two_stages, new_processor, open_double):
    """The engine and the pipeline of models with many tokens that end a text."""
    pipe = make_two_stages(new_processor())
    for model in (pipe.model, pipe.answer_model):
        model.generation_config.max_new_tokens = 20
        model.generation_config.eos_token_id = [1, *range(20, 32)]
    return open_double(pipe), pipe


class TestSeats:
    def test_none_is_idle_while_texts_wait(self, short, many):
        engine, pipe = short
        steps_of(engine)
        answers = engine(many, batch_size=4, return_all=True)
        shapes = [run["ids"] for run in steps_of(engine)]
        texts = [answer["texts"]["rationale"] for answer in answers]
        assert texts == [answer["texts"]["rationale"] for answer in pipe(many, batch_size=4, return_all=True)]
        assert len({len(engine.words.encode_targets([text])[0]) for text in texts}) > 4
        seats = [rows for rows, _ in shapes]
        assert seats == sorted(seats, reverse=True)  # only the last texts go on with fewer
        assert seats.count(4) > len(seats) / 2

    def test_the_cache_grows_with_the_longest_text(self, engine, two_stages, rows):
        steps_of(engine)
        settings = {"rationale_kwargs": {"min_new_tokens": 70, "max_new_tokens": 70}}
        answer = engine(rows[0], **settings)
        assert answer["rationale"] == two_stages(rows[0], **settings)["rationale"]
        slots = [run["past_k_0"][2] for run in steps_of(engine)]
        assert sorted(set(slots)) == [GROWTH, 2 * GROWTH, 3 * GROWTH]
        assert slots.count(GROWTH) == GROWTH + 1

    def test_an_answer_that_is_an_option_takes_one_step(self, engine):
        words = engine.words.option_targets(2, "answer")
        tree = grow_tree(0, engine.words.encode_targets(words))
        best = np.zeros(len(tree.ids), int)
        for node, token in zip(tree.paths[1], tree.texts[1], strict=True):
            best[node] = token
        assert engine.words.decode(likeliest_path(tree, best, (1,), 99)) == "The answer is (B)."
        assert likeliest_path(tree, best, (1,), 3) == tree.texts[1][:3]
        best[tree.paths[1][2]] = 99
        assert likeliest_path(tree, best, (1,), 99) is None


@pytest.fixture(scope="module")
def drafted(open_double, two_stages, engine, many):
    texts = [answer["texts"]["rationale"] for answer in engine(many, return_all=True)]
    return open_double(two_stages, {"rationale": [*texts[::2], "The cat is red. So the answer is a cat."]})


class TestDrafts:
    @pytest.mark.parametrize("batch_size", [1, 3])
    def test_texts_stay_the_same_and_take_fewer_steps(self, engine, drafted, many, batch_size):
        counts, made = [], []
        for each in (engine, drafted):
            steps_of(each)
            made.append(each(many[:6], batch_size=batch_size))
            counts.append(len(steps_of(each)))
        plain, answers = made
        for answer, expected in zip(answers, plain, strict=True):
            assert answer["rationale"] == expected["rationale"]
            assert answer["confidence"] == pytest.approx(expected["confidence"], abs=1e-5)
        assert counts[1] < 0.75 * counts[0]

    def test_no_text_gets_too_long(self, drafted, engine, many):
        for settings in ({"max_new_tokens": 3}, {"rationale_kwargs": {"min_new_tokens": 15}}):
            answers, plain = drafted(many[:3], **settings), engine(many[:3], **settings)
            assert [each["rationale"] for each in answers] == [each["rationale"] for each in plain]

    def test_guesses(self):
        drafts = Drafts([[0, 5, 6, 7, 1], [0, 5, 6, 8, 1], [0, 5, 6, 8, 1]])
        assert drafts.guess([0], 8) == [5, 6, 8, 1]
        assert drafts.guess([0], 2) == [5, 6]
        assert drafts.guess([9, 9, 0, 5, 6, 7], 8) == [1]
        assert drafts.guess([7], 8) == []

    def test_texts_of_predictions(self):
        rows = [{"rationale": "So.", "answer_text": "The answer is (A)."}] * 2 + [
            {"rationale": None, "answer_text": "The answer is (B)."}
        ]
        texts = texts_of_predictions(rows, ["rationale", "answer", "answer_rationale"])
        assert texts == {
            "rationale": ["Solution: So.", "Solution: "],
            "answer_rationale": ["The answer is (A). BECAUSE: So.", "The answer is (B). BECAUSE: "],
        }
        long = [{"rationale": "a" * MOST_CHARACTERS, "answer_text": ""}, {"rationale": "b", "answer_text": ""}]
        assert texts_of_predictions(long, ["rationale"]) == {"rationale": ["Solution: b"]}

    def test_a_damaged_file(self, open_double, two_stages):
        with pytest.raises(ValueError, match="drafts.json cannot be read"):
            open_double(two_stages, ["no mapping"])


class TestOptionTree:
    def test_texts_of_options(self, engine):
        targets = engine.words.encode_targets(engine.words.option_targets(30, "answer"))
        tree = grow_tree(0, targets)
        assert len(tree.ids) < sum(map(len, targets)) / 2
        logits = np.random.default_rng(0).normal(size=(2, len(tree.ids), 128)).astype(np.float32)
        logs = log_softmax(logits)
        for path, text, target, summed in zip(
            tree.paths, tree.texts, targets, path_probabilities(tree, logits)[0], strict=True
        ):
            assert text == target
            assert [tree.ids[node] for node in path] == [0, *target[:-1]]
            assert summed == pytest.approx(sum(logs[0, node, token] for node, token in zip(path, text, strict=True)))

    def test_many_options_in_few_steps(self, engine, two_stages, rows, monkeypatch):
        monkeypatch.setattr("mmcot.engine.option_tree.TREE_AT_ONCE", 1)
        asked = [{**row, "choices": [f"number {n}" for n in range(29)]} for row in rows[:2]]
        for answer, row in zip(engine(asked, batch_size=2), asked, strict=True):
            assert answer["scores"] == pytest.approx(two_stages(row)["scores"], abs=1e-5)


@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p"), [(0.7, 0, 1.0), (1.0, 5, 1.0), (1.3, 12, 0.6), (1, 0, 0.01)]
)
def test_tokens_are_drawn_as_generate_draws_them(temperature, top_k, top_p):
    logits = np.random.default_rng(1).normal(size=40).astype(np.float32) * 2
    settings = WritingSettings(9, do_sample=True, temperature=temperature, top_k=top_k, top_p=top_p)
    scores = torch.from_numpy(logits)[None]
    for warper in [
        TemperatureLogitsWarper(float(temperature)),
        *([TopKLogitsWarper(top_k)] if top_k else []),
        *([TopPLogitsWarper(top_p)] if top_p < 1 else []),
    ]:
        scores = warper(None, scores)
    np.testing.assert_allclose(drawing_probabilities(logits, settings), scores.softmax(-1)[0].numpy(), atol=1e-6)


def test_settings_that_only_torch_has_are_refused():
    require_known_settings({"max_new_tokens": 9, "num_beams": 4, "num_return_sequences": 1, "top_h": None})
    with pytest.raises(ValueError, match="writes with no_repeat_ngram_size=3, which only torch has"):
        require_known_settings({"no_repeat_ngram_size": 3})


def test_a_folder_that_is_no_export(tmp_path):
    with pytest.raises(ValueError, match="has no engine.json; give a folder that"):
        OnnxPipeline(tmp_path)
    (tmp_path / "engine.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(ValueError, match="its format is 99, and this version reads 1"):
        OnnxPipeline(tmp_path)


def test_small_probabilities_of_being_wrong_are_not_rounded_away():
    logits = np.full((1, 128), 5.0, np.float32)
    logits[0, 4] = 21.3
    exact = -np.log1p(127 * np.exp(5.0 - np.float64(np.float32(21.3))))
    assert log_probability_of(logits, np.array([4]))[0] == pytest.approx(exact, rel=0.01)
