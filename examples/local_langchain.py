"""The chat model of the LangChain examples: a real one by name, or the quoting one of `local_model`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from local_model import answer_prompt


class QuotingChatModel(BaseChatModel):
    """Answers from the recalled block of its prompt; it calls no tools, though it may be given some."""

    @property
    def _llm_type(self) -> str:
        return "quoting"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        reply = answer_prompt([(message.type, str(message.text)) for message in messages])
        return ChatResult(generations=[ChatGeneration(message=AIMessage(content=reply))])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        reply = self._generate(messages, stop, run_manager, **kwargs).generations[0].message
        for word in re.findall(r"\S+\s*", str(reply.text)):
            chunk = ChatGenerationChunk(message=AIMessageChunk(content=word))
            if run_manager is not None:
                run_manager.on_llm_new_token(word, chunk=chunk)
            yield chunk

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[Any, AIMessage]:
        return self


def load_chat_model(model: str | None) -> BaseChatModel:
    """The model called ``provider:name``, or the quoting one where ``model`` is None."""
    if model is None:
        return QuotingChatModel()
    provider = model.partition(":")[0]
    try:
        from langchain.chat_models import init_chat_model

        return init_chat_model(model)
    except ImportError as error:
        raise SystemExit(
            f"--model {model} needs LangChain's package for {provider}: "
            f"pip install langchain langchain-{provider.replace('_', '-')}"
        ) from error
    except ValueError as error:
        raise SystemExit(f"--model {model} is no model that LangChain knows: {error}") from error
