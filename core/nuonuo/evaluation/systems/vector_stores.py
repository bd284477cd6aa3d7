"""Vector stores as they come, each through its own front door: vectors in, the nearest out.

All are left as their makers set them, but for the measure (cosine; of unit vectors the inner product is it)
and the number of threads. Those that hold texts hold them too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from nuonuo.encoding.embedders.base import FloatArray
from nuonuo.errors import InvalidInputError, MissingDependencyError
from nuonuo.evaluation.clock import ExactSearch
from nuonuo.evaluation.systems.base import need


class VectorStore(Protocol):
    """Something that holds unit vectors and finds those nearest to another one.

    Args:
        dimension: d. folder: for what it writes. threads: to compute with, where that can be told.
    """

    name: str

    def __init__(self, dimension: int, folder: Path, threads: int) -> None: ...

    def add(self, first: int, vectors: FloatArray, texts: Sequence[str]) -> None:
        """Store ``vectors`` (n, d) with their ``texts``, as the numbers from ``first`` on."""
        ...

    def nearest(self, query: FloatArray, k: int) -> list[int]:
        """The numbers of the ``k`` nearest to ``query`` (d,), nearest first."""
        ...


class Exact:
    """One float32 matrix product, and the choice of the best: what all are held against."""

    name = "exact, NumPy"

    def __init__(self, dimension: int, folder: Path, threads: int) -> None:
        self._parts: list[FloatArray] = []
        self._search: ExactSearch | None = None

    def add(self, first: int, vectors: FloatArray, texts: Sequence[str]) -> None:
        self._parts.append(vectors.copy())
        self._search = None

    def nearest(self, query: FloatArray, k: int) -> list[int]:
        if self._search is None:
            self._parts = [np.concatenate(self._parts)]
            self._search = ExactSearch(self._parts[0])
        found: list[int] = self._search.nearest(query, k).tolist()
        return found


class FaissFlat:
    name = "FAISS flat"

    def __init__(self, dimension: int, folder: Path, threads: int) -> None:
        need("faiss", "faiss-cpu")
        import faiss

        faiss.omp_set_num_threads(threads)
        self._index = self._made(faiss, dimension)

    def _made(self, faiss: Any, dimension: int) -> Any:
        return faiss.IndexFlatIP(dimension)

    def add(self, first: int, vectors: FloatArray, texts: Sequence[str]) -> None:
        self._index.add(vectors)

    def nearest(self, query: FloatArray, k: int) -> list[int]:
        found: list[int] = self._index.search(query[None, :], k)[1][0].tolist()
        return found


class FaissHnsw(FaissFlat):
    name = "FAISS HNSW"

    def _made(self, faiss: Any, dimension: int) -> Any:
        return faiss.IndexHNSWFlat(dimension, 32, faiss.METRIC_INNER_PRODUCT)


class Usearch:
    name = "usearch"

    def __init__(self, dimension: int, folder: Path, threads: int) -> None:
        need("usearch", "usearch")
        from usearch.index import Index

        self._index = Index(ndim=dimension, metric="cos", dtype="f32")
        self._threads = threads

    def add(self, first: int, vectors: FloatArray, texts: Sequence[str]) -> None:
        self._index.add(np.arange(first, first + len(vectors)), vectors, threads=self._threads)

    def nearest(self, query: FloatArray, k: int) -> list[int]:
        found: list[int] = self._index.search(query, k, threads=self._threads).keys.tolist()
        return found


class Chroma:
    name = "Chroma"

    def __init__(self, dimension: int, folder: Path, threads: int) -> None:
        need("chromadb", "chromadb")
        import chromadb

        settings = chromadb.Settings(anonymized_telemetry=False)  # a benchmark tells nobody what it stores
        client = chromadb.PersistentClient(str(folder), settings=settings)
        self._collection = client.create_collection(
            "memories",
            configuration={"hnsw": {"space": "cosine", "num_threads": threads}},
            embedding_function=None,
        )

    def add(self, first: int, vectors: FloatArray, texts: Sequence[str]) -> None:
        ids = [str(number) for number in range(first, first + len(vectors))]
        self._collection.add(ids=ids, embeddings=vectors, documents=list(texts))

    def nearest(self, query: FloatArray, k: int) -> list[int]:
        found = self._collection.query(query_embeddings=[query], n_results=k)
        return [int(number) for number in found["ids"][0]]


class LanceDB:
    name = "LanceDB"

    def __init__(self, dimension: int, folder: Path, threads: int) -> None:
        need("lancedb", "lancedb")
        import lancedb
        import pyarrow

        vector = pyarrow.list_(pyarrow.float32(), dimension)
        self._schema = pyarrow.schema(
            [("number", pyarrow.int64()), ("vector", vector), ("text", pyarrow.string())]
        )
        self._table = lancedb.connect(str(folder)).create_table("memories", schema=self._schema)

    def add(self, first: int, vectors: FloatArray, texts: Sequence[str]) -> None:
        import pyarrow

        rows = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(vectors.ravel()), vectors.shape[1])
        numbers = pyarrow.array(range(first, first + len(vectors)))
        columns = [numbers, rows, pyarrow.array(list(texts))]
        self._table.add(pyarrow.Table.from_arrays(columns, schema=self._schema))

    def nearest(self, query: FloatArray, k: int) -> list[int]:
        search = self._table.search(query).distance_type("cosine").limit(k).select(["number"])
        found: list[int] = search.to_arrow()["number"].to_pylist()
        return found


class SqliteVec:
    """Through `sqlite3` where Python's loads extensions, else through apsw."""

    name = "sqlite-vec"

    def __init__(self, dimension: int, folder: Path, threads: int) -> None:
        need("sqlite_vec", "sqlite-vec")
        import sqlite_vec

        self._db = _connection(str(folder / "vectors.db"))
        self._db.enable_load_extension(True)
        self._db.load_extension(sqlite_vec.loadable_path())
        self._db.execute(
            "CREATE VIRTUAL TABLE memories USING vec0"
            f"(vector FLOAT[{dimension}] DISTANCE_METRIC=cosine, +text TEXT)"
        )

    def add(self, first: int, vectors: FloatArray, texts: Sequence[str]) -> None:
        rows = [
            (first + at, vector.tobytes(), text)
            for at, (vector, text) in enumerate(zip(vectors, texts, strict=True))
        ]
        self._db.execute("BEGIN")
        self._db.cursor().executemany("INSERT INTO memories (rowid, vector, text) VALUES (?, ?, ?)", rows)
        self._db.execute("COMMIT")

    def nearest(self, query: FloatArray, k: int) -> list[int]:
        asked = "SELECT rowid FROM memories WHERE vector MATCH ? AND k = ? ORDER BY distance"
        return [number for (number,) in self._db.execute(asked, (query.tobytes(), k))]


