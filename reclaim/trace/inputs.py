"""Input files as bytes, whether plain, gzip or zstd; a file that ends early is one clear error."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from reclaim.errors import TraceError, located

CHUNK_BYTES = 1 << 22
HEAD_BYTES = 4096

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


class _Decompressor(Protocol):
    """One compressed member or frame."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /) -> bytes: ...


def read_chunks(path: str | Path, chunk_bytes: int = CHUNK_BYTES) -> Iterator[bytes]:
    """Yield a file's content in pieces, decompressed if it begins as gzip or zstd does.

    Parameters
    ----------
    path : str or Path
        The file.
    chunk_bytes : int
        Bytes read from disk at a time.

    Raises
    ------
    TraceError
        If it cannot be read, or its compressed data is cut off or damaged.
    """
    try:
        with Path(path).open("rb") as file:
            chunk = file.read(chunk_bytes)
            kind = _compression(chunk)
            if kind is None:
                while chunk:
                    yield chunk
                    chunk = file.read(chunk_bytes)
                return
            member = _decompressor(kind)
            fresh = False
            while chunk:
                while chunk:
                    if member.eof:
                        member = _decompressor(kind)
                    data = member.decompress(chunk)
                    fresh = not member.eof
                    if data:
                        yield data
                    chunk = member.unused_data if member.eof else b""
                chunk = file.read(chunk_bytes)
            if fresh:
                raise TraceError(
                    located(
                        path, None, f"the {kind} data is cut off; fetch or make the file again."
                    )
                )
    except OSError as error:
        raise TraceError(located(path, None, f"cannot read it: {error.strerror}.")) from None
    except _damage() as error:
        raise TraceError(located(path, None, f"damaged compressed data: {error}.")) from None


def read_all(path: str | Path) -> bytes:
    """Return a file's whole content, decompressed."""
    return b"".join(read_chunks(path))


def read_head(path: str | Path) -> bytes:
    """Return the first 4096 bytes of a file's content, decompressed; empty for a folder."""
    if Path(path).is_dir():
        return b""
    head = b""
    for chunk in read_chunks(path, chunk_bytes=1 << 16):
        head += chunk
        if len(head) >= HEAD_BYTES:
            break
    return head[:HEAD_BYTES]


def plain_suffix(path: str | Path) -> str:
    """Return the suffix of a name without ``.gz`` or ``.zst``, in small letters."""
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    if suffixes and suffixes[-1] in (".gz", ".zst"):
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _compression(head: bytes) -> str | None:
    if head.startswith(GZIP_MAGIC):
        return "gzip"
    return "zstd" if head.startswith(ZSTD_MAGIC) else None


def _decompressor(kind: str) -> _Decompressor:
    if kind == "gzip":
        return zlib.decompressobj(wbits=31)
    import zstandard

    return zstandard.ZstdDecompressor().decompressobj()


def _damage() -> tuple[type[Exception], ...]:
    import zstandard

    return zlib.error, zstandard.ZstdError
