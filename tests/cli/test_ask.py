"""Asking in a terminal: one question, many on standard input, or at a prompt."""

import io
import json

import pytest
from PIL import Image

from mmcot.cli.conversation import option_lines, show_answer
from mmcot.cli.main import main


@pytest.fixture(scope="module")
def trained(tmp_path_factory, new_processor, make_two_stages):
    """A two-stage folder with a temperature whose answers name an option now and then."""
    folder = tmp_path_factory.mktemp("trained")
    pipe = make_two_stages(new_processor(), temperature=2.0)
    for model in (pipe.model, pipe.answer_model):
        model.generation_config.max_new_tokens = 12
    pipe.save_pretrained(folder)
    return str(folder)


class Lines(io.StringIO):
    """Standard input that is a file, or a terminal."""

    def __init__(self, text="", terminal=False):
        super().__init__(text)
        self.isatty = lambda: terminal


def question(**fields):
    return json.dumps({"question": "Which?", "choices": ["red", "blue"], **fields})


def test_lines_are_answered_as_they_come_and_bad_ones_are_named(trained, monkeypatch, capsys):
    lines = [question(), "", "5", question(question=7), "{", question(image="nowhere.png"), question(context="Look.")]
    monkeypatch.setattr("sys.stdin", Lines("\n".join(lines)))
    assert main(["ask", "--model", trained, "--json"]) == 1
    out, err = capsys.readouterr()
    answers = [json.loads(line) for line in out.splitlines()]
    assert [len(answer["scores"]) for answer in answers] == [2, 2]
    faults = [line for line in err.splitlines() if line.startswith("mmcot:")]
    assert [fault.split(":")[1] for fault in faults] == [" line 3", " line 4", " line 5", " line 6"]
    assert "nowhere.png" in faults[3]


def test_what_is_printed_is_what_the_pipeline_gives(trained, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", Lines(question()))
    main(["ask", "--model", trained, "--json"])
    answer = json.loads(capsys.readouterr().out)
    main(["ask", "--model", trained, "--question", "Which?", "--choices", "red", "blue"])
    printed = capsys.readouterr().out
    assert printed.startswith(f"Rationale: {answer['rationale']}\n")
    assert f"  (A) red   {answer['scores'][0]:4.0%} █" in printed


def test_prompt_keeps_the_picture_and_ends_with_the_input(trained, monkeypatch, capsys, tmp_path):
    replies = iter(["nowhere.png", "Which?", "red | blue", "", "", "Which?", "", ""])

    def reply(prompt):
        try:
            return next(replies)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("sys.stdin", Lines(terminal=True))
    monkeypatch.setattr("builtins.input", reply)
    assert main(["ask", "--model", trained]) == 0
    assert capsys.readouterr().out.count("nowhere.png") == 2


def test_options_belong_to_a_question(capsys):
    assert main(["ask", "--model", "nowhere", "--choices", "a", "b"]) == 1
    assert "--choices belongs to a --question; give one." in capsys.readouterr().err
    assert main(["ask", "--model", "nowhere", "--question", "Which?", "--choices", "a"]) == 1
    assert "--choices needs at least two options; leave it out for a question without." in capsys.readouterr().err


def test_question_without_options(trained, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", Lines(json.dumps({"question": "Which?"})))
    assert main(["ask", "--model", trained, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["scores"] is answer["choice"] is None
    main(["ask", "--model", trained, "--question", "Which?"])
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"Rationale: {answer['rationale']}",
        f"Answer: {answer['answer']}  [confidence {answer['confidence']:.0%}]",
    ]


def test_no_answer_in_words_is_said(capsys):
    answer = {"rationale": None, "scores": None, "parsed": False, "answer_text": "The answer is (B).", "answer": None}
    assert show_answer(lambda question, **settings: answer, {"question": "Which?"}, {"num_samples": 1}) == 1
    assert capsys.readouterr().out == "Answer: no answer in words could be read from 'The answer is (B).'\n"


def test_samples_vote(trained, capsys):
    main(["ask", "--model", trained, "--question", "Which?", "--choices", "red", "blue", "--samples", "3"])
    assert capsys.readouterr().out.startswith("Rationale: ")


def test_drawing_of_where_it_looked(trained, capsys, tmp_path):
    Image.new("RGB", (32, 24), "red").save(tmp_path / "picture.png")
    words = ["ask", "--model", trained, "--question", "Which?", "--choices", "red", "blue", "--json"]
    main([*words, "--image", str(tmp_path / "picture.png"), "--explain", str(tmp_path / "seen.png")])
    assert "explanation" not in json.loads(capsys.readouterr().out)
    assert Image.open(tmp_path / "seen.png").width > 500
    assert main([*words, "--explain", str(tmp_path / "nowhere" / "seen.png")]) == 1
    assert "seen.png cannot be written: No such file" in capsys.readouterr().err


def test_bars_fit_their_shares():
    lines = option_lines({"scores": [0.75, 0.25, 0.0]}, ["gas", "a very long option " * 9, "x"])
    assert lines[0].count("█") == 18
    assert lines[2].endswith("0%")
    assert len({line.index("%") for line in lines}) == 1
    assert option_lines({"scores": None}, ["a", "b"]) == []
