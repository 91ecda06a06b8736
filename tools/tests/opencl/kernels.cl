// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Kernels of the OpenCL test. Each thread has eight words of input and of output.
#pragma OPENCL EXTENSION cl_khr_fp16 : enable

#define ARGUMENTS global const uint *in, global uint *out
#define BEGIN size_t i = get_global_id(0); global const uint *a = in + i * 8; global uint *o = out + i * 8

kernel void integers(ARGUMENTS)
{
	BEGIN;
	o[0] = mul_hi(a[0], a[1]) + mad24((int)(a[2] & 0xfffff), (int)(a[3] & 0xfff), 77);
	o[1] = rotate(a[0], a[1] & 31) ^ popcount(a[2]);
	o[2] = clz(a[0]) + clz(a[1] >> 9) * 64 + (uint)clz((ushort)a[2]) * 4096;
	o[3] = add_sat((int)a[0], (int)a[1]);
	o[4] = sub_sat(a[0], a[1]) + hadd(a[2], a[3]) + rhadd((int)a[4], (int)a[5]);
	o[5] = abs_diff((int)a[0], (int)a[1]) + max(a[2], a[3]) - min((int)a[4], (int)a[5]);
	o[6] = upsample((ushort)a[0], (ushort)a[1]);
	o[7] = a[0] / (a[1] | 1) + (int)a[2] % ((int)(a[3] >> 8) + 3);
}

kernel void longs(ARGUMENTS)
{
	BEGIN;
	ulong x = (ulong)a[0] << 32 | a[1], y = (ulong)a[2] << 32 | a[3];
	ulong4 r = (ulong4)(x * y, mul_hi(x, y), x / (y >> 7 | 1), rotate(x, y & 63));
	vstore4(as_ulong4(r ^ (ulong4)(x + y, x - y, x % (y >> 30 | 1), clz(y))), 0, (global ulong *)o);
}

kernel void chars(ARGUMENTS)
{
	BEGIN;
	uchar16 b = vload16(0, (global const uchar *)a);
	char16 s = vload16(1, (global const char *)a);
	vstore16(b.s0246135fece89abd + convert_uchar16_sat(convert_short16(b) - convert_short16(s)), 0,
		 (global uchar *)o);
	vstore16(select(s, as_char16(b), s > (char16)(3)) - mul_hi(s, as_char16(b)), 1, (global char *)o);
}

kernel void floats(ARGUMENTS)
{
	BEGIN;
	float8 v = convert_float8(vload8(0, (global const int *)a)) * 1e-7f;
	float8 w = v.s76543210;
	float8 r;
	r.s0 = fma(v.s0, w.s0, v.s1);
	r.s1 = fmin(v.s0, w.s1) + fmax(v.s2, w.s2);
	r.s2 = rint(v.s3) + floor(v.s4) + trunc(v.s5);
	r.s3 = copysign(v.s0, w.s0) + fabs(w.s4);
	r.s4 = fmod(v.s0, 3.25f);
	r.s5 = ldexp(v.s1, 3) + (float)ilogb(v.s2);
	r.s6 = nextafter(v.s1, w.s1);
	r.s7 = sqrt(fabs(v.s1)) + v.s3 / w.s5;
	vstore8(r, 0, (global float *)o);
}

kernel void functions(ARGUMENTS)
{
	BEGIN;
	float8 v = convert_float8(vload8(0, (global const int *)a)) * 4e-9f;
	float8 r;
	r.s0 = sin(v.s0);
	r.s1 = cos(v.s1 * 10.0f);
	r.s2 = exp(v.s2);
	r.s3 = log(fabs(v.s3) + 0.1f);
	r.s4 = pow(fabs(v.s4) + 0.1f, v.s5);
	r.s5 = atan2(v.s5, v.s6);
	r.s6 = cbrt(v.s6) + erf(v.s7);
	r.s7 = tgamma(fabs(v.s7) + 1.0f);
	vstore8(r, 0, (global float *)o);
}

kernel void halves(ARGUMENTS)
{
	BEGIN;
	half4 h = convert_half4(convert_float4(vload4(0, (global const int *)a)) * 1e-8f);
	half4 k = h.yzwx;
	vstore4(as_ushort4(h + k), 0, (global ushort *)o);
	vstore4(as_ushort4(h * k), 1, (global ushort *)o);
	vstore4(as_ushort4(fmax(h, k) - fmin(h, -k)), 2, (global ushort *)o);
	vstore_half4(convert_float4(vload4(1, (global const int *)a)) * 3e-7f, 3, (global half *)o);
}

