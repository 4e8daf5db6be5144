"""The packaged recipes: what their comments promise, the sizes of their models, and one step of each, much reduced."""

import json
import shlex
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn
from transformers import (
    AutoConfig,
    CLIPImageProcessorPil,
    DetrForObjectDetection,
    DetrImageProcessorPil,
    T5ForConditionalGeneration,
    ViTForImageClassification,
    ViTImageProcessorPil,
)

import mmcot
from mmcot import MMCoTConfig, MMCoTForConditionalGeneration
from mmcot.configuration import RecipeError, load_recipe
from mmcot.data import load_data
from mmcot.training.parts import build_image_processor, new_adapter
from mmcot.training.run_folder import open_run_folder
from mmcot.training.two_stage import run_recipe


FOLDER = Path(mmcot.__file__).parent / "configuration"
RECIPES = sorted(path.stem for path in FOLDER.glob("*.yaml"))

# The configurations that stand on the Hub under the names in the recipes, as far as they differ from the defaults.
T5_BASE = {"model_type": "t5", "vocab_size": 32128, "decoder_start_token_id": 0, "num_layers": 12, "num_heads": 12}
FLAN_BASE = {**T5_BASE, "d_model": 768, "d_ff": 2048, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}
HUB = {
    "google/flan-t5-base": FLAN_BASE,
    "declare-lab/flan-alpaca-base": FLAN_BASE,
    "declare-lab/flan-alpaca-large": {**FLAN_BASE, "d_model": 1024, "d_ff": 2816, "num_layers": 24, "num_heads": 16},
    "allenai/unifiedqa-t5-base": {**T5_BASE, "d_model": 768, "d_ff": 3072},
    "google/vit-base-patch16-224": {"model_type": "vit", "image_size": 224, "patch_size": 16},
    "google/vit-large-patch32-384": {
        "model_type": "vit",
        "hidden_size": 1024,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "intermediate_size": 4096,
        "image_size": 384,
        "patch_size": 32,
    },
    # The checkpoint's backbone comes from timm, with dilation; this one has the same weights and no other package.
    "facebook/detr-resnet-101-dc5": {
        "model_type": "detr",
        "backbone_config": {"model_type": "resnet", "depths": [3, 4, 23, 3], "out_features": ["stage4"]},
    },
}
# The same at a size for one step.
REDUCED = {
    "t5": {"d_model": 32, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2},
    "vit": {
        "hidden_size": 24,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 48,
        "image_size": 32,
        "patch_size": 16,
    },
    "detr": {
        "d_model": 16,
        "encoder_layers": 1,
        "encoder_attention_heads": 2,
        "encoder_ffn_dim": 16,
        "decoder_layers": 1,
        "decoder_attention_heads": 2,
        "decoder_ffn_dim": 16,
        "backbone_config": {
            "model_type": "resnet",
            "embedding_size": 8,
            "hidden_sizes": [8, 8],
            "depths": [1, 1],
            "layer_type": "basic",
            "out_features": ["stage2"],
        },
    },
}
# What the checkpoints hold: more than the model takes of them, and no pooler.
CHECKPOINTS = {"t5": T5ForConditionalGeneration, "vit": ViTForImageClassification, "detr": DetrForObjectDetection}
ONE_STEP = [
    *("--training.max_steps", "1"),
    *("--rationale.max_steps", "1"),
    *("--answer.max_steps", "1"),
    *("--training.use_cpu", "true"),
    *("--training.disable_tqdm", "true"),
    *("--processor.max_length", "128"),
    *("--processor.max_target_length", "32"),
    *("--rationale.generation_max_length", "4"),
    *("--answer.generation_max_length", "4"),
]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, tiny_tokenizer):
    """Function of a Hub id: a folder with what stands there, reduced, with random weights."""
    root = tmp_path_factory.mktemp("hub")

    def save(name):
        folder = root / name
        if name == "google-t5/t5-base":
            tiny_tokenizer.save_pretrained(folder)
        elif not folder.exists():
            kind = HUB[name]["model_type"]
            sizes = {"vocab_size": len(tiny_tokenizer)} if kind == "t5" else {}
            save_checkpoint(folder, AutoConfig.for_model(**{**HUB[name], **REDUCED[kind], **sizes}))
            if kind == "t5":
                tiny_tokenizer.save_pretrained(folder)
        return folder

    return save


