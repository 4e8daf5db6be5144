"""The model card: the whole text of an invented run, no gap in any kind of run, metadata that validate, snippets that
work as printed."""

import json
import re
from importlib.metadata import requires
from pathlib import Path

import jinja2
import jinja2.meta
import pytest
import torch
import yaml
from huggingface_hub import ModelCard
from peft import LoraConfig, get_peft_model
from PIL import Image
from transformers import ViTImageProcessorPil
from transformers.pipelines import PIPELINE_REGISTRY

from mmcot import MMCoTProcessor
from mmcot.configuration.ablations import ALL_EXAMPLES, BLANK, FULL_SYSTEM, PICTURED
from mmcot.configuration.hub_ids import TABLE_SUFFIXES, is_hub_id
from mmcot.configuration.metrics import AVERAGE
from mmcot.configuration.repository import open_folder
from mmcot.data.sources.table_files import READERS
from mmcot.hub_card import card as card_module
from mmcot.hub_card import write_card
from mmcot.hub_card.card import (
    TEMPLATE,
    add_ablations,
    fill_card,
    folder_labels,
    library_versions,
    name_repository,
)
from mmcot.hub_card.tables import duration, memory
from mmcot.hub_card.training_data import describe_data
from mmcot.hub_card.weights import count_by_folder

from ..remote_process import run_snippets, snippets


GOLDEN = Path(__file__).with_name("card.md")
SETTINGS = {
    "output_dir": "/home/ada/runs/jar",
    "dataset": "derek-thomas/ScienceQA",
    "data": {"captions": "/home/ada/captions.json"},
    "model": {"text_model": "google/flan-t5-base", "vision_model": "google/vit-base-patch16-224"},
    "training": {"learning_rate": 0.0001, "num_train_epochs": 20},
    "evaluation": {"split": "test", "by": ["topic"]},
    "seed": 0,
}
TWO_MODELS = {"answer": "answer", "rationale": "."}
ADAPTERS = {"rationale": "rationale", "answer": "answer"}
SCRATCH = {"text_config": {"model_type": "t5"}, "vision_config": {"model_type": "resnet"}}
TEXT_ONLY = {"text_model": "google/flan-t5-base", "vision_model": None}

EXAMPLE = {
    "id": "7",
    "question": "Which jar holds the stones?",
    "context": "Nora drew two jars.",
    "choices": ["the blue one", "the orange one"],
    "picture": True,
    "rationale": "The stones lie in the orange jar.",
    "choice": "the orange one",
}


def entry(value, n, width, scale=1.0):
    return {"value": scale * value, "n": n, "low": scale * (value - width), "high": scale * (value + width)}


def invent_metrics():
    """Scores as a run and `mmcot evaluate --ablations` leave them, with round numbers."""
    accuracy = {"NAT": entry(87.5, 200, 4), "IMG": entry(80, 150, 6), AVERAGE.name: entry(85, 300, 4)}
    blank = {"accuracy": entry(50, 150, 8), "difference": entry(-30, 150, 5)}
    return {
        "accuracy": {**accuracy, "topic": {"jars": entry(90, 100, 6), "stones": entry(82.5, 200, 5)}},
        "chance": {"NAT": 40.0, "IMG": 38.0, AVERAGE.name: 39.5, "topic": {"jars": 50.0, "stones": 35.0}},
        "rationale": {
            "rougeL": entry(0.96, 300, 0.01),
            "rouge_l": entry(0.95, 300, 0.01),
            "bleu4": entry(0.9, 300, 0.02),
        },
        "unparsed": 3,
        "missing": 0,
        "training": {"rationale": {"seconds": 28903.1, "steps": 31820}, "answer": {"seconds": 754.0, "steps": 31820}},
        "truncation": {"prompts": 51724, "cut": 1200, "tokens": 30000, "too_long": 2},
        "skipped": [{"source": "train", "row": 7, "field": "answer", "reason": "is missing."}],
        "ablations": {
            FULL_SYSTEM: {
                ALL_EXAMPLES: {"accuracy": entry(85, 300, 4)},
                PICTURED: {"accuracy": entry(80, 150, 6)},
            },
            BLANK.name: {
                ALL_EXAMPLES: {"accuracy": entry(70, 300, 5), "difference": entry(-15, 300, 3)},
                PICTURED: blank,
            },
        },
        "example": EXAMPLE,
        "hardware": "1 x NVIDIA A100",
        "versions": {"mmcot": "0.1.0", "torch": "2.13.0", "transformers": "5.23.0"},
    }


def fill(settings, metrics, stages):
    sizes = {folder: 340_000_000 if folder == "." else 5_900_000 for folder in folder_labels(stages)}
    return fill_card("jar", SETTINGS | settings, metrics, stages, sizes)


