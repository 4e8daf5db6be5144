"""Recipes: what they accept, what they refuse, and in which words."""

from pathlib import Path

import pytest
import yaml

import mmcot
from mmcot.configuration import RecipeError, load_recipe
from mmcot.configuration.recipe import RecipeLoader
from mmcot.training.run_folder import what_is_trained


PACKAGED = sorted((Path(mmcot.__file__).parent / "configuration").glob("*.yaml"))
SETTINGS = {
    "output_dir": "run",
    "dataset": "sketchqa:train=10,validation=2,test=2",
    "model": {"text_config": {"model_type": "t5"}},
    "training": {"learning_rate": 0.1, "max_steps": 7},
    "answer": {"max_steps": 3},
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


def test_scientific_notation_is_a_number(tmp_path, recipe_file):
    path = recipe_file()
    path.write_text(path.read_text().replace("learning_rate: 0.1", "learning_rate: 2e-5"))
    assert load_recipe(path).training["rationale"].learning_rate == 2e-5


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("2.5", 2.5),
        (".5", 0.5),
        ("-1.5E2", -150.0),
        ("7", 7),
        ("no", "no"),
        ("true", True),
        ("1.2.3", "1.2.3"),
    ],
)
def test_plain_words_and_numbers(text, value):
    read = yaml.load(text, RecipeLoader)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("changes", "overrides", "message"),
    [
        ({"datasett": "x"}, [], "Unknown key datasett: did you mean dataset?"),
        ({}, ["--training.learning_rat", "1"], "rationale.learning_rat: did you mean learning_rate?"),
        ({}, ["--model.text_modle", "x"], "model.text_modle: did you mean text_model?"),
        ({"dataset": None}, [], "needs dataset"),
        ({"model": {}}, [], "either text_model .* or text_config"),
        ({"model": {"text_model": "a", "text_config": {}}}, [], "either text_model .* or text_config"),
        ({"seed": "many"}, [], "seed is 'many'; it must be int"),
        ({}, ["--training.max_steps", "lots"], "max_steps is 'lots'; it must be int"),
        ({}, ["--processor.lecture", "3"], "processor.lecture is 3; it must be bool"),
        ({"training": [1]}, [], "training must be a section"),
        ({"stages": "two"}, [], "stages is 'two'; use one of both, rationale, answer, joint"),
        ({"formats": "joint"}, [], "formats is 'joint'; use one of direct, rationale_answer, answer_rationale"),
        ({}, ["--answer.start_from", "nowhere"], "answer: start_from is 'nowhere'"),
        ({}, ["--answer.push_to_hub", "true"], "answer.push_to_hub: .* put push_to_hub under training"),
        ({}, ["--training.hub_model", "a/b"], "training.hub_model: did you mean hub_model_id?"),
        ({}, ["--seed"], "--key value pairs"),
        ({}, ["seed", "3"], "--key value pairs"),
    ],
)
def test_refusals_name_the_key_and_the_remedy(recipe_file, changes, overrides, message):
    with pytest.raises(RecipeError, match=message):
        load_recipe(recipe_file(**changes), overrides)


def test_older_word_for_answering_at_once_is_read_as_the_stage_it_means(recipe_file):
    older, newer = (load_recipe(recipe_file(formats=word)) for word in ("answer", "direct"))
    assert older == newer
    assert older.formats == older.settings["formats"] == "direct"
    assert what_is_trained({**SETTINGS, "formats": "answer"}) == what_is_trained({**SETTINGS, "formats": "direct"})


def test_run_is_published_under_the_name_of_its_folder_unless_it_has_another(recipe_file):
    assert not load_recipe(recipe_file()).hub.push_to_hub
    recipe = load_recipe(recipe_file(), ["--training.push_to_hub", "true"])
    assert (recipe.hub.push_to_hub, recipe.hub.hub_model_id) == (True, "run")
    assert not any(arguments.push_to_hub for arguments in recipe.training.values())
    assert load_recipe(recipe_file(), ["--training.hub_model_id", "org/name"]).hub.hub_model_id == "org/name"


def test_file_that_is_missing_or_not_yaml(tmp_path):
    with pytest.raises(RecipeError, match="There is no recipe"):
        load_recipe(tmp_path / "none.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [1")
    with pytest.raises(RecipeError, match="not valid YAML"):
        load_recipe(broken)
