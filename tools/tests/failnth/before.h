/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What is there of a client, before a call and after one that failed. */
#ifndef FAILNTH_BEFORE_H
#define FAILNTH_BEFORE_H

#include <stdbool.h>
#include <stddef.h>

/* How long what ends by itself may take. */
#define BEFORE_SECONDS 30

/* All that fdinfo of @fd says of memory, but for what of it is in use. */
void read_fdinfo(int fd, char *all, size_t size);
/* Whether it says the same again: what a queue has goes when its task has ended. */
bool fdinfo_is_back(int fd, const char *before);

/* What is there beside memory: tasks of the executor, attachments to shared buffers. */
struct rest {
	int tasks, attached;
};

struct rest read_rest(void);
/* Whether it gets back to what it was. Queues end by themselves, so that may take a while. */
bool rest_is_back(struct rest before);

/* Memory of a file's buffers, what of it is there, and what all clients have pinned. */
struct held {
	long long total, resident, pinned;
};

struct held read_held(int fd);
/*
 * Whether no buffer is left that was not there before, and nothing more counts as pinned than pages
 * that have come: a buffer keeps them, though what they were for has failed.
 */
bool held_is_back(int fd, struct held before);

/* Bytes of clients, and of the driver for them, that count as pinned. */
long long pinned_bytes(void);
/* Waits until not so much is pinned any more. Whether it came to that. */
bool is_released(long long most);

#endif
