"""Frames between processes: u32 LE header bytes | u64 LE payload bytes | header, a JSON object in UTF-8 | payload, raw bytes."""

from __future__ import annotations

import os
import struct
from typing import BinaryIO, Iterable, Optional, Tuple

PREFIX = "<IQ"
PREFIX_BYTES = struct.calcsize(PREFIX)
MAX_HEADER_BYTES = 64 << 20
# Parts of one system call: IOV_MAX is 1024 on Linux and macOS.
MAX_PARTS = 512


class FrameError(Exception):
    """What came is no frame, or ends inside one."""


def read_frame(stream: BinaryIO) -> Optional[Tuple[bytes, memoryview]]:
    """The next frame's header and payload, or None where the stream ends between frames. `stream` may be buffered; its readinto may read less."""
    prefix = bytearray(PREFIX_BYTES)
    got = _fill(stream, memoryview(prefix))
    if got == 0:
        return None
    if got < len(prefix):
        raise FrameError(f"The stream ended inside the prefix of a frame. Got {got} of {len(prefix)} bytes.")
    header_bytes, payload_bytes = struct.unpack(PREFIX, prefix)
    if header_bytes > MAX_HEADER_BYTES:
        raise FrameError(f"The header of a frame has at most {MAX_HEADER_BYTES} bytes. Got {header_bytes}: this is no frame.")
    return bytes(_whole(stream, header_bytes, "header")), _whole(stream, payload_bytes, "payload")


def write_frame(fd: int, header: bytes, payload: Iterable[memoryview] = ()) -> None:
    """Blocks until all is written. Raises BrokenPipeError where nobody reads."""
    if len(header) > MAX_HEADER_BYTES:
        raise FrameError(f"The header of a frame has at most {MAX_HEADER_BYTES} bytes. Got {len(header)}. Send it as the payload.")
    views = [view for view in (memoryview(part).cast("B") for part in payload) if len(view)]
    parts = [memoryview(struct.pack(PREFIX, len(header), sum(map(len, views))) + header), *views]
    while parts:
        written = os.writev(fd, parts[:MAX_PARTS])
        while parts and written >= len(parts[0]):
            written -= len(parts.pop(0))
        if written:
            parts[0] = parts[0][written:]


def _whole(stream: BinaryIO, size: int, name: str) -> memoryview:
    view = memoryview(bytearray(size))
    got = _fill(stream, view)
    if got < size:
        raise FrameError(f"The stream ended inside the {name} of a frame. Got {got} of {size} bytes.")
    return view


def _fill(stream: BinaryIO, view: memoryview) -> int:
    got = 0
    while got < len(view):
        count = stream.readinto(view[got:])
        if not count:
            break
        got += count
    return got
