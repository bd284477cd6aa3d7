"""The model of the LlamaIndex example: a real one by name, or the quoting one of `local_model`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    CompletionResponseGen,
    LLMMetadata,
    MessageRole,
)
from llama_index.core.llms import LLM, CustomLLM
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from local_model import answer_prompt

PROVIDERS = {  # provider: its class; the module and the package follow from the name
    "openai": "OpenAI",
    "ollama": "Ollama",
    "anthropic": "Anthropic",
    "mistralai": "MistralAI",
    "groq": "Groq",
}


class QuotingLLM(CustomLLM):
    """Answers from the recalled block or the context of its prompt."""

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name="quoting", context_window=32_000, num_output=1_000)

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        reply = answer_prompt([(message.role.value, message.content or "") for message in messages])
        return ChatResponse(message=ChatMessage(reply, role=MessageRole.ASSISTANT))

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        return CompletionResponse(text=answer_prompt([("user", prompt)]))

    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        reply = answer_prompt([("user", prompt)])

        def tokens() -> CompletionResponseGen:
            text = ""
            for word in re.findall(r"\S+\s*", reply):
                text += word
                yield CompletionResponse(text=text, delta=word)

        return tokens()


def load_llm(model: str | None) -> LLM:
    """The model called ``provider:name``, or the quoting one where ``model`` is None."""
    if model is None:
        return QuotingLLM()
    provider, _, name = model.partition(":")
    if provider not in PROVIDERS or not name:
        raise SystemExit(f"--model {model}: expected PROVIDER:NAME with one of {', '.join(PROVIDERS)}")
    try:
        module = import_module(f"llama_index.llms.{provider}")
    except ImportError as error:
        raise SystemExit(
            f"--model {model} needs LlamaIndex's package for {provider}: "
            f"pip install llama-index-llms-{provider}"
        ) from error
    loaded = getattr(module, PROVIDERS[provider])(model=name)
    if not isinstance(loaded, LLM):
        raise SystemExit(
            f"llama_index.llms.{provider} gave {type(loaded).__name__}, expected an LLM; update it"
        )
    return loaded
