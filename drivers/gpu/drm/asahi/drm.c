// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * What the driver needs of DRM that kernel::drm of 7.3 does not have. Only pointers and integers
 * cross over; the declarations on the other side are in ffi.rs.
 */
#include <linux/dma-buf.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/swap.h>

#include <drm/drm_debugfs.h>
#include <drm/drm_device.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_gem_shmem_helper.h>
#include <drm/drm_gpuvm.h>
#include <drm/drm_managed.h>
#include <drm/drm_mm.h>
#include <drm/drm_prime.h>

#include <uapi/drm/asahi_drm.h>

/* What uapi.rs says about the ioctls' arguments. */
static_assert(sizeof(struct drm_asahi_params_global) == 592);
static_assert(sizeof(struct drm_asahi_get_params) == 24);
static_assert(sizeof(struct drm_asahi_get_time) == 16);
static_assert(sizeof(struct drm_asahi_vm_create) == 24);
static_assert(sizeof(struct drm_asahi_vm_destroy) == 8);
static_assert(sizeof(struct drm_asahi_vm_bind) == 24);
static_assert(sizeof(struct drm_asahi_gem_bind_op) == 32);
static_assert(sizeof(struct drm_asahi_gem_create) == 24);
static_assert(sizeof(struct drm_asahi_gem_mmap_offset) == 16);
static_assert(sizeof(struct drm_asahi_gem_bind_object) == 40);
static_assert(sizeof(struct drm_asahi_queue_create) == 24);
static_assert(sizeof(struct drm_asahi_queue_destroy) == 8);
static_assert(sizeof(struct drm_asahi_submit) == 40);

/*
 * Ranges of addresses: drm_mm, with the nodes in memory of its own
 */

struct drm_mm *asahi_mm_create(u64 start, u64 size);
void asahi_mm_destroy(struct drm_mm *mm);
struct drm_mm_node *asahi_mm_node_create(void);
void asahi_mm_node_destroy(struct drm_mm_node *node);
int asahi_mm_insert(struct drm_mm *mm, struct drm_mm_node *node, u64 size, u64 align);
void asahi_mm_remove(struct drm_mm_node *node);
u64 asahi_mm_start(const struct drm_mm_node *node);

struct drm_mm *asahi_mm_create(u64 start, u64 size)
{
	struct drm_mm *mm = kzalloc(sizeof(*mm), GFP_KERNEL_ACCOUNT);

	if (mm)
		drm_mm_init(mm, start, size);
	return mm;
}

void asahi_mm_destroy(struct drm_mm *mm)
{
	drm_mm_takedown(mm);
	kfree(mm);
}

struct drm_mm_node *asahi_mm_node_create(void)
{
	return kzalloc(sizeof(struct drm_mm_node), GFP_KERNEL_ACCOUNT);
}

void asahi_mm_node_destroy(struct drm_mm_node *node)
{
	kfree(node);
}

int asahi_mm_insert(struct drm_mm *mm, struct drm_mm_node *node, u64 size, u64 align)
{
	return drm_mm_insert_node_generic(mm, node, size, align, 0, DRM_MM_INSERT_BEST);
}

void asahi_mm_remove(struct drm_mm_node *node)
{
	drm_mm_remove_node(node);
}

u64 asahi_mm_start(const struct drm_mm_node *node)
{
	return node->start;
}

/*
 * Mappings
 */

bool asahi_first_mapping(struct drm_gpuvm *gpuvm, struct drm_gem_object *obj, u64 *addr,
			 u64 *range);

/*
 * The first mapping of an object in an address space, if there is one. The caller holds the lock of
 * the address space, so the mapping is still there when it looks.
 */
bool asahi_first_mapping(struct drm_gpuvm *gpuvm, struct drm_gem_object *obj, u64 *addr, u64 *range)
{
	struct drm_gpuvm_bo *vm_bo;
	struct drm_gpuva *va;

	guard(mutex)(&obj->gpuva.lock);
	drm_gem_for_each_gpuvm_bo(vm_bo, obj) {
		if (vm_bo->vm != gpuvm)
			continue;
		drm_gpuvm_bo_for_each_va(va, vm_bo) {
			*addr = va->va.addr;
			*range = va->va.range;
			return true;
		}
	}
	return false;
}