class LangChainInMemory:
    name = "LangChain InMemoryVectorStore"

    def __init__(self, dimension: int, folder: Path, threads: int) -> None:
        need("langchain_core", "langchain-core")
        from langchain_core.embeddings import Embeddings
        from langchain_core.vectorstores import InMemoryVectorStore

        class Handed(Embeddings):
            vectors: FloatArray

            def embed_documents(self, texts: list[str]) -> list[list[float]]:
                found: list[list[float]] = self.vectors.tolist()
                return found

            def embed_query(self, text: str) -> list[float]:
                raise InvalidInputError("vectors are asked with, not texts")

        self._embeddings = Handed()
        self._store = InMemoryVectorStore(self._embeddings)

    def add(self, first: int, vectors: FloatArray, texts: Sequence[str]) -> None:
        self._embeddings.vectors = vectors
        self._store.add_texts(list(texts), ids=[str(first + at) for at in range(len(vectors))])

    def nearest(self, query: FloatArray, k: int) -> list[int]:
        found = self._store.similarity_search_by_vector(query.tolist(), k)
        return [int(str(document.id)) for document in found]


def _connection(path: str) -> Any:
    import sqlite3

    if hasattr(sqlite3.Connection, "enable_load_extension"):
        return sqlite3.connect(path, isolation_level=None)
    try:
        import apsw
    except ImportError as error:
        raise MissingDependencyError(
            "this Python's sqlite3 loads no extensions, which sqlite-vec is: pip install apsw"
        ) from error
    return apsw.Connection(path)


VECTOR_STORES: dict[str, Callable[[int, Path, int], VectorStore]] = {
    "exact": Exact,
    "faiss-flat": FaissFlat,
    "faiss-hnsw": FaissHnsw,
    "usearch": Usearch,
    "chroma": Chroma,
    "lancedb": LanceDB,
    "sqlite-vec": SqliteVec,
    "langchain": LangChainInMemory,
}


def check_vector_stores(names: Sequence[str]) -> None:
    """Raise `InvalidInputError` for a name that is none of `VECTOR_STORES`."""
    unknown = [name for name in names if name not in VECTOR_STORES]
    if unknown:
        raise InvalidInputError(f"there is no system {unknown[0]!r}; there are {', '.join(VECTOR_STORES)}")
