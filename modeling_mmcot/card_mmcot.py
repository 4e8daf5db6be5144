"""The card of a model that is saved by itself: what it is and how it is asked. A training writes a longer one."""

import json
import os
from typing import Any

from transformers.utils.hub import ModelCard, ModelCardData  # the library writes cards of its own with them

from .configuration_mmcot import TASK


CARD_FILE, CONFIG_FILE = "README.md", "config.json"
# Tasks of the Hub that transformers 5 has, too: it gave up those of questions and answers.
PICTURE_TASK, TEXT_TASK = "image-text-to-text", "text-generation"
TEXT = """---
{metadata}
---

# {name}

A Multimodal Chain-of-Thought model ([arXiv 2302.00923](https://arxiv.org/abs/2302.00923)): it reads a question, with
options or without{pictures}, and writes a rationale, an answer, or first the one and then the other.
Its stages: {stages}.
Nothing is known here of its data, its licence and its scores: add them before you publish it.

```python
from transformers import pipeline

repository = {repository}
pipe = pipeline("{task}", model=repository, trust_remote_code=True)
print(pipe(question="...", choices=["...", "..."]{image}))
```
"""


def leave_card(folder: str, config: Any, tags: list[str]) -> None:
    """Writes a card into a folder that has none. The folder of a stage within a repository gets none.

    Args:
        folder: of a saved model.
        config: of the model, an `MMCoTConfig`.
        tags: for the Hub.
    """
    path = os.path.join(folder, CARD_FILE)
    if os.path.exists(path) or os.path.exists(os.path.join(folder, os.pardir, CONFIG_FILE)):
        return
    sees = config.vision_config is not None
    task = PICTURE_TASK if sees else TEXT_TASK
    metadata = ModelCardData(library_name="transformers", pipeline_tag=task, tags=list(tags))
    name = os.path.basename(os.path.abspath(folder))
    text = TEXT.format(
        metadata=metadata.to_yaml(),
        name=name,
        repository=json.dumps(name, ensure_ascii=False),
        pictures=" and looks at its picture" if sees else "",
        stages=", ".join(config.stages or {}),
        task=TASK,
        image=', image="picture.png"' if sees else "",
    )
    ModelCard(text).save(path)
