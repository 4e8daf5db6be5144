"""Ways of training that several tests take, as words of the command line, and a question to ask what was trained."""

QUESTION = {"question": "What is in the jar?", "choices": ["gas", "solid"], "context": "Look."}
FROZEN = ["--model.config.freeze_vision", "true"]
LORA = ["--lora.r", "2", "--lora.target_modules", r"language_model\..*\.(q|v)"]
