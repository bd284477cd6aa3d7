"""Checksums of what a store keeps: one flipped bit on a disk is noticed when it is read, not believed."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable

from nuonuo.errors import NotAStoreError

_SUM = struct.Struct("<I")
SIZE = _SUM.size


class Sums:
    """CRC-32 of payloads, begun with a store's salt; 0 stands for none, which older versions wrote.

    Args:
        salt: of the store.
    """

    def __init__(self, salt: bytes) -> None:
        self._start = zlib.crc32(salt)

    def of(self, payload: bytes) -> bytes:
        """The sum of ``payload``, `SIZE` bytes."""
        return _SUM.pack(zlib.crc32(payload, self._start) or 1)

    def hold(self, body: bytes, at: int) -> bool:
        """Whether the payload from byte ``at`` to the end of ``body`` has the sum at its beginning."""
        (told,) = _SUM.unpack_from(body)
        return not told or told == (zlib.crc32(body[at:], self._start) or 1)

    def check(self, bodies: Iterable[bytes], at: int) -> None:
        """Raise `NotAStoreError` unless each of ``bodies`` holds."""
        for body in bodies:
            if not isinstance(body, bytes) or len(body) < at or not self.hold(body, at):
                raise NotAStoreError(
                    "what is stored of a memory is not what was written (its checksum differs): a disk or a "
                    "copy is damaged; `nuonuo doctor` says which memories, a backup has them whole"
                )
