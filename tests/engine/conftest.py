"""Two random stages, by torch and by the engine."""

import pytest
from PIL import Image

from .graph_doubles import lay_out


pytest.importorskip("onnxruntime")
from mmcot.engine import OnnxPipeline  # noqa: E402


@pytest.fixture(scope="session")
def open_double(tmp_path_factory):
    """Function of a pipeline: the engine over its modules, whose sessions are its `sessions`."""

    def make(pipe, drafts=None):
        folder, sessions = lay_out(pipe, tmp_path_factory.mktemp("export"), drafts)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("mmcot.engine.graphs.GraphFiles.open", lambda self, path: sessions[path])
            double = OnnxPipeline(folder)
        # Sessions are asked for while it writes, too.
        double.flow.files.open = sessions.__getitem__
        double.sessions = {str(path.relative_to(folder)): session for path, session in sessions.items()}
        return double

    return make


@pytest.fixture(scope="session")
def two_stages(make_two_stages, new_processor):
    """A pipeline of two random models with confidences, whose rationales have up to 20 tokens."""
    pipe = make_two_stages(new_processor(), temperature=2.0)
    for model, length in ((pipe.model, 20), (pipe.answer_model, 8)):
        model.generation_config.max_new_tokens = length
    return pipe


@pytest.fixture(scope="session")
def engine(two_stages, open_double):
    return open_double(two_stages)


@pytest.fixture(scope="session")
def rows():
    """Questions with a picture, with two, and with none; with several numbers of options; short and long."""
    red, blue = Image.new("RGB", (20, 30), "red"), Image.linear_gradient("L")
    return [
        {"question": "Which animal is it?", "choices": ["a cat", "a dog"], "image": red},
        {"question": "Which colour?", "choices": ["red", "green", "blue"], "context": "Look at the ball. " * 3},
        {"question": "Which of both?", "choices": ["a", "b", "c", "d"], "image": [red, blue]},
        {"question": "Is it?", "choices": ["yes", "no"], "image": blue, "context": "The ball is green."},
        {"question": "What is in the picture, a cat or a dog?", "choices": ["cat", "dog"]},
        {"question": "What is it?", "image": blue},
    ]
