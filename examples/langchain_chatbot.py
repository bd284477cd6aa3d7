"""A LangChain chatbot of the classic kind: ConversationChain with `memory=NuonuoMemory(...)`.

python examples/langchain_chatbot.py
python examples/langchain_chatbot.py --ask "What is Biscuit terrified of?"
python examples/langchain_chatbot.py --db nell.db --model openai:gpt-5-mini
"""

from __future__ import annotations

import warnings
from datetime import datetime, timezone

from common import NAMESPACE, open_memory, parse_arguments, remember_sample, said
from langchain_classic.chains import ConversationChain
from local_langchain import load_chat_model

from nuonuo_integrations.langchain import NuonuoMemory


def main() -> None:
    """Chat; each turn is recalled for before it and stored after it by the memory itself."""
    arguments = parse_arguments("A LangChain chatbot that remembers.")
    warnings.filterwarnings("ignore", message=".*ConversationChain.*deprecated.*")
    model = load_chat_model(arguments.model)
    with open_memory(arguments.db) as memory:
        if not arguments.empty:
            remember_sample(memory)
        chain = ConversationChain(
            llm=model,
            memory=NuonuoMemory(
                memory=memory,
                namespace=NAMESPACE,
                session_id=f"chat-{datetime.now(timezone.utc):%Y%m%d-%H%M%S}",
            ),
        )
        for text in said(arguments.ask):
            print(f"bot> {chain.invoke({'input': text})['response']}")


if __name__ == "__main__":
    main()
