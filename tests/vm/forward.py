"""Carries one connection of the guest to a port on the host's loopback: forward.py PORT.

QEMU starts one for each connection to a forwarded port; standard input is the guest's end.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys

PIECE_BYTES = 65536


def main() -> None:
    guest = socket.socket(fileno=os.dup(0))
    with (
        guest,
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as host,
    ):
        ends = {guest: host, host: guest}
        while ends:
            for readable in select.select(list(ends), [], [])[0]:
                data = readable.recv(PIECE_BYTES)
                if data:
                    ends[readable].sendall(data)
                else:
                    return


if __name__ == "__main__":
    main()
