// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Sums, products, quotients, comparisons.
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

void main()
{
    uint i = gl_GlobalInvocationID.x;
    uint at = i * 24;
    next = i * 4;
    uint a = take(), b = take(), c = take(), low, high;
    int sa = int(a), sb = int(b), slow, shigh;
    uint divisor = max(b >> (c & 31), 1);
    int sdivisor = sb >> int(c & 15);
    sdivisor = sdivisor == 0 || sdivisor == -1 ? 3 : sdivisor;

    result.words[at++] = a + b;
    result.words[at++] = a - b;
    result.words[at++] = a * b;
    result.words[at++] = a * b + c;
    result.words[at++] = a - (b << 2);
    result.words[at++] = -a;
    result.words[at++] = a / divisor;
    result.words[at++] = a % divisor;
    result.words[at++] = uint(sa / sdivisor);
    result.words[at++] = uint(abs(sa) % abs(sdivisor));
    result.words[at++] = min(a, b);
    result.words[at++] = max(a, b);
    result.words[at++] = uint(min(sa, sb));
    result.words[at++] = uint(max(sa, sb));
    result.words[at++] = uint(abs(sa));
    result.words[at++] = uint(sign(sa));
    result.words[at++] = uint(clamp(sa, -1000, 1000));
    umulExtended(a, b, high, low);
    result.words[at++] = high ^ (low * 3);
    imulExtended(sa, sb, shigh, slow);
    result.words[at++] = uint(shigh) ^ uint(slow * 3);
    result.words[at++] = uaddCarry(a, b, low) + low * 2;
    result.words[at++] = usubBorrow(a, b, low) + low * 2;
    result.words[at++] = uint(a < b) | uint(sa < sb) << 1 | uint(a <= b) << 2 | uint(sa <= sb) << 3 |
                         uint(a == b) << 4 | uint(a != c) << 5 | uint(sa > sb) << 6 | uint(a >= b) << 7;
    result.words[at++] = a / 7 + b % 10 + uint(sa / 13);
    result.words[at++] = (a < b ? c : a) + (sa < 0 ? b : c);
}
