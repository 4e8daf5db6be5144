"""The engine answers as the pipeline does: the same texts, scores and confidences, alone and together."""

import pytest

from mmcot.modeling_mmcot import prompt_mmcot


def same(answer, expected):
    assert answer.keys() == expected.keys()
    for name, value in expected.items():
        if name in ("scores", "confidence") and value is not None:
            assert answer[name] == pytest.approx(value, abs=1e-5)
        else:
            assert answer[name] == value, name


@pytest.fixture(scope="module")
def expected(two_stages, rows):
    return [two_stages(row, return_all=True) for row in rows]


class TestAnswers:
    def test_texts_differ(self, expected):
        assert len({answer["rationale"] for answer in expected}) == len(expected)

    @pytest.mark.parametrize("batch_size", [1, 2, 5])
    def test_of_lists(self, engine, rows, expected, batch_size):
        answers = engine(rows, batch_size=batch_size, return_all=True)
        for answer, wanted in zip(answers, expected, strict=True):
            same(answer, wanted)

    @pytest.mark.parametrize("at_once", [1, 60])
    def test_of_lists_that_are_read_in_parts(self, engine, rows, expected, at_once, monkeypatch):
        monkeypatch.setattr(prompt_mmcot, "READ_AT_ONCE", at_once)
        for answer, wanted in zip(engine(rows, batch_size=5, return_all=True), expected, strict=True):
            same(answer, wanted)

    def test_of_one(self, engine, rows, expected):
        same(engine(rows[2], return_all=True), expected[2])
        same(engine(**rows[0], return_all=True), expected[0])

    def test_of_an_iterator_come_one_by_one(self, engine, rows, expected):
        asked = []

        def ask():
            for row in rows:
                asked.append(row)
                yield row

        answers = engine(ask(), return_all=True)
        same(next(answers), expected[0])
        assert len(asked) < len(rows)
        assert len(list(answers)) == len(rows) - 1

    def test_from_a_rationale_of_the_caller(self, engine, two_stages, rows):
        given = [{**rows[0], "rationale": "So it is a cat."}, rows[1], {**rows[2], "rationale": "b"}]
        for answer, wanted in zip(engine(given, batch_size=3), two_stages(given), strict=True):
            same(answer, wanted)

    def test_abstention(self, engine, two_stages, rows):
        for sure in (0.0, 1.0):
            same(engine(rows[0], abstain_below=sure), two_stages(rows[0], abstain_below=sure))

    def test_pieces_of_the_rationale(self, engine, rows, expected):
        for row, wanted in zip(rows[:3], expected, strict=False):
            *pieces, answer = engine.stream(row, return_all=True)
            assert "".join(pieces) == wanted["rationale"]
            assert len(pieces) > 1
            same(answer, wanted)
        assert len(list(engine.stream({**rows[0], "rationale": "So it is a cat."}))) == 1

    def test_a_stream_can_be_closed(self, engine, rows):
        stream = engine.stream(rows[0])
        next(stream)
        stream.close()