bool asahi_range_cuts(struct drm_gpuvm *gpuvm, u64 start, u64 end);

/* Whether the first or the last address is of a mapping that begins before, or ends behind. */
bool asahi_range_cuts(struct drm_gpuvm *gpuvm, u64 start, u64 end)
{
	struct drm_gpuva *first = drm_gpuva_find_first(gpuvm, start, 1);
	struct drm_gpuva *last = drm_gpuva_find_first(gpuvm, end - 1, 1);

	return (first && first->va.addr < start) || (last && last->va.addr + last->va.range > end);
}

u64 asahi_batch_end(struct drm_gpuvm *gpuvm, u64 start, u64 end, u32 mappings, u64 pages);

/*
 * Where the mappings end, from the start of a range on, of which there are @mappings, or which have
 * @pages together; or the end of the range, if there are not so many.
 */
u64 asahi_batch_end(struct drm_gpuvm *gpuvm, u64 start, u64 end, u32 mappings, u64 pages)
{
	u64 left = pages << PAGE_SHIFT;
	struct drm_gpuva *va;

	drm_gpuvm_for_each_va_range(va, gpuvm, start, end) {
		if (--mappings == 0 || va->va.range >= left)
			return min(end, va->va.addr + va->va.range);
		left -= va->va.range;
	}
	return end;
}

/*
 * DRM
 */

int asahi_drm_extend(struct drm_device *drm);
struct sg_table *asahi_imported_pages(struct drm_gem_object *obj);

/* In gem.rs: creates an object of the driver's type, with one reference, for a PRIME import. */
int asahi_gem_create_for_import(struct drm_device *drm, size_t size, struct drm_gem_object **obj);

/*
 * kernel::drm of 7.3 leaves this to drm_gem_shmem_prime_import_sg_table(), which makes an object
 * that is smaller than what the driver takes all its objects for.
 */
static struct drm_gem_object *asahi_prime_import_sg_table(struct drm_device *drm,
							  struct dma_buf_attachment *attach,
							  struct sg_table *sgt)
{
	struct drm_gem_object *obj;
	int ret = asahi_gem_create_for_import(drm, attach->dmabuf->size, &obj);

	if (ret)
		return ERR_PTR(ret);

	/* Released by drm_gem_shmem_release(), as the object is one that was imported. */
	to_drm_gem_shmem_obj(obj)->sgt = sgt;
	return obj;
}

/* The pages of an object that was imported; NULL for the driver's own. */
struct sg_table *asahi_imported_pages(struct drm_gem_object *obj)
{
	return drm_gem_is_imported(obj) ? to_drm_gem_shmem_obj(obj)->sgt : NULL;
}

/* Whether a handle is closed by an ioctl, and not because its file goes. */
bool asahi_file_is_open(struct drm_file *file);

bool asahi_file_is_open(struct drm_file *file)
{
	return file->filp && file_count(file->filp) > 0;
}

/* Whether a file has a handle of an object that is not being closed. */
bool asahi_file_has_handle(struct drm_file *file, struct drm_gem_object *obj);

bool asahi_file_has_handle(struct drm_file *file, struct drm_gem_object *obj)
{
	struct drm_gem_object *other;
	int id;

	/* A handle that is being changed is under neither of its numbers. */
	guard(mutex)(&file->prime.lock);
	guard(spinlock)(&file->table_lock);
	idr_for_each_entry(&file->object_idr, other, id)
		if (other == obj)
			return true;
	return false;
}

/* Whether an object of which a handle is being closed has others, of any file. */
bool asahi_has_other_handles(struct drm_gem_object *obj);

bool asahi_has_other_handles(struct drm_gem_object *obj)
{
	return READ_ONCE(obj->handle_count) > 1;
}

/* The same as asahi_file_has_handle(), but for handles that are being opened or closed. */
bool asahi_file_may_map(struct drm_file *file, struct drm_gem_object *obj);

bool asahi_file_may_map(struct drm_file *file, struct drm_gem_object *obj)
{
	return drm_vma_node_is_allowed(&obj->vma_node, file);
}

/* How much memory clients may pin: as much as userspace takes for the size of the GPU's heap. */
u64 asahi_pinned_limit(void);

