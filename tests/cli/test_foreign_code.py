"""A model's own Python files run only for those who say so."""

from pathlib import Path

import pytest

from mmcot.cli.main import main


QUESTION = ["--question", "Which?", "--choices", "red", "blue"]
TINY_DATA = ["--dataset", "sketchqa:train=1,validation=1,test=2,size=32,families=moon"]


@pytest.fixture
def trap(tmp_path, tiny_model, tiny_processor):
    """A trained folder each of whose Python files would leave `TRAPPED` behind."""
    folder = tmp_path / "trap"
    tiny_model.generation_config.max_new_tokens = 4
    tiny_model.save_pretrained(folder)
    tiny_processor.save_pretrained(folder)
    files = list(folder.glob("*.py"))
    assert len(files) > 5
    for path in files:
        path.write_text(f"open({str(tmp_path / 'TRAPPED')!r}, 'w')\n" + path.read_text(encoding="utf-8"))
    return folder


@pytest.mark.parametrize(
    "words",
    [
        ["ask", "--model", "TRAP", *QUESTION],
        ["predict", "--model", "TRAP", *TINY_DATA, "--output", "HERE/p.jsonl"],
        ["evaluate", "--model", "TRAP", *TINY_DATA, "--output", "HERE/report"],
        ["info", "TRAP"],
        ["push", "TRAP", "org/name", "--dry-run"],
        ["export", "TRAP", "HERE/exported"],
        ["convert", "TRAP", "HERE/converted"],
        ["convert", "TRAP", "HERE/converted", "--vision-model", "TRAP"],
        ["train", "RECIPE", "--output_dir", "HERE/run", *TINY_DATA, "--model.vision_model", "TRAP"],
        ["features", "RECIPE", "--output_dir", "HERE/run", *TINY_DATA, "--model.vision_model", "TRAP"],
    ],
    ids=lambda words: " ".join(words[:2] + words[-2:-1]),
)
def test_no_verb_runs_a_folder_s_code(words, trap, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    sizes = "{model_type: t5, d_model: 16, d_kv: 4, d_ff: 16, num_heads: 2, num_layers: 1}"
    model = f"{{text_config: {sizes}, tokenizer: {trap}}}"
    recipe.write_text(f"output_dir: run\ndataset: sketchqa\nmodel: {model}\ntraining: {{max_steps: 1}}\n")
    places = {"TRAP": trap, "RECIPE": recipe, "HERE": tmp_path}
    for name, path in places.items():
        words = [word.replace(name, str(path)) for word in words]
    assert main(words) in (0, 1)
    assert not (tmp_path / "TRAPPED").exists()


def test_trusted_code_runs_and_is_named(trap, tmp_path, capsys):
    assert main(["ask", "--model", str(trap), "--trust-remote-code", *QUESTION]) in (0, 1)
    said = capsys.readouterr()
    assert said.out.startswith("Rationale: ")
    assert f"Running the code of {trap}: " in said.err
    assert "pipeline_mmcot.py" in said.err
    assert Path(tmp_path, "TRAPPED").exists()
