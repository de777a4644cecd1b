/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "agent/guest/log.h"
#include "agent/guest/run_dir.h"
#include "proto/cleanup.h"

#define CONTAINERS "containers"

static int read_boot_id(struct store *store, const char *proc)
{
    char path[128];
    FILE *file;
    int r = 0;

    (void)snprintf(path, sizeof(path), "%s/sys/kernel/random/boot_id", proc);
    file = fopen(path, "re");
    if (file == NULL)
        return -errno;
    if (fgets(store->boot_id, sizeof(store->boot_id), file) == NULL)
        r = -EIO;
    store->boot_id[strcspn(store->boot_id, "\n")] = '\0';
    (void)fclose(file);
    return r;
}

int store_open(struct store *store, const char *run_dir, const char *proc, struct key_store *keys,
               struct receipts *receipts)
{
    CLEANUP_FD int fd = -EBADF;
    int r;

    r = read_boot_id(store, proc);
    if (r == 0)
        r = run_dir_open(AT_FDCWD, run_dir, &fd);
    if (r == 0)
        r = run_dir_make(fd, CONTAINERS, &store->containers_fd);
    if (r == -EEXIST)
        r = run_dir_open(fd, CONTAINERS, &store->containers_fd);
    if (r == 0)
        r = history_open(&store->history, run_dir, store->boot_id, keys, receipts);
    return r < 0 ? log_fail(r, "cannot use the run directory %s: %s", run_dir, strerror(-r)) : 0;
}

void store_close(struct store *store)
{
    history_close(&store->history);
    cleanup_fd(&store->containers_fd);
    *store = (struct store)STORE_INIT;
}