u64 asahi_pinned_limit(void)
{
	u64 total = (u64)totalram_pages() << PAGE_SHIFT;

	return total <= SZ_4G ? total / 2 : total / 4 * 3;
}

/* Bytes that clients may still take. A part of the memory that is left is for others than them. */
u64 asahi_spare_memory(void);

u64 asahi_spare_memory(void)
{
	u64 keep = min_t(u64, totalram_pages() / 16, SZ_256M >> PAGE_SHIFT);
	u64 left = si_mem_available() + get_nr_swap_pages();

	return left > keep ? (left - keep) << PAGE_SHIFT : 0;
}

/*
 * In gem.rs: the object's memory counts as pinned from now on, and asahi_gem_mmap_charged()
 * allocates it.
 */
int asahi_gem_charge_and_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma);
int asahi_gem_mmap_charged(struct drm_gem_object *obj, struct vm_area_struct *vma);

int asahi_gem_mmap_charged(struct drm_gem_object *obj, struct vm_area_struct *vma)
{
	return drm_gem_shmem_object_mmap(obj, vma);
}

static int asahi_gem_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma)
{
	return drm_gem_is_imported(obj) ? drm_gem_shmem_object_mmap(obj, vma) :
					  asahi_gem_charge_and_mmap(obj, vma);
}

/* Whether an object has pages, of its own or of another device's. */
bool asahi_gem_has_pages(struct drm_gem_object *obj);

bool asahi_gem_has_pages(struct drm_gem_object *obj)
{
	/* Not under the lock: somebody else may allocate them at the same time. */
	return drm_gem_is_imported(obj) || READ_ONCE(to_drm_gem_shmem_obj(obj)->pages);
}

/* In gem.rs: an importer is about to pin the object; asahi_gem_pin_locked() does it. */
int asahi_gem_pin(struct drm_gem_object *obj);
int asahi_gem_pin_locked(struct drm_gem_object *obj);

int asahi_gem_pin_locked(struct drm_gem_object *obj)
{
	return drm_gem_shmem_object_pin(obj);
}

/*
 * The table of an object's own pages, which has none yet: sg_table() of kernel::drm finds it. The
 * caller has a lock for that. Returns 0 or a negative errno.
 */
int asahi_gem_make_table(struct drm_gem_object *obj);
/* Drops what was made: sg_table() has failed, and may have dropped the table, not the pages. */
void asahi_gem_drop_table(struct drm_gem_object *obj);

int asahi_gem_make_table(struct drm_gem_object *obj)
{
	return PTR_ERR_OR_ZERO(drm_gem_shmem_get_pages_sgt(to_drm_gem_shmem_obj(obj)));
}

void asahi_gem_drop_table(struct drm_gem_object *obj)
{
	struct drm_gem_shmem_object *shmem = to_drm_gem_shmem_obj(obj);

	dma_resv_lock(obj->resv, NULL);
	if (shmem->sgt)
		__drm_gem_shmem_free_sgt_locked(shmem);
	drm_gem_shmem_put_pages_locked(shmem);
	dma_resv_unlock(obj->resv);
}

/* In quota.rs: how much of that clients have, in bytes. */
u64 asahi_pinned(void);

static int asahi_show_pinned(struct seq_file *file, void *unused)
{
	seq_printf(file, "pinned: %llu KiB\nlimit: %llu KiB\nspare: %llu KiB\n",
		   asahi_pinned() >> 10, asahi_pinned_limit() >> 10, asahi_spare_memory() >> 10);
	return 0;
}

/*
 * The page of an object that a fault is for, or NULL. drm_gem_shmem_helper.c of 7.3 counts from the
 * start of the mapping, which is another page if the mapping begins inside the object: mmap() of a
 * dma-buf can do that, and so do munmap() and mprotect() of a part.
 */
static struct page *asahi_gem_page(struct vm_fault *vmf)
{
	struct drm_gem_object *obj = vmf->vma->vm_private_data;
	struct drm_gem_shmem_object *shmem = to_drm_gem_shmem_obj(obj);
	pgoff_t index = vmf->pgoff - drm_vma_node_start(&obj->vma_node);

