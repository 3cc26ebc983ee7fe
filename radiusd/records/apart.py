"""
Read a file of records in a process of its own, ``python -m radiusd.records.apart``.

Reading takes a sixth to a half of what an import does in Python. The importer is told over a pipe, in frames:
four octets of length, and MessagePack. The pipe holds the reader back when it is ahead, and ends it when the
importer has gone.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import IO, BinaryIO

import msgspec

from radiusd.errors import BadInput, NotDurable
from radiusd.records.batches import Batch, Reading

LEAST_OCTETS = 1 << 20
"""Of a smaller file less is won than a process costs to start."""

COMMAND = (sys.executable, "-P", "-m", "radiusd.records.apart")
AHEAD_OCTETS = 1 << 20
"""How far the reader may be ahead, beside what the pipe holds."""

_LENGTH_OCTETS = 4


class Refused(msgspec.Struct, tag=True):
    """The file cannot be read on, and why."""

    reason: str


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Batch | Refused).decode
_read_reading = msgspec.msgpack.Decoder(Reading).decode


async def read_batches(reading: Reading) -> AsyncGenerator[Batch]:
    """
    Yield the batches of a file, read apart when that is worth it; others go on meanwhile.

    Raises:
        BadInput: It cannot be read on.
        NotDurable: The process that reads was killed.
    """
    if not _is_worth_it(reading.path):
        for batch in reading.batches():
            if batch is None:
                await asyncio.sleep(0)
            else:
                yield batch
        return
    # In a session of its own: Ctrl-C is ours to answer.
    child = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    assert child.stdin is not None and child.stdout is not None
    try:
        with suppress(BrokenPipeError), child.stdin:
            child.stdin.write(_encode(reading))
        async with aclosing(_batches_of(child.stdout)) as batches:
            async for batch in batches:
                yield batch
    except asyncio.IncompleteReadError as error:
        ended = child.wait()
        if ended < 0:
            raise NotDurable(
                f"{reading.path}: the process that reads it was ended by signal {-ended} (out of memory?)."
                " What is booked stays; import the file again"
            ) from error
        raise RuntimeError(f"{reading.path}: the process that reads it failed; see above") from error
    finally:
        child.kill()
        child.wait()


def _is_worth_it(path: str) -> bool:
    return len(os.sched_getaffinity(0)) > 1 and Path(path).stat().st_size >= LEAST_OCTETS


async def _batches_of(pipe: IO[bytes]) -> AsyncGenerator[Batch]:
    frames = asyncio.StreamReader(limit=AHEAD_OCTETS)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(frames), pipe
    )
    is_last = False
    try:
        while not is_last:
            length = int.from_bytes(await frames.readexactly(_LENGTH_OCTETS))
            told = _decode(await frames.readexactly(length))
            if isinstance(told, Refused):
                raise BadInput(told.reason)
            yield told
            is_last = told.is_last
    finally:
        transport.close()


def main() -> None:
    """Read the file that standard input tells of, to standard output."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # the importer has gone
    reading = _read_reading(sys.stdin.buffer.read())
    out = sys.stdout.buffer
    try:
        for batch in reading.batches():
            if batch is not None:
                _tell(out, batch)
    except BadInput as error:
        _tell(out, Refused(str(error)))


def _tell(out: BinaryIO, told: Batch | Refused) -> None:
    octets = _encode(told)
    out.write(len(octets).to_bytes(_LENGTH_OCTETS) + octets)
    out.flush()


if __name__ == "__main__":
    main()
