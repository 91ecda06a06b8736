// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Iterations until a point of the plane leaves the circle of radius 2, for each pixel. Everything
// is "precise": products and sums are rounded one by one, as in the reference (see
// check/src/main.rs).
#version 450

layout(local_size_x = 16, local_size_y = 16) in;
layout(std430, binding = 0) writeonly buffer Picture {
    uint iterations[];
};
layout(push_constant) uniform Parameters {
    uint size;
    uint limit;
};

void main()
{
    uvec2 pixel = gl_GlobalInvocationID.xy;
    if (pixel.x >= size || pixel.y >= size)
        return;
    precise float step = 3.0 / float(size);
    precise float cx = (float(pixel.x) + 0.5) * step - 2.25;
    precise float cy = (float(pixel.y) + 0.5) * step - 1.5;
    precise float x = 0.0;
    precise float y = 0.0;
    uint count = 0;
    while (count < limit) {
        precise float x2 = x * x;
        precise float y2 = y * y;
        if (x2 + y2 > 4.0)
            break;
        precise float xy = x * y;
        y = xy + xy + cy;
        x = x2 - y2 + cx;
        count++;
    }
    iterations[pixel.y * size + pixel.x] = count;
}
