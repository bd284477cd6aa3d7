"""LlamaIndex: a chat engine with `NuonuoMemory`, and a query engine over `NuonuoRetriever`.

python examples/llama_index_chat.py
python examples/llama_index_chat.py --ask "Where is the studio of Kit's teacher?"
python examples/llama_index_chat.py --query --ask "What does Halden & Moss do?"
python examples/llama_index_chat.py --db nell.db --model ollama:llama3.2
"""

from __future__ import annotations

from datetime import datetime, timezone

from common import NAMESPACE, open_memory, parse_arguments, remember_sample, said
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.llms import LLM
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import NodeWithScore, QueryBundle
from local_llama_index import load_llm
from local_model import DOUBT, NOTHING

from nuonuo import AssociativeMemory
from nuonuo_integrations.llama_index import NuonuoMemory, NuonuoRetriever


def main() -> None:
    """Chat, or with ``--query`` ask without a conversation around it."""
    arguments = parse_arguments(
        "LlamaIndex with a memory.", query="ask a query engine over the memory instead of a chat engine"
    )
    llm = load_llm(arguments.model)
    with open_memory(arguments.db) as memory:
        if not arguments.empty:
            remember_sample(memory)
        talk = query_engine(memory, llm).query if arguments.query else chat_engine(memory, llm).chat
        for text in said(arguments.ask):
            reply = talk(text)
            # Where nothing is left to answer from, a query engine says "Empty Response".
            told = reply.source_nodes or not arguments.query
            print(f"{'engine' if arguments.query else 'bot'}> {reply if told else NOTHING}")


def chat_engine(memory: AssociativeMemory, llm: LLM) -> SimpleChatEngine:
    """Every message is stored as it is said, and what belongs to the new one comes back before it."""
    session = f"chat-{datetime.now(timezone.utc):%Y%m%d-%H%M%S}"
    return SimpleChatEngine.from_defaults(
        llm=llm, memory=NuonuoMemory(memory=memory, namespace=NAMESPACE, session_id=session)
    )


def query_engine(memory: AssociativeMemory, llm: LLM) -> RetrieverQueryEngine:
    """Recalled memories become the context of one answer; nothing is stored."""
    retriever = NuonuoRetriever(memory, k=6, namespace=NAMESPACE)
    return RetrieverQueryEngine.from_args(retriever, llm=llm, node_postprocessors=[Doubt()])


class Doubt(BaseNodePostprocessor):
    """Hands nothing on where the memory itself doubts that it has anything on the question."""

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        return [node for node in nodes if node.metadata["nuonuo"]["confidence"] >= DOUBT]


if __name__ == "__main__":
    main()
