"""The sentence encoder: its cosines, and folders that hold none."""

import shutil

import pytest
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertModel

from mmcot.evaluation.scores import evaluate
from mmcot.evaluation.similarity import similarities

from .labelled import make_examples, right_answers


@pytest.fixture(scope="module")
def encoder(tiny_tokenizer, tmp_path_factory):
    """Folder of a tiny sentence encoder with random weights."""
    folder = tmp_path_factory.mktemp("encoder")
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    BertModel(BertConfig(vocab_size=len(tiny_tokenizer), max_position_embeddings=40, **sizes)).save_pretrained(folder)
    tiny_tokenizer.save_pretrained(folder)
    return folder


def test_similarity_is_a_cosine_that_no_neighbour_changes(encoder):
    texts = ["a red cat", "", "the ball is green", "a red cat " * 30]
    scores = similarities(texts, ["a red cat", "x", "the cat is red", "a blue dog"], encoder, progress=False)
    assert scores[0] == pytest.approx(1)
    assert scores[1] == 0
    assert all(-1 <= score <= 1 for score in scores)
    alone = similarities(texts[2:3], ["the cat is red"], encoder, progress=False)
    assert alone[0] == pytest.approx(scores[2], abs=1e-5)
    dataset = make_examples()
    assert evaluate(right_answers(dataset), dataset, encoder=encoder)["rationale"]["similarity"]["value"] == (
        pytest.approx(1)
    )


def test_similarity_without_encoder_says_so(tmp_path):
    with pytest.raises(ValueError, match="no sentence encoder in .*nowhere"):
        similarities(["a"], ["b"], tmp_path / "nowhere")


def drop_weights(folder):
    tensors = load_file(folder / "model.safetensors")
    save_file({name: tensor for name, tensor in tensors.items() if "query" not in name}, folder / "model.safetensors")


def spoil_weights(folder):
    tensors = load_file(folder / "model.safetensors")
    save_file({name: tensor * float("nan") for name, tensor in tensors.items()}, folder / "model.safetensors")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "model.safetensors").write_bytes(b"\x10" * 100), "cannot be used as a sentence enc"),
        (lambda folder: (folder / "model.safetensors").unlink(), "cannot be used as a sentence encoder"),
        (lambda folder: (folder / "tokenizer.json").write_text("{}"), "cannot be used as a sentence encoder"),
        (lambda folder: (folder / "config.json").write_text("["), "cannot be used as a sentence encoder"),
        (lambda folder: (folder / "config.json").write_text('{"model_type": "vit"}'), "cannot be used as a sentence"),
        (drop_weights, "2 weights are missing, encoder.layer.0.attention.self.query.bias among them"),
        (spoil_weights, "gives no numbers"),
    ],
)
def test_damaged_or_other_encoder_says_so_in_one_line(spoil, message, encoder, tmp_path):
    folder = tmp_path / "encoder"
    shutil.copytree(encoder, folder)
    spoil(folder)
    with pytest.raises(ValueError, match=message) as refusal:
        similarities(["a red cat"], ["the cat is red"], folder, progress=False)
    assert str(folder) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_encoder_may_lack_what_comes_after_its_states(encoder, tmp_path):
    folder = tmp_path / "encoder"
    shutil.copytree(encoder, folder)
    tensors = load_file(folder / "model.safetensors")
    kept = {name: tensor for name, tensor in tensors.items() if "pooler" not in name}
    assert len(kept) < len(tensors)
    save_file(kept, folder / "model.safetensors")
    texts = ["a red cat"], ["the cat is red"]
    assert similarities(*texts, folder, progress=False) == similarities(*texts, encoder, progress=False)
