/* SPDX-License-Identifier: Apache-2.0 */
/* Memory blocks: devices/system/memory and the links to them below devices/system/node
 * (Documentation/admin-guide/mm/memory-hotplug.rst). */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "../cleanup.h"
#include "attr.h"
#include "machine.h"

struct block_array {
    struct czone_block *blocks;
    size_t n;
    size_t room;
};

int block_size(struct czone_sys *sys, uint64_t *ret_bytes)
{
    uint64_t bytes;
    int r;

    r = attr_read_u64(sys->memory_fd, "block_size_bytes", 16, &bytes);
    if (r < 0)
        return r;
    if (bytes == 0 || (bytes & (bytes - 1)) != 0)
        return -EINVAL;
    *ret_bytes = sys->block_size = bytes;
    return 0;
}

/* Async-signal-safe, as the two below. */
static int read_state(struct czone_sys *sys, czone_block_id id, enum czone_block_state *ret_state)
{
    char path[ATTR_PATH_MAX], text[64];
    int r;

    r = attr_path(path, sizeof(path), "memory", id.n, "/state");
    if (r < 0)
        return r;
    r = attr_read(sys->memory_fd, path, text, sizeof(text));
    if (r < 0)
        return r == -ENODEV ? -ENOENT : r;
    if (strcmp(text, "offline") == 0) {
        *ret_state = CZONE_BLOCK_OFFLINE;
        return 0;
    }
    if (strcmp(text, "online") != 0) {
        *ret_state = CZONE_BLOCK_GOING_OFFLINE;
        return 0;
    }
    r = attr_path(path, sizeof(path), "memory", id.n, "/valid_zones");
    if (r < 0)
        return r;
    r = attr_read(sys->memory_fd, path, text, sizeof(text));
    if (r < 0)
        return r == -ENODEV ? -ENOENT : r;
    /* Of an online block this file names the one zone it is in, or "none" if there are several. */
    *ret_state = strcmp(text, "Movable") == 0 ? CZONE_BLOCK_MOVABLE : CZONE_BLOCK_KERNEL;
    return 0;
}

