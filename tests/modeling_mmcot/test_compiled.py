"""Compiled and exported: once for batches of all sizes, as the language model is alone."""

import copy

import pytest
import torch
from torch.export import Dim, export
from torch.testing import assert_close

from ..towers import TOWERS


pytestmark = pytest.mark.slow
PICTURES = {
    "text_alone": lambda batch: {},
    "pixels": lambda batch: {"pixel_values": torch.randn(batch, 3, 16, 16)},
    "several_pictures": lambda batch: {
        "pixel_values": torch.randn(batch, 2, 3, 16, 16),
        "image_attention_mask": torch.ones(batch, 2),
    },
    "features": lambda batch: {"image_features": torch.randn(batch, batch + 3, 24)},
}


def texts(batch, text=7, target=5):
    """Prompts, of which the first is shorter than the others, and targets."""
    torch.manual_seed(batch)
    inputs = {name: torch.randint(3, 128, (batch, size)) for name, size in (("input_ids", text), ("labels", target))}
    inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    inputs["attention_mask"][0, -2:] = 0
    return inputs


def count_graphs(model, make_inputs):
    """How often `model` is compiled for batches of four sizes, each of which gives what it gives without."""
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    with torch.no_grad():
        for batch in (2, 3, 4, 5):
            inputs = make_inputs(batch)
            assert_close(compiled(**inputs).logits, model(**inputs).logits)
    return torch._dynamo.utils.counters["stats"]["unique_graphs"]


@pytest.fixture(scope="module")
def graphs_of_t5(make_model):
    return count_graphs(make_model().language_model, texts)


@pytest.mark.parametrize("pictures", PICTURES)
def test_no_batch_size_is_compiled_for_itself(make_model, graphs_of_t5, pictures):
    graphs = count_graphs(make_model(), lambda batch: texts(batch) | PICTURES[pictures](batch))
    assert graphs == graphs_of_t5


def with_pixels(batch, pictures, *sizes):
    inputs = texts(batch, *sizes)
    mask = torch.ones(batch, pictures)
    mask[0] = 0
    return inputs | {"pixel_values": torch.randn(batch, pictures, 3, 16, 16), "image_attention_mask": mask}


def with_features(batch, patches, *sizes):
    inputs = texts(batch, *sizes)
    mask = torch.ones(batch, patches)
    mask[0] = 0
    return inputs | {"image_features": torch.randn(batch, patches, 24), "image_attention_mask": mask}


@pytest.mark.parametrize(("make", "images"), [(with_pixels, "pixel_values"), (with_features, "image_features")])
def test_exported_for_any_size(tiny_model, make, images):
    batch, text, target, pictures = map(Dim, ("batch", "text", "target", "pictures"))
    shapes = {
        "input_ids": {0: batch, 1: text},
        "attention_mask": {0: batch, 1: text},
        "labels": {0: batch, 1: target},
        images: {0: batch, 1: pictures},
        "image_attention_mask": {0: batch, 1: pictures},
    }
    settings = {"use_cache": False, "return_dict": False}
    exported = export(tiny_model, (), make(3, 2) | settings, dynamic_shapes=shapes | dict.fromkeys(settings)).module()
    for sizes in ((2, 3, 9, 4), (5, 4, 4, 8), (1, 2, 6, 3)):
        inputs = make(*sizes) | settings
        loss, logits, *_ = exported(**inputs)
        expected = tiny_model(**inputs)
        assert_close(loss, expected[0])
        assert_close(logits, expected[1])


@pytest.mark.parametrize("tower", ["vit", "resnet"])
def test_exporter_of_the_library(make_model, tower):
    """Whole, and as the steps of `generate`: a step continues another batch as the model itself does."""
    exporters = pytest.importorskip("transformers.exporters")
    decompose = pytest.importorskip("transformers.exporters.utils").decompose_for_generation
    model = make_model(vision_config=TOWERS[tower][0]())

    def question(batch, text):
        prompts = texts(batch, text)
        del prompts["labels"]
        return prompts | {"pixel_values": torch.randn(batch, 3, 32, 32)}

    exporter, settings = exporters.DynamoExporter(), exporters.DynamoConfig(dynamic=True)
    start = {"decoder_input_ids": torch.zeros(2, 1, dtype=torch.long)}
    whole = exporter.export(model, question(2, 7) | start, settings)
    steps = exporter.export_for_generation(model, question(2, 7), settings, multi_token_decode=True)
    other = question(3, 9)
    start["decoder_input_ids"] = torch.zeros(3, 1, dtype=torch.long)
    assert_close(whole(**other, **start).logits, model(**other, **start).logits)
    step, inputs = decompose(model, other)["decode"]
    assert inputs["past_key_values"].get_seq_length() == inputs["decoder_input_ids"].shape[1] == 1
    # How the call is to be answered is part of what was exported.
    tensors = {name: value for name, value in inputs.items() if name not in ("use_cache", "return_dict")}
    continued = steps.runners["decode"](**copy.deepcopy(tensors)).logits
    assert_close(continued, step(**inputs).logits)
    assert not torch.allclose(continued, model(**other, **start).logits, atol=1e-3)


def test_pictures_of_several_sizes_are_seen_uncompiled(make_model):
    """How many sizes there are is in the numbers, of which a graph knows nothing."""
    model = make_model(vision_config=TOWERS["resnet"][0]())
    sizes = torch.tensor([[[32, 32], [32, 16]], [[16, 32], [32, 32]], [[0, 0], [32, 32]]])
    inputs = texts(3) | {"pixel_values": torch.randn(3, 2, 3, 32, 32), "image_sizes": sizes}
    with torch.no_grad():
        assert_close(torch.compile(model, backend="eager")(**inputs).logits, model(**inputs).logits)
        torch._dynamo.reset()
        with pytest.raises(torch._dynamo.exc.Unsupported, match="look_at_sizes"):
            torch.compile(model, backend="eager", fullgraph=True)(**inputs)
