"""The quickstart's work: both stages from scratch on drawn pictures, and what pictures and rationales are worth."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import datasets

from ..configuration import Recipe, load_recipe
from ..configuration.ablations import ABLATIONS, ALL_EXAMPLES, BLANK, PICTURED, SHUFFLED
from ..configuration.metrics import ACCURACY, AVERAGE, WITH_IMAGE
from ..configuration.repository import EXAMPLE_PICTURE, PREDICTIONS_FILE, open_folder
from ..data import load_splits
from ..evaluation.ablations import measure_ablations, run_ablations
from ..evaluation.findings import conclude
from ..evaluation.scores import evaluate
from ..hub_card.card import add_ablations
from ..inference.load import load_trained
from ..inference.row_files import read_rows
from ..modeling_mmcot.stage_records_mmcot import ANSWER, DIRECT, RATIONALE
from ..training.run_folder import open_run_folder
from ..training.two_stage import run_recipe
from .example_figure import draw_example


RECIPE = Path(__file__).parents[1] / "configuration" / "sketchqa.yaml"
TWO_STAGE = "two stages"
ONE_STAGE = "one stage, question to answer"
CHANCE = "chance"
# Loaded as a stranger would load it from the Hub: another process, the folder's own code.
ASK = """
import json, sys
from transformers import pipeline
answer = pipeline("multimodal-cot", model=sys.argv[1], trust_remote_code=True)(json.loads(sys.argv[2]))
print(json.dumps(answer))
"""


class Steps:
    """Says each step before it is done, and how long it took."""

    def __init__(self):
        self.start = time.perf_counter()

    def __call__(self, text: str) -> None:
        print(f"[{time.perf_counter() - self.start:4.0f} s] {text}", flush=True)


def run_quickstart(output: Path, seed: int = 0) -> dict[str, Any]:
    """Trains, compares, saves, reloads and asks.

    Args:
        output: run folder.
        seed: of data, weights and training.

    Returns:
        What `results.json` holds: accuracy by system, for all problems, those with a picture, and each family.
    """
    say = Steps()
    recipe = quickstart_recipe(output, seed)
    say(f"Two stages: question and picture -> rationale -> answer. Trained from scratch into {output}.")
    run_recipe(recipe, say)
    test = load_splits(recipe.dataset)["test"]
    with open_run_folder(recipe) as folder:
        if not folder.finished("comparison"):
            folder.write_json("results.json", compare_systems(recipe, test, say))
            folder.finish("comparison")
        results = folder.read_json("results.json")
    table = results_table(results)
    (output / "results.md").write_text(table, encoding="utf-8")
    say("Loading the folder in another process, with its own code, and asking one question.")
    example = load_example(output, test)
    ask_in_fresh_process(output, *example)
    say("Done.")
    print(f"\n{table}\nModel, card, scores, curves.png and example.png are in {output}. Ask it something:\n")
    print(ask_command(output, *example))
    return results


def quickstart_recipe(output: Path, seed: int, *overrides: str) -> Recipe:
    """The SketchQA recipe of the package, with another seed for everything."""
    settings = ["--output_dir", str(output), "--seed", str(seed), *overrides]
    dataset = load_recipe(RECIPE).dataset
    return load_recipe(RECIPE, [*settings, "--dataset", f"{dataset},seed={seed}"])


def compare_systems(recipe: Recipe, test: datasets.Dataset, say: Steps) -> dict[str, Any]:
    """Accuracy of the trained model, of the same model without its pictures, and of the one-stage baseline."""
    folder = Path(recipe.output_dir)
    predictions = read_rows(folder / PREDICTIONS_FILE)
    models, processor, features = load_trained(str(folder))
    say(f"The same {len(test)} problems with pictures and rationales taken away or changed, for each stage.")
    size = recipe.evaluation.batch_size
    ablated = run_ablations(
        models, processor, test, predictions, recipe.seed, features=features, batch_size=size, say=say
    )
    ablations = measure_ablations(predictions, ablated, test)
    concluded = conclude(ablations)
    add_ablations(folder, ablations, concluded)
    for finding in concluded["findings"]:
        say(finding)
    systems = {
        TWO_STAGE: predictions,
        **{f"{TWO_STAGE}, {each.name}": ablated[each.name] for each in (BLANK, SHUFFLED)},
        ONE_STAGE: predict_in_one_stage(recipe, say),
    }
    scores = {name: evaluate(rows, test, by=["family"]) for name, rows in systems.items()}
    compared = {name: accuracies(found) for name, found in scores.items()} | {CHANCE: guesses(scores[TWO_STAGE])}
    return compared | {
        f"{TWO_STAGE}, {name}": ablated_accuracies(ablations[name])
        for name in ABLATIONS
        if name not in (BLANK.name, SHUFFLED.name)
    }


def predict_in_one_stage(recipe: Recipe, say: Steps) -> list[dict[str, Any]]:
    """The baseline: the same model, data and number of steps, straight from question and picture to the answer."""
    two_stages = [recipe.training[stage] for stage in (RATIONALE, ANSWER)]
    steps = sum(arguments.max_steps for arguments in two_stages)
    say(f"Training the one-stage baseline for as many steps, {steps}.")
    folder = Path(recipe.output_dir, "run", "one_stage")
    settings = {
        "formats": DIRECT,
        "one_stage.max_steps": steps,
        "one_stage.generation_max_length": two_stages[-1].generation_max_length,
        "one_stage.eval_strategy": "no",
    }
    overrides = [word for key, value in settings.items() for word in (f"--{key}", str(value))]
    run_recipe(quickstart_recipe(folder, recipe.seed, *overrides), say)
    predictions = read_rows(folder / PREDICTIONS_FILE)
    shutil.rmtree(folder)
    return predictions


def accuracies(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Percentages: all problems, those with a picture, each family; and how many answers could not be read."""
    accuracy = scores[ACCURACY.name]
    families = {family: entry["value"] for family, entry in accuracy["family"].items()}
    return {
        "all": accuracy[AVERAGE.name]["value"],
        PICTURED: accuracy[WITH_IMAGE.name]["value"],
        "unparsed": scores["unparsed"],
        "families": families,
    }


