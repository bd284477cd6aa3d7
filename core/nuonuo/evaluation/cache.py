"""Embeddings kept on disk by content, so that a second benchmark run takes seconds."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from nuonuo.encoding.embedders import Embedder, Encoding
from nuonuo.evaluation.wrapper import Wrapper
from nuonuo.stores.schema import use_wal

Kind = Literal["document", "query"]
CHUNK = 512
_PATIENCE = 60.0  # seconds for other processes that write into the same file
REVISION = 2  # of what embedders make of a text; what an older one made is not read


def default_cache() -> Path:
    """Where embeddings are kept unless the user says otherwise: in the user's cache folder."""
    folder = os.environ.get("XDG_CACHE_HOME")
    return (Path(folder) if folder else Path.home() / ".cache") / "nuonuo" / "embeddings.db"


class CachedEmbedder(Wrapper):
    """An embedder that remembers on disk what it has embedded.

    Of a document's token vectors only the signs are kept (48 bytes a token at d = 384): token
    patterns are made of nothing else, so recall is the same. Of a query's they are kept as float16.

    Args:
        embedder: the embedder that does the work on a miss.
        path: an SQLite file, made where it does not exist.
        progress: called with the number of texts done after each chunk.
    """

    def __init__(
        self,
        embedder: Embedder,
        path: str | Path,
        *,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        super().__init__(embedder)
        self._progress = progress
        self._lock = threading.Lock()
        path = Path(path).expanduser()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=_PATIENCE)
        use_wal(self._db, _PATIENCE)
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS encodings "
            "(key BLOB PRIMARY KEY, vectors BLOB NOT NULL, tokens BLOB, spans BLOB) WITHOUT ROWID"
        )

    def encode_documents(self, texts: Sequence[str]) -> list[Encoding]:
        return list(self.iter_encode(texts, "document"))

    def encode_queries(self, texts: Sequence[str]) -> list[Encoding]:
        return list(self.iter_encode(texts, "query"))

    def iter_encode(self, texts: Sequence[str], kind: Kind) -> Iterator[Encoding]:
        """Yield encodings in order, computing in chunks what is not on disk yet."""
        for start in range(0, len(texts), CHUNK):
            part = texts[start : start + CHUNK]
            keys = [self._key(kind, text) for text in part]
            missing = list(
                dict.fromkeys(text for key, text in zip(keys, part, strict=True) if not self._has(key))
            )
            if missing:
                encode = (
                    self._embedder.encode_documents if kind == "document" else self._embedder.encode_queries
                )
                rows = [
                    (self._key(kind, text), *_pack(encoding, kind))
                    for text, encoding in zip(missing, encode(missing), strict=True)
                ]
                with self._lock:
                    self._db.execute("BEGIN IMMEDIATE")
                    self._db.executemany("INSERT OR IGNORE INTO encodings VALUES (?, ?, ?, ?)", rows)
                    self._db.execute("COMMIT")
            if self._progress is not None:
                self._progress(len(part))
            for key in keys:
                yield self._read(key, kind)

    def close(self) -> None:
        self._db.close()

    def _key(self, kind: Kind, text: str) -> bytes:
        return hashlib.sha256(
            f"{REVISION}\0{self.name}\0{kind}\0{text}".encode("utf-8", "surrogatepass")
        ).digest()

    def _has(self, key: bytes) -> bool:
        with self._lock:
            return self._db.execute("SELECT 1 FROM encodings WHERE key = ?", (key,)).fetchone() is not None

    def _read(self, key: bytes, kind: Kind) -> Encoding:
        with self._lock:
            vectors, tokens, spans = self._db.execute(
                "SELECT vectors, tokens, spans FROM encodings WHERE key = ?", (key,)
            ).fetchone()
        d = self.token_dimension
        unpacked = None
        if tokens is not None and d is not None:
            if kind == "document":
                bits = np.frombuffer(tokens, np.uint8).reshape(-1, (d + 7) // 8)
                unpacked = np.unpackbits(bits, axis=1, count=d).astype(np.float32) * 2 - 1
            else:
                unpacked = np.frombuffer(tokens, "<f2").reshape(-1, d).astype(np.float32)
        return Encoding(
            np.frombuffer(vectors, "<f4").reshape(-1, self.dimension),
            unpacked,
            None if spans is None else np.frombuffer(spans, "<i4").reshape(-1, 2),
        )


def _pack(encoding: Encoding, kind: Kind) -> tuple[bytes, bytes | None, bytes | None]:
    tokens = encoding.tokens
    packed = None
    if tokens is not None:
        packed = (
            np.packbits(tokens > 0, axis=1).tobytes()
            if kind == "document"
            else tokens.astype("<f2").tobytes()
        )
    spans = None if encoding.spans is None else encoding.spans.astype("<i4").tobytes()
    return encoding.vectors.astype("<f4").tobytes(), packed, spans
