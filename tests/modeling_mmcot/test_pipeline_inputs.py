"""What users may ask the pipeline: whatever tables hand out works or is refused in one line, nothing is ignored."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from transformers import GenerationConfig

from mmcot import MMCoTPipeline


NAN = float("nan")
CHOICES = ["red", "blue", "green"]
QUESTION = {"question": "Which colour?", "choices": CHOICES}
RED = np.asarray(Image.new("RGB", (16, 16), "red"))
SHORT = {"max_new_tokens": 4}


@pytest.fixture
def pipe(tiny_processor, make_two_stages):
    return make_two_stages(tiny_processor)


@pytest.fixture
def direct(tiny_processor, make_model):
    return MMCoTPipeline(model=make_model(stages={"direct": "."}), processor=tiny_processor)


class TestCells:
    """What tables have in their cells."""

    def test_nothing_in_a_cell(self, pipe):
        expected = pipe(QUESTION, **SHORT)
        empty = dict.fromkeys(("image", "context", "hint", "caption", "rationale"))
        for nothing in (None, NAN, np.float64("nan")):
            assert pipe({**QUESTION, **dict.fromkeys(empty, nothing)}, **SHORT) == expected
        assert pipe({**QUESTION, "image": [None, NAN]}, **SHORT) == expected

    @pytest.mark.parametrize(
        "image",
        [RED, RED.transpose(2, 0, 1) / 255, torch.tensor(RED), [RED], (RED,), Image.fromarray(RED)],
        ids=["numpy", "fractions", "torch", "list", "tuple", "pil"],
    )
    def test_arrays_as_pictures(self, image, pipe):
        assert pipe({**QUESTION, "image": image}, **SHORT) == pipe({**QUESTION, "image": RED}, **SHORT)

    def test_rows_of_a_data_frame(self, pipe, tmp_path):
        Image.fromarray(RED).save(tmp_path / "red.png")
        path = str(tmp_path / "red.png")
        table = pd.DataFrame(
            [{**QUESTION, "image": [path, path], "hint": "Look."}, {**QUESTION, "choices": ["a", "b"]}]
        )
        table.to_parquet(tmp_path / "table.parquet")
        rows = pd.read_parquet(tmp_path / "table.parquet").to_dict("records")
        assert isinstance(rows[0]["choices"], np.ndarray)
        expected = [{**QUESTION, "image": [RED, RED], "hint": "Look."}, {**QUESTION, "choices": ["a", "b"]}]
        assert pipe(rows, **SHORT) == pipe(expected, **SHORT)

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"question": NAN}, "needs a 'question', a text"),
            ({"question": " \n"}, "needs a 'question', a text"),
            ({"question": RED}, r"'question' is a text, not array\("),
            ({"question": ["Which?"]}, "'question' is a text, not"),
            ({"question": "half \ud83d"}, "'question' has half a character, 'half "),
            ({"choices": np.array([1, 2])}, "'choices' is a list of options"),
            ({"choices": np.array([["a", "b"]])}, "'choices' is a list of options"),
            ({"choices": ["red", NAN]}, "'choices' is a list of options"),
            ({"choices": {"a": 1}}, "'choices' is a list of options"),
            ({"choices": {"red", "blue"}}, "'choices' is a list of options"),
            ({"choices": ["red", "\udcff"]}, "'choices' has half a character"),
            ({"context": 5}, "'context' is a text, not 5"),
            ({"context": np.zeros(3)}, r"'context' is a text, not array\("),
            ({"hint": ["Look."]}, "'hint' is a text"),
            ({"caption": {}}, "'caption' is a text, not {}"),
            ({"rationale": ["It is red."]}, "'rationale' is a text"),
            ({"hint": "Look.", "context": "See."}, "two names of one thing"),
            ({"image": ""}, "The picture '' does not exist"),
            ({"image": np.full((4, 4), NAN)}, "has values from nan to nan"),
            ({"image": torch.zeros(2, 3, 4, 4)}, "is an array of float32; give numbers as"),
            ({"image": 5}, "The picture 5 is a int; give a path"),
            ({"images": [RED]}, "'images' is no key of an input; write 'image'"),
            ({"contxt": "Look."}, "'contxt' is no key of an input; write 'context'"),
        ],
    )
    def test_what_cannot_be_read_is_said_in_one_line(self, fields, message, pipe):
        with pytest.raises(ValueError, match=message) as caught:
            pipe({**QUESTION, **fields}, **SHORT)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 300
        for inputs in ([QUESTION, {**QUESTION, **fields}], (row for row in [QUESTION, {**QUESTION, **fields}])):
            with pytest.raises(ValueError, match=rf"^inputs\[1\]: .*{message}"):
                list(pipe(inputs, **SHORT))

    def test_further_columns_are_left_alone(self, pipe):
        row = {
            **QUESTION,
            "id": 7,
            "question_id": "x",
            "answer": 1,
            "solution": "Red.",
            "rationales": ["a"],
            None: [1],
        }
        assert pipe(row, **SHORT) == pipe(QUESTION, **SHORT)

    @pytest.mark.parametrize("inputs", [5, 1.5, object(), Image.new("RGB", (4, 4))])
    def test_no_input_at_all(self, inputs, pipe):
        pytest.raises(ValueError, pipe, inputs).match("The input is a mapping or a list of them, not ")


class TestRationale:
    """A rationale of the caller's is read instead of one that the model writes."""

    def test_own_rationale_is_read_by_the_answer_model_alone(self, pipe, monkeypatch):
        first = pipe(QUESTION, **SHORT)
        monkeypatch.setattr(pipe.model, "generate", None)  # is not asked
        assert pipe({**QUESTION, "rationale": first["rationale"]}, **SHORT) == first
        changed = pipe(**QUESTION, rationale="Solution:  The ball\nis blue.", **SHORT)
        assert changed["rationale"] == "The ball is blue."
        assert changed["scores"] != first["scores"]
        assert pipe({**QUESTION, "rationale": ""}, **SHORT)["rationale"] == ""

    def test_some_of_a_batch_have_one(self, pipe):
        rows = [{**QUESTION, "rationale": "It is red."}, QUESTION, {**QUESTION, "rationale": NAN, "image": RED}]
        alone = [pipe(row, **SHORT) for row in rows]
        together = pipe(rows, batch_size=3, **SHORT)
        for one, other in zip(alone, together, strict=True):
            assert one["scores"] == pytest.approx(other.pop("scores"), abs=1e-5)
            assert one.items() >= other.items()

    def test_model_that_reads_none_refuses_it(self, direct):
        assert direct(QUESTION, **SHORT)["rationale"] is None
        pytest.raises(ValueError, direct, {**QUESTION, "rationale": "Red."}).match(
            "reads no 'rationale'; leave it out"
        )

    def test_model_that_needs_one_says_so(self, make_model, tiny_processor):
        pipe = MMCoTPipeline(model=make_model(stages={"answer": "."}), processor=tiny_processor)
        pytest.raises(ValueError, pipe, QUESTION).match("answers from a rationale.* give a 'rationale', or load")
        assert pipe({**QUESTION, "rationale": "It is red."}, **SHORT)["rationale"] == "It is red."


