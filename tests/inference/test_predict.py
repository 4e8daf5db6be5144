"""`mmcot predict`: no label reaches a prediction, and a killed call loses and repeats nothing."""

import json
import shutil

import pytest

from mmcot.configuration import DataArguments
from mmcot.data import load_splits
from mmcot.inference import predict
from mmcot.inference.disk import held_alone
from mmcot.inference.predict import predict_file
from mmcot.inference.row_files import append_rows, complete_rows, keep_whole_rows, read_rows
from mmcot.modeling_mmcot import MMCoTPipeline


@pytest.fixture(scope="module")
def problems():
    return load_splits("sketchqa:train=1,validation=1,test=20,size=32")["test"]


@pytest.fixture
def model(make_model, tiny_processor, tmp_path):
    folder = tmp_path / "model"
    models = [make_model(seed=seed, stages={"rationale": ".", "answer": "answer"}) for seed in (1, 2)]
    for written in models:
        written.generation_config.max_new_tokens = 6
    MMCoTPipeline(model=models[0], answer_model=models[1], processor=tiny_processor).save_pretrained(folder)
    return str(folder)


@pytest.fixture
def questions(problems, tmp_path):
    """Function of a name and changes to each row: a JSON-lines data set with its pictures."""

    def write(name, **changes):
        rows = []
        for row in problems:
            if row["image"] is not None:
                row["image"].save(tmp_path / f"{row['id']}.png")
                row["image"] = f"{row['id']}.png"
            row = {key: value for key, value in (row | changes).items() if value is not None and key != "box"}
            rows.append(json.dumps(row) + "\n")
        (tmp_path / name).write_text("".join(rows))
        return str(tmp_path / name)

    return write


def predicted(model, spec, output, batch_size=2):
    return predict_file(model, spec, "train", output, DataArguments(), batch_size, say=lambda text: None)


def test_no_label_reaches_a_prediction(model, questions, tmp_path):
    specs = {
        "whole": questions("whole.jsonl"),
        "other": questions("other.jsonl", answer=0, solution="The answer is (B).", lecture="Nonsense.", family="x"),
        "none": questions("none.jsonl", answer=None, solution=None, lecture=None),
    }
    for name, spec in specs.items():
        predicted(model, spec, tmp_path / f"{name}.out.jsonl", batch_size=20)
    contents = [(tmp_path / f"{name}.out.jsonl").read_bytes() for name in specs]
    assert contents[0] == contents[1] == contents[2]
    assert contents[0].count(b"\n") == 20


def test_rows_have_what_the_readme_promises(model, questions, tmp_path):
    rows = predicted(model, questions("q.jsonl"), tmp_path / "out.jsonl", batch_size=20)
    assert rows == read_rows(tmp_path / "out.jsonl")
    for row in rows:
        names = ["id", "rationale", "answer_text", "answer", "choice_index", "scores", "confidence", "unparsed"]
        assert list(row) == names
        assert sum(row["scores"]) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("torn", [b"", b'{"id": "sketchqa-te'])
def test_stopped_call_goes_on(model, questions, tmp_path, monkeypatch, torn):
    spec, whole, stopped = questions("q.jsonl"), tmp_path / "whole.jsonl", tmp_path / "stopped.jsonl"
    predicted(model, spec, whole)
    calls, write = [], predict.predict

    def stop_at_second(*arguments, **options):
        calls.append(len(arguments[2]))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return write(*arguments, **options)

    monkeypatch.setattr(predict, "predict", stop_at_second)
    with pytest.raises(KeyboardInterrupt):
        predicted(model, spec, stopped)
    assert stopped.read_bytes().count(b"\n") == 8
    with stopped.open("ab") as file:
        file.write(torn)
    predicted(model, spec, stopped)
    assert stopped.read_bytes() == whole.read_bytes()
    assert calls == [8, 8, 8, 4]
    predicted(model, spec, stopped)
    assert len(calls) == 4


def test_predictions_of_something_else_are_not_mistaken_for_these(model, questions, tmp_path):
    output = tmp_path / "out.jsonl"
    predicted(model, questions("q.jsonl"), output)
    with pytest.raises(ValueError, match="not from this model and data set"):
        predicted(model, questions("other.jsonl"), output)
    output.with_suffix(".run.json").unlink()
    with pytest.raises(ValueError, match="remove it or name another"):
        predicted(model, questions("q.jsonl"), output)


def test_folder_in_training_is_named(model, questions, tmp_path):
    shutil.rmtree(tmp_path / "model" / "answer")
    with pytest.raises(ValueError, match="lacks weights of the answer model. Repeat"):
        predicted(model, questions("q.jsonl"), tmp_path / "out.jsonl")


def test_rows_of_other_problems_are_refused(problems, tmp_path):
    path = tmp_path / "rows.jsonl"
    append_rows(path, [{"id": "stranger", "answer_text": ""}])
    with pytest.raises(ValueError, match="rows of other problems"):
        complete_rows(path, problems, lambda part: [], 4, "rows", text="answer_text")


def test_second_process_for_the_same_file_is_refused(model, questions, tmp_path):
    output = tmp_path / "out.jsonl"
    with (
        held_alone(tmp_path / ".out.jsonl.lock", "taken"),
        pytest.raises(ValueError, match=r"process writes .*out\.js"),
    ):
        predicted(model, questions("q.jsonl"), output)
    predicted(model, questions("q.jsonl"), output)


WHOLE = '{"id": "a", "answer_text": "The answer is (A)."}'


@pytest.mark.parametrize(
    "harmed",
    [
        "",
        WHOLE[:-1],
        "\0" * 20,
        "null",
        "[1]",
        '{"id": "b"}',
        '{"id": "b", "answer_text": null}',
        '{"id": 1}',
        "\udcff",
    ],
)
@pytest.mark.parametrize("end", ["", "\n", f"\n{WHOLE}\n"])
def test_rows_from_the_first_damaged_one_on_are_made_again(tmp_path, harmed, end):
    path = tmp_path / "rows.jsonl"
    path.write_text(f"{WHOLE}\n{harmed}{end}", encoding="utf-8", errors="surrogateescape")
    assert keep_whole_rows(path, text="answer_text") == [json.loads(WHOLE)]
    assert path.read_text() == f"{WHOLE}\n"


def test_any_text_survives_a_file(tmp_path):
    rows = [{"id": '\u2028 \x85 \n \r "é" 語'}, {"id": "half a character \udc80"}, {"id": "plain"}]
    append_rows(tmp_path / "rows.jsonl", rows)
    assert keep_whole_rows(tmp_path / "rows.jsonl", text="id") == rows
