"""Winner-take-all over a projection that was learned, with the interface of the engine's own separation.

`nuonuo bench separator` learns the weights and writes them; `AssociativeMemory` takes what `load` reads as
its ``separator``.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from nuonuo.errors import FileError, InvalidInputError, InvalidTypeError

FloatArray = npt.NDArray[np.float32]
CodeArray = npt.NDArray[np.int32]

CHUNK = 512  # vectors projected at a time


class LearnedProjection:
    """Codes of the ``n_active`` units that a vector, less ``centre``, drives hardest through ``weights``.

    Of equally driven units the lower wins. Unlike `nuonuo.associative.separation.WinnerTakeAll` it sums in
    floating point, so that codes may differ in a unit from one machine to another.

    Args:
        weights: W, a row a unit. rule: by which they were learned. centre: zero where None.

    Shapes:
        weights: (n, d) float. centre: (d,) float.

    Raises:
        InvalidInputError: a shape, a value that is not finite, or n_active outside [1, n].
    """

    def __init__(
        self, weights: FloatArray, n_active: int, rule: str, centre: FloatArray | None = None
    ) -> None:
        weights = np.ascontiguousarray(weights, np.float32)
        if weights.ndim != 2 or not weights.size:
            raise InvalidInputError(f"weights must have shape (n, d), n and d >= 1, got {weights.shape}")
        if not 1 <= n_active <= len(weights):
            raise InvalidInputError(f"n_active must be in [1, n_units = {len(weights)}], got {n_active}")
        given = np.zeros(weights.shape[1]) if centre is None else centre
        self.centre: FloatArray = np.asarray(given, np.float32)
        if self.centre.shape != weights.shape[1:]:
            raise InvalidInputError(f"centre must have shape {weights.shape[1:]}, got {self.centre.shape}")
        if not (np.isfinite(weights).all() and np.isfinite(self.centre).all()):
            raise InvalidInputError("weights and centre must be finite, got NaN or infinity; lower the rate")
        self.weights: FloatArray = weights
        self.n_active = n_active
        self.rule = rule

    @property
    def dimension(self) -> int:
        """d, the numbers of a vector."""
        return int(self.weights.shape[1])

    @property
    def n_units(self) -> int:
        """n, the units of which each code has ``n_active``."""
        return len(self.weights)

    def encode(self, vectors: npt.ArrayLike) -> CodeArray:
        """The codes of vectors (B, d): (B, n_active) int32, the active units of each, ascending.

        Raises:
            InvalidInputError: another shape, NaN or infinity. InvalidTypeError: not numbers.
        """
        given = np.asarray(vectors)
        if given.dtype.kind not in "fiu":
            raise InvalidTypeError(f"vectors must be real numbers, got dtype {given.dtype}")
        if given.ndim != 2 or given.shape[1] != self.dimension:
            raise InvalidInputError(f"vectors must have shape (B, {self.dimension}), got {given.shape}")
        rows = given.astype(np.float32)
        if not np.isfinite(rows).all():
            raise InvalidInputError("vectors must be finite, got NaN or infinity; check the embedder")
        codes = np.empty((len(rows), self.n_active), np.int32)
        for start in range(0, len(rows), CHUNK):
            part = slice(start, start + CHUNK)
            drive = (rows[part] - self.centre) @ self.weights.T
            codes[part] = strongest(np.asarray(drive, np.float32), self.n_active)
        return codes

    def describe(self) -> str:
        """``"learned:{rule}:{n_units}:{n_active}:{first digits of the weights' sha256}"``."""
        digest = hashlib.sha256(self.weights.tobytes() + self.centre.tobytes()).hexdigest()[:16]
        return f"learned:{self.rule}:{self.n_units}:{self.n_active}:{digest}"

    def save(self, path: str | Path) -> None:
        """Write the weights to ``path``, an .npz file.

        Raises:
            FileError: it cannot be written.
        """
        target = Path(path).expanduser()
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                np.savez(
                    file, weights=self.weights, centre=self.centre, n_active=self.n_active, rule=self.rule
                )
        except OSError as error:
            raise FileError(f"the weights cannot be written to {str(path)!r}: {error}") from error

    @classmethod
    def load(cls, path: str | Path) -> LearnedProjection:
        """Read what `save` wrote.

        Raises:
            FileError: there is no such file, or it holds something else.
        """
        try:
            with np.load(Path(path).expanduser(), allow_pickle=False) as found:
                return cls(found["weights"], int(found["n_active"]), str(found["rule"]), found["centre"])
        except (OSError, KeyError, ValueError, EOFError, BadZipFile) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else "it is another file"
            raise FileError(
                f"{str(path)!r} holds no weights of a separator ({why}); write them with "
                "`nuonuo bench separator`"
            ) from error


def strongest(drive: npt.NDArray[np.floating], k: int) -> CodeArray:
    """The k units of greatest drive in each row, ascending; of equals the lower: (B, n) -> (B, k)."""
    n = drive.shape[1]
    edge = np.partition(drive, n - k, axis=1)[:, n - k, None]
    above = drive > edge
    tied = drive == edge
    room = k - above.sum(axis=1, keepdims=True)
    chosen = above | (tied & (np.cumsum(tied, axis=1) <= room))
    return np.nonzero(chosen)[1].reshape(len(drive), k).astype(np.int32)
