// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Renders of many layers. GPUs of several clusters need memory for each layer, however small it
 * is, and more of it than the tiled vertex buffer of a queue has otherwise.
 */
#include "render.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define MIB (1ll << 20)
#define MOST_LAYERS 2048

/* The result of a render of @layers with the utiles of number @utile. */
static int run_layers(struct context *ctx, unsigned int layers, size_t utile)
{
	static const uint8_t utiles[][2] = { { 32, 32 }, { 32, 16 }, { 16, 16 } };
	struct render_command command = render_command();

	command.render.layers = layers;
	command.render.utile_width_px = utiles[utile][0];
	command.render.utile_height_px = utiles[utile][1];
	command.render.samples = 1 << utile;
	return run_render(ctx, command);
}

/* Bytes that clients have pinned, or may have pinned, by the driver's file in debugfs; or -1. */
static long long memory(const char *format)
{
	char path[64], line[128];
	long long kib = -1;

	for (int minor = 128; minor < 192 && kib < 0; minor++) {
		FILE *file;

		snprintf(path, sizeof(path), "/sys/kernel/debug/dri/%d/memory", minor);
		file = fopen(path, "r");
		while (file && kib < 0 && fgets(line, sizeof(line), file))
			if (sscanf(line, format, &kib) != 1)
				kib = -1;
		if (file)
			fclose(file);
	}
	return kib < 0 ? -1 : kib << 10;
}

/*
 * What a queue has more than its share of is given back when its renders have ended: there is no
 * more pinned than before, and the shares of @queues.
 */
static void check_given_back(const char *what, long long before, int queues)
{
	long long most = before + memory("limit: %lld") / 8 * queues, now = -1;

	/* And a chunk without objects of each heap. */
	most += 64 * MIB;
	/* A worker does that: waits for it, for as long as a loaded machine may take. */
	for (int i = 0; i < 6000; i++) {
		now = memory("pinned: %lld");
		if (now <= most)
			break;
		usleep(10000);
	}
	printf("# pinned: %lld KiB before, %lld KiB now\n", before >> 10, now >> 10);
	check_true(what, now >= 0 && now <= most);
}

/* The same client in a VM with another reserve for the driver. */
static struct context with_reserve(const struct context *ctx, uint64_t reserve)
{
	struct drm_asahi_vm_create vm = {
		.kernel_start = KERNEL_START,
		.kernel_end = KERNEL_START + reserve,
	};
	struct context other = *ctx;

	need("create a VM", gpu_ioctl(ctx->fd, DRM_IOCTL_ASAHI_VM_CREATE, &vm));
	other.vm = vm.vm_id;
	need("bind the buffer there", vm_bind(ctx->fd, other.vm, ctx->bo, USER_VA, PAGE));
	need("create a queue there", queue_create(ctx->fd, other.vm, &other.queue));
	return other;
}

static void destroy(struct context *other)
{
	need("destroy the queue", queue_destroy(other->fd, other->queue));
	need("destroy the VM", vm_destroy(other->fd, other->vm));
}

/* In a VM whose reserve is as small as may be, they do not fit if there are clusters. */
static void check_small_reserve(const struct context *ctx,
				const struct drm_asahi_params_global *params)
{
	struct context small = with_reserve(ctx, params->vm_kernel_min_size);

	check("layers: more than a small reserve has", run_layers(&small, MOST_LAYERS, 0),
	      params->num_clusters_total > 1 ? -ENOMEM : 0);
	check("layers: a small render there", run_layers(&small, 1, 0), 0);
	destroy(&small);
}

void test_layers(void)
{
	struct drm_asahi_params_global params;
	struct context client, ctx;
	long long before;

	render_init(&client);
	need("the parameters", get_params(client.fd, &params));
	before = memory("pinned: %lld");
	check_true("layers: what is pinned is known", before >= 0);
	/* As the test of all fields does it. */
	check("layers: as many as there may be", run_layers(&client, MOST_LAYERS, 0), 0);
	check_given_back("layers: what was lent is given back", before, 1);
	/* Clusters have tile maps of their own, of which G14X needs most. */
	ctx = with_reserve(&client, 4ull << 30);
	check("layers: 1", run_layers(&ctx, 1, 0), 0);
	for (unsigned int layers = 2; layers <= MOST_LAYERS; layers *= 4) {
		for (size_t utile = 0; utile < 3; utile++) {
			char what[64];

			snprintf(what, sizeof(what), "layers: %u, utiles of kind %zu", layers,
				 utile);
			check(what, run_layers(&ctx, layers, utile), 0);
		}
	}
	check_given_back("layers: and by another queue", before, 2);
	check("layers: as many again", run_layers(&ctx, MOST_LAYERS, 0), 0);
	check("layers: few again", run_layers(&ctx, 1, 0), 0);
	destroy(&ctx);
	check_given_back("layers: and by one that is destroyed", before, 1);
	check_small_reserve(&client, &params);
	context_fini(&client);
}
