/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Faults that were reported of other drivers: Documentation/reports.rst lists them. */
#ifndef REPORTS_H
#define REPORTS_H

#include "../uapi/uapi.h"

#define SECONDS 60

/* Whether thread @pid sleeps in a call whose stack has @function. */
bool sleeps_in(int pid, const char *function);

/* A thread that sleeps in SUBMIT holds up no other call of the same file. */
void test_held_up(void);
/* Command buffers and lists that are hard to walk. */
void test_walks(void);
/* A buffer that its maker has closed, bound beyond its end. */
void test_beyond(void);
/* Nodes that are opened while the device comes and goes. */
void test_opens(void);
/* Points of a timeline that are signalled while threads wait for them and ask for them. */
void test_timelines(void);
/* Jobs of two clients that follow each other along a timeline of one of them. */
void test_between(void);
/* Buffers that come and go. */
void test_churn(void);
/* A timeline of ours at another driver's device. */
void test_elsewhere(void);
/* Jobs that fault, one after another. */
void test_flood(void);

#endif