def without(*names):
    return {name: value for name, value in invent_metrics().items() if name not in names}


def one_stage(rationale):
    metrics = without("ablations", *(() if rationale else ("rationale",)))
    return metrics | {
        "rationale": metrics.get("rationale", {}),
        "training": {"one_stage": {"seconds": 9.7, "steps": 4}},
    }


LEAST = without("ablations", "hardware", "versions", "example") | {
    "truncation": {"prompts": 9, "cut": 0},
    "skipped": [],
    "unparsed": 0,
}
JOINT_RUN = LEAST | {"training": {"joint": {"seconds": 70, "steps": 8}}}
RATIONALE_RUN = without("accuracy", "unparsed", "ablations") | {"training": {"rationale": {"seconds": 5, "steps": 8}}}
# What a run is: its settings, its scores, its stages.
RUNS = {
    "two models": ({}, invent_metrics(), TWO_MODELS),
    "least": ({"model": SCRATCH, "dataset": "sketchqa", "evaluation": None, "data": None}, LEAST, TWO_MODELS),
    "generated rationales": ({"answer_rationales": "generated"}, LEAST, TWO_MODELS),
    "rationale only": ({"stages": "rationale"}, RATIONALE_RUN, {"rationale": "."}),
    "joint": ({"stages": "joint"}, JOINT_RUN, {"rationale": ".", "answer": "."}),
    "answer at once": ({"formats": "direct"}, one_stage(rationale=False), {"direct": "."}),
    "rationale, then answer": ({"formats": "rationale_answer"}, one_stage(rationale=True), {"rationale_answer": "."}),
    "answer, then rationale": ({"formats": "answer_rationale"}, one_stage(rationale=True), {"answer_rationale": "."}),
    "adapters": ({"lora": {"r": 8}}, invent_metrics(), ADAPTERS),
    "joint adapter": ({"lora": {}, "stages": "joint"}, JOINT_RUN, {"rationale": "joint", "answer": "joint"}),
    "merged adapters": ({"lora": {"merge": True}}, invent_metrics(), TWO_MODELS),
    "one-stage adapter": ({"lora": {}, "formats": "direct"}, one_stage(rationale=False), {"direct": "one_stage"}),
    "text only": ({"model": TEXT_ONLY, "dataset": "my_data"}, LEAST, TWO_MODELS),
    "example without picture": ({}, invent_metrics() | {"example": EXAMPLE | {"picture": False}}, TWO_MODELS),
}


@pytest.fixture(params=RUNS, ids=list(RUNS))
def any_card(request):
    return fill(*RUNS[request.param])


def test_the_whole_card():
    assert str(fill({}, invent_metrics(), TWO_MODELS)) == GOLDEN.read_text(encoding="utf-8")


