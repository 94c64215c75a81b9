"""Reads an answer's body under two caps: what comes over the wire, and what it unpacks to."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator

from agents.errors import FetchFailed

BOMB_RATIO = 60


async def read_body(
    chunks: AsyncIterator[bytes], *, encoding: str, wire: int, unpacked: int, address: str
) -> tuple[bytes, bool]:
    """The body, and whether it was cut at a cap.

    Raises:
        FetchFailed: an encoding that was not asked for, broken compression, or a body that unpacks beyond measure.
    """
    encoding = encoding.strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip"):
        raise FetchFailed(f"{address} came in the encoding {encoding!r}, which was not asked for.", address=address)
    inflate = zlib.decompressobj(16 + zlib.MAX_WBITS) if "gzip" in encoding else None
    received, body = 0, bytearray()
    try:
        async for chunk in chunks:
            received += len(chunk)
            if inflate is None:
                body += chunk
            else:
                body += inflate.decompress(chunk, max(1, unpacked + 1 - len(body)))
            if len(body) > unpacked:
                if inflate is not None and len(body) > (received - len(inflate.unconsumed_tail)) * BOMB_RATIO:
                    raise FetchFailed(
                        f"{address} unpacks to more than {BOMB_RATIO} times its size; it was not read.",
                        address=address,
                        received=received,
                    )
                return bytes(body[:unpacked]), True
            if received > wire:
                return bytes(body), True
    except zlib.error as error:
        raise FetchFailed(
            f"{address} is compressed in a way that does not unpack: {error}.", address=address
        ) from error
    return bytes(body), inflate is not None and not inflate.eof and received > 0