	dma_resv_assert_held(obj->resv);
	if (index >= obj->size >> PAGE_SHIFT || !shmem->pages || shmem->madv < 0)
		return NULL;
	return shmem->pages[index];
}

static vm_fault_t asahi_gem_fault(struct vm_fault *vmf)
{
	struct drm_gem_object *obj = vmf->vma->vm_private_data;
	vm_fault_t ret = VM_FAULT_SIGBUS;
	struct page *page;

	dma_resv_lock(obj->resv, NULL);
	page = asahi_gem_page(vmf);
	if (page)
		ret = vmf_insert_pfn(vmf->vma, vmf->address, page_to_pfn(page));
	if (ret == VM_FAULT_NOPAGE)
		folio_mark_accessed(page_folio(page));
	dma_resv_unlock(obj->resv);
	return ret;
}

static vm_fault_t asahi_gem_pfn_mkwrite(struct vm_fault *vmf)
{
	struct drm_gem_object *obj = vmf->vma->vm_private_data;
	struct page *page;

	file_update_time(vmf->vma->vm_file);
	dma_resv_lock(obj->resv, NULL);
	page = asahi_gem_page(vmf);
	if (page)
		folio_mark_dirty(page_folio(page));
	dma_resv_unlock(obj->resv);
	return 0;
}

/* In gem.rs: the object's memory counts as pinned from now on, and has a place to be mapped at. */
int asahi_gem_charge_for_export(struct drm_gem_object *obj);

/*
 * An object that is private to a VM shares the reservations of the VM: it may not leave it. Called
 * for the object that is exported, which is never one that was imported. It gets the place that it
 * is mapped at, so that faults find the same start for all mappings, those of the dma-buf included.
 */
static struct dma_buf *asahi_gem_export(struct drm_gem_object *obj, int flags)
{
	int ret;

	if (obj->resv != &obj->_resv)
		return ERR_PTR(-EINVAL);
	ret = asahi_gem_charge_for_export(obj);
	return ret ? ERR_PTR(ret) : drm_gem_prime_export(obj, flags);
}

/*
 * kernel::drm of 7.3 has one table of functions for all objects of a driver, and no way to add to
 * it. This is a copy of it that says more.
 */
static struct drm_gem_object_funcs asahi_gem_funcs;
static struct vm_operations_struct asahi_gem_vm_ops;
static DEFINE_MUTEX(asahi_gem_funcs_lock);

void asahi_gem_extend(struct drm_gem_object *obj);

/* The caller has just created the object and holds the only reference to it. */
void asahi_gem_extend(struct drm_gem_object *obj)
{
	scoped_guard(mutex, &asahi_gem_funcs_lock) {
		if (!asahi_gem_funcs.mmap) {
			asahi_gem_vm_ops = drm_gem_shmem_vm_ops;
			asahi_gem_vm_ops.fault = asahi_gem_fault;
			asahi_gem_vm_ops.huge_fault = NULL;
			asahi_gem_vm_ops.pfn_mkwrite = asahi_gem_pfn_mkwrite;
			asahi_gem_funcs = *obj->funcs;
			asahi_gem_funcs.vm_ops = &asahi_gem_vm_ops;
			asahi_gem_funcs.export = asahi_gem_export;
			asahi_gem_funcs.pin = asahi_gem_pin;
			asahi_gem_funcs.mmap = asahi_gem_mmap;
		}
	}
	obj->funcs = &asahi_gem_funcs;
	/* drm_gem_shmem_init() has made one, and the object may be half as large as all of them. */
	drm_gem_free_mmap_offset(obj);
}

/* Held from before an object is created that is large, until after it was extended. */
static DEFINE_MUTEX(asahi_gem_large);

int asahi_gem_large_begin(void);
void asahi_gem_large_end(void);

/* Returns -EINTR if the process is killed while it waits. */
int asahi_gem_large_begin(void)
{
	return mutex_lock_killable(&asahi_gem_large);
}

void asahi_gem_large_end(void)
{
	mutex_unlock(&asahi_gem_large);
}

/* In file.rs: how long the engines have worked for the client. */
void asahi_show_engines(struct drm_printer *printer, struct drm_device *dev, struct drm_file *file);
/*
 * In file.rs: objects that are in use without a handle, the driver's own memory in the file's VMs,
 * and whether any work is in flight.
 */
