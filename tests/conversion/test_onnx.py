"""Graphs of a trained folder say what its models say, and folders that no graphs can be made of are refused."""

import json

import pytest
from transformers import BartConfig, DetrImageProcessorPil, ViTImageProcessorPil

from mmcot import MMCoTProcessor
from mmcot.cli.main import main
from mmcot.conversion.onnx_settings import picture_size, require_exportable


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
