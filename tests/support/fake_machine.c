/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_machine.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Pages of 4 KiB in a block, less none: nothing in a fake block is reserved. */
#define BLOCK_PAGES (FAKE_BLOCK_SIZE / 4096)

static void make_directories(const char *path)
{
    char copy[512];

    ck_assert_int_lt(snprintf(copy, sizeof(copy), "%s", path), (int)sizeof(copy));
    for (char *p = copy + 1; (p = strchr(p, '/')); *p++ = '/') {
        *p = '\0';
        ck_assert(mkdir(copy, 0755) == 0 || errno == EEXIST);
    }
}

void fake_machine_write(struct fake_machine *machine, const char *path, const char *format, ...)
{
    char whole[512];
    va_list args;
    FILE *file;

    (void)snprintf(whole, sizeof(whole), "%s/%s", machine->root, path);
    make_directories(whole);
    file = fopen(whole, "we");
    ck_assert_msg(file != NULL, "%s: %s", whole, strerror(errno));
    va_start(args, format);
    ck_assert_int_ge(vfprintf(file, format, args), 0);
    va_end(args);
    ck_assert_int_eq(fclose(file), 0);
}

const char *fake_machine_read(struct fake_machine *machine, const char *path, char *buffer, size_t size)
{
    char whole[512];
    FILE *file;
    size_t n;

    (void)snprintf(whole, sizeof(whole), "%s/%s", machine->root, path);
    file = fopen(whole, "re");
    ck_assert_msg(file != NULL, "%s: %s", whole, strerror(errno));
    n = fread(buffer, 1, size - 1, file);
    buffer[n] = '\0';
    if (n > 0 && buffer[n - 1] == '\n')
        buffer[n - 1] = '\0';
    (void)fclose(file);
    return buffer;
}

void fake_machine_make(struct fake_machine *machine)
{
    static const char *const names[] = { "sys", "proc", "cgroup", "run" };
    const char **roots[] = { &machine->options.sysfs_root, &machine->options.proc_root,
                             &machine->options.cgroup_root, &machine->options.run_root };

    *machine = (struct fake_machine){ .options = CZONE_CTX_OPTIONS_INIT };
    (void)snprintf(machine->root, sizeof(machine->root), "/tmp/czone-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(machine->root));
    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(machine->paths[i], sizeof(machine->paths[i]), "%s/%s", machine->root, names[i]);
        *roots[i] = machine->paths[i];
    }
    fake_machine_write(machine, "sys/devices/system/memory/block_size_bytes", "%" PRIx64 "\n",
                       FAKE_BLOCK_SIZE);
    fake_machine_write(machine, "sys/devices/system/memory/auto_online_blocks", "offline\n");
    fake_machine_write(machine, "sys/devices/system/node/possible", "\n");
    fake_machine_write(machine, "sys/devices/system/node/has_cpu", "\n");
    fake_machine_write(machine, "proc/sys/kernel/random/boot_id", "0e9e5d1c-6f0f-4c56-9d2f-3a1a4f0f9b11\n");
    fake_machine_write(machine, "proc/iomem", "%s", "");
    fake_machine_write(machine, "proc/zoneinfo", "%s", "");
    fake_machine_write(machine, "proc/vmstat", "nr_free_pages 1\npgmigrate_success 7\npgmigrate_fail 3\n");
    fake_machine_write(machine, "cgroup/cgroup.controllers", "cpuset cpu io memory pids\n");
    fake_machine_fill_cgroup(machine, "czone/.helper");
}

static int remove_entry(const char *path, const struct stat *stat, int flag, struct FTW *ftw)
{
    (void)stat;
    (void)flag;
    (void)ftw;
    return remove(path);
}

