"""Every error that NuoNuo raises on purpose, in one tree under `NuonuoError`.

    NuonuoError
    ├── InvalidInputError (ValueError)      what was passed cannot be used
    ├── InvalidTypeError (TypeError)        what was passed has the wrong type
    ├── UnknownMemoryError (KeyError)       an id that is not stored
    ├── EmbeddingError (ValueError)         an embedder gave NaN, infinity or the wrong shape
    ├── MissingDependencyError (ImportError) an optional package is not installed
    ├── FileError (OSError)                 an export cannot be written or read
    └── StoreError
        ├── StoreClosedError                the memory was closed
        ├── StoreUnavailableError           the database cannot be reached
        ├── StoreGoneError                  the file was removed or replaced while it was open
        ├── NotAStoreError                  the file is no NuoNuo database
        ├── SchemaVersionError              the file was written by a newer NuoNuo
        ├── EmbedderMismatchError           the file holds another embedder's vectors
        ├── ReadOnlyStoreError              the file cannot be written
        └── StoreFullError                  the disk is full

Each message says what came, what was expected and what to do.
"""

from __future__ import annotations


class NuonuoError(Exception):
    """The root of every error that NuoNuo raises on purpose."""


class InvalidInputError(NuonuoError, ValueError):
    """A value that cannot be used: empty text, ``k < 1``, a filter with an unknown operator."""


class InvalidTypeError(NuonuoError, TypeError):
    """A value of the wrong type, such as a number where a text is expected."""


class UnknownMemoryError(NuonuoError, KeyError):
    """An id that names no stored memory in the namespace asked."""

    def __str__(self) -> str:  # KeyError would print the repr of the message
        return str(self.args[0]) if self.args else ""


class EmbeddingError(NuonuoError, ValueError):
    """An embedder returned NaN, infinity, or vectors of another shape than it promised."""


class MissingDependencyError(NuonuoError, ImportError):
    """An optional package is not installed; the message carries the pip line."""


class FileError(NuonuoError, OSError):
    """A file beside the store (an export, a model) cannot be written or read; an old one stays as it was."""


class StoreError(NuonuoError):
    """The store could not do what was asked; nothing of the call was written."""


class StoreClosedError(StoreError):
    """The memory was used after `close`."""


class StoreUnavailableError(StoreError):
    """The database did not answer, or let nobody in; where it is not known whether it wrote, it says so."""


class StoreGoneError(StoreError):
    """The file was removed or replaced while it was open; what is written now would not last."""


class NotAStoreError(StoreError):
    """The file is not a NuoNuo database, or it is damaged."""


class SchemaVersionError(StoreError):
    """The file was written by a newer version of NuoNuo."""


class EmbedderMismatchError(StoreError):
    """The file holds vectors of another embedder or dimension; nothing was changed."""


class ReadOnlyStoreError(StoreError):
    """The file or its folder cannot be written."""


class StoreFullError(StoreError):
    """The disk is full; the write was rolled back."""
