// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * How much of the slab allocator's memory is in use: all that is allocated and freed while the
 * module is there. What does not come from there (stacks of threads, per-CPU memory) is not
 * counted.
 */
#include <linux/atomic.h>
#include <linux/slab.h>

#include <trace/events/kmem.h>

#include "bench.h"

static atomic64_t bytes;

static void on_kmalloc(void *data, unsigned long call_site, const void *ptr, size_t bytes_req,
		       size_t bytes_alloc, gfp_t gfp, int node)
{
	atomic64_add(bytes_alloc, &bytes);
}

static void on_kfree(void *data, unsigned long call_site, const void *ptr)
{
	if (!ZERO_OR_NULL_PTR(ptr))
		atomic64_sub(ksize(ptr), &bytes);
}

static void on_cache_alloc(void *data, unsigned long call_site, const void *ptr,
			   struct kmem_cache *cache, gfp_t gfp, int node)
{
	atomic64_add(kmem_cache_size(cache), &bytes);
}

static void on_cache_free(void *data, unsigned long call_site, const void *ptr,
			  const struct kmem_cache *cache)
{
	atomic64_sub(kmem_cache_size((struct kmem_cache *)cache), &bytes);
}

/* Only while memory is measured: it costs instructions. */
int bench_memory_begin(void)
{
	int ret = register_trace_kmalloc(on_kmalloc, NULL);

	ret = ret ?: register_trace_kfree(on_kfree, NULL);
	ret = ret ?: register_trace_kmem_cache_alloc(on_cache_alloc, NULL);
	ret = ret ?: register_trace_kmem_cache_free(on_cache_free, NULL);
	if (ret)
		bench_memory_end();
	return ret;
}

void bench_memory_end(void)
{
	unregister_trace_kmem_cache_free(on_cache_free, NULL);
	unregister_trace_kmem_cache_alloc(on_cache_alloc, NULL);
	unregister_trace_kfree(on_kfree, NULL);
	unregister_trace_kmalloc(on_kmalloc, NULL);
	tracepoint_synchronize_unregister();
}

s64 bench_memory(void)
{
	return atomic64_read(&bytes);
}
