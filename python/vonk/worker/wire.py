"""Messages between the server and its workers.

A message is a kind, a number of parts, their lengths, and the parts, each on a multiple of 64 bytes
(little endian: u32, u32, u64 a length). Part 0 of most kinds is JSON. In place of the parts there may be the slot of
the shared segment that they lie in; the upper half of a kind counts the messages that the worker has taken out of
their slots since it last told. `crates/python/src/wire.rs` is the other side.
"""

import json
import os
import socket
import struct

# Server to worker.
TASK, FRAME, END, CALL, FORK, KILL = 1, 2, 3, 4, 5, 6
# Worker to server.
HELLO, BATCH, ERROR, DONE, REPLY, EXIT, _TAKEN = 10, 11, 12, 13, 14, 15, 16
# The parts lie in a slot; of a task: the server has opened the segment.
_SHARED, _OPENED, _KIND = 0x100, 0x200, 0xFF

_HEAD = struct.Struct("<II")
_ALIGN = 64
_PAD = bytes(_ALIGN)
# Most parts of one message: a task's functions are parts.
_MAX_PARTS = 1 << 20
# What the kernel may hold of what was sent: whole batches go without waiting for the other side.
_SEND_BYTES = 4 << 20


def _padded(n):
    return (n + _ALIGN - 1) & -_ALIGN


class Closed(Exception):
    """The server is gone."""


class Channel:
    """A connected socket that carries messages. `allocate` gives the memory of what is read."""

    def __init__(self, sock, allocate=bytearray, segment=None):
        self._sock = sock
        self._allocate = allocate
        self._owner = os.getpid()
        self._segment, self._opened, self._taken = segment, False, 0

    def fileno(self):
        return self._sock.fileno()

    def close(self):
        self._sock.close()

    def _check_owner(self):
        """A process that the user's code forked has no part in the conversation."""
        if os.getpid() != self._owner:
            raise Closed()

    def _fill(self, view):
        self._check_owner()
        at, end = 0, len(view)
        while at < end:
            try:
                n = self._sock.recv_into(view[at:], end - at, socket.MSG_WAITALL)
            except ConnectionResetError:
                n = 0
            if n == 0:
                raise Closed()
            at += n

    def read(self):
        """The next message: its kind and its parts."""
        if self._taken:
            self.write(_TAKEN)
        head = bytearray(_HEAD.size)
        self._fill(memoryview(head))
        kind, count = _HEAD.unpack(head)
        if count > _MAX_PARTS:
            raise Closed()
        if kind & _OPENED and not self._opened:
            self._segment.opened()
            self._opened = True
        if count == 0:
            return kind & _KIND, []
        numbers = count + bool(kind & _SHARED)
        lengths = bytearray(8 * numbers)
        self._fill(memoryview(lengths))
        lengths = struct.unpack(f"<{numbers}Q", lengths)
        if kind & _SHARED:
            *lengths, slot = lengths
        total = sum(map(_padded, lengths))
        buffer = self._allocate(total)
        if kind & _SHARED:
            self._segment.read(slot, memoryview(buffer).cast("B"))
            self._taken += 1
        else:
            self._fill(memoryview(buffer).cast("B"))
        kind &= _KIND
        parts, at = [], 0
        for n in lengths:
            parts.append(buffer[at : at + n])
            at += _padded(n)
        return kind, parts

    def write(self, kind, parts=()):
        """Sends a message; parts are bytes or buffers."""
        self._check_owner()
        views = [memoryview(p).cast("B") if len(p) else b"" for p in parts]
        lengths = list(map(len, views))
        pieces = []
        for view in views:
            pieces.append(view)
            pad = -len(view) % _ALIGN
            if pad:
                pieces.append(_PAD[:pad])
        kind |= self._taken << 16
        self._taken = 0
        slot = self._segment.write(pieces, sum(map(len, pieces))) if self._opened and views else None
        if slot is not None:
            kind, lengths, pieces = kind | _SHARED, [*lengths, slot], []
        head = _HEAD.pack(kind, len(views)) + struct.pack(f"<{len(lengths)}Q", *lengths)
        self._send([head, *pieces])

    def _send(self, pieces):
        """All pieces, with as few calls of the kernel as it takes."""
        pieces = [memoryview(p) for p in pieces if len(p)]
        at = 0
        try:
            while at < len(pieces):
                n = self._sock.sendmsg(pieces[at : at + 512])
                while at < len(pieces) and n >= len(pieces[at]):
                    n -= len(pieces[at])
                    at += 1
                if n:
                    pieces[at] = pieces[at][n:]
        except (BrokenPipeError, ConnectionResetError):
            raise Closed() from None

    def write_json(self, kind, value, blobs=()):
        self.write(kind, [json.dumps(value).encode(), *blobs])


def connect(path, allocate, segment=None):
    """A channel to the server's socket."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BYTES)
    sock.connect(path)
    return Channel(sock, allocate, segment)