void asahi_file_usage(struct drm_file *file, u64 *closed, u64 *internal, bool *busy);
/* In file.rs: whether the root object of a VM says that it is one of the file's. */
bool asahi_file_has_root(struct drm_file *file, struct drm_gem_object *root);

/* Whether an object is bound in a VM of a file. */
static bool asahi_is_bound(struct drm_file *file, struct drm_gem_object *obj)
{
	struct drm_gpuvm_bo *vm_bo;

	guard(mutex)(&obj->gpuva.lock);
	drm_gem_for_each_gpuvm_bo(vm_bo, obj)
		if (!list_empty(&vm_bo->list.gpuva) && asahi_file_has_root(file, vm_bo->vm->r_obj))
			return true;
	return false;
}

/* The object with the first handle from @id on, which becomes its number; NULL if there is none. */
static struct drm_gem_object *asahi_next_object(struct drm_file *file, int *id)
{
	struct drm_gem_object *obj;

	guard(spinlock)(&file->table_lock);
	obj = idr_get_next(&file->object_idr, id);
	if (obj)
		drm_gem_object_get(obj);
	return obj;
}

/*
 * Jobs do not say which objects they use: while any is in flight, all that are bound are taken to
 * be active. No object can be purged. As everywhere in DRM, an object counts for each handle.
 */
static void asahi_show_memory(struct drm_printer *printer, struct drm_file *file)
{
	struct drm_memory_stats stats = {};
	struct drm_gem_object *obj;
	u64 closed, internal;
	bool busy;

	asahi_file_usage(file, &closed, &internal, &busy);

	for (int id = 0; (obj = asahi_next_object(file, &id)); id++) {
		if (drm_gem_object_is_shared_for_memory_stats(obj))
			stats.shared += obj->size;
		else
			stats.private += obj->size;
		if (asahi_gem_has_pages(obj))
			stats.resident += obj->size;
		if (busy && asahi_is_bound(file, obj))
			stats.active += obj->size;
		drm_gem_object_put(obj);
	}

	stats.private += closed;
	stats.resident += closed;
	stats.active += busy ? closed : 0;
	drm_print_memory_stats(printer, &stats, DRM_GEM_OBJECT_RESIDENT | DRM_GEM_OBJECT_PURGEABLE |
			       DRM_GEM_OBJECT_ACTIVE, "memory");
	/* As panthor has it: no object of the client's is in there. */
	drm_fdinfo_print_size(printer, "asahi", "resident", "memory", internal);
}

static void asahi_show_fdinfo(struct drm_printer *printer, struct drm_file *file)
{
	asahi_show_engines(printer, file->minor->dev, file);
	asahi_show_memory(printer, file);
}

/*
 * Those of kernel::drm, and fdinfo. Not with the device: they are looked at when its last file is
 * gone.
 */
static const struct file_operations asahi_fops = {
	.owner = THIS_MODULE,
	DRM_GEM_FOPS,
	.show_fdinfo = drm_show_fdinfo,
};

/*
 * kernel::drm of 7.3 knows two features, and its struct drm_driver is a constant. Before the
 * device is registered no other thread uses it, so its driver pointer can be set to a copy with
 * more features. The copy is freed with the device.
 */
int asahi_drm_extend(struct drm_device *drm)
{
	struct drm_driver *driver;

	if (drm->registered)
		return -EBUSY;

	driver = drmm_kmalloc(drm, sizeof(*driver), GFP_KERNEL);
	if (!driver)
		return -ENOMEM;

	*driver = *drm->driver;
	driver->gem_prime_import_sg_table = asahi_prime_import_sg_table;
	/* Would make such a small object as well, and is for devices with a display. */
	driver->dumb_create = NULL;
	driver->fops = &asahi_fops;
	driver->show_fdinfo = asahi_show_fdinfo;
	driver->driver_features |= DRIVER_SYNCOBJ | DRIVER_SYNCOBJ_TIMELINE;
	drm->driver = driver;
	drm_debugfs_add_file(drm, "memory", asahi_show_pinned, NULL);
	return 0;
}
