#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# usage: vnc.py PORT OUT.png
#
# What a VNC viewer of 127.0.0.1:PORT sees, as a picture: all that is drawn within ten seconds after the
# screen has more than one colour. Fails if that does not happen within a minute.

import os
import select
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pictures  # noqa: E402

# 32 bits a pixel, little endian, red at bit 16.
FORMAT = struct.pack(">BBBBHHHBBBxxx", 32, 24, 0, 1, 255, 255, 255, 16, 8, 0)


class Server:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 60)
        version = self.read(12)
        if not version.startswith(b"RFB 003."):
            pictures.fail(f"not a VNC server: {version!r}")
        self.socket.sendall(b"RFB 003.008\n")
        kinds = self.read(self.read(1)[0])
        if 1 not in kinds:
            pictures.fail(f"the server wants a password: {list(kinds)}")
        self.socket.sendall(b"\1")
        if self.number(">I") != 0:
            pictures.fail("the server refuses")
        self.socket.sendall(b"\1")
        self.width, self.height = self.numbers(">HH")
        self.read(16)
        self.name = self.read(self.number(">I")).decode()
        self.socket.sendall(b"\0\0\0\0" + FORMAT + struct.pack(">BxHi", 2, 1, 0))
        self.rows = [bytearray(self.width * 4) for _ in range(self.height)]

    def read(self, count):
        data = bytearray()
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                pictures.fail("the server hangs up")
            data += part
        return bytes(data)

    def numbers(self, layout):
        return struct.unpack(layout, self.read(struct.calcsize(layout)))

    def number(self, layout):
        return self.numbers(layout)[0]

    def request(self, changes):
        self.socket.sendall(struct.pack(">BBHHHH", 3, changes, 0, 0, self.width, self.height))

    def update(self):
        """Takes one message; true if it was of the picture."""
        kind = self.read(1)[0]
        if kind == 2:
            return False
        if kind == 3:
            self.read(3)
            self.read(self.number(">I"))
            return False
        if kind != 0:
            pictures.fail(f"message {kind} is not known")
        for _ in range(self.numbers(">xH")[0]):
            x, y, width, height, encoding = self.numbers(">HHHHi")
            if encoding != 0:
                pictures.fail(f"encoding {encoding} was not asked for")
            for row in range(y, y + height):
                self.rows[row][x * 4:(x + width) * 4] = self.read(width * 4)
        return True

    def wait(self, seconds):
        """Takes messages until one is of the picture; false if none comes in time."""
        if not select.select([self.socket], [], [], seconds)[0]:
            return False
        while not self.update():
            pass
        return True


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: vnc.py PORT OUT.png")
    server = Server(int(sys.argv[1]))
    server.request(0)
    if not server.wait(60):
        pictures.fail("the server sends no picture")
    # A compositor begins to draw when somebody looks.
    end, drawn = time.monotonic() + 60, False
    while time.monotonic() < end:
        server.request(1)
        server.wait(max(end - time.monotonic(), 0.1))
        if not drawn and any(row != server.rows[0] for row in server.rows):
            end, drawn = time.monotonic() + 10, True
    rows = []
    for row in server.rows:
        row[0::4], row[2::4] = row[2::4], row[0::4]
        rows.append(bytes(pictures.opaque(row)))
    colours = {row[i:i + 3] for row in rows for i in range(0, len(row), 3)}
    if len(colours) < 2:
        pictures.fail("the screen has one colour only")
    pictures.write_png(sys.argv[2], server.width, server.height, rows)
    print(f"{server.name}: {server.width}x{server.height} pixels, {len(colours)} colours")


main()