def test_nothing_unset_reaches_the_text(any_card):
    text = str(any_card)
    own_words = re.sub(r"^```yaml\n.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)  # a recipe may say `null`
    assert not re.findall(r"None|Undefined|\bnan\b|null|\{\{|\{%|%\}|\[\]|\{\}", own_words)
    assert not re.findall(r"^#+ [^\n]*\n+(?=#+ |\Z)", any_card.text, re.MULTILINE), "a heading without text"
    assert not re.findall(r"\n{4}| \n|[a-z] {2,}[a-z]| [.,;](?=\s)", any_card.text)
    assert text.endswith("```\n")
    assert text.count("```") % 2 == 0


def test_metadata_validate(any_card):
    data = ModelCard(str(any_card)).data
    assert data.library_name == "transformers"
    assert data.license
    assert data.model_name == "jar"
    assert [result.metric_type for result in data.eval_results] == data.metrics
    assert all(result.dataset_split == "test" for result in data.eval_results)
    # What the Hub would read, there and back.
    assert yaml.safe_load(data.to_yaml()) == yaml.safe_load(str(any_card).split("---\n")[1])


def test_task_is_one_of_transformers(any_card):
    PIPELINE_REGISTRY.check_task(any_card.data.pipeline_tag)


def test_adapters_are_found_by_their_tags():
    assert fill({}, LEAST, TWO_MODELS).data.tags == ["mmcot", "multimodal-cot", "chain-of-thought"]
    assert fill({"lora": {}}, LEAST, ADAPTERS).data.tags[-2:] == ["lora", "peft"]


def test_sample_is_the_problem_and_what_was_written():
    (sample,) = fill({}, invent_metrics(), TWO_MODELS).data.widget
    assert sample["src"] == "example_picture.png"
    assert sample["text"].endswith("Which jar holds the stones? (A) the blue one (B) the orange one")
    assert sample["output"] == {"text": "The stones lie in the orange jar. -> the orange one"}
    (sample,) = fill({"formats": "direct"}, invent_metrics(), {"direct": "."}).data.widget
    assert sample["output"] == {"text": "the orange one"}
    assert fill({}, LEAST, TWO_MODELS).data.to_dict().get("widget") is None


def test_metadata_name_only_what_the_hub_has(tmp_path):
    data = fill({}, invent_metrics(), TWO_MODELS).data
    assert data.base_model == ["google/flan-t5-base", "google/vit-base-patch16-224"]
    assert data.datasets == ["derek-thomas/ScienceQA"]
    assert [result.metric_value for result in data.eval_results] == [85.0, 0.95]
    model = {"text_model": str(tmp_path), "vision_config": {"model_type": "vit"}}
    local = fill({"model": model, "dataset": "sketchqa:train=9"}, LEAST, TWO_MODELS).data
    assert (local.base_model, local.datasets) == (None, None)


@pytest.mark.parametrize(
    ("spec", "licence", "language"),
    [
        ("sketchqa", "apache-2.0", "en"),
        ("sketchqa:train=20000,families=moon", "apache-2.0", "en"),
        ("derek-thomas/ScienceQA", "cc-by-nc-sa-4.0", "en"),
        ("downloads/scienceqa", "cc-by-nc-sa-4.0", "en"),
        ("science/problems.json", "cc-by-nc-sa-4.0", "en"),
        ("downloads/aokvqa_v1p0_train.json", "unknown", "en"),
        ("HuggingFaceM4/A-OKVQA", "unknown", "en"),
        ("ada/jars", "other", None),
        ("/home/ada/jars.jsonl", "other", None),
    ],
)
def test_licence_follows_the_data(spec, licence, language):
    data = describe_data(spec)
    assert (data.licence, data.language) == (licence, language)
    assert fill({"dataset": spec}, LEAST, TWO_MODELS).data.license == licence
    assert data.licence_note in str(fill({"dataset": spec}, LEAST, TWO_MODELS))


def test_folders_are_known_by_what_they_hold(tmp_path):
    for name, file in (("first", "problems.json"), ("second", "aokvqa_v1p0_val.json")):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).touch()
    assert describe_data(str(tmp_path / "first")).title == "ScienceQA"
    assert describe_data(str(tmp_path / "second")).title == "A-OKVQA"


def test_a_folder_here_is_no_hub_id(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert is_hub_id("ada/jars")
    assert is_hub_id("t5-small")
    (tmp_path / "ada" / "jars").mkdir(parents=True)
    assert not any(map(is_hub_id, ("ada/jars", "./jars", "/ada/jars", "a/b/c", "")))


def test_a_file_of_data_is_no_hub_id_wherever_it_is():
    data = describe_data("folder/jars.jsonl")
    assert (data.title, data.url) == ("jars.jsonl (the author's own data)", None)
    assert fill({"dataset": "folder/jars.jsonl"}, LEAST, TWO_MODELS).data.datasets is None
    assert tuple(READERS) == TABLE_SUFFIXES


def test_places_on_this_machine_stay_private():
    text = str(fill({}, invent_metrics(), TWO_MODELS))
    assert "/home" not in text
    assert "captions: captions.json" in text


def test_what_a_blank_picture_costs():
    metrics = invent_metrics()
    assert "30.0 points less (95 % interval 25.0 to 35.0)" in str(fill({}, metrics, TWO_MODELS))
    metrics["ablations"][BLANK.name][PICTURED]["difference"] = entry(-1, 150, 3)
    assert "Do not trust it to look" in str(fill({}, metrics, TWO_MODELS))
    assert "was not measured" in str(fill({}, LEAST, TWO_MODELS))
    assert "not measured" not in str(fill({"model": TEXT_ONLY}, LEAST, TWO_MODELS))


def test_no_better_than_guessing_is_said():
    metrics = invent_metrics()
    assert "not measurably better than guessing" not in str(fill({}, metrics, TWO_MODELS))
    metrics["accuracy"][AVERAGE.name] = entry(41, 300, 4)
    assert "not measurably better than guessing" in str(fill({}, metrics, TWO_MODELS))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.6, "1 min 0 s"), (754, "12 min 34 s"), (3599.7, "1 h 0 min"), (90000, "25 h 0 min")],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0.0 kB"), (32_512, "32.5 kB"), (10**6, "1.0 MB"), (1_360_000_000, "1.4 GB")]
)
def test_memory(size, text):
    assert memory(size) == text


def test_template_and_code_agree(monkeypatch):
    given = {}

    def from_template(*_, template_path, **fields):
        given.update(fields)

    monkeypatch.setattr(card_module.ModelCard, "from_template", from_template)
    fill({}, invent_metrics(), TWO_MODELS)
    tree = jinja2.Environment().parse(TEMPLATE.read_text(encoding="utf-8"))
    assert jinja2.meta.find_undeclared_variables(tree) == {"card_data", *given}


