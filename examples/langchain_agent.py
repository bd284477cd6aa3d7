"""A LangChain agent of today: `create_agent` with `NuonuoMiddleware`, which recalls and stores by itself.

python examples/langchain_agent.py
python examples/langchain_agent.py --ask "Who do I work for?"
python examples/langchain_agent.py --db nell.db --model openai:gpt-5-mini
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from common import NAMESPACE, open_memory, parse_arguments, remember_sample, said
from langchain.agents import create_agent
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from local_langchain import load_chat_model

from nuonuo_integrations.langchain import NuonuoMiddleware


@tool
def today() -> str:
    """The date of today, for questions such as how long ago something was."""
    return f"{datetime.now(timezone.utc):%A, %d %B %Y}"


def main() -> None:
    """Chat; the middleware puts what it recalls before the model and stores the turn after it."""
    arguments = parse_arguments("A LangChain agent that remembers.")
    model = load_chat_model(arguments.model)
    with open_memory(arguments.db) as memory:
        if not arguments.empty:
            remember_sample(memory)
        agent: Any = create_agent(
            model,
            [today],
            system_prompt="You are Nell's assistant. Be brief.",
            middleware=[NuonuoMiddleware(memory=memory, namespace=NAMESPACE)],
            checkpointer=InMemorySaver(),
        )
        thread = {"configurable": {"thread_id": f"chat-{datetime.now(timezone.utc):%Y%m%d-%H%M%S}"}}
        for text in said(arguments.ask):
            state = agent.invoke({"messages": [("user", text)]}, thread)
            print(f"agent> {state['messages'][-1].text}")


if __name__ == "__main__":
    main()
