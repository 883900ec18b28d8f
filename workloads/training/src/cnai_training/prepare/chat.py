"""Conversations as tokens: which markers stand where, and which tokens are the assistant's to learn."""

from typing import Any

from tokenizers import Tokenizer

BEGIN, END_OF_TEXT, PAD = "<|begin_of_text|>", "<|end_of_text|>", "<|pad|>"
END_OF_TURN = "<|end_of_turn|>"
ROLES = {role: f"<|{role}|>" for role in ("system", "user", "assistant")}
SPECIAL = [PAD, BEGIN, END_OF_TEXT, END_OF_TURN, *ROLES.values()]

TEMPLATE = (
    "{{ '" + BEGIN + "' }}{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' }}"
    "{% if message['role'] == 'assistant' %}{% generation %}"
    "{{ message['content'] + '" + END_OF_TURN + "' }}{% endgeneration %}"
    "{% else %}{{ message['content'] + '" + END_OF_TURN + "' }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}{{ '" + ROLES["assistant"] + "' }}{% endif %}"
)
"""The same as `encoded` below, for servers; a test compares them."""


def invalid(messages: Any) -> str | None:
    """What is wrong with a conversation, or nothing."""
    if not isinstance(messages, list) or not messages:
        return "no messages"
    for message in messages:
        if not isinstance(message, dict) or message.get("role") not in ROLES:
            return f"a message's role is not one of {', '.join(ROLES)}"
        if not isinstance(message.get("content"), str):
            return "a message's content is not text"
    return None


def encoded(tokenizer: Tokenizer, messages: list[dict[str, str]]) -> tuple[list[int], list[int]]:
    """Tokens, and 1 for those that the assistant writes: its words and the end of its turn.

    The tokenizer takes markers inside a message for plain text, so that a user cannot speak as another role.
    """
    marker = {name: tokenizer.token_to_id(name) for name in SPECIAL}
    tokens, learned = [marker[BEGIN]], [0]
    for message in messages:
        content = tokenizer.encode(message["content"], add_special_tokens=False).ids
        tokens += [marker[ROLES[message["role"]]], *content, marker[END_OF_TURN]]
        learned += [0, *[int(message["role"] == "assistant")] * (len(content) + 1)]
    return tokens, learned
