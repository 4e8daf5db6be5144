"""The quickstart: its table, its printed command, and as a slow test the whole of it with its bars."""

import json
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from mmcot.cli.comparison import (
    CHANCE,
    ONE_STAGE,
    TWO_STAGE,
    ask_command,
    guesses,
    load_example,
    quickstart_recipe,
    results_table,
    run_quickstart,
)
from mmcot.configuration.ablations import BLANK
from mmcot.data import load_splits
from mmcot.evaluation.scores import evaluate
from mmcot.training.example import choose_example


def test_guesses_are_the_mean_of_one_over_the_options():
    test = load_splits("sketchqa:train=1,validation=1,test=60,families=circuit+animals")["test"]
    found = guesses(evaluate([{"id": test[0]["id"], "choice_index": 0}], test, by=["family"]))
    expected = [100 / len(options) for options in test["choices"]]
    assert found["all"] == pytest.approx(sum(expected) / len(expected))
    assert found["with a picture"] == 50
    assert set(found["families"]) == {"circuit", "animals"}


def test_table_has_a_row_for_each_system_and_family():
    row = {"all": 50.0, "with a picture": 40.0, "families": {"moon": 30.0, "map": 20.0}}
    table = results_table({TWO_STAGE: row, CHANCE: row})
    assert f"| {TWO_STAGE} | 50.0 % | 40.0 % |" in table
    assert "| moon | 30 % | 30 % |" in table


def test_printed_command_survives_the_shell(tiny_config, tmp_path):
    test = load_splits("sketchqa:train=1,validation=1,test=4,families=moon,text_only=0")["test"]
    tiny_config.save_pretrained(tmp_path)
    predictions = [{"rationale": "", "choice_index": None}] * 3 + [
        {"rationale": "", "choice_index": test[3]["answer"]}
    ]
    example = choose_example(test, predictions, sees=True, folder=tmp_path)
    (tmp_path / "metrics.json").write_text(json.dumps({"example": example}), encoding="utf-8")
    row, picture = load_example(tmp_path, test)
    assert row["id"] == test[3]["id"]
    words = shlex.split(ask_command(tmp_path, row, picture).replace("\\\n", " "))
    assert Path(shutil.which(words[0])).name == "mmcot"
    assert words[1] == "ask"
    assert words[words.index("--question") + 1] == row["question"]
    assert words[words.index("--choices") + 1 :] == row["choices"]
    assert Image.open(words[words.index("--image") + 1]).size == (64, 64)


@pytest.mark.slow
def test_whole_quickstart_meets_its_bars(tmp_path):
    folder = tmp_path / "quickstart"
    results = run_quickstart(folder, seed=0)
    pictured = {name: row["with a picture"] for name, row in results.items()}
    assert pictured[TWO_STAGE] >= 95
    assert abs(pictured[f"{TWO_STAGE}, {BLANK.name}"] - pictured[CHANCE]) <= 10
    assert pictured[TWO_STAGE] > pictured[ONE_STAGE]
    # Without its picture a rationale may conclude what no option says, and the answer is then a letter beyond them:
    # only the systems that see what they were trained on must always name an option.
    assert max(results[name]["unparsed"] for name in (TWO_STAGE, ONE_STAGE)) <= 5
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert size < 10_000_000
    assert {"example.png", "curves.png", "results.md", "README.md"} <= {path.name for path in folder.iterdir()}
    test = load_splits(quickstart_recipe(folder, 0).dataset)["test"]
    command = ask_command(folder, *load_example(folder, test))
    printed = subprocess.run(command, shell=True, capture_output=True, text=True, check=True).stdout
    assert "Rationale: " in printed
    assert "Answer: (" in printed
