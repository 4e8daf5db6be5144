"""The graphs of an export without the seconds that tracing takes: the traced modules themselves, run by torch."""

import ctypes
import json

import numpy as np
import torch

from mmcot.configuration.repository import open_folder
from mmcot.conversion.onnx_graphs import EncoderGraph, StepGraph, VisionGraph
from mmcot.conversion.onnx_settings import engine_settings, stage_settings
from mmcot.conversion.onnx_trace import layer_names, slots_as_attention


class ModuleSession:
    """What `onnxruntime.InferenceSession` is asked for, of a module.

    Args:
        module: of an export.
        inputs: names of its inputs in order; those of its states come last, as one list.
        outputs: names of its outputs in order.
        states: how many inputs are states.
    """

    def __init__(self, module, inputs, outputs, states=0):
        self.module = module.eval()
        self.inputs = inputs
        self.outputs = outputs
        self.states = states
        self.runs = []

    @torch.inference_mode()
    def run(self, names, feeds):
        assert feeds.keys() == set(self.inputs)
        self.runs.append({name: array.shape for name, array in feeds.items()})
        values = [torch.from_numpy(np.array(feeds[name])) for name in self.inputs]
        plain = len(values) - self.states
        arguments = values[:plain] + ([values[plain:]] if self.states else [])
        results = self.module(*arguments)
        results = dict(zip(self.outputs, [results] if torch.is_tensor(results) else results, strict=True))
        return [results[name].numpy() for name in names or self.outputs]

    def io_binding(self):
        return MemoryBinding()

    def run_with_iobinding(self, binding):
        names = list(binding.outputs)
        results = self.run(names, {name: view() for name, view in binding.inputs.items()})
        for name, array in zip(names, results, strict=True):
            binding.outputs[name]()[:] = array


class StepSession(ModuleSession):
    """The same for the graph that writes, whose decoder attends to slots."""

    def __init__(self, model):
        states = [*layer_names(model, "past"), *layer_names(model, "cross")]
        inputs = ["ids", "distance", "slot_mask", "text_mask", *states]
        super().__init__(StepGraph(model), inputs, ["logits", *layer_names(model, "present")], len(states))
        self.model = model

    def run(self, names, feeds):
        with slots_as_attention(self.model):
            return super().run(names, feeds)


class MemoryBinding:
    """Where inputs and outputs lie, as addresses."""

    def __init__(self):
        self.inputs, self.outputs = {}, {}

    def bind_input(self, name, device, number, dtype, shape, address):
        self.inputs[name] = lambda: array_at(address, dtype, shape)

    def bind_output(self, name, device, number, dtype, shape, address):
        self.outputs[name] = lambda: array_at(address, dtype, shape)


def array_at(address, dtype, shape):
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.frombuffer((ctypes.c_char * size).from_address(address), dtype).reshape(shape)


def lay_out(pipe, folder, drafts=None):
    """Writes what an export of a pipeline's models says of itself; gives a session for each of its files."""
    source = folder / "model"
    pipe.save_pretrained(source)
    repository, sessions, stages = open_folder(source), {}, []
    export = folder / "export"
    export.mkdir()
    for stage, place in repository.stages.items():
        model = pipe.stages[stage]
        model.set_attn_implementation("eager")
        vision = None if model.vision_tower is None else f"{stage}.vision"
        settings = stage_settings(stage, place, vision, model, pipe.processor)
        stages.append(settings)
        graphs = settings["graphs"]
        if vision:
            sessions[export / vision] = ModuleSession(VisionGraph(model), ["pixel_values"], ["image_features"])
        names = ["input_ids", "attention_mask", "image_features", "image_attention_mask"]
        sessions[export / graphs["encoder"]] = ModuleSession(EncoderGraph(model), names, layer_names(model, "cross"))
        sessions[export / graphs["step"]] = StepSession(model)
    patches = None if pipe.model.vision_tower is None else 5
    settings = engine_settings(repository, pipe.processor, stages, patches, "fp32")
    (export / "engine.json").write_text(json.dumps(settings))
    if drafts:
        (export / "drafts.json").write_text(json.dumps(drafts))
    pipe.processor.tokenizer.backend_tokenizer.save(str(export / "tokenizer.json"))
    return export, sessions
