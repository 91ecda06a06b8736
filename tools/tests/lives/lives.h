/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Shared by the clients and by what ends their lives. */
#ifndef LIVES_H
#define LIVES_H

#include "../uapi/uapi.h"

/* Within this every fence has signalled, and every client is gone. */
#define LIMIT_MS 60000

/* What a fence waits for. */
enum kind {
	/* Jobs of its client, and perhaps a timeline of the client's own, which goes with it. */
	OWN,
	/* This process's timeline, among other things. */
	OURS,
	/* The client had the device, and has all that it needs. */
	READY,
};

/* What was seen so far. */
extern struct seen {
	unsigned int rounds, clients, unready, fences, blocked, well, cancelled, gone, early, late,
		wrong, stuck;
} seen;

/* The state of rnd(). */
extern uint32_t state;

/* A random number below @below. */
uint32_t rnd(uint32_t below);

/* The life of a client, which sends fences to the other end of @sock, until it is killed. */
void client(int sock, int ours, bool may_go);

void kill_round(void);
void unbind_round(void);
/* Ioctls that wait while the device goes. */
int blocked(void);
/* A job that waits for a fence of another driver while the device goes. */
int foreign(void);
/* A client that is killed while it is the first in line. */
int withdraw(void);
/* What fences are worth when their modules are gone. */
int outlive(void);

#endif
