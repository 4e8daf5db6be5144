"""Graphs of a trained folder say what its models say, and folders that no graphs can be made of are refused."""

import json

import pytest
import torch
from transformers import BartConfig, DetrImageProcessorPil, ViTImageProcessorPil

from mmcot import MMCoTProcessor
from mmcot.cli.main import main
from mmcot.conversion.onnx_graphs import EncoderGraph, StepGraph
from mmcot.conversion.onnx_settings import picture_size, require_exportable
from mmcot.conversion.onnx_trace import slots_as_attention


onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, new_processor, make_two_stages):
    pipe = make_two_stages(new_processor())
    for model in (pipe.model, pipe.answer_model):
        model.generation_config.max_new_tokens = 8
    path = tmp_path_factory.mktemp("model")
    pipe.save_pretrained(path)
    return path


def test_other_language_models_are_refused(make_config, tiny_processor):
    text = BartConfig(vocab_size=128, d_model=16, encoder_layers=1, decoder_layers=1)
    with pytest.raises(ValueError, match="a 'bart'; ONNX graphs are made of t5 and mt5"):
        require_exportable(make_config(text_config=text), tiny_processor)


def test_pictures_of_several_sizes_are_refused(tiny_tokenizer):
    processor = MMCoTProcessor(DetrImageProcessorPil(size={"shortest_edge": 16, "longest_edge": 32}), tiny_tokenizer)
    with pytest.raises(ValueError, match="DetrImageProcessorPil, gives pictures different sizes"):
        picture_size(processor)


def test_pictures_of_one_size_that_is_no_square(tiny_tokenizer):
    processor = MMCoTProcessor(ViTImageProcessorPil(size={"height": 16, "width": 24}), tiny_tokenizer)
    assert picture_size(processor) == (16, 24)


@torch.no_grad()
def test_graphs_are_the_model(make_model, loosen):
    """A row that begins later and one that begins at once, three tokens before and two at once: as each alone."""
    model = loosen(make_model())
    model.set_attn_implementation("eager")
    prompts = {"input_ids": torch.tensor([[5, 6, 7, 8], [9, 3, 0, 0]]), "attention_mask": torch.ones(2, 4).long()}
    prompts["attention_mask"][1, 2:] = 0
    image = {"image_features": torch.randn(2, 5, 24), "image_attention_mask": torch.tensor([[1] * 5, [0] * 5])}
    tokens = torch.tensor([[0, 4, 9, 2, 5], [0, 7, 3, 1, 8]])
    expected = model(**prompts, **image, decoder_input_ids=tokens).logits

    masks = [each["attention_mask" if each is prompts else "image_attention_mask"].bool() for each in (prompts, image)]
    cross = EncoderGraph(model)(prompts["input_ids"], masks[0], image["image_features"], masks[1])
    step, empty = StepGraph(model), [torch.zeros(2, 4, 0, 8) for _ in range(4)]
    distance = torch.arange(5)[:, None] - torch.arange(5)
    with slots_as_attention(model):
        _, *past = step(
            tokens[:, :3],
            distance[:3, :3].repeat(2, 1, 1),
            distance[:3, :3].repeat(2, 1, 1) >= 0,
            masks[0],
            [*empty, *cross],
        )
        # The second row lies one slot further in the cache than the first.
        past = [
            torch.stack([torch.cat([each[0], each[0, :, :1]], 1), torch.cat([each[1, :, :1], each[1]], 1)])
            for each in past
        ]
        slots = torch.tensor([[0, 1, 2, -9, 3, 4], [-9, 0, 1, 2, 3, 4]])  # the positions of what lies in them
        distance = torch.tensor([3, 4])[None, :, None] - slots[:, None]
        logits, *_ = step(tokens[:, 3:], distance, (distance >= 0) & (distance < 9), masks[0], [*past, *cross])
    torch.testing.assert_close(logits, expected[:, 3:], atol=1e-5, rtol=1e-5)


@pytest.mark.slow
def test_two_stages(folder, tmp_path):
    target = tmp_path / "onnx"
    assert main(["export", str(folder), str(target), "--format", "onnx"]) == 0
    settings = json.loads((target / "engine.json").read_text())
    assert [stage["folder"] for stage in settings["stages"]] == [".", "answer"]
    for stage in settings["stages"]:
        for path in stage["graphs"].values():
            session = onnxruntime.InferenceSession(target / path, providers=["CPUExecutionProvider"])
            assert {node.domain for node in onnx.load(target / path, load_external_data=False).graph.node} == {""}
            assert not session.get_modelmeta().custom_metadata_map
