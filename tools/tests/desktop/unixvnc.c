// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Preloaded into weston: its VNC server listens at the Unix socket $VNC_SOCKET instead of a port of
 * TCP, which the guest's kernel does not have, and asks for no password, as the guest has no users.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct nvnc;

struct nvnc *nvnc_open(const char *address, uint16_t port);
int nvnc_enable_auth(struct nvnc *server, unsigned int flags, void *function, void *data);

struct nvnc *nvnc_open(const char *address, uint16_t port)
{
	const char *path = getenv("VNC_SOCKET");
	/* The caller has loaded it, for itself alone. */
	void *library = dlopen("libneatvnc.so.0", RTLD_LAZY | RTLD_NOLOAD);
	struct nvnc *(*open_unix)(const char *path) = NULL;

	(void)address;
	(void)port;
	if (library)
		open_unix = (struct nvnc *(*)(const char *))dlsym(library, "nvnc_open_unix");
	if (!path || !open_unix) {
		fprintf(stderr, "unixvnc: no %s\n", path ? "nvnc_open_unix" : "VNC_SOCKET");
		return NULL;
	}
	return open_unix(path);
}

int nvnc_enable_auth(struct nvnc *server, unsigned int flags, void *function, void *data)
{
	(void)server;
	(void)flags;
	(void)function;
	(void)data;
	return 0;
}