void fake_machine_remove(struct fake_machine *machine)
{
    ck_assert_int_eq(nftw(machine->root, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void append_to_list(struct fake_machine *machine, const char *path, int node)
{
    char list[4096], *end;

    (void)fake_machine_read(machine, path, list, sizeof(list));
    end = list + strlen(list);
    (void)snprintf(end, sizeof(list) - (size_t)(end - list), "%s%d", *list ? "," : "", node);
    fake_machine_write(machine, path, "%s\n", list);
}

void fake_machine_add_node(struct fake_machine *machine, int node, bool has_cpu)
{
    append_to_list(machine, "sys/devices/system/node/possible", node);
    if (has_cpu)
        append_to_list(machine, "sys/devices/system/node/has_cpu", node);
}

static void link_both(struct fake_machine *machine, const struct czone_block *block, bool is_add)
{
    char node_link[256], block_link[256], target[256];

    (void)snprintf(node_link, sizeof(node_link), "%s/sys/devices/system/node/node%d/memory%" PRIu64,
                   machine->root, block->node.n, block->id.n);
    (void)snprintf(block_link, sizeof(block_link), "%s/sys/devices/system/memory/memory%" PRIu64 "/node%d",
                   machine->root, block->id.n, block->node.n);
    if (!is_add) {
        ck_assert_int_eq(unlink(node_link), 0);
        ck_assert_int_eq(unlink(block_link), 0);
        return;
    }
    make_directories(node_link);
    (void)snprintf(target, sizeof(target), "../../memory/memory%" PRIu64, block->id.n);
    ck_assert_int_eq(symlink(target, node_link), 0);
    (void)snprintf(target, sizeof(target), "../../node/node%d", block->node.n);
    ck_assert_int_eq(symlink(target, block_link), 0);
}

static void add_resource(struct fake_machine *machine, const struct czone_block *block)
{
    static const char *const names[] = {
        [CZONE_PROVIDER_UNKNOWN] = "System RAM (other)",
        [CZONE_PROVIDER_BOOT] = "System RAM",
        [CZONE_PROVIDER_VIRTIO_MEM] = "System RAM (virtio_mem)",
        [CZONE_PROVIDER_DIMM] = "System RAM",
        [CZONE_PROVIDER_DAX] = "System RAM (kmem)",
    };
    char text[16384];

    (void)fake_machine_read(machine, "proc/iomem", text, sizeof(text));
    fake_machine_write(machine, "proc/iomem", "%s%s%08" PRIx64 "-%08" PRIx64 " : %s\n", text,
                       *text ? "\n" : "", block->id.n * FAKE_BLOCK_SIZE,
                       (block->id.n + 1) * FAKE_BLOCK_SIZE - 1, names[block->provider]);
}

void fake_machine_add_block(struct fake_machine *machine, const struct czone_block *block)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "sys/devices/system/memory/memory%" PRIu64 "/state", block->id.n);
    fake_machine_write(machine, path, "%s\n", block->state == CZONE_BLOCK_OFFLINE ? "offline" : "online");
    (void)snprintf(path, sizeof(path), "sys/devices/system/memory/memory%" PRIu64 "/valid_zones",
                   block->id.n);
    fake_machine_write(machine, path, "%s\n",
                       block->state == CZONE_BLOCK_OFFLINE   ? "Normal Movable"
                       : block->state == CZONE_BLOCK_MOVABLE ? "Movable"
                                                             : "Normal");
    if (block->provider == CZONE_PROVIDER_DIMM) {
        (void)snprintf(path, sizeof(path), "sys/devices/system/memory/memory%" PRIu64 "/firmware_node/path",
                       block->id.n);
        fake_machine_write(machine, path, "\\_SB_.MHPC.MP00\n");
    }
    link_both(machine, block, true);
    add_resource(machine, block);
}

void fake_machine_remove_block(struct fake_machine *machine, const struct czone_block *block)
{
    char path[256];

    link_both(machine, block, false);
    (void)snprintf(path, sizeof(path), "%s/sys/devices/system/memory/memory%" PRIu64, machine->root,
                   block->id.n);
    ck_assert_int_eq(nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}

void fake_machine_fill_cgroup(struct fake_machine *machine, const char *path)
{
    static const char *const attributes[][2] = {
        { "cgroup.events", "populated 0\nfrozen 0\n" },
        { "cgroup.procs", "" },
        { "cpuset.mems", "\n" },
        { "cpuset.mems.effective", "0-4\n" },
        { "memory.max", "max\n" },
        { "memory.current", "0\n" },
        { "memory.reclaim", "" },
        { "memory.numa_stat", "anon N0=0 N1=0\nfile N0=0 N1=0\n" },
    };
    char whole[256];

    for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
        (void)snprintf(whole, sizeof(whole), "cgroup/%s/%s", path, attributes[i][0]);
        fake_machine_write(machine, whole, "%s", attributes[i][1]);
    }
}

/* Turns what was written into what the kernel would show; returns whether the block is online. */
static bool settle_block(struct fake_machine *machine, uint64_t block)
{
    char path[128], state[64];

    (void)snprintf(path, sizeof(path), "sys/devices/system/memory/memory%" PRIu64 "/state", block);
    (void)fake_machine_read(machine, path, state, sizeof(state));
    if (strcmp(state, "online_movable") != 0 && strcmp(state, "online_kernel") != 0)
        return strcmp(state, "online") == 0;
    fake_machine_write(machine, path, "online\n");
    (void)snprintf(path, sizeof(path), "sys/devices/system/memory/memory%" PRIu64 "/valid_zones", block);
    fake_machine_write(machine, path, "%s\n", strcmp(state, "online_movable") == 0 ? "Movable" : "Normal");
    return true;
}

static void append_zoneinfo(struct fake_machine *machine, int node, uint64_t pages)
{
    static char text[1 << 16];

    (void)fake_machine_read(machine, "proc/zoneinfo", text, sizeof(text));
    fake_machine_write(
        machine, "proc/zoneinfo",
        "%s%sNode %d, zone  Movable\n  pages free     %" PRIu64
        "\n        boost    0\n        min      100\n        low      200\n        high     300\n"
        "        spanned  %" PRIu64 "\n        present  %" PRIu64 "\n        managed  %" PRIu64
        "\n        cma      0\n  pagesets\n    cpu: 0\n              count:    16\n"
        "              high:     378\n              batch:    63\n  vm stats threshold: 24\n",
        text, *text ? "\n" : "", node, pages, pages, pages, pages);
}

void fake_machine_settle(struct fake_machine *machine)
{
    enum { NODES = 8, BLOCKS = 64 };
    char path[256];

    fake_machine_write(machine, "proc/zoneinfo", "%s", "");
    for (int node = 0; node < NODES; node++) {
        uint64_t n = 0;

        for (uint64_t block = 0; block < BLOCKS; block++) {
            (void)snprintf(path, sizeof(path), "%s/sys/devices/system/node/node%d/memory%" PRIu64,
                           machine->root, node, block);
            if (access(path, F_OK) == 0)
                n += settle_block(machine, block);
        }
        (void)snprintf(path, sizeof(path), "sys/devices/system/node/node%d/meminfo", node);
        /* 16 pages are parked, so a node without anything in it has that much less than all free. */
        fake_machine_write(machine, path,
                           "\nNode %d MemTotal:       %" PRIu64 " kB\nNode %d MemFree:        %" PRIu64
                           " kB\n",
                           node, n * BLOCK_PAGES * 4, node, n ? n * BLOCK_PAGES * 4 - 64 : 0);
        if (n > 0)
            append_zoneinfo(machine, node, n * BLOCK_PAGES);
    }
}

void fake_machine_make_usual(struct fake_machine *machine)
{
    static const struct {
        uint64_t first, n;
        int node;
        enum czone_block_state state;
        enum czone_provider provider;
    } runs[] = {
        { 0, 4, 0, CZONE_BLOCK_KERNEL, CZONE_PROVIDER_BOOT },
        { 32, 4, 1, CZONE_BLOCK_OFFLINE, CZONE_PROVIDER_VIRTIO_MEM },
        { 36, 8, 2, CZONE_BLOCK_OFFLINE, CZONE_PROVIDER_VIRTIO_MEM },
        { 44, 4, 3, CZONE_BLOCK_OFFLINE, CZONE_PROVIDER_DIMM },
    };

    fake_machine_make(machine);
    for (int node = 0; node < 5; node++)
        fake_machine_add_node(machine, node, node == 0);
    for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++)
        for (uint64_t k = 0; k < runs[i].n; k++) {
            struct czone_block block = {
                .id = { runs[i].first + k },
                .node = { runs[i].node },
                .state = runs[i].state,
                .provider = runs[i].provider,
            };

            fake_machine_add_block(machine, &block);
        }
    fake_machine_settle(machine);
}
