"""Recipes: what they accept, what they refuse, and in which words."""

from pathlib import Path
from typing import get_args

import pytest
import yaml

import mmcot
from mmcot.configuration import DataArguments, LoraArguments, Recipe, RecipeError, StageArguments, load_recipe
from mmcot.configuration.annotations import alternatives, annotations_of
from mmcot.modeling_mmcot.stage_records_mmcot import CHAIN, STAGES


PACKAGED = sorted((Path(mmcot.__file__).parent / "configuration").glob("*.yaml"))
SETTINGS = {
    "output_dir": "run",
    "dataset": "sketchqa:train=10,validation=2,test=2",
    "model": {"text_config": {"model_type": "t5"}},
    "training": {"learning_rate": 0.1, "max_steps": 7},
    "answer": {"max_steps": 3},
    "seed": 3,
}


@pytest.fixture
def recipe_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(**changes):
        settings = {**SETTINGS, **changes}
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump({key: value for key, value in settings.items() if value is not None}))
        return path

    return write


@pytest.mark.parametrize("path", PACKAGED, ids=lambda path: path.name)
def test_packaged_recipe_loads(path):
    assert load_recipe(path).dataset


def test_stage_sections_build_on_training(recipe_file):
    recipe = load_recipe(recipe_file())
    assert (recipe.training["rationale"].max_steps, recipe.training["answer"].max_steps) == (7, 3)
    assert recipe.training["answer"].learning_rate == 0.1


def test_command_line_wins_over_file(recipe_file):
    overrides = ["--rationale.max_steps", "2", "--seed=5", "--training.learning_rate", "1e-3"]
    recipe = load_recipe(recipe_file(), overrides)
    assert (recipe.training["rationale"].max_steps, recipe.seed, recipe.training["rationale"].seed) == (2, 5, 5)
    assert recipe.training["answer"].learning_rate == 1e-3


def test_trained_folder_on_the_command_line_takes_the_place_of_the_parts_in_the_file(recipe_file):
    parts = {"text_model": "a", "vision_model": "b", "vocab_size": 9, "fast_start": True, "cache_features": False}
    recipe = load_recipe(recipe_file(model=parts), ["--model.from", "runs/quickstart", "--model.revision", "v1"])
    assert (recipe.model.origin, recipe.model.revision, recipe.model.text_model) == ("runs/quickstart", "v1", None)
    assert recipe.settings["model"] == {"cache_features": False, "from": "runs/quickstart", "revision": "v1"}


def test_scientific_notation_is_a_number(tmp_path, recipe_file):
    path = recipe_file()
    path.write_text(path.read_text().replace("learning_rate: 0.1", "learning_rate: 2e-5"))
    assert load_recipe(path).training["rationale"].learning_rate == 2e-5