def save_checkpoint(folder, config):
    torch.manual_seed(0)
    model = CHECKPOINTS[config.model_type](config)
    if config.model_type == "t5" and not config.scale_decoder_outputs:
        model.lm_head.weight = nn.Parameter(torch.randn_like(model.lm_head.weight))  # FLAN-T5 has one of its own
    model.save_pretrained(folder)
    if config.model_type == "vit":
        ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    if config.model_type == "detr":
        DetrImageProcessorPil(size={"shortest_edge": 32, "longest_edge": 48}).save_pretrained(folder)


def read(name, *overrides):
    return load_recipe(FOLDER / f"{name}.yaml", overrides)


def comments(name):
    lines = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    return "\n".join(line.removeprefix("#") for line in lines if line.startswith("#"))


def printed_commands(name):
    """The words after `mmcot train` of every such command in a recipe's comments."""
    lines = comments(name).replace("\\\n", " ").splitlines()
    return [shlex.split(line.partition("mmcot train ")[2]) for line in lines if "mmcot train " in line]


@pytest.mark.parametrize("name", RECIPES)
def test_every_printed_command_is_accepted(name):
    first, *others = printed_commands(name)
    assert first == [f"configuration/{name}.yaml"]
    assert others
    for path, *overrides in others:
        assert path in (first[0], "configuration/sketchqa.yaml")
        read(Path(path).stem, *overrides, "--training.use_cpu", "true")


def test_every_key_of_the_recipe_for_own_data_is_explained():
    lines = (FOLDER / "own-data.yaml").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line and " # " not in line and not line.startswith("#")] == []


@pytest.mark.parametrize(
    ("name", "rate", "batch", "lecture"),
    [
        ("scienceqa-base", 8e-5, 8, False),
        ("scienceqa-large", 5e-5, 8, False),
        ("scienceqa-detr-unifiedqa", 5e-5, 16, True),
    ],
)
def test_settings_are_those_of_the_papers(name, rate, batch, lecture):
    recipe = read(name)
    assert vars(recipe.processor) == {
        "max_length": 512,
        "max_target_length": 512,
        "newline": "space",
        "lecture": lecture,
    }
    for stage, longest in (("rationale", 512), ("answer", 64)):
        training = recipe.training[stage]
        assert training.per_device_train_batch_size * training.gradient_accumulation_steps == batch
        assert (training.learning_rate, training.weight_decay, training.num_train_epochs) == (rate, 0.01, 20)
        assert (training.lr_scheduler_type, training.warmup_steps, training.seed) == ("linear", 0, 42)
        assert (training.bf16, training.fp16) == (False, False)
        assert training.generation_max_length == longest


@pytest.mark.parametrize(
    ("name", "overrides", "shape"),
    [
        ("scienceqa-detr-unifiedqa", [], (3, 224, 298)),
        ("scienceqa-detr-unifiedqa", ["--model.image_size", "null"], (3, 800, 1066)),
        ("scienceqa-detr-unifiedqa", ["--model.image_size", "64"], (3, 64, 64)),
        ("sketchqa", [], (3, 64, 64)),
        ("sketchqa", ["--model.image_size", "null"], (3, 224, 224)),
    ],
)
def test_pictures_have_the_size_that_the_recipe_says(name, overrides, shape, tmp_path):
    DetrImageProcessorPil().save_pretrained(tmp_path)
    model = read(name, *overrides).model
    model.vision_model = model.vision_model and str(tmp_path)
    pixels = build_image_processor(model)([Image.new("RGB", (640, 480))], return_tensors="pt")["pixel_values"]
    assert pixels.shape == (1, *shape)


@pytest.mark.parametrize("name", RECIPES)
def test_packaged_recipes_see_whole_pictures(name, checkpoint):
    model = read(name).model
    if model.vision_model is not None:
        model.vision_model = str(checkpoint(model.vision_model))
    assert not getattr(build_image_processor(model), "do_center_crop", False)


def test_a_square_is_not_cropped_again(tmp_path):
    CLIPImageProcessorPil().save_pretrained(tmp_path)
    model = read("own-data", "--model.image_size", "336", "--model.vision_model", str(tmp_path)).model
    pixels = build_image_processor(model)([Image.new("RGB", (640, 480))], return_tensors="pt")["pixel_values"]
    assert pixels.shape == (1, 3, 336, 336)


