// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Memory that the GPU walks or reads, and what it remembers of it. Only pointers and integers cross
 * over to Rust; the declarations on the other side are in ffi.rs.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/kmemleak.h>
#include <linux/mm.h>
#include <linux/of_reserved_mem.h>
#include <linux/vmalloc.h>

#include <asm/barrier.h>
#include <asm/tlbflush.h>

/* The page tables' pages are the kernel's: a table is one page, and so is what it maps. */
static_assert(PAGE_SIZE == 0x4000, "the AGX has pages of 16 KiB");

/*
 * Page tables
 */

u64 asahi_table_alloc(void);
void asahi_table_free(u64 table);
void *asahi_table_entries(u64 table);

/* 0 if there is no memory. */
u64 asahi_table_alloc(void)
{
	unsigned long table = get_zeroed_page(GFP_KERNEL_ACCOUNT);

	return table ? virt_to_phys((void *)table) : 0;
}

void asahi_table_free(u64 table)
{
	free_page((unsigned long)phys_to_virt(table));
}

void *asahi_table_entries(u64 table)
{
	return phys_to_virt(table);
}

/*
 * Translation caches. The GPU and its coprocessor listen to what the CPU broadcasts in the outer
 * shareable domain; there is no other way to them.
 */

void asahi_tlbi_all(void);
void asahi_tlbi_context(u64 asid);
void asahi_tlbi_pages(u64 asid, u64 va, u64 pages);
void asahi_dsb(void);

/* Entries of all contexts, the global ones and those of walks included. */
void asahi_tlbi_all(void)
{
	dsb(sy);
	__tlbi(vmalle1os);
	dsb(sy);
}

/*
 * The entries of one context. Global ones, as those of the kernel's half, belong to none and stay.
 */
void asahi_tlbi_context(u64 asid)
{
	dsb(sy);
	__tlbi(aside1os, asid << 48);
	dsb(sy);
}

/* Context in bits 63:48, address in units of 4 KiB below. */
static u64 tlbi_operand(u64 va, u64 asid)
{
	return asid << 48 | (va >> 12 & GENMASK_ULL(43, 0));
}

/* The entries for some pages: those of one context, and global ones. */
void asahi_tlbi_pages(u64 asid, u64 va, u64 pages)
{
	dsb(sy);
	for (u64 page = 0; page < pages; page++)
		__tlbi(vae1os, tlbi_operand(va + page * PAGE_SIZE, asid));
	dsb(sy);
}

void asahi_dsb(void)
{
	dsb(sy);
}

/*
 * Memory that the CPU has in one piece
 */

void *asahi_buffer_alloc(size_t size);
void asahi_buffer_free(void *buffer);
void asahi_buffer_keep(const void *buffer);
u64 asahi_buffer_phys(const void *at);

/* A client that asks for too much hears of it, and not the log. */
void *asahi_buffer_alloc(size_t size)
{
	return __vmalloc(size, GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN);
}

/* Process context; no lock is taken under which anybody allocates. */
void asahi_buffer_free(void *buffer)
{
	vfree(buffer);
}

/* It is never freed: something besides the CPU may still use it. */
void asahi_buffer_keep(const void *buffer)
{
	kmemleak_ignore(buffer);
}

u64 asahi_buffer_phys(const void *at)
{
	return page_to_phys(vmalloc_to_page(at));
}

/*
 * The boot loader's memory regions
 */

int asahi_region_find(struct device *dev, const char *name, u64 *base, u64 *size);
void *asahi_region_map(u64 base, u64 size);
void asahi_region_unmap(void *at);

int asahi_region_find(struct device *dev, const char *name, u64 *base, u64 *size)
{
	struct resource res;
	int ret;

	ret = of_reserved_mem_region_to_resource_byname(dev->of_node, name, &res);
	if (ret)
		return ret;

	*base = res.start;
	*size = resource_size(&res);
	return 0;
}

void *asahi_region_map(u64 base, u64 size)
{
	return memremap(base, size, MEMREMAP_WB);
}

void asahi_region_unmap(void *at)
{
	memunmap(at);
}
