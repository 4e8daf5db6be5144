"""What the processes run that publish to the test server and load from it."""

PUBLISH = """
import sys
from mmcot.hub_card.publish import publish
print(publish(sys.argv[1], sys.argv[2], private="private" in sys.argv).oid)
"""
DOWNLOAD = """
import sys
from huggingface_hub import constants, snapshot_download
constants.DOWNLOAD_CHUNK_SIZE = 1000
print(snapshot_download(sys.argv[1], max_workers=1))
"""
PUSH_PARTS = """
import sys
from mmcot import MMCoTForConditionalGeneration, MMCoTProcessor
for part in (MMCoTForConditionalGeneration, MMCoTProcessor):
    part.from_pretrained(sys.argv[1]).push_to_hub(sys.argv[2])
"""
# `mmcot` cannot be imported: all code comes from the folder or from the Hub.
PULL = """
import hashlib, json, sys
sys.modules["mmcot"] = None
from transformers import AutoModelForSeq2SeqLM, AutoProcessor, pipeline

def facts(pipe):
    answer = pipe(question, max_new_tokens=8)
    release = getattr(sys.modules[type(pipe).__module__], "RELEASE", None)
    weights = []
    for stage in pipe.stages:
        tensors = sorted(pipe.stages[stage].state_dict().items())
        text = b"".join(key.encode() + tensor.contiguous().numpy().tobytes() for key, tensor in tensors)
        settings = pipe.stages[stage].generation_config.max_new_tokens
        weights.append(f"{hashlib.sha256(text).hexdigest()} of {stage}, {settings} tokens")
    return [release, answer["rationale"], answer["answer_text"], weights]

question, *places = json.loads(sys.argv[1])
results = []
for name, revision, *tokens in places:
    where = {"trust_remote_code": True, "revision": revision, "token": tokens[0] if tokens else None}
    pipe = pipeline("multimodal-cot", model=name, **where)
    results.append(facts(pipe))
    parts = {"model": AutoModelForSeq2SeqLM.from_pretrained(name, **where)}
    parts["processor"] = AutoProcessor.from_pretrained(name, **where)
    assert facts(type(pipe)(**parts)) == results[-1]
print(json.dumps(results))
"""
