"""Graphs of a trained folder say what its models say, and folders that no graphs can be made of are refused."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import BartConfig, DetrImageProcessorPil, GenerationConfig, ViTImageProcessorPil

from mmcot import MMCoTForConditionalGeneration, MMCoTPipeline, MMCoTProcessor
from mmcot.cli.main import main
from mmcot.conversion.onnx_graphs import EncoderGraph, StepGraph
from mmcot.conversion.onnx_precision import in_blocks
from mmcot.conversion.onnx_proof import StageGraphs
from mmcot.conversion.onnx_settings import generation_settings, picture_size, require_exportable
from mmcot.conversion.onnx_trace import slots_as_attention, trace_step
from mmcot.conversion.to_onnx import building


onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


def test_other_language_models_are_refused(make_config, tiny_processor):
    text = BartConfig(vocab_size=128, d_model=16, encoder_layers=1, decoder_layers=1)
    with pytest.raises(ValueError, match="a 'bart'; ONNX graphs are made of t5 and mt5"):
        require_exportable(make_config(text_config=text), tiny_processor)


def test_pictures_of_several_sizes_are_refused(tiny_tokenizer):
    processor = MMCoTProcessor(DetrImageProcessorPil(size={"shortest_edge": 16, "longest_edge": 32}), tiny_tokenizer)
    with pytest.raises(ValueError, match="DetrImageProcessorPil, gives pictures different sizes"):
        picture_size(processor)


def test_settings_that_the_engine_has_not_are_refused():
    with pytest.raises(ValueError, match="no_repeat_ngram_size=3"):
        generation_settings(GenerationConfig(no_repeat_ngram_size=3), 64)
    assert generation_settings(GenerationConfig(max_length=9, num_beams=2), 64) == {
        "num_beams": 2,
        "max_new_tokens": 8,
    }


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


@torch.no_grad()
def test_embedding_in_blocks_is_near_the_embedding():
    weights = torch.randn(40, 64).numpy()
    weights[3] = 0
    numbers, scales = in_blocks(weights)
    assert numbers.nbytes + scales.nbytes < weights.nbytes / 3
    again = (numbers.reshape(40, 2, 32).astype(float) - 128) * scales[..., None]
    assert abs(again.reshape(weights.shape) - weights).max() <= scales.max() / 2 + 1e-6


def test_an_export_that_fails_leaves_nothing_behind(tmp_path):
    (tmp_path / "there").mkdir()

    def fail(target):
        with building(target) as folder:
            (folder / "half").write_text("written")
            raise ValueError("no")

    for name in ("there", "new"):
        with pytest.raises(ValueError, match="no"):
            fail(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
    with building(tmp_path / "there") as folder:
        (folder / "whole").write_text("written")
    assert (tmp_path / "there" / "whole").is_file()
    assert len(list(tmp_path.iterdir())) == 1


def exported(folder, target, *options):
    """The settings of an export that was made."""
    assert main(["export", str(folder), str(target), "--format", "onnx", *options]) == 0
    return json.loads((target / "engine.json").read_text())


# What an export is asked by: a process that has neither this package nor torch and transformers.
ALONE = """
import json, sys

class Forbidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("mmcot", "torch", "transformers"):
            raise ImportError(f"{name} is not needed")

sys.meta_path.insert(0, Forbidden())
sys.path.insert(0, sys.argv[1])
from onnx_mmcot import OnnxPipeline