class TestWriting:
    @pytest.mark.parametrize(
        "settings",
        [
            {"num_beams": 3},
            {"num_beams": 2, "early_stopping": True, "length_penalty": 2.0},
            {"num_beams": 4, "early_stopping": "never", "length_penalty": 0.5},
            {"num_beams": 2, "length_penalty": -1.0, "min_new_tokens": 4},
            {"max_new_tokens": 5},
            {"max_new_tokens": 1},
            {"rationale_kwargs": {"min_new_tokens": 12}},
        ],
        ids=str,
    )
    def test_settings_of_generate(self, engine, two_stages, rows, settings):
        answers = engine(rows[2:], batch_size=3, **settings)
        for row, answer in zip(rows[2:], answers, strict=True):
            same(answer, two_stages(row, **settings))

    def test_settings_of_a_stage(self, engine, two_stages, rows):
        settings = {"rationale_kwargs": {"num_beams": 2}, "answer_kwargs": {"max_new_tokens": 3}}
        same(engine(rows[3], **settings), two_stages(rows[3], **settings))
        assert engine(rows[0], max_length=6) == engine(rows[0], max_new_tokens=5)

    def test_what_is_drawn(self, engine, rows):
        drawn = [engine(rows, batch_size=size, do_sample=True, top_k=0, seed=3) for size in (1, 4)]
        for one, other in zip(*drawn, strict=True):
            same(one, other)
        assert drawn[0] != engine(rows, do_sample=True, top_k=0, seed=4)
        assert drawn[0] != engine(rows)

    def test_the_likeliest_token_alone_is_drawn(self, engine, rows):
        same(engine(rows[0], do_sample=True, top_k=1), engine(rows[0]))
        same(engine(rows[0], do_sample=True, top_p=1e-6), engine(rows[0]))

    def test_rationales_vote(self, engine, rows):
        asked = [rows[1], rows[5], rows[0]]
        answers = engine(asked, num_samples=4, batch_size=3, seed=1)
        for row, answer in zip(asked, answers, strict=True):
            same(engine(row, num_samples=4, seed=1), answer)
            assert 0.25 <= answer["agreement"] <= 1 or not answer["parsed"]

    def test_samples_have_the_mean_of_their_scores(self, engine, rows):
        answer = engine(rows[0], num_samples=3, seed=1)
        single = []
        for asked in engine.flow.run([engine_example(rows[0])], engine._settle({"num_samples": 3, "seed": 1}), 3):
            single = [written["answer"].scores for written in asked[1]]
        assert answer["scores"] == pytest.approx([sum(column) / 3 for column in zip(*single, strict=True)])
        assert len({tuple(scores) for scores in single}) > 1


def engine_example(row):
    return {"hint": None, "caption": None, "rationale": None, **row, "image": [row["image"]]}


class TestRefusals:
    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"explain": True}, "explain is for the engine torch: where a model looked"),
            ({"num_workers": 2}, "num_workers is for the engine torch"),
            ({"num_beams": 2, "do_sample": True}, "num_beams and do_sample together"),
            ({"num_beams": 0}, "num_beams is 0; give a whole number from 1"),
            ({"no_repeat_ngram_size": 2}, "'no_repeat_ngram_size' is only known to the engine torch"),
            ({"rationale_kwargs": {"typical_p": 0.5}}, "'typical_p' is only known to the engine torch"),
            ({"max_length": 1}, "max_length is 1"),
            ({"num_beems": 2}, "did you mean 'num_beams'"),
            ({"generate_kwargs": {"top_k": 1}, "top_k": 2}, "top_k is given twice"),
            ({"abstain_below": 2}, "abstain_below is 2; give a number from 0 to 1"),
        ],
        ids=lambda value: value if isinstance(value, str) else "-".join(value),
    )
    def test_settings(self, engine, rows, settings, message):
        with pytest.raises(ValueError, match=message):
            engine(rows[0], **settings)

    def test_a_question_by_its_place(self, engine, rows):
        with pytest.raises(ValueError, match=r"inputs\[1\]: Each input needs a 'question'"):
            engine([rows[0], {"question": " "}])
        answers = engine([rows[0], {"question": " "}, rows[1]], on_error="return", batch_size=2)
        assert ["error" in answer for answer in answers] == [False, True, False]

    def test_what_is_no_question(self, engine, rows):
        with pytest.raises(ValueError, match="The input is a mapping or a list of them, not 3"):
            engine(3)
        with pytest.raises(ValueError, match="Both an input and question were given"):
            engine(rows[0], question="What?")
        assert engine([]) == []

    def test_samples_of_a_rationale_that_is_given(self, engine, rows):
        with pytest.raises(ValueError, match="num_samples averages over rationales of the model"):
            engine({**rows[0], "rationale": "So."}, num_samples=2)
