"""A conversation as a prompt, for programs that speak in messages."""

# The user's first message is the question: a prompt as `build_prompt` writes it, with or without its cue, or free
# words. What the assistant wrote follows it as the rationale, and after that the answer is asked for. The model was
# trained without messages of a system, so those are left out.
CHAT_TEMPLATE = """\
{%- set cues = ("Solution:", "Answer:") -%}
{%- set chat = namespace(text="", cue=cues[0]) -%}
{%- for message in messages if message["role"] != "system" -%}
    {%- set words = message["content"] -%}
    {%- if words is not string -%}
        {%- set words = words | selectattr("type", "equalto", "text") | map(attribute="text") | join(" ") -%}
    {%- endif -%}
    {%- if message["role"] == "assistant" -%}
        {%- set words = words.removeprefix(chat.cue) | trim -%}
        {%- if not chat.text.endswith(cues) -%}
            {%- set words = chat.cue ~ " " ~ words -%}
        {%- endif -%}
        {%- set chat.cue = cues[1] -%}
    {%- else -%}
        {%- set words = words.split() | join(" ") -%}
        {%- if not chat.text and not words.startswith("Question:") -%}
            {%- set words = "Question: " ~ words ~ " Context: N/A" -%}
        {%- endif -%}
    {%- endif -%}
    {%- set chat.text = (chat.text ~ " " ~ words) | trim -%}
{%- endfor -%}
{{- chat.text -}}
{%- if add_generation_prompt and not chat.text.endswith(cues) -%}
    {{- " " ~ chat.cue -}}
{%- endif -%}
"""
