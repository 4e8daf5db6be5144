"""Serves this model on an Inference Endpoint of the Hub: question and picture in, rationale and answer out.

A request, as JSON:

    {"inputs": {"question": "...", "choices": ["...", "..."], "context": "...", "image": "..."},
     "parameters": {"max_new_tokens": 64}}

`choices` may be left out, and so may `image`. That is a picture file in base64, as a `data:` URL, or the `https://`
address of one, or a list of these. `inputs` may be a list of questions, which gives a list of answers.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import torch
from transformers import pipeline


# What a request may set. Other arguments of `generate` can name files and code.
PARAMETERS = (
    *("max_new_tokens", "num_beams", "do_sample", "temperature", "top_k", "top_p", "num_samples", "abstain_below"),
)
TASK: Any = "multimodal-cot"  # the library's annotations know its own tasks only
ADDRESSES = ("http://", "https://", "data:")


class EndpointHandler:
    """What the server makes once and then calls for each request.

    Args:
        path: folder of the model.
    """

    def __init__(self, path: str = "."):
        device = 0 if torch.cuda.is_available() else -1
        self.pipe: Any = pipeline(TASK, model=path, trust_remote_code=True, device=device)

    def __call__(self, data: Mapping[str, Any]) -> dict[str, Any] | list[dict[str, Any]]:
        """The answer to a request, or to each question of it; see the top of this file.

        Raises:
            ValueError: for anything else; the message says what to send.
        """
        if not isinstance(data, Mapping) or "inputs" not in data:
            raise ValueError("Send {'inputs': {'question': ..., 'choices': [...], 'image': ...}}.")
        parameters = data.get("parameters") or {}
        if not isinstance(parameters, Mapping):
            raise ValueError("'parameters' is a mapping of names to values.")
        for name in parameters:
            if name not in PARAMETERS:
                raise ValueError(f"{name!r:.100} is no parameter; there are {', '.join(PARAMETERS)}.")
        inputs = data["inputs"]
        asked = [sent_question(row) for row in inputs] if isinstance(inputs, list) else sent_question(inputs)
        return self.pipe(asked, **parameters)


def sent_question(question: Any) -> Any:
    """A question with its pictures decoded; what else is wrong with it, the pipeline says."""
    if not isinstance(question, Mapping) or question.get("image") is None:
        return question
    image = question["image"]
    return {
        **question,
        "image": [sent_picture(each) for each in image] if isinstance(image, list) else sent_picture(image),
    }


def sent_picture(image: Any) -> str | bytes:
    """A picture of a request: an address as it is, base64 as bytes. A path of the server is neither."""
    if not isinstance(image, str) or not image:
        raise ValueError("'image' is a text: a picture file in base64, a data: URL or an https:// address.")
    if image.startswith(ADDRESSES):
        return image
    try:
        return base64.b64decode(image, validate=True)
    except binascii.Error as error:
        raise ValueError(f"'image' is {image[:40]!r}, neither base64 nor an address: {error}.") from error
