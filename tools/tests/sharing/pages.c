// SPDX-License-Identifier: MIT OR Apache-2.0
#define _GNU_SOURCE
#include "pages.h"
#include "../uapi/uapi.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

int sealed_memory(unsigned int flags, uint64_t size, void **map)
{
	int file = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);

	need("a file of memory", file < 0 ? -errno : 0);
	need("its size", ftruncate(file, size) ? -errno : 0);
	need("seal it", fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK) ? -errno : 0);
	*map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	need("map it", *map == MAP_FAILED ? -errno : 0);
	return file;
}

int udmabuf_create(int device, int memory, const unsigned int *order, unsigned int pages)
{
	struct udmabuf_create_list *list = calloc(1, sizeof(*list) + pages * sizeof(list->list[0]));
	int ret;

	need("memory for a list", list ? 0 : -ENOMEM);
	list->flags = UDMABUF_FLAGS_CLOEXEC;
	for (unsigned int i = 0; i < pages; i++) {
		struct udmabuf_create_item *item = &list->list[list->count];

		if (i && order[i] == order[i - 1] + 1) {
			item[-1].size += PAGE;
			continue;
		}
		item->memfd = memory;
		item->offset = order[i] * PAGE;
		item->size = PAGE;
		list->count++;
	}
	ret = ioctl(device, UDMABUF_CREATE_LIST, list);
	if (ret < 0)
		ret = -errno;
	free(list);
	return ret;
}
