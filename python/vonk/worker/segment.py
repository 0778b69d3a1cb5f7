"""Memory that a worker and the server share: messages' bodies lie in it, and only their heads go through the socket.

An anonymous file with a page of flags and two rows of slots, one a direction. The worker copies what comes out of
its slots at once, whatever the user's code keeps of it. A slot that leads to the server has a flag: the worker sets it,
the server clears it when it has read the slot. `crates/python/src/segment.rs` is the other side, and says why.
"""

import mmap
import os

_FLAGS = 4096
SLOTS = 4
# A message of frames that came together is half as long, unless its last frame is a large one.
SLOT_BYTES = 1 << 20


class Segment:
    def __init__(self):
        size = _FLAGS + 2 * SLOTS * SLOT_BYTES
        fd = os.memfd_create("vonk-worker")
        os.ftruncate(fd, size)
        self._map = memoryview(mmap.mmap(fd, size))
        self._next = 0
        self.described = {"fd": fd, "slots": SLOTS, "slot_bytes": SLOT_BYTES}

    def opened(self):
        """The server has opened the file: the map suffices here."""
        os.close(self.described["fd"])

    def read(self, slot, into):
        """Copies what lies in a slot that leads here."""
        start = _FLAGS + slot * SLOT_BYTES
        into[:] = self._map[start : start + len(into)]

    def write(self, pieces, total):
        """Puts a message into the next slot that leads to the server; None when it is full, or too small."""
        slot = self._next
        if total > SLOT_BYTES or self._map[slot]:
            return None
        at = _FLAGS + (SLOTS + slot) * SLOT_BYTES
        for piece in pieces:
            self._map[at : at + len(piece)] = piece
            at += len(piece)
        self._map[slot] = 1
        self._next = (slot + 1) % SLOTS
        return slot


def made():
    """The segment of this process; None where the system has no such files."""
    try:
        return Segment()
    except (AttributeError, OSError):
        return None
