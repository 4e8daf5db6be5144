"""Conversations: the processor's chat template, and the library's own pipeline, which speaks in messages."""

import pytest
from PIL import Image
from transformers import pipeline

from mmcot import MMCoTProcessor


EXAMPLE = {"question": "Which animal is in the picture?", "choices": ["a red cat", "a blue dog"], "hint": "Look."}
RATIONALE = "Solution: The cat is red."


def user(text, *pictures):
    content = [{"type": "image", "image": picture} for picture in pictures]
    return {"role": "user", "content": [*content, {"type": "text", "text": text}]}


def assistant(text):
    return {"role": "assistant", "content": text}


@pytest.fixture
def picture():
    return Image.new("RGB", (16, 16), "red")


class TestTemplate:
    @pytest.mark.parametrize("cue", ["", " Solution:"])
    @pytest.mark.parametrize("rationale", [RATIONALE, RATIONALE.removeprefix("Solution: ")])
    def test_messages_give_the_prompts_of_both_stages(self, cue, rationale, tiny_processor):
        first = tiny_processor.build_prompt(EXAMPLE, "rationale")
        chat = [user(first.removesuffix(" Solution:") + cue)]
        assert tiny_processor.apply_chat_template(chat, add_generation_prompt=True) == first
        second = tiny_processor.build_prompt(EXAMPLE, "answer", rationale)
        chat.append(assistant(rationale))
        for more in ([], [user("Answer:")]):
            assert tiny_processor.apply_chat_template(chat + more, add_generation_prompt=True) == second
        chat.append(assistant("The answer is (A)."))
        assert tiny_processor.apply_chat_template(chat) == f"{second} The answer is (A)."

    def test_stage_that_answers_at_once(self, tiny_processor):
        prompt = tiny_processor.build_prompt(EXAMPLE, "direct")
        assert tiny_processor.apply_chat_template([user(prompt)], add_generation_prompt=True) == prompt
        chat = [user(prompt), assistant("The answer is (A).")]
        assert tiny_processor.apply_chat_template(chat) == f"{prompt} The answer is (A)."

    def test_free_words_are_a_question(self, tiny_processor):
        system = {"role": "system", "content": "You are a helpful assistant."}
        chat = [system, user("What is\n in it?")]
        prompt = tiny_processor.apply_chat_template(chat, add_generation_prompt=True)
        assert prompt == "Question: What is in it? Context: N/A Solution:"

    def test_rationale_that_is_begun(self, tiny_processor):
        chat = [user("What is in it?"), assistant("It is a")]
        prompt = tiny_processor.apply_chat_template(chat, continue_final_message=True)
        assert prompt == "Question: What is in it? Context: N/A Solution: It is a"

    def test_tensors(self, tiny_processor, picture):
        chats = [[user("What is in it?", picture, picture)], [user("Which animal?")]]
        batch = tiny_processor.apply_chat_template(chats, add_generation_prompt=True, tokenize=True, return_dict=True)
        prompts = tiny_processor.apply_chat_template(chats, add_generation_prompt=True)
        expected = tiny_processor(text=prompts, images=[[picture, picture], None])
        assert batch.keys() == expected.keys()
        assert all(batch[name].equal(expected[name]) for name in batch)

    def test_another_template_is_kept(self, tiny_processor, tmp_path):
        tiny_processor.save_pretrained(tmp_path)
        usual = MMCoTProcessor.from_pretrained(tmp_path).chat_template
        assert usual == tiny_processor.chat_template == (tmp_path / "chat_template.jinja").read_text()
        (tmp_path / "chat_template.jinja").write_text("{{ messages[0]['content'] }}")
        assert MMCoTProcessor.from_pretrained(tmp_path).apply_chat_template([assistant("red")]) == "red"
        (tmp_path / "chat_template.jinja").unlink()  # as in folders from before there was one
        assert MMCoTProcessor.from_pretrained(tmp_path).chat_template == usual


class TestPipeline:
    @pytest.fixture
    def pipe(self, tiny_model, tiny_processor):
        return pipeline("image-text-to-text", model=tiny_model, processor=tiny_processor, max_new_tokens=6)

    def test_messages(self, pipe, picture):
        prompt = pipe.processor.build_prompt(EXAMPLE, "rationale")
        chat = [user(prompt, picture)]
        inputs = pipe.processor(images=[picture], text=[prompt])
        ids = pipe.model.generate(**inputs, max_new_tokens=6)[0]
        expected = pipe.processor.decode(ids, skip_special_tokens=True)
        assert pipe(text=chat, return_full_text=False)[0]["generated_text"] == expected
        assert pipe(text=chat)[0]["generated_text"] == [*chat, assistant(expected)]
        pair = pipe(text=[chat, chat], return_full_text=False, batch_size=2)
        assert [answer[0]["generated_text"] for answer in pair] == [expected] * 2

    def test_prompt_and_picture(self, pipe, picture, tmp_path):
        picture.save(tmp_path / "red.png")
        prompt = pipe.processor.build_prompt(EXAMPLE, "rationale")
        expected = pipe(text=[user(prompt, picture)], return_full_text=False)[0]["generated_text"]
        for image in (picture, str(tmp_path / "red.png")):
            assert pipe(images=image, text=prompt, return_full_text=False)[0]["generated_text"] == expected