print(json.dumps(OnnxPipeline(sys.argv[1])(question="Which?", choices=["red", "blue"], return_all=True)))
"""


@pytest.mark.slow
def test_two_stages(tmp_path, tiny_processor, make_two_stages):
    pipe = make_two_stages(tiny_processor)
    for model in (pipe.model, pipe.answer_model):
        model.generation_config.max_new_tokens = 8
    pipe.save_pretrained(tmp_path / "model")
    target = tmp_path / "onnx"
    settings = exported(tmp_path / "model", target)
    assert [stage["folder"] for stage in settings["stages"]] == [".", "answer"]
    for stage in settings["stages"]:
        for path in stage["graphs"].values():
            session = onnxruntime.InferenceSession(target / path, providers=["CPUExecutionProvider"])
            assert {node.domain for node in onnx.load(target / path, load_external_data=False).graph.node} == {""}
            assert not session.get_modelmeta().custom_metadata_map
    card = (target / "README.md").read_text()
    assert "- answer: every token is that of the model in torch, and the options' scores differ by at most" in card
    assert str(tmp_path) not in card
    run = subprocess.run([sys.executable, "-c", ALONE, str(target)], capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    answer, expected = json.loads(run.stdout), pipe(question="Which?", choices=["red", "blue"], return_all=True)
    assert answer["texts"] == expected["texts"]
    assert answer["scores"] == pytest.approx(expected["scores"], abs=1e-4)


@pytest.mark.slow
def test_a_stage_that_reads_no_pictures_takes_the_features_of_the_others(make_model, loosen, tiny_processor, tmp_path):
    blind = loosen(make_model(seed=1, vision_config=None, image_feature_size=0))
    root = loosen(make_model(stages={"rationale": ".", "answer": "answer"}))
    for model in (root, blind):
        model.generation_config.max_new_tokens = 8
    MMCoTPipeline(model=root, answer_model=blind, processor=tiny_processor).save_pretrained(tmp_path / "model")
    first, second = exported(tmp_path / "model", tmp_path / "onnx")["stages"]
    assert (first["graphs"]["vision"], second["graphs"]["vision"]) == ("vision.onnx", None)


@pytest.mark.slow
def test_a_joint_model_without_image_encoder_lies_there_once(tmp_path, tiny_processor, make_model, loosen):
    model = loosen(make_model(vision_config=None, image_feature_size=12))
    model.generation_config.max_new_tokens = 8
    model.save_pretrained(tmp_path / "model")
    tiny_processor.save_pretrained(tmp_path / "model")
    settings = exported(tmp_path / "model", tmp_path / "onnx")
    assert settings["precision"] == "fp32"
    assert settings["stages"][0]["graphs"] == settings["stages"][1]["graphs"]
    assert settings["stages"][0]["graphs"]["vision"] is None
    assert settings["image"] is None
    assert settings["image_feature_size"] == 12
    data = (tmp_path / "onnx" / "weights.onnx.data").stat().st_size
    # The embedding, which the head is tied to and both graphs read, is among them once.
    parameters = sum(parameter.numel() for parameter in model.parameters())
    assert parameters * 4 * 0.9 < data < parameters * 4 + 80 * 4096


@pytest.mark.slow
def test_fewer_bits_say_what_they_change(tmp_path, tiny_processor, make_config, make_model, loosen):
    """Of a folder that only answers, from rationales that are given."""
    text = make_config().text_config.to_dict() | {"d_model": 64, "d_ff": 128, "num_layers": 1, "num_decoder_layers": 1}
    model = loosen(make_model(text_config=text, vision_config=None, image_feature_size=24, stages={"answer": "."}))
    model.generation_config.max_new_tokens = 8
    model.save_pretrained(tmp_path / "model")
    tiny_processor.save_pretrained(tmp_path / "model")
    settings = exported(tmp_path / "model", tmp_path / "onnx", "--precision", "int8")
    assert settings["precision"] == "int8"
    nodes = onnx.load(tmp_path / "onnx" / "step.onnx", load_external_data=False).graph.node
    kinds = [node.op_type for node in nodes]
    assert "GatherBlockQuantized" in kinds
    assert "MatMulNBits" in [node.op_type for node in nodes if "logits" in node.output]  # the head, tied as it is
    card = (tmp_path / "onnx" / "README.md").read_text()
    assert "Measured on 200 drawn questions, of a kind that the model did not learn" in card
    assert re.search(r"^\| other answers than float32 \| \| \d+ \|$", card, re.MULTILINE)
    before, after = re.search(r"^\| graphs and weights, MB \| ([\d.]+) \| ([\d.]+) \|$", card, re.MULTILINE).groups()
    assert float(after) < 0.6 * float(before)
    assert "right answers" not in card
    # A row is what it is alone, whoever stands beside it.
    graphs = StageGraphs(tmp_path / "onnx", settings["stages"][0])
    ids = torch.randint(3, 100, (4, 9), generator=torch.manual_seed(0)).numpy()
    nothing = np.zeros((4, 1, 24), np.float32), np.zeros((4, 1), bool)
    together = graphs.write(graphs.read(ids, ids > 0, *nothing), 8)
    for row in range(4):
        alone = graphs.read(ids[[row]], ids[[row]] > 0, *(each[[row]] for each in nothing))
        assert np.array_equal(graphs.write(alone, 8)[0], together[row, : graphs.write(alone, 8).shape[1]])


@pytest.mark.slow
def test_adapters_are_merged_and_a_common_image_encoder_lies_there_once(tmp_path, tiny_processor, make_model, loosen):
    stages = {"rationale": "rationale", "answer": "answer"}
    base = loosen(make_model(stages=stages))
    base.generation_config.max_new_tokens = 8
    base.save_pretrained(tmp_path / "model")
    tiny_processor.save_pretrained(tmp_path / "model")
    for seed, stage in enumerate(stages):
        torch.manual_seed(seed)
        loaded = MMCoTForConditionalGeneration.from_pretrained(tmp_path / "model")
        adapted = get_peft_model(
            loaded, LoraConfig(target_modules=r"language_model\..*\.(q|v)", init_lora_weights=False)
        )
        adapted.save_pretrained(tmp_path / "model" / stage)
    settings = exported(tmp_path / "model", tmp_path / "onnx")
    assert [stage["graphs"] for stage in settings["stages"]] == [
        {"vision": "vision.onnx", "encoder": "encoder.onnx", "step": "step.onnx"},
        {"vision": "vision.onnx", "encoder": "answer/encoder.onnx", "step": "answer/step.onnx"},
    ]


@pytest.mark.slow
def test_graphs_that_say_something_else_are_refused(tmp_path, tiny_processor, make_model, loosen, monkeypatch, capsys):
    model = loosen(make_model(vision_config=None, stages={"direct": "."}))
    model.save_pretrained(tmp_path / "model")
    tiny_processor.save_pretrained(tmp_path / "model")
    other = loosen(make_model(vision_config=None, seed=1))
    other.set_attn_implementation("eager")
    monkeypatch.setattr("mmcot.conversion.to_onnx.trace_step", lambda _: trace_step(other))
    assert main(["export", str(tmp_path / "model"), str(tmp_path / "onnx"), "--format", "onnx"]) == 1
    assert "The graphs of the stage 'direct' write other tokens than the model." in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
