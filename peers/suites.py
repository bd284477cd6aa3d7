"""Whose tests are run, which of them, and what of ours takes the place of what of theirs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Suite:
    """Tests of one package.

    Attributes:
        package: on the package index; its installed version is the one whose tests are run.
        swap: the module of `peers.swaps` that puts ours in the place of theirs.
        theirs, ours: what that replaces, and by what.
        tests: files and folders of the source package.
    """

    name: str
    package: str
    swap: str
    theirs: str
    ours: str
    tests: tuple[str, ...]


_CORE = "tests/unit_tests"

SUITES = (
    Suite(
        "store",
        "langgraph-checkpoint",
        "store",
        "InMemoryStore",
        "NuonuoStore",
        ("tests/test_store.py",),
    ),
    Suite(
        "store with expiry",
        "langgraph-checkpoint-sqlite",
        "sqlite_store",
        "SqliteStore, AsyncSqliteStore",
        "NuonuoStore",
        ("tests/test_store.py", "tests/test_async_store.py", "tests/test_ttl.py"),
    ),
    Suite(
        "chat history",
        "langchain-core",
        "history",
        "InMemoryChatMessageHistory",
        "NuonuoChatMessageHistory",
        (f"{_CORE}/chat_history", f"{_CORE}/runnables/test_history.py"),
    ),
    Suite(
        "document index",
        "langchain-core",
        "documents",
        "InMemoryDocumentIndex",
        "NuonuoRetriever",
        (f"{_CORE}/indexing/test_in_memory_indexer.py", f"{_CORE}/indexing/test_indexing.py"),
    ),
    Suite(
        "memory and chains",
        "langchain-classic",
        "memory",
        "ConversationBufferMemory and its window, summary and summary-buffer kin",
        "NuonuoMemory",
        ("tests/unit_tests/memory", "tests/unit_tests/chains"),
    ),
    Suite(
        "agents",
        "langchain",
        "agents",
        "every create_agent, to whose middleware it is added",
        "NuonuoMiddleware",
        ("tests/unit_tests/agents",),
    ),
    Suite(
        "standard tests",
        "langchain-tests",
        "standard",
        "a retriever and InMemoryVectorStore",
        "NuonuoRetriever",
        ("tests/unit_tests/test_basic_retriever.py", "tests/unit_tests/test_in_memory_vectorstore.py"),
    ),
)
