/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef PROBE_PAGES_H
#define PROBE_PAGES_H

/* How many pages of memory are taken that nothing the kernel counts by its name has. */
long held_pages(void);
/* Checks that a page that is taken is seen there, and one that is given back. */
void check_held_pages(void);

#endif