def test_card_names_the_oldest_transformers_that_the_package_takes():
    bound = next(line for line in requires("mmcot") if line.startswith("transformers"))
    assert f"({bound.removeprefix('transformers>=')} or newer)" in TEMPLATE.read_text(encoding="utf-8")


def test_versions_are_those_of_the_installation():
    assert torch.__version__.startswith(library_versions()["torch"])  # which may name the build as well


# Real folders.


def save_repository(folder, model, processor, answer_model=None):
    """A repository with a recipe and scores, as a run leaves it, and its card."""
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    if answer_model is not None:
        answer_model.save_pretrained(folder / "answer")
    metrics = without("ablations") | {"example": EXAMPLE | {"picture": model.vision_tower is not None}}
    Image.new("RGB", (16, 16), "orange").save(folder / "example_picture.png")
    settings = SETTINGS | ({} if model.vision_tower is not None else {"model": TEXT_ONLY})
    (folder / "recipe.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    (folder / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    write_card(folder, settings, metrics)
    return folder


def save_adapters(folder, model, processor, stages):
    """A base with a LoRA adapter for each stage."""
    save_repository(folder, model, processor)
    config = LoraConfig(r=2, target_modules=r"language_model\..*\.(q|v)")
    for stage in stages:
        adapted = get_peft_model(type(model).from_pretrained(folder), config)
        adapted.save_pretrained(folder / stage)
    write_card(folder, SETTINGS | {"lora": {"r": 2}}, without("ablations"))
    return folder


@pytest.fixture(scope="module")
def repositories(tmp_path_factory, make_model, tiny_tokenizer):
    """Tiny repositories of every layout."""
    processor = MMCoTProcessor(
        ViTImageProcessorPil(size={"height": 16, "width": 16}), tiny_tokenizer, max_target_length=8
    )
    root = tmp_path_factory.mktemp("repositories")
    first, second = (make_model(seed=seed, stages=TWO_MODELS) for seed in (1, 2))
    joint = make_model()
    for model in (first, second, joint):
        model.generation_config.max_new_tokens = 6
    direct = make_model(stages={"direct": "."})
    explained = make_model(stages={"rationale_answer": "."}, vision_config=None)
    return {
        "two": save_repository(root / "two", first, processor, second),
        "joint": save_repository(root / "joint", joint, processor),
        "direct": save_repository(root / "direct", direct, processor),
        "explained": save_repository(root / "explained", explained, processor),
        "rationale": save_repository(root / "rationale", make_model(stages={"rationale": "."}), processor),
        "adapters": save_adapters(root / "adapters", make_model(stages=ADAPTERS), processor, ADAPTERS),
    }


def test_sizes_are_those_of_the_models(repositories, make_model):
    expected = make_model(stages=TWO_MODELS).num_parameters()
    assert count_by_folder(open_folder(repositories["two"])) == {".": expected, "answer": expected}
    assert f"| together | {2 * expected:,} |" in (repositories["two"] / "README.md").read_text(encoding="utf-8")
    sizes = count_by_folder(open_folder(repositories["adapters"]))
    assert sizes["."] > sizes["rationale"] == sizes["answer"] > 0


def test_ablations_of_an_evaluation_reach_the_card(repositories, tmp_path):
    folder, other = repositories["joint"], invent_metrics()["ablations"]
    add_ablations(folder, invent_metrics()["ablations"])
    assert "| blank pictures, with a picture | 50.0 % | -30.0 |" in (folder / "README.md").read_text(encoding="utf-8")
    assert json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["ablations"]
    other[FULL_SYSTEM][ALL_EXAMPLES]["accuracy"]["n"] = 299
    with pytest.raises(ValueError, match="are of other problems than"):
        add_ablations(folder, other)


@pytest.fixture(scope="module")
def printed(repositories, tmp_path_factory):
    """What both snippets of each card print, in a process that has only the repository's own code."""
    texts = {folder: (folder / "README.md").read_text(encoding="utf-8") for folder in repositories.values()}
    sources = [source for folder, text in texts.items() for source in snippets(name_repository(text, str(folder)))]
    printed = run_snippets(sources, tmp_path_factory.mktemp("visitor"))
    return dict(zip(repositories, zip(*[iter(printed)] * 2, strict=False), strict=False))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["two", "joint", "direct", "explained", "rationale", "adapters"])
def test_both_snippets_run_as_printed(name, printed):
    assert all(output.strip() for output in printed[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["two", "joint", "adapters"])
def test_both_snippets_write_the_same_rationale(name, printed):
    by_pipeline, by_hand = printed[name]
    assert by_pipeline.partition(" -> ")[0].split() == by_hand.splitlines()[0].split()