/* The node is in the name of a link, memoryN/nodeM; there is no attribute. */
static int read_node(struct czone_sys *sys, czone_block_id id, czone_node_id *ret_node)
{
    cleanup_closedir DIR *dir = NULL;
    char path[ATTR_PATH_MAX];
    struct dirent *entry;
    int fd, r;

    r = attr_path(path, sizeof(path), "memory", id.n, "");
    if (r < 0)
        return r;
    fd = openat(sys->memory_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    dir = fdopendir(fd);
    if (!dir) {
        r = -errno;
        (void)close(fd);
        return r;
    }
    while (errno = 0, (entry = readdir(dir))) {
        uint64_t node;

        if (attr_number(entry->d_name, "node", &node) == 0 && node < INT32_MAX) {
            *ret_node = (czone_node_id){ (int32_t)node };
            return 0;
        }
    }
    /* The kernel announces a block before it makes the link. */
    return errno ? -errno : -EAGAIN;
}

static int read_provider(struct czone_sys *sys, czone_block_id id, uint64_t size,
                         enum czone_provider *ret_provider)
{
    enum czone_provider provider = providers_find(&sys->providers, id.n * size, size);
    char path[ATTR_PATH_MAX];
    int r;

    if (provider == CZONE_PROVIDER_BOOT || provider == CZONE_PROVIDER_UNKNOWN) {
        /* acpi_memhotplug binds the blocks it brings to the dimm's device. */
        r = attr_path(path, sizeof(path), "memory", id.n, "/firmware_node");
        if (r < 0)
            return r;
        if (faccessat(sys->memory_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            provider = CZONE_PROVIDER_DIMM;
    }
    *ret_provider = provider;
    return 0;
}

static int add(struct block_array *array, const struct czone_block *block)
{
    if (array->n == array->room) {
        size_t room = array->room ? 2 * array->room : 64;
        struct czone_block *larger = realloc(array->blocks, room * sizeof(*larger));

        if (!larger)
            return -ENOMEM;
        array->blocks = larger;
        array->room = room;
    }
    array->blocks[array->n++] = *block;
    return 0;
}

/* One directory of a node tells all its blocks, so no block's own directory need be read for its node. */
static int list_node(struct czone_sys *sys, const char *node_name, czone_node_id node, uint64_t size,
                     struct block_array *array)
{
    cleanup_closedir DIR *dir = NULL;
    struct dirent *entry;
    int fd, r;

    fd = openat(sys->node_fd, node_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    dir = fdopendir(fd);
    if (!dir) {
        r = -errno;
        (void)close(fd);
        return r;
    }
    while (errno = 0, (entry = readdir(dir))) {
        struct czone_block block = { .node = node };

        if (attr_number(entry->d_name, "memory", &block.id.n) < 0)
            continue;
        r = read_state(sys, block.id, &block.state);
        if (r == -ENOENT) /* gone since */
            continue;
        if (r < 0)
            return r;
        r = read_provider(sys, block.id, size, &block.provider);
        if (r < 0)
            return r;
        r = add(array, &block);
        if (r < 0)
            return r;
    }
    return errno ? -errno : 0;
}

static int compare(const void *a, const void *b)
{
    const struct czone_block *x = a, *y = b;

    if (x->id.n != y->id.n)
        return x->id.n < y->id.n ? -1 : 1;
    return (x->node.n > y->node.n) - (x->node.n < y->node.n);
}

/* A block at a border is linked from both nodes; the lower one has it, which is where the kernel's own is. */
static void sort_and_unite(struct block_array *array)
{
    size_t n = 0;

    if (array->n == 0)
        return;
    qsort(array->blocks, array->n, sizeof(*array->blocks), compare);
    for (size_t i = 1; i < array->n; i++)
        if (array->blocks[i].id.n != array->blocks[n].id.n)
            array->blocks[++n] = array->blocks[i];
    array->n = n + 1;
}

static int list_all(struct czone_sys *sys, struct block_array *array)
{
    cleanup_closedir DIR *dir = NULL;
    struct dirent *entry;
    uint64_t size, node;
    int fd, r;

    r = block_size(sys, &size);
    if (r < 0)
        return r;
    r = providers_read(&sys->providers, sys->proc_fd);
    if (r < 0)
        return r;
    fd = openat(sys->node_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    dir = fdopendir(fd);
    if (!dir) {
        r = -errno;
        (void)close(fd);
        return r;
    }
    while (errno = 0, (entry = readdir(dir))) {
        if (attr_number(entry->d_name, "node", &node) < 0 || node > INT32_MAX)
            continue;
        r = list_node(sys, entry->d_name, (czone_node_id){ (int32_t)node }, size, array);
        if (r < 0)
            return r;
    }
    if (errno)
        return -errno;
    sort_and_unite(array);
    return 0;
}

int block_list(struct czone_sys *sys, struct czone_block **ret_blocks, size_t *ret_n)
{
    struct block_array array = { 0 };
    int r;

    r = list_all(sys, &array);
    if (r < 0) {
        free(array.blocks);
        return r;
    }
    *ret_blocks = array.blocks;
    *ret_n = array.n;
    return 0;
}

int block_read(struct czone_sys *sys, czone_block_id id, struct czone_block *ret_block)
{
    struct czone_block block = { .id = id };
    uint64_t size = sys->block_size;
    int r;

    r = read_state(sys, id, &block.state);
    if (r == -ENOENT)
        sys->providers.is_read = false; /* the address may come back from another device */
    if (r < 0)
        return r;
    r = read_node(sys, id, &block.node);
    if (r < 0)
        return r;
    if (size == 0) {
        r = block_size(sys, &size);
        if (r < 0)
            return r;
    }
    if (!sys->providers.is_read ||
        providers_find(&sys->providers, id.n * size, size) == CZONE_PROVIDER_UNKNOWN) {
        r = providers_read(&sys->providers, sys->proc_fd);
        if (r < 0)
            return r;
    }
    r = read_provider(sys, id, size, &block.provider);
    if (r < 0)
        return r;
    *ret_block = block;
    return 0;
}

int block_peek(struct czone_sys *sys, czone_block_id id, czone_node_id node,
               enum czone_block_state *ret_state)
{
    char prefix[ATTR_PATH_MAX], path[ATTR_PATH_MAX];
    int r;

    /* Asking for the one link costs less than listing the directory, and needs no memory. */
    r = attr_path(prefix, sizeof(prefix), "node", (uint64_t)node.n, "/memory");
    if (r < 0)
        return r;
    r = attr_path(path, sizeof(path), prefix, id.n, "");
    if (r < 0)
        return r;
    if (faccessat(sys->node_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    return read_state(sys, id, ret_state);
}

int block_set(struct czone_sys *sys, czone_block_id id, enum czone_sys_target target)
{
    static const struct {
        const char *value;
        enum czone_block_state state;
    } targets[] = {
        [CZONE_SYS_OFFLINE] = { "offline", CZONE_BLOCK_OFFLINE },
        [CZONE_SYS_ONLINE_MOVABLE] = { "online_movable", CZONE_BLOCK_MOVABLE },
        [CZONE_SYS_ONLINE_KERNEL] = { "online_kernel", CZONE_BLOCK_KERNEL },
    };
    enum czone_block_state state;
    char path[ATTR_PATH_MAX];
    int r, q;

    if ((unsigned)target >= sizeof(targets) / sizeof(targets[0]))
        return -EINVAL;
    r = attr_path(path, sizeof(path), "memory", id.n, "/state");
    if (r < 0)
        return r;
    r = attr_write(sys->memory_fd, path, targets[target].value);
    /* The kernel says EINVAL when the block was online or offline already. */
    if (r == -EINVAL) {
        q = read_state(sys, id, &state);
        if (q < 0)
            return q;
        return state == targets[target].state ? 0 : -EBUSY;
    }
    return r == -ENODEV ? -ENOENT : r;
}
