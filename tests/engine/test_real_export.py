"""An export as `mmcot export` writes it, at every door, beside the model that it was made of."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import mmcot
from mmcot import MMCoTPipeline
from mmcot.cli.main import main
from mmcot.conversion.export import export
from mmcot.engine import OnnxPipeline
from mmcot.engine.drafts import DRAFTS_FILE


pytest.importorskip("onnxscript")
pytestmark = pytest.mark.slow
DATA = "sketchqa:train=1,validation=1,test=24,size=32"
ALONE = """
import json, sys
sys.path.insert(0, sys.argv[1])
for name in ("mmcot", "torch", "transformers", "huggingface_hub", "datasets"):
    sys.modules[name] = None  # cannot be imported
from onnx_mmcot import OnnxPipeline
print(json.dumps(OnnxPipeline(sys.argv[1])(json.loads(sys.argv[2]))))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory, two_stages):
    """A trained folder with its export in it."""
    path = tmp_path_factory.mktemp("trained") / "model"
    two_stages.save_pretrained(path)
    export(path, path / "onnx", "onnx", say=lambda text: None)
    return path


def test_predictions_of_both_engines(folder, tmp_path):
    files = {engine: tmp_path / f"{engine}.jsonl" for engine in ("torch", "onnx")}
    for engine, path in files.items():
        options = ["--dataset", DATA, "--output", str(path), "--engine", engine, "--batch-size", "5"]
        assert main(["predict", "--model", str(folder), *options]) == 0
    rows = {engine: [json.loads(line) for line in path.read_text().splitlines()] for engine, path in files.items()}
    for row, expected in zip(rows["onnx"], rows["torch"], strict=True):
        for name in ("scores", "confidence"):
            assert row.pop(name) == pytest.approx(expected.pop(name), abs=1e-3)
        assert row == expected
    notes = [path.with_suffix(".run.json").read_text() for path in files.values()]
    assert notes[0] == notes[1]
    whole = files["onnx"].read_text()
    files["onnx"].write_text(whole[: len(whole) // 2])
    options = ["--dataset", DATA, "--output", str(files["onnx"]), "--engine", "onnx", "--batch-size", "3"]
    assert main(["predict", "--model", str(folder), *options]) == 0
    again = [json.loads(line) for line in files["onnx"].read_text().splitlines()]
    assert [row["rationale"] for row in again] == [row["rationale"] for row in rows["torch"]]


def test_evaluation(folder, tmp_path, capsys):
    options = ["--dataset", DATA, "--output", str(tmp_path / "report")]
    assert main(["evaluate", "--model", str(folder / "onnx"), *options]) == 0
    assert "of 24 problems right" in capsys.readouterr().out
    assert main(["evaluate", "--model", str(folder / "onnx"), *options, "--ablations"]) == 1


def test_questions_without_torch(folder, two_stages):
    question = {"question": "Which animal is it?", "choices": ["a cat", "a dog"]}
    expected = two_stages(question)
    command = [sys.executable, "-I", "-c", ALONE, str(folder / "onnx"), json.dumps(question)]
    answer = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert answer["rationale"] == expected["rationale"]
    assert answer["scores"] == pytest.approx(expected["scores"], abs=1e-4)

    ask = ["ask", "--model", str(folder), "--question", "Which animal is it?", "--choices", "a cat", "a dog", "--json"]
    code = f"import sys; sys.argv = ['mmcot', *{ask!r}]; from mmcot.cli.main import main; main(sys.argv[1:]); "
    code += "print(sorted({'torch', 'transformers', 'huggingface_hub'} & sys.modules.keys()))"
    script = f"import sys; sys.path.insert(0, {str(Path(mmcot.__file__).parents[1])!r}); sys.argv[0] = 'mmcot'; {code}"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    answer, loaded = ran.stdout.splitlines()
    assert json.loads(answer)["rationale"] == expected["rationale"]
    assert loaded == "[]"


def test_drafts_of_an_export(folder, two_stages):
    question = {"question": "Which animal is it?", "choices": ["a cat", "a dog"]}
    text = two_stages(question, return_all=True)["texts"]["rationale"]
    path = folder / "onnx" / DRAFTS_FILE
    path.write_text(json.dumps({"rationale": [text]}))
    try:
        assert OnnxPipeline(folder / "onnx")(question)["rationale"] == two_stages(question)["rationale"]
    finally:
        path.unlink()


def test_an_answer_model_that_sees_no_pictures(make_model, loosen, new_processor, rows, tmp_path):
    models = [loosen(make_model(seed=1)), loosen(make_model(seed=2, vision_config=None, image_feature_size=0))]
    for model in models:
        model.generation_config.max_new_tokens = 8
    pipe = MMCoTPipeline(model=models[0], answer_model=models[1], processor=new_processor())
    pipe.save_pretrained(tmp_path / "model")
    export(tmp_path / "model", tmp_path / "export", "onnx", say=lambda text: None)
    for answer, expected in zip(OnnxPipeline(tmp_path / "export")(rows, batch_size=4), pipe(rows), strict=True):
        assert [answer[name] for name in ("rationale", "answer_text")] == [
            expected["rationale"],
            expected["answer_text"],
        ]
        if expected["scores"]:
            assert answer["scores"] == pytest.approx(expected["scores"], abs=1e-4)
