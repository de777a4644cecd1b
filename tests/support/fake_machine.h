/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_TEST_FAKE_MACHINE_H
#define CZONE_TEST_FAKE_MACHINE_H

#include <czone/context.h>
#include <czone/inventory.h>

/*
 * Directories with the files of sysfs, proc, a cgroup v2 tree and an empty run directory, as the kernel
 * writes them: input for what reads them, and plain files for what writes them. It does nothing by itself:
 * fake_machine_settle() does what the kernel would have done at the writes so far.
 */
struct fake_machine {
    char root[64];
    struct czone_ctx_options options; /* whose roots are in it */
    char paths[4][96];
};

/* Bytes of a block of every fake machine. */
#define FAKE_BLOCK_SIZE (UINT64_C(128) << 20)

/* An empty machine: no node, no block. Ends the test when it cannot. */
void fake_machine_make(struct fake_machine *machine);
void fake_machine_remove(struct fake_machine *machine);

/*
 * The machine most tests want: node 0 with a CPU and boot blocks 0-3; node 1 with four virtio-mem blocks
 * 32-35, node 2 with eight of them 36-43, node 3 with four blocks 44-47 on a dimm, all offline; node 4
 * without memory.
 */
void fake_machine_make_usual(struct fake_machine *machine);

void fake_machine_add_node(struct fake_machine *machine, int node, bool has_cpu);
void fake_machine_add_block(struct fake_machine *machine, const struct czone_block *block);
void fake_machine_remove_block(struct fake_machine *machine, const struct czone_block *block);

/* Writes or reads any file below the root ("sys/...", "proc/...", "cgroup/...", "run/..."); directories are
 * made. */
void fake_machine_write(struct fake_machine *machine, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
const char *fake_machine_read(struct fake_machine *machine, const char *path, char *buffer, size_t size);

/* Gives a cgroup, a path below the cgroup root, the attribute files that the kernel gives a new one. */
void fake_machine_fill_cgroup(struct fake_machine *machine, const char *path);

/* Blocks whose state file says "online_movable" are online in ZONE_MOVABLE; nodes' accounts follow from their
 * blocks. */
void fake_machine_settle(struct fake_machine *machine);

#endif