@pytest.mark.parametrize(
    ("changes", "overrides", "message"),
    [
        ({"datasett": "x"}, [], "Unknown key datasett: did you mean dataset?"),
        ({}, ["--training.learning_rat", "1"], "training.learning_rat: did you mean learning_rate?"),
        ({}, ["--model.text_modle", "x"], "model.text_modle: did you mean text_model?"),
        ({"dataset": None}, [], "needs dataset"),
        ({"model": {}}, [], "either text_model .* or text_config"),
        ({"model": {"text_model": "a", "text_config": {}}}, [], "either text_model .* or text_config"),
        ({"model": {"from": "a", "text_model": "b"}}, [], "from is a whole model, .* leave text_model or from out"),
        ({"model": {"from": "a", "vocab_size": 9}}, [], "from is a whole model, which brings its own vocab_size"),
        ({}, ["--model.from", "a", "--model.vision_model", "b"], "which brings its own vision_model; leave"),
        ({"model": {"from": "a", "config": {"stages": {}}}}, [], "config.stages of a trained model cannot be changed"),
        ({}, ["--model.revision", "main"], "revision is that of the Hub id in from, which is not given"),
        ({"seed": "many"}, [], "seed is 'many'; it must be int"),
        ({}, ["--training.max_steps", "lots"], "max_steps is 'lots'; it must be int"),
        ({}, ["--processor.lecture", "3"], "processor.lecture is 3; it must be bool"),
        ({"training": [1]}, [], "training is .1.; it must be a section"),
        ({"stages": "two"}, [], "stages is 'two'; use one of both, rationale, answer, joint"),
        ({"formats": "joint"}, [], "formats is 'joint'; use one of direct, rationale_answer, answer_rationale"),
        ({}, ["--answer.start_from", "nowhere"], "answer.start_from is 'nowhere'; use one of base, rationale"),
        ({}, ["--answer.push_to_hub", "true"], "answer.push_to_hub: .* put push_to_hub under training"),
        ({}, ["--training.hub_model", "a/b"], "training.hub_model: did you mean hub_model_id?"),
        ({}, ["--training.metric_for_best", "x"], "training.metric_for_best: did you mean metric_for_best_model?"),
        ({}, ["--training.log_level", "loud"], "log_level is 'loud'; use one of detail, debug"),
        ({}, ["--training.lr_scheduler_type", "steep"], "training.lr_scheduler_type is 'steep'; use one of linear"),
        ({}, ["--rationale.output_dir", "x"], "rationale.output_dir: a run has one folder"),
        ({}, ["--data.columns", "{why: 3}"], "data.columns.why is 3; it must be str"),
        ({}, ["--evaluation.by", "[topic, 3]"], r"evaluation.by\[1\] is 3; it must be str"),
        ({}, ["--data.rationales", "3"], "data.rationales is 3; use one of first, all"),
        (
            {},
            ["--model.text_config.model_type", "t6"],
            "text_config.model_type is 't6'; give one that",
        ),
        ({}, ["--model.text_config.model_type", "mmcot"], "text_config.model_type is 'mmcot'; give one that"),
        ({}, ["--model.text_config.d_modle", "32"], "text_config has the unknown key d_modle: did you mean d_model?"),
        (
            {},
            ["--model.config.frieze_vision", "1"],
            "Unknown key model.config.frieze_vision: did you mean freeze_vision?",
        ),
        ({}, ["--model.config.token", "hf_x"], "Unknown key model.config.token: "),
        ({}, ["--model.text_config.d_model", "wide"], "model: text_config: .* expected int, got str"),
        ({}, ["--seed"], "--key value pairs"),
        ({}, ["seed", "3"], "--key value pairs"),
        ({}, ["--seed", "--folds", "3"], "--key value pairs; cannot read '--seed --folds 3' from '--seed' on"),
        ({}, ["--.seed", "3"], "--key value pairs"),
        (
            {},
            ["--seed", "@x"],
            "--seed '@x': not valid YAML: line 1, column 1: .* Quote a text: --seed '\"some text\"'",
        ),
        ({}, ["--dataset", "a: b: c"], "--dataset 'a: b: c': not valid YAML"),
        ({}, ["--dataset", "a: b"], "dataset is {'a': 'b'}; it must be str"),
        ({}, ["--seed.x", "1"], "--seed.x: seed is 3, no section with keys in it"),
        ({}, ["--training.max_steps.x", "1"], "training.max_steps is 7, no section"),
    ],
)
def test_refusals_name_the_key_and_the_remedy(recipe_file, changes, overrides, message):
    with pytest.raises(RecipeError, match=message):
        load_recipe(recipe_file(**changes), overrides)


def test_words_of_a_recipe_are_those_of_the_stages():
    annotations = annotations_of(Recipe)
    assert get_args(annotations["stages"]) == ("both", *CHAIN, "joint")
    baselines = alternatives(annotations["formats"])[0]
    assert get_args(baselines) == tuple(name for name, stage in STAGES.items() if stage.is_baseline)


def test_older_word_for_answering_at_once_is_read_as_the_stage_it_means(recipe_file):
    older, newer = (load_recipe(recipe_file(formats=word)) for word in ("answer", "direct"))
    assert older == newer
    assert older.formats == older.settings["formats"] == "direct"


def test_run_is_published_under_the_name_of_its_folder_unless_it_has_another(recipe_file):
    assert not load_recipe(recipe_file()).hub.push_to_hub
    recipe = load_recipe(recipe_file(), ["--training.push_to_hub", "true"])
    assert (recipe.hub.push_to_hub, recipe.hub.hub_model_id) == (True, "run")
    assert not any(arguments.push_to_hub for arguments in recipe.training.values())
    assert load_recipe(recipe_file(), ["--training.hub_model_id", "org/name"]).hub.hub_model_id == "org/name"


RANGES = {
    "seed": (["-1", "4294967295"], "0"),
    "folds": (["1", "0"], "2"),
    "model.vocab_size": (["0"], "1"),
    "model.image_size": (["0", "{shortest_edge: 0}"], "{shortest_edge: 1}"),
    "processor.max_length": (["0", "-3"], "1"),
    "processor.max_target_length": (["0"], "1"),
    "lora.r": (["0"], "1"),
    "lora.lora_alpha": (["-1"], "1"),
    "lora.lora_dropout": (["-0.1", "1"], "0"),
    "evaluation.batch_size": (["0", "-1"], "1"),
    "evaluation.validation_limit": (["0"], "1"),
    "training.per_device_train_batch_size": (["0"], "1"),
    "training.per_device_eval_batch_size": (["-1"], "1"),
    "training.gradient_accumulation_steps": (["0"], "1"),
    "training.max_steps": (["0", "-2"], "-1"),
    "training.num_train_epochs": (["0", "-1"], "0.5"),
    "training.learning_rate": (["0", "-1e-3"], "1e-9"),
    "training.warmup_steps": (["-1"], "0"),
    "training.weight_decay": (["-1"], "0"),
    "training.adam_beta2": (["1"], "0"),
    "training.eval_steps": (["0", "-1"], "1"),
    "training.save_steps": (["0"], "1"),
    "training.logging_steps": (["0"], "1"),
    "answer.generation_max_length": (["0"], "1"),
    "answer.generation_num_beams": (["0"], "1"),
    "answer.position_lr_factor": (["0"], "10"),
    "joint.save_total_limit": (["0"], "null"),
    "one_stage.dataloader_num_workers": (["-1"], "0"),
}


