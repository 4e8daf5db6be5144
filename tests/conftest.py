"""Tiny models, tokenizer and processor, made in memory from fixed seeds; the folder of reference data; a small Hub."""

import copy
import gc
import json
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from transformers import T5Config, ViTConfig, ViTImageProcessorPil

import mmcot
from mmcot import MMCoTConfig, MMCoTForConditionalGeneration, MMCoTPipeline, MMCoTProcessor
from mmcot.configuration import load_recipe
from mmcot.training.tokenizer import train_tokenizer

from .hub.server import HubServer


# What the libraries leave in memory never goes away: looking through it took a seventh of the time of all tests.
gc.disable()

PACKAGED_RECIPE = Path(mmcot.__file__).parent / "configuration" / "sketchqa.yaml"
TINY = [
    *("--dataset", "sketchqa:train=32,validation=4,test=8,size=32"),
    *("--model.text_config.d_model", "32"),
    *("--model.text_config.d_ff", "32"),
    *("--model.text_config.d_kv", "8"),
    *("--model.vision_config.hidden_sizes", "[8,8]"),
    *("--model.vision_config.depths", "[1,1]"),
    *("--model.vision_config.embedding_size", "8"),
    *("--model.image_size", "32"),
    *("--training.eval_steps", "4"),
    *("--training.save_steps", "4"),
    *("--training.disable_tqdm", "true"),
    *("--training.use_cpu", "true"),
    *("--rationale.max_steps", "4"),
    *("--rationale.generation_max_length", "16"),
    *("--answer.max_steps", "4"),
]


VOCABULARY = 128
SENTENCES = (
    "Question: Which animal is in the picture? Context: N/A Options: (A) a red cat (B) a blue dog Solution:",
    "Question: What colour has the ball? Context: Look at the ball. Options: (A) green (B) red (C) blue Answer:",
    "Solution: The picture shows a cat. The cat is red. So the animal in the picture is a cat.",
    "Solution: The ball in the picture is green. So its colour is green.",
    "The answer is (A).",
    "The answer is (B).",
    "The answer is (C).",
)


def pytest_collection_finish():
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def shared_dir():
    """The folder `shared` beside the repository, with golden and real data; not part of the repository."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("needs the folder ../shared beside the repository")
    return folder


@pytest.fixture(scope="session")
def make_config():
    """Function of `MMCoTConfig` fields: a T5 of two layers with a ViT of 4 + 1 patches, unless told otherwise."""

    def make(**fields):
        sizes = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_heads": 4, "num_layers": 2}
        text = T5Config(vocab_size=VOCABULARY, decoder_start_token_id=0, **sizes)
        vision = ViTConfig(
            hidden_size=24,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=48,
            image_size=16,
            patch_size=8,
        )
        return MMCoTConfig(**{"text_config": text, "vision_config": vision, **fields})

    return make


@pytest.fixture(scope="session")
def make_model(make_config):
    """Function of `MMCoTConfig` fields and a seed: a model in evaluation mode."""
    built = {}

    def build(seed, fields):
        torch.manual_seed(seed)
        return MMCoTForConditionalGeneration(make_config(**fields)).eval(), torch.get_rng_state()

    def make(seed=0, **fields):
        try:
            key = json.dumps([seed, fields])
        except TypeError:  # for configurations of parts
            return build(seed, fields)[0]
        # A copy takes half the time of a new model, and leaves the random numbers where that would.
        model, random_state = built[key] = built.get(key) or build(seed, fields)
        torch.set_rng_state(random_state)
        return copy.deepcopy(model)

    return make


@pytest.fixture(scope="session")
def loosen():
    """Function that scales a T5's fresh weights: what it writes then varies from token to token and by picture."""

    def scale(model):
        with torch.no_grad():
            for name, parameter in model.language_model.named_parameters():
                if parameter.ndim == 2:
                    parameter.mul_(0.3 if name == "shared.weight" else 5)
        return model

    return scale


@pytest.fixture
def without_dropout(make_config, make_model):
    """Function that makes the tiny model without dropout, so that training steps can be compared."""
    text = make_config().text_config.to_dict() | {"dropout_rate": 0.0}
    return lambda: make_model(text_config=text)


@pytest.fixture
def tiny_config(make_config):
    return make_config()


@pytest.fixture
def tiny_model(make_model):
    """A model with a ViT tower for pictures of 16 x 16."""
    return make_model()


@pytest.fixture(scope="session")
def tiny_tokenizer():
    """Byte-pair encoding of a handful of sentences, with ids below the tiny models' vocabulary."""
    return train_tokenizer(SENTENCES, vocab_size=VOCABULARY)


@pytest.fixture(scope="session")
def new_processor(tiny_tokenizer):
    """Function that makes the processor of the tiny models."""
    return lambda: MMCoTProcessor(ViTImageProcessorPil(size={"height": 16, "width": 16}), tiny_tokenizer)


@pytest.fixture
def tiny_processor(new_processor):
    return new_processor()


@pytest.fixture(scope="session")
def make_two_stages(make_model, loosen):
    """Function of a processor: a pipeline of two random models, whose texts vary with what they read and see."""

    def make(processor, temperature=None):
        models = [loosen(make_model(seed=seed)) for seed in (1, 2)]
        models[0].config.confidence_temperature = models[0].config.words_temperature = temperature
        return MMCoTPipeline(model=models[0], answer_model=models[1], processor=processor)

    return make


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Caches of features and data sets that no other session knows."""
    folder = tmp_path_factory.mktemp("huggingface")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HOME", str(folder))
        patch.setattr("huggingface_hub.utils._cache_assets.HF_ASSETS_CACHE", str(folder / "assets"))
        patch.setattr("datasets.config.HF_DATASETS_CACHE", folder / "datasets")
        yield


@pytest.fixture(scope="session")
def tiny_recipe():
    """Function of an output folder and overrides: the packaged SketchQA recipe, cut down to seconds."""
    return lambda folder, *overrides: load_recipe(PACKAGED_RECIPE, [*TINY, "--output_dir", str(folder), *overrides])


@pytest.fixture
def hub():
    with HubServer() as server:
        yield server


@pytest.fixture
def logged_in(hub, monkeypatch, tmp_path):
    """Function of a token: this process talks to the server with it, and keeps nothing of what it gets."""
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub_cache"))
    monkeypatch.setattr("huggingface_hub.hf_api.api.endpoint", hub.url)
    monkeypatch.setattr("transformers.utils.hub._hf_api", None)  # would talk to the server of an earlier test
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", "hf_owner")
    return lambda token: monkeypatch.setenv("HF_TOKEN", token)
