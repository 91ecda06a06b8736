// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Branches and loops that lanes take differently.
#version 460

layout(local_size_x = 64) in;
layout(std430, binding = 0) readonly buffer In {
    uint words[];
} source;
layout(std430, binding = 1) buffer Out {
    uint words[];
} result;

uint next;

uint take()
{
    return source.words[next++];
}

uint collatz(uint n)
{
    uint steps = 0;
    while (n > 1 && steps < 200) {
        n = (n & 1) == 0 ? n / 2 : 3 * n + 1;
        steps++;
    }
    return steps;
}

uint search(uint a, uint b)
{
    for (uint i = 0; i < 20; i++) {
        if ((a >> i & 1) == 0)
            continue;
        for (uint j = 0; j < 20; j++) {
            if ((b >> j & 3) == 2)
                break;
            if (i * j == 35)
                return i * 100 + j;
            a ^= j << 7;
        }
        if (i > 15 && (b & 1) == 1)
            break;
        b = b * 5 + 1;
    }
    return a ^ b;
}

uint choose(uint a)
{
    uint r = 1;
    switch (a % 7) {
    case 0:
        r = 10;
        break;
    case 1:
        r = a;
    case 2:
        r += 5;
        break;
    case 4:
        for (uint i = 0; i < a % 11; i++)
            r = r * 3 + i;
        break;
    case 5:
        return 77;
    default:
        r = ~a;
    }
    return r;
}

void main()
{
    uint i = gl_GlobalInvocationID.x;
    uint at = i * 8;
    next = i * 4;
    uint a = take(), b = take(), c = take(), d = take();

    result.words[at++] = collatz(a & 0xffff);
    result.words[at++] = search(a, b);
    result.words[at++] = choose(a);
    result.words[at++] = choose(b) + choose(c);
    uint sum = 0;
    do {
        sum += d & 15;
        if ((d & 0x30) == 0x10)
            sum *= 3;
        else if ((d & 0x30) == 0x20)
            sum ^= a;
        d >>= 4;
    } while (d != 0);
    result.words[at++] = sum;
    if ((a & 1) == 1) {
        if ((b & 1) == 1) {
            sum = c;
        } else {
            if ((c & 1) == 1)
                sum += 1;
            else
                sum += 2;
        }
    }
    result.words[at++] = sum;
    result.words[at++] = a;
    if ((c & 3) == 0)
        return;
    result.words[at++] = b;
}