def nested(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


class TestKeywords:
    @pytest.mark.parametrize(
        ("keywords", "message"),
        [
            ({"max_new_token": 3}, "'max_new_token' is neither .* did you mean 'max_new_tokens'"),
            ({"generate_kwargs": {"num_beans": 3}}, "'num_beans' is neither .* did you mean 'num_beams'"),
            ({"xyzzy": 1}, "'xyzzy' is neither part of a question nor an argument of generate"),
            ({"x" * 9999: 1}, r"^'x{1,99}\.\.\.x{1,99}' is neither"),
            ({"input_ids": torch.ones(1, 1)}, "'input_ids' is neither"),
            ({"max_new_tokens": 3, "generate_kwargs": {"max_new_tokens": 4}}, "max_new_tokens is given twice"),
            (
                {"num_return_sequences": 2, "num_beams": 2},
                "num_return_sequences is 2, but each question gets one text",
            ),
            ({"return_dict_in_generate": True}, "return_dict_in_generate is True"),
            ({"output_scores": True}, "output_scores is True"),
            (
                {"generation_config": GenerationConfig(num_return_sequences=2, num_beams=2)},
                "num_return_sequences is 2",
            ),
            ({"batch_size": 0}, "batch_size is 0; give a whole number from 1 "),
            ({"batch_size": "4"}, "batch_size is '4'"),
            ({"num_workers": -1}, "num_workers is -1"),
            ({"num_workers": 10**9}, "num_workers is 1000000000; give a whole number from 0 to 64"),
            ({"generate_kwargs": 5}, "generate_kwargs is 5; give a mapping"),
        ],
    )
    def test_what_would_be_ignored_is_refused(self, keywords, message, pipe):
        with pytest.raises(ValueError, match=message):
            pipe(QUESTION, **keywords)
        with pytest.raises(ValueError, match=message):
            pipe([QUESTION], **keywords)

    @pytest.mark.parametrize(
        ("keywords", "message"),
        [
            ({"max_new_tokens": "4"}, "max_new_tokens is '4'; give a whole number from 1 to 100,000"),
            ({"max_new_tokens": 10**9}, "max_new_tokens is 1000000000; give"),
            ({"max_length": 10**5000}, "max_length is a number of more than 60 digits; give"),
            ({"num_beams": 10**6}, "num_beams is 1000000; give a whole number from 1 to 100"),
            ({"do_sample": 1}, "do_sample is 1; give True or False"),
            ({"do_sample": True, "temperature": 0}, "temperature is 0; give a number above 0"),
            ({"top_p": NAN}, "top_p is nan; give a number from 0 to 1"),
            ({"eos_token_id": 10**9}, "eos_token_id is 1000000000; the model's tokens are 0 to 127"),
            ({"bad_words_ids": [5]}, r"bad_words_ids is \[5\]; give a list of lists of token ids"),
            ({"stop_strings": [""]}, r"stop_strings is \[''\]; give a text, or a list of texts"),
            ({"generation_config": {"num_beams": 2}}, "{'num_beams': 2}; give a GenerationConfig"),
            ({"generation_config": GenerationConfig(num_beams=10**6)}, "num_beams is 1000000"),
            ({"streamer": 5}, "streamer is 5; give an object with put"),
            ({"custom_generate": "somebody/code"}, "custom_generate is 'somebody/code'; give a function"),
            ({"sequence_bias": nested(3000)}, "generate.. does not take .*, sequence_bias like this"),
            ({"cache_implementation": "x"}, "generate.. does not take .*, cache_implementation like this: Invalid"),
        ],
    )
    def test_wrong_setting_is_named(self, keywords, message, pipe):
        with pytest.raises(ValueError, match=message) as caught:
            pipe(QUESTION, **{**SHORT, **keywords})
        assert "\n" not in str(caught.value)

    def test_none_says_nothing(self, pipe):
        assert pipe(QUESTION, num_beams=None, do_sample=None, logits_processor=[], **SHORT) == pipe(QUESTION, **SHORT)

    def test_misspelt_field_is_refused_with_the_right_name(self, pipe):
        pytest.raises(ValueError, pipe, **QUESTION, imgae=RED).match("'imgae' is neither .* did you mean 'image'")
        with pytest.raises(ValueError, match="'maks_length' is neither"):
            MMCoTPipeline(model=pipe.model, processor=pipe.processor, maks_length=3)

    def test_settings_of_the_folder_may_not_ask_for_more(self, pipe):
        pipe.answer_model.generation_config.update(num_return_sequences=3, num_beams=3)
        pytest.raises(ValueError, pipe, QUESTION).match("num_return_sequences is 3")
        assert pipe(QUESTION, num_return_sequences=1, **SHORT)["answer_text"] is not None

    def test_what_generate_takes_is_passed_on(self, pipe):
        whole = pipe(QUESTION, max_new_tokens=6)
        assert pipe(QUESTION, num_return_sequences=1, output_scores=False, max_new_tokens=6) == whole
        stopped = pipe(QUESTION, max_new_tokens=6, stop_strings=[whole["rationale"][1:3]])
        assert whole["rationale"].startswith(stopped["rationale"])
        assert len(stopped["rationale"]) < len(whole["rationale"])
        assert pipe(QUESTION, generation_config=GenerationConfig(max_new_tokens=6)) == whole


def test_workers_read_the_questions(pipe):
    rows = [{**QUESTION, "image": RED}, QUESTION, {**QUESTION, "image": [RED, RED]}]
    alone = pipe(rows, **SHORT)
    assert pipe(rows, num_workers=2, **SHORT) == alone
    assert pipe(rows, num_workers=2, batch_size=2, **SHORT) == pipe(rows, batch_size=2, **SHORT)
    assert list(pipe(iter(rows), num_workers=2, **SHORT)) == alone


@pytest.mark.slow  # torch waits seconds for the workers that an error leaves behind
@pytest.mark.parametrize("batch_size", [1, 2])
def test_error_of_a_worker_is_the_same_line(batch_size, pipe):
    rows = [QUESTION, {**QUESTION, "image": "none.png"}]
    said = []
    for workers in (0, 2):
        with pytest.raises(ValueError, match="does not exist") as caught:
            pipe(rows, num_workers=workers, batch_size=batch_size, **SHORT)
        said.append(str(caught.value))
    assert said[0] == said[1]
    assert said[0].startswith("inputs[1]: The picture 'none.png'")
    assert "\n" not in said[0]