@pytest.mark.parametrize("key", RANGES)
def test_numbers_have_ranges(recipe_file, key):
    wrong, right = RANGES[key]
    for value in wrong:
        with pytest.raises(RecipeError, match=rf"^{key}\S* is .*; it must be (at least|above|below) "):
            load_recipe(recipe_file(), [f"--{key}", value])
    load_recipe(recipe_file(), [f"--{key}", right])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300, 2**80])
def test_numbers_are_finite(value):
    with pytest.raises(RecipeError, match="gate_bias is .*; it must be a finite number"):
        StageArguments(output_dir="x", gate_bias=value)


def test_sections_made_in_python_are_checked_too():
    with pytest.raises(RecipeError, match="on_error is 'Skip'; use one of raise, skip"):
        DataArguments(on_error="Skip")
    with pytest.raises(RecipeError, match="r is 0; it must be at least 1"):
        LoraArguments(r=0)


@pytest.mark.parametrize("section", ["data", "model", "processor", "lora", "training", "answer", "evaluation"])
@pytest.mark.parametrize("value", [[], 0, False, "word"])
def test_only_null_stands_for_an_empty_section(recipe_file, section, value):
    with pytest.raises(RecipeError, match=f"{section} is .*; it must be a section of 'key: value' lines"):
        load_recipe(recipe_file(**{section: value}))


def test_section_that_is_null_has_its_defaults(recipe_file):
    path = recipe_file()
    nothing = path.read_text() + "data:\nprocessor: null\nlora: ~\njoint:\n"
    plain = load_recipe(path)
    path.write_text(nothing)
    recipe = load_recipe(path, ["--evaluation", "null"])
    assert (recipe.data, recipe.processor, recipe.evaluation) == (plain.data, plain.processor, plain.evaluation)
    assert (recipe.lora, recipe.training["joint"]) == (None, plain.training["joint"])


def test_sections_that_share_an_anchor_are_overridden_one_by_one(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump({**SETTINGS, "answer": None}).replace("answer: null", "answer: &a {max_steps: 3}"))
    path.write_text(path.read_text() + "rationale: *a\n")
    recipe = load_recipe(path, ["--answer.max_steps", "9"])
    assert (recipe.training["answer"].max_steps, recipe.training["rationale"].max_steps) == (9, 3)


def test_folder_binary_or_endless_file_is_no_recipe(tmp_path):
    with pytest.raises(RecipeError, match=f"{tmp_path} is a folder"):
        load_recipe(tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"\x89" * 300_000)
    with pytest.raises(RecipeError, match="model.safetensors is larger than 200 kB"):
        load_recipe(weights)
    weights.write_bytes(b"\x89" * 300)
    with pytest.raises(RecipeError, match="model.safetensors is not valid YAML: character 1"):
        load_recipe(weights)
    for path in ("a\0b", "x" * 5000):
        with pytest.raises(RecipeError, match="Cannot read the recipe|There is no recipe"):
            load_recipe(path)


def test_file_that_is_missing_or_not_yaml(tmp_path):
    with pytest.raises(RecipeError, match="There is no recipe"):
        load_recipe(tmp_path / "none.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [1")
    with pytest.raises(RecipeError, match="not valid YAML"):
        load_recipe(broken)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["--training.accelerator_config", "'='"], "^training.accelerator_config: .*No such file"),
        (["--rationale.accelerator_config", "'='"], "^rationale.accelerator_config: .*No such file"),
        (["--answer.load_best_model_at_end", "true"], "^answer.load_best_model_at_end: .*save and eval strategy"),
        (["--training.accelerator_config", "'='", "--training.load_best_model_at_end", "true"], "^training: "),
    ],
)
def test_what_only_the_library_refuses_is_said_of_its_key(overrides, message, recipe_file):
    with pytest.raises(RecipeError, match=message) as caught:
        load_recipe(recipe_file(rationale={"max_steps": 3}), overrides)
    assert "\n" not in str(caught.value)
