#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# usage: pictures.py compare REFERENCE PICTURE [WITHIN [SHARE]]
#        pictures.py join OUT.png PICTURE…
#
# compare: says in one line how far two pictures differ. The exit status is 1 if they are not of one
# size, if more than SHARE percent of the pixels (default 0) differ by more than WITHIN (default 0) of
# 255 in a channel, or if the reference has only one colour: then nothing was drawn.
# join: puts pictures side by side, as a compressed PNG.
#
# Pictures are PNG files of 8 bits a channel, or PAM files with alpha, which is not looked at.

import struct
import sys
import zlib


def fail(message):
    sys.exit(f"pictures: {message}")


def read_pam(data, path):
    header, end, pixels = data.partition(b"ENDHDR\n")
    fields = dict(line.split(None, 1) for line in header.split(b"\n")[1:] if line)
    width, height = int(fields[b"WIDTH"]), int(fields[b"HEIGHT"])
    if not end or fields[b"DEPTH"] != b"4" or len(pixels) != width * height * 4:
        fail(f"{path}: not a picture with alpha")
    rows = [pixels[y * width * 4:(y + 1) * width * 4] for y in range(height)]
    return width, height, [opaque(row) for row in rows]


def opaque(row):
    """A row of four bytes a pixel without its alpha."""
    out = bytearray(len(row) // 4 * 3)
    for channel in range(3):
        out[channel::3] = row[channel::4]
    return out


def unfilter(kind, row, above, size):
    """Undoes a row's filter; size is that of a pixel."""
    if kind == 1:
        for i in range(size, len(row)):
            row[i] = (row[i] + row[i - size]) & 255
    elif kind == 2:
        for i, up in enumerate(above):
            row[i] = (row[i] + up) & 255
    elif kind == 3:
        for i, up in enumerate(above):
            left = row[i - size] if i >= size else 0
            row[i] = (row[i] + (left + up) // 2) & 255
    elif kind == 4:
        for i, up in enumerate(above):
            left = row[i - size] if i >= size else 0
            corner = above[i - size] if i >= size else 0
            guess = left + up - corner
            by_left, by_up, by_corner = abs(guess - left), abs(guess - up), abs(guess - corner)
            if by_left <= by_up and by_left <= by_corner:
                guess = left
            elif by_up <= by_corner:
                guess = up
            else:
                guess = corner
            row[i] = (row[i] + guess) & 255
    elif kind != 0:
        fail(f"a row with filter {kind}")
    return row


def read_png(data, path):
    at, parts, header = 8, [], None
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        if kind == b"IHDR":
            header = struct.unpack(">IIBBBBB", body)
        elif kind == b"IDAT":
            parts.append(body)
        at += 12 + length
    if not header:
        fail(f"{path}: no header")
    width, height, depth, colour, _, _, interlace = header
    if depth != 8 or colour not in (2, 6) or interlace:
        fail(f"{path}: not a PNG of 8 bits a channel, in rows")
    size = 3 if colour == 2 else 4
    pixels = zlib.decompress(b"".join(parts))
    rows, above = [], bytearray(width * size)
    for y in range(height):
        start = y * (width * size + 1)
        row = bytearray(pixels[start + 1:start + 1 + width * size])
        above = unfilter(pixels[start], row, above, size)
        rows.append(opaque(above) if size == 4 else above)
    return width, height, rows


def read(path):
    with open(path, "rb") as file:
        data = file.read()
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return read_png(data, path)
    if data.startswith(b"P7\n"):
        return read_pam(data, path)
    fail(f"{path}: neither PNG nor PAM")


def write_png(path, width, height, rows):
    """Each row has the filter that leaves the smallest numbers."""
    out, above = bytearray(), bytes(width * 3)
    for row in rows:
        left = bytes(3) + row[:-3]
        sub = bytes((a - b) & 255 for a, b in zip(row, left))
        up = bytes((a - b) & 255 for a, b in zip(row, above))
        kinds = [(sum(min(v, 256 - v) for v in line), kind, line)
                 for kind, line in ((0, row), (1, sub), (2, up))]
        _, kind, line = min(kinds, key=lambda entry: entry[:2])
        out.append(kind)
        out += line
        above = row

    def chunk(kind, body):
        checksum = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)

    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        file.write(chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)))
        file.write(chunk(b"IDAT", zlib.compress(bytes(out), 9)))
        file.write(chunk(b"IEND", b""))


def compare(reference, picture, within=0, share=0.0):
    width, height, rows = read(reference)
    other_width, other_height, others = read(picture)
    if (width, height) != (other_width, other_height):
        print(f"{other_width}x{other_height} pixels, not {width}x{height}")
        return False
    if len({bytes(row) for row in rows}) == 1 and len(set(zip(*[iter(rows[0])] * 3))) == 1:
        print("the reference has only one colour")
        return False
    differ = wrong = most = 0
    for row, other in zip(rows, others):
        if row == other:
            continue
        off = [abs(a - b) for a, b in zip(row, other)]
        for pixel in zip(off[0::3], off[1::3], off[2::3]):
            worst = max(pixel)
            differ += worst > 0
            wrong += worst > within
            most = max(most, worst)
    pixels = width * height
    print(f"{pixels - differ} of {pixels} pixels ({100 * (pixels - differ) / pixels:.2f} %) are "
          f"the same, {wrong} differ by more than {within}, the most by {most} of 255")
    return 100 * wrong <= share * pixels


def join(out, paths):
    pictures = [read(path) for path in paths]
    height = max(picture[1] for picture in pictures)
    rows = []
    for y in range(height):
        row = bytearray()
        for width, own, lines in pictures:
            row += lines[y] if y < own else bytes(width * 3)
        rows.append(bytes(row))
    write_png(out, sum(picture[0] for picture in pictures), height, rows)


def main():
    words = sys.argv[1:]
    if len(words) in (3, 4, 5) and words[0] == "compare":
        good = compare(words[1], words[2], *map(int, words[3:4]), *map(float, words[4:5]))
        sys.exit(0 if good else 1)
    if len(words) >= 3 and words[0] == "join":
        join(words[1], words[2:])
        return
    sys.exit("usage: pictures.py compare REFERENCE PICTURE [WITHIN [SHARE]]\n"
             "       pictures.py join OUT.png PICTURE…")


if __name__ == "__main__":
    main()