def ablated_accuracies(groups: Mapping[str, Any]) -> dict[str, Any]:
    """The same percentages of an ablation, which are not told by family."""
    return {"all": groups[ALL_EXAMPLES]["accuracy"]["value"], PICTURED: groups[PICTURED]["accuracy"]["value"]}


def guesses(scores: Mapping[str, Any]) -> dict[str, Any]:
    """The same percentages for guessing, which depend on the problems alone."""
    chance = scores["chance"]
    return {
        "all": chance[AVERAGE.name],
        PICTURED: chance[WITH_IMAGE.name],
        "unparsed": 0,
        "families": chance["family"],
    }


def results_table(results: Mapping[str, Any]) -> str:
    """The results as Markdown: systems down and problems across, then families down and systems across."""
    lines = [f"| system | {AVERAGE.meaning} | {PICTURED} |", "| --- | --- | --- |"]
    for name, row in results.items():
        lines.append(f"| {name} | {ACCURACY.text(row['all'])} | {ACCURACY.text(row[PICTURED])} |")
    by_family = {name: row["families"] for name, row in results.items() if "families" in row}
    lines += ["", "| family | " + " | ".join(by_family) + " |", "| --- " * (len(by_family) + 1) + "|"]
    for family in by_family[CHANCE]:
        cells = " | ".join(f"{row[family]:.0f} %" for row in by_family.values())
        lines.append(f"| {family} | {cells} |")
    return "\n".join(lines) + "\n"


def load_example(output: Path, test: datasets.Dataset) -> tuple[dict[str, Any], Path]:
    """The test problem that the card shows, and the file of its picture."""
    shown = open_folder(output).read_metrics()["example"]["id"]
    return test[test["id"][:].index(shown)], output / EXAMPLE_PICTURE


def ask_in_fresh_process(output: Path, row: Mapping[str, Any], picture: Path) -> None:
    """Asks the saved folder one question in a process of its own, and draws what it said."""
    question = {"image": str(picture), "question": row["question"], "choices": row["choices"], "context": row["hint"]}
    command = [sys.executable, "-c", ASK, str(output), json.dumps(question)]
    # In a session of its own, out of reach of Ctrl-C, which ends it through this process.
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, start_new_session=True)
    answer = done.stdout.splitlines()[-1]
    draw_example(row, json.loads(answer), output / "example.png")


def ask_command(output: Path, row: Mapping[str, Any], picture: Path) -> str:
    """A command that works as printed, in this environment and folder."""
    program = "mmcot" if shutil.which("mmcot") else os.path.relpath(Path(sys.executable).with_name("mmcot"))
    asked = ["--question", row["question"], "--context", row["hint"], "--choices", *row["choices"]]
    model, image = shlex.quote(str(output)), shlex.quote(str(picture))
    return f"{program} ask --model {model} --image {image} \\\n  {shlex.join(asked)}"
