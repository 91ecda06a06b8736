// SPDX-License-Identifier: MIT OR Apache-2.0
//
// 8-bit and 16-bit integers.
#version 460
#extension GL_EXT_shader_explicit_arithmetic_types : require
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
    uint at = i * 16;
    next = i * 4;
    uint a = take(), b = take();
    uint16_t ha = uint16_t(a), hb = uint16_t(b);
    int16_t sa = int16_t(a), sb = int16_t(b);
    uint8_t ba = uint8_t(a), bb = uint8_t(b);
    int8_t ca = int8_t(a), cb = int8_t(b);

    result.words[at++] = uint(ha + hb);
    result.words[at++] = uint(ha * hb);
    result.words[at++] = uint(uint16_t(ha << (hb & 15us)));
    result.words[at++] = uint(uint16_t(ha >> (hb & 15us)));
    result.words[at++] = uint(int(int16_t(sa >> (sb & 15s))));
    result.words[at++] = uint(min(sa, sb)) + uint(max(ha, hb));
    result.words[at++] = uint(ha / max(hb, 1us)) + uint(ha % max(hb, 1us));
    result.words[at++] = uint(sa < sb) | uint(ha < hb) << 1 | uint(ca < cb) << 2 | uint(ba < bb) << 3;
    result.words[at++] = uint(uint8_t(ba + bb));
    result.words[at++] = uint(int(int8_t(ca - cb)));
    result.words[at++] = uint(uint8_t(ba * bb));
    result.words[at++] = uint(int(ca)) ^ uint(ba);
    result.words[at++] = uint(abs(int(sa))) + uint(bitCount(uint(ha)));
    result.words[at++] = pack32(u16vec2(ha ^ hb, ha & hb));
    result.words[at++] = pack32(u8vec4(ba, bb, ba ^ bb, 7));
    result.words[at++] = uint(unpack16(a).y) + uint(unpack8(b).z);
}