def build_at_real_size(name):
    """The model of a recipe on the meta device, which gives shapes and no numbers."""
    model = read(name).model
    parts = {"text_config": HUB[model.text_model], "vision_config": HUB[model.vision_model]}
    with torch.device("meta"):
        return MMCoTForConditionalGeneration(MMCoTConfig(**parts, **model.config))


# From a configuration, transformers 5 ties T5's output layer to the embeddings; the FLAN checkpoints bring a layer of
# their own, so that they come to 248 (base) and 783 million (large). The paper's 223 and 738 million are T5 v1.0's.
@pytest.mark.parametrize(
    ("name", "text", "vision", "features"),
    [
        ("scienceqa-base", 222_903_552, 306_657_280, (145, 1024)),
        ("scienceqa-large", 750_251_008, 306_657_280, (145, 1024)),
        ("scienceqa-detr-unifiedqa", 222_903_552, 60_308_416, (100, 256)),
        ("aokvqa", 222_903_552, 306_657_280, (145, 1024)),
        ("lora", 222_903_552, 86_389_248, (197, 768)),
        ("own-data", 222_903_552, 86_389_248, (197, 768)),
    ],
)
def test_model_at_its_real_size(name, text, vision, features):
    model = build_at_real_size(name)
    assert model.language_model.num_parameters() == text
    assert model.vision_tower.num_parameters() == vision
    device, side = "meta", getattr(model.vision_tower.config, "image_size", 64)
    if model.vision_tower.config.model_type == "detr":  # asks what its mask holds
        device = model.vision_tower.to_empty(device="cpu").device
    seen = model.get_image_features(torch.zeros(1, 3, side, side, device=device))
    assert seen.pooler_output.shape == (1, *features)


def test_lora_trains_what_its_recipe_says():
    model = new_adapter(build_at_real_size("lora"), read("lora").lora, None)
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    assert trained == 5_902_848
    assert f"{trained / 1e6:.1f} million are" in " ".join(comments("lora").split())


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_one_step_of_each_stage(name, checkpoint, tmp_path):
    model = read(name).model
    overrides = [*ONE_STEP, "--dataset", "sketchqa:train=8,validation=2,test=2,size=32"]
    for key in ("text_model", "tokenizer", "vision_model"):
        if getattr(model, key) is not None:
            overrides += [f"--model.{key}", str(checkpoint(getattr(model, key)))]
    folder = tmp_path / "run"
    metrics = run_recipe(read(name, *overrides, "--output_dir", str(folder)), print)
    assert [entry["steps"] for entry in metrics["training"].values()] == [1, 1]
    assert metrics["accuracy"]["average"]["n"] == 2
    weights = load_file(folder / "model.safetensors")
    own_output_layer = HUB.get(model.text_model, {}).get("tie_word_embeddings") is False
    assert ("language_model.lm_head.weight" in weights) == own_output_layer


@pytest.mark.parametrize(
    "damage", [b"", b"\0", b"\xff", b"training: []\n", b"a: [" * 99, b"a: &a [*a]", b"seed: 0\nseed: 1"]
)
def test_damaged_recipe_of_a_run_is_refused_in_one_line(damage, tmp_path):
    recipe = read("sketchqa", "--output_dir", str(tmp_path))
    for _ in range(2):
        with open_run_folder(recipe):
            pass
    (tmp_path / "recipe.yaml").write_bytes(damage)
    with pytest.raises(RecipeError, match=r"recipe.yaml|training is \[\]") as refused, open_run_folder(recipe):
        pass
    assert "\n" not in str(refused.value)


def test_own_data_recipe_reads_the_rows_it_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = comments("own-data")
    row = json.loads(" ".join(shown[shown.index("{") : shown.index("}") + 1].split()))
    Path("my_data/pictures").mkdir(parents=True)
    Image.new("RGB", (32, 32)).save(Path("my_data") / row["image"])
    for split in ("train", "validation", "test"):
        Path(f"my_data/{split}.jsonl").write_text(json.dumps(row) + "\n")
    recipe = read("own-data")
    splits = load_data(recipe.dataset, recipe.data).splits
    assert list(splits) == ["train", "validation", "test"]
    example = splits["train"][0]
    assert example.pop("image").size == (32, 32)
    assert {name: example[name] for name in row if name != "image"} == {k: v for k, v in row.items() if k != "image"}