kernel void reduce(ARGUMENTS)
{
	BEGIN;
	local uint sums[64];
	uint l = get_local_id(0);
	sums[l] = a[0] ^ a[7];
	for (uint step = 32; step > 0; step /= 2) {
		barrier(CLK_LOCAL_MEM_FENCE);
		if (l < step)
			sums[l] += sums[l + step] * 3;
	}
	barrier(CLK_LOCAL_MEM_FENCE);
	o[0] = sums[0];
	o[1] = get_group_id(0) * 1000 + l;
}

kernel void sort(ARGUMENTS)
{
	BEGIN;
	local uint values[64];
	uint l = get_local_id(0);
	values[l] = a[0];
	for (uint size = 2; size <= 64; size *= 2) {
		for (uint stride = size / 2; stride > 0; stride /= 2) {
			barrier(CLK_LOCAL_MEM_FENCE);
			uint other = l ^ stride;
			uint x = values[l], y = values[other];
			bool up = (l & size) == 0;
			uint mine = (l < other) == up ? min(x, y) : max(x, y);
			barrier(CLK_LOCAL_MEM_FENCE);
			values[l] = mine;
		}
	}
	barrier(CLK_LOCAL_MEM_FENCE);
	o[0] = values[l];
}

kernel void multiply(ARGUMENTS)
{
	BEGIN;
	local float x[8][8], y[8][8];
	uint l = get_local_id(0), row = l / 8, column = l % 8;
	float sum = 0;
	for (uint step = 0; step < 8; step++) {
		x[row][column] = a[step] & 255;
		y[row][column] = a[7 - step] >> 24;
		barrier(CLK_LOCAL_MEM_FENCE);
		for (uint k = 0; k < 8; k++)
			sum += x[row][k] * y[k][column];
		barrier(CLK_LOCAL_MEM_FENCE);
	}
	o[0] = as_uint(sum);
}

kernel void atomics(ARGUMENTS)
{
	BEGIN;
	// Results behind those of the threads.
	global uint *all = out + get_global_size(0) * 8;
	atomic_add(all, a[0] & 0xffff);
	atomic_max(all + 1, a[1]);
	atomic_min((global int *)all + 2, (int)a[2]);
	atomic_xor(all + 3, a[3]);
	atomic_or(all + 4, a[4] & a[5]);
	for (uint old = all[5];;) {
		uint seen = atomic_cmpxchg(all + 5, old, old + (a[6] & 7) + 1);
		if (seen == old)
			break;
		old = seen;
	}
	atomic_inc(all + 8 + (a[7] & 31));
	o[0] = a[0];
}

struct node {
	uint value, left, right;
};

uint visit(const struct node *nodes, uint at, uint key)
{
	uint depth = 0;
	while (at != 0 && nodes[at].value != key && depth < 16) {
		at = nodes[at].value < key ? nodes[at].right : nodes[at].left;
		depth++;
	}
	return at * 100 + depth;
}

kernel void trees(ARGUMENTS)
{
	BEGIN;
	struct node nodes[9];
	for (uint n = 1; n < 9; n++) {
		nodes[n].value = a[n - 1] & 255;
		nodes[n].left = nodes[n].right = 0;
		uint at = 1;
		while (n > 1) {
			uint *next = nodes[at].value < nodes[n].value ? &nodes[at].right : &nodes[at].left;
			if (*next == 0) {
				*next = n;
				break;
			}
			at = *next;
		}
	}
	for (uint n = 0; n < 8; n++)
		o[n] = visit(nodes, 1, a[n] & 255) + visit(nodes, 1, n * 30);
}

kernel void digest(ARGUMENTS)
{
	BEGIN;
	uint h[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	for (uint round = 0; round < 64; round++) {
		uint s0 = rotate(h[0], 30u) ^ rotate(h[0], 19u) ^ rotate(h[0], 10u);
		uint s1 = rotate(h[4], 26u) ^ rotate(h[4], 21u) ^ rotate(h[4], 7u);
		uint t1 = h[7] + s1 + bitselect(h[6], h[5], h[4]) + a[round & 7] + round * 0x428a2f98u;
		uint t2 = s0 + ((h[0] & h[1]) ^ (h[0] & h[2]) ^ (h[1] & h[2]));
		for (uint n = 7; n > 0; n--)
			h[n] = h[n - 1];
		h[4] += t1;
		h[0] = t1 + t2;
	}
	for (uint n = 0; n < 8; n++)
		o[n] = h[n];
}
