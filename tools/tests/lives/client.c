// SPDX-License-Identifier: MIT OR Apache-2.0
/* A client: jobs in all states, at random. */
#define _GNU_SOURCE
#include "lives.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

uint32_t state;

uint32_t rnd(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % below;
}

static void send_fence(int sock, int file, char kind)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { &kind, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (file >= 0) {
		struct cmsghdr *cmsg;

		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &file, sizeof(int));
	}
	/* Full if the parent has no time: then this one is not passed on. */
	sendmsg(sock, &msg, MSG_DONTWAIT);
}

/* What a client does when an ioctl fails: the device may be gone. If it is not the test is over. */
static void must(const char *what, int ret, bool may_go)
{
	if (ret >= 0)
		return;
	if (may_go && (ret == -ENODEV || ret == -ECANCELED))
		_exit(0);
	need(what, ret);
}

/* One job, after a sync file if there is one. Its fence goes to the parent. */
static void client_submit(struct context *ctx, int sock, int after, enum kind kind, bool may_go)
{
	struct compute_command command = compute_command();
	struct drm_asahi_sync syncs[2] = { 0 };
	int in = after >= 0, file;

	must("create a syncobj", syncobj_create(ctx->fd, &syncs[in].handle), may_go);
	if (in) {
		must("create a syncobj", syncobj_create(ctx->fd, &syncs[0].handle), may_go);
		must("import a sync file",
		     syncobj_import_sync_file(ctx->fd, syncs[0].handle, after), may_go);
	}
	must("submit", submit(ctx, &command, sizeof(command), syncs, in, 1), may_go);
	file = syncobj_export_sync_file(ctx->fd, syncs[in].handle);
	must("export a sync file", file, may_go);
	send_fence(sock, file, kind);
	close(file);
	for (int i = 0; i <= in; i++)
		must("destroy a syncobj", syncobj_destroy(ctx->fd, syncs[i].handle), may_go);
}

/* As context_init(), which takes the device for granted. */
static void client_context(struct context *ctx, int sock, bool may_go)
{
	ctx->fd = gpu_open();
	must("open the render node", ctx->fd, may_go);
	must("create a VM", vm_create(ctx->fd, &ctx->vm), may_go);
	must("create a buffer", gem_create(ctx->fd, PAGE, DRM_ASAHI_GEM_WRITEBACK, 0, &ctx->bo),
	     may_go);
	ctx->map = gem_map(ctx->fd, ctx->bo, PAGE);
	must("map a buffer", ctx->map ? 0 : -ENODEV, may_go);
	ctx->map[0] = CDM_TERMINATE;
	ctx->map[1] = 0;
	must("bind a buffer", vm_bind(ctx->fd, ctx->vm, ctx->bo, USER_VA, PAGE), may_go);
	must("create a queue", queue_create(ctx->fd, ctx->vm, &ctx->queue), may_go);
	send_fence(sock, -1, READY);
}

/* Until it is killed. */
void client(int sock, int ours, bool may_go)
{
	int own = sw_sync_create(), n = 0;
	struct context ctx, second;

	need("open sw_sync", own);
	client_context(&ctx, sock, may_go);
	second = ctx;
	must("create a queue", queue_create(ctx.fd, ctx.vm, &second.queue), may_go);
	for (;;) {
		struct context *queue = rnd(2) ? &ctx : &second;
		int file;

		switch (rnd(32)) {
		case 0 ... 7:
			file = sw_sync_fence(own, ++n);
			must("create a fence", file, may_go);
			client_submit(queue, sock, file, OWN, may_go);
			close(file);
			break;
		case 8 ... 11:
			sw_sync_advance(own, 1 + rnd(3));
			break;
		case 12 ... 14:
			client_submit(queue, sock, ours, OURS, may_go);
			break;
		case 15:
			must("destroy a queue", queue_destroy(ctx.fd, queue->queue), may_go);
			must("create a queue", queue_create(ctx.fd, ctx.vm, &queue->queue), may_go);
			break;
		case 16:
			context_fini(&ctx);
			client_context(&ctx, sock, may_go);
			second = ctx;
			must("create a queue", queue_create(ctx.fd, ctx.vm, &second.queue), may_go);
			break;
		case 17:
			/* More than there is room for: it waits in the ioctl until it is killed. */
			file = sw_sync_fence(own, INT32_MAX);
			must("create a fence", file, may_go);
			for (int i = 0; i < 300; i++)
				client_submit(queue, sock, i ? -1 : file, OWN, may_go);
			close(file);
			break;
		default:
			client_submit(queue, sock, -1, OWN, may_go);
		}
	}
}
