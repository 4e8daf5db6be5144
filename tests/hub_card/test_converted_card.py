"""The card of converted weights: what it says for each kind of repository, and that its snippet runs."""

import shutil

import pytest
import torch
from huggingface_hub import ModelCard
from safetensors.torch import load_file
from transformers import AutoModel, ViTImageProcessorPil

from mmcot.conversion.convert import convert_checkpoint
from mmcot.hub_card.card import name_repository
from mmcot.hub_card.contents import planned_files

from ..golden_cases import LOCAL
from ..remote_process import run_snippets, snippets


@pytest.fixture(scope="module")
def repositories(tmp_path_factory, tiny_tokenizer, make_config):
    """A repository of one stage, one of both, and one of both that reads pictures."""
    root = tmp_path_factory.mktemp("converted")
    for case in ("relu_tied_small", "gated_untied_small"):
        (root / case).mkdir()
        shutil.copy(LOCAL / case / "config.json", root / case)
        torch.save(load_file(LOCAL / case / "weights.safetensors"), root / case / "pytorch_model.bin")
        tiny_tokenizer.save_pretrained(root / case)
    AutoModel.from_config(make_config().vision_config).save_pretrained(root / "tower")
    ViTImageProcessorPil(size={"height": 16, "width": 16}).save_pretrained(root / "tower")
    source, answer = root / "relu_tied_small", root / "gated_untied_small"
    ways = {"one": {}, "two": {"answer": answer}, "seeing": {"answer": answer, "vision_model": str(root / "tower")}}
    for name, options in ways.items():
        convert_checkpoint(source, root / name, say=lambda text: None, **options)
    return {name: root / name for name in ways}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("one", ["the model of one stage", "no image encoder", "(batch, patches, 24)", "`relu_tied_small` by"]),
        ("two", ["the answer model in `answer/`", "no image encoder", "`relu_tied_small` and `gated_untied_small`"]),
        ("seeing", ["the answer model in `answer/`", "read by `tower`, which is part"]),
    ],
)
def test_it_says_what_there_is(name, said, repositories):
    card = (repositories[name] / "README.md").read_text(encoding="utf-8")
    text = " ".join(card.split())
    assert all(part in text for part in said)
    assert not any(word in text for word in ("{{", "{%", "None", str(repositories[name].parent)))
    assert ModelCard(card).data.license == "other"
    assert "README.md" in dict(planned_files(repositories[name]))


@pytest.mark.slow
def test_every_snippet_runs_as_printed(repositories, tmp_path):
    cards = {name: (folder / "README.md").read_text(encoding="utf-8") for name, folder in repositories.items()}
    sources = [
        source for name, text in cards.items() for source in snippets(name_repository(text, str(repositories[name])))
    ]
    printed = run_snippets(sources, tmp_path)
    assert len(printed) == 3
    assert all(output.strip() for output in printed)
    assert printed[1].split()[-1] in {"None", "0", "1"}
