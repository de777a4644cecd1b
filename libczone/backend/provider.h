/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_BACKEND_PROVIDER_H
#define CZONE_BACKEND_PROVIDER_H

#include <czone/types.h>

/* Which device brought a range of memory, as the kernel's resource tree (/proc/iomem) names it. */
struct provider_range {
    uint64_t start;
    uint64_t last; /* inclusive, as in the file */
    enum czone_provider provider;
};

struct providers {
    struct provider_range *ranges;
    size_t n;
    bool is_read; /* false: read again before the next look-up */
};

/*
 * Reads the file anew. Plain "System RAM" is entered as BOOT: whether it is a dimm is known per block only
 * (memoryN/firmware_node). A file that hides its addresses (all are 0 without CAP_SYS_ADMIN) or that cannot
 * be read gives no ranges, which is no error. Returns 0 or -ENOMEM.
 */
int providers_read(struct providers *providers, int proc_fd);

/* Who brought the first memory in start .. start + size - 1 (a block of boot memory may begin with a hole);
 * UNKNOWN where there is none. */
enum czone_provider providers_find(const struct providers *providers, uint64_t start, uint64_t size);

void providers_done(struct providers *providers);

#endif
