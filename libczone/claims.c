/* SPDX-License-Identifier: Apache-2.0 */
#include "claims.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "claim_file.h"
#include "cleanup.h"
#include "core/failure_set.h"
#include "core/name.h"

#define LOCK_FILE "claims.lock"

/* A claim that is being written; no zone's name starts with a dot. */
#define NEW_FILE ".new"

static int open_dir_made(int dir_fd, const char *path)
{
    int fd;

    if (mkdirat(dir_fd, path, 0700) < 0 && errno != EEXIST)
        return -errno;
    fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int claims_open(struct claims *claims, const char *run_root)
{
    claims->run_fd = open_dir_made(AT_FDCWD, run_root);
    if (claims->run_fd < 0)
        return claims->run_fd;
    claims->dir_fd = open_dir_made(claims->run_fd, "claims");
    return claims->dir_fd < 0 ? claims->dir_fd : 0;
}

void claims_done(struct claims *claims)
{
    cleanup_close_fd(&claims->counter_fd);
    cleanup_close_fd(&claims->dir_fd);
    cleanup_close_fd(&claims->run_fd);
}

void claims_unlock(struct claims_lock *lock)
{
    /* Closing lets go of the lock: this is the only descriptor of this open(). */
    cleanup_close_fd(&lock->fd);
    lock->fd = -EBADF;
}

static int read_claim(struct claims *claims, const char *name, struct czone_zone_info *ret_info)
{
    cleanup_close int fd = -EBADF;
    char text[CLAIM_TEXT_MAX];
    ssize_t n;
    int r;

    fd = openat(claims->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    n = read(fd, text, sizeof(text));
    if (n < 0)
        return -errno;
    if ((size_t)n == sizeof(text))
        return -EBADMSG;
    text[n] = '\0';
    r = claim_parse(text, claims->boot_id, ret_info);
    if (r == 0 && strcmp(ret_info->name, name) != 0)
        return -EBADMSG;
    return r;
}

static int read_into(struct claims *claims, struct ledger *ledger, struct inventory *inventory,
                     struct czone_failure *failure)
{
    cleanup_closedir DIR *dir = NULL;
    struct dirent *entry;
    int fd;

    /* A duplicate would share its read position with the directory fd we keep. */
    fd = openat(claims->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    dir = fdopendir(fd);
    if (!dir) {
        (void)close(fd);
        return -ENOMEM;
    }
    /* A claim that is not seen would be somebody else's memory taken: an end is told from a failure. */
    while (errno = 0, (entry = readdir(dir))) {
        struct czone_zone_info info;
        int r;

        if (!name_is_valid(entry->d_name))
            continue;
        r = read_claim(claims, entry->d_name, &info);
        if (r == -ESTALE) {
            (void)unlinkat(claims->dir_fd, entry->d_name, 0);
            continue;
        }
        if (r == 0)
            r = ledger_claim(ledger, inventory, &info);
        if (r < 0 && r != -ENOMEM)
            return failure_set(
                failure, -EBADMSG, CZONE_STAGE_CLAIM, CZONE_NODE_NONE,
                "the claim in file claims/%s below the run directory is not usable (%s); if no "
                "program uses that zone, remove the file",
                entry->d_name, strerror(-r));
        if (r < 0)
            return r;
    }
    return errno ? -errno : 0;
}

static void unmark(const struct ledger *ledger, struct inventory *inventory)
{
    const struct czone_node *nodes;
    size_t n = inventory_nodes(inventory, &nodes);

    for (size_t i = 0; i < n; i++)
        if (ledger_find_node(ledger, nodes[i].id))
            (void)inventory_unclaim(inventory, nodes[i].id);
}

static int reload(struct claims *claims, struct ledger **ledger, struct inventory *inventory,
                  struct czone_failure *failure)
{
    struct ledger *fresh;
    int r;

    r = ledger_new(&fresh);
    if (r < 0)
        return r;
    unmark(*ledger, inventory);
    r = read_into(claims, fresh, inventory, failure);
    if (r < 0) {
        unmark(fresh, inventory);
        ledger_free(fresh);
        (void)ledger_mark(*ledger, inventory);
        return r;
    }
    ledger_free(*ledger);
    *ledger = fresh;
    return 0;
}

static int read_generation(int fd, uint64_t *ret_generation)
{
    ssize_t n = pread(fd, ret_generation, sizeof(*ret_generation), 0);

    if (n < 0)
        return -errno;
    if ((size_t)n != sizeof(*ret_generation))
        *ret_generation = 0; /* new file */
    return 0;
}

static int open_lock_file(const struct claims *claims, struct czone_failure *failure)
{
    int fd = openat(claims->run_fd, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    return fd < 0 ? failure_set(failure, -errno, CZONE_STAGE_CLAIM, CZONE_NODE_NONE,
                                "cannot open " LOCK_FILE " below the run directory: %s", strerror(errno))
                  : fd;
}

int claims_lock(struct claims *claims, struct ledger **ledger, struct inventory *inventory,
                struct claims_lock *ret_lock, struct czone_failure *failure)
{
    cleanup_close int fd = -EBADF;
    uint64_t generation;
    int r;

    /* Opened anew each time: a lock on a descriptor that a fork() has shared would not exclude the other. */
    fd = open_lock_file(claims, failure);
    if (fd < 0)
        return fd;
    do {
        r = flock(fd, LOCK_EX);
    } while (r < 0 && errno == EINTR);
    if (r < 0)
        return -errno;
    r = read_generation(fd, &generation);
    if (r < 0)
        return r;
    if (!claims->is_read || generation != claims->generation) {
        r = reload(claims, ledger, inventory, failure);
        if (r < 0)
            return r;
        claims->generation = generation;
        claims->is_read = true;
    }
    ret_lock->fd = TAKE_FD(fd);
    return 0;
}

/* That of a lock file which somebody has removed does not move any more. */
static bool has_counter(const struct claims *claims)
{
    struct stat st;

    return claims->counter_fd >= 0 && fstat(claims->counter_fd, &st) == 0 && st.st_nlink > 0;
}

int claims_refresh(struct claims *claims, struct ledger **ledger, struct inventory *inventory,
                   struct czone_failure *failure)
{
    struct claims_lock lock = CLAIMS_LOCK_INIT;
    uint64_t generation;
    int r;

    if (!has_counter(claims)) {
        cleanup_close_fd(&claims->counter_fd);
        claims->counter_fd = open_lock_file(claims, failure);
        if (claims->counter_fd < 0)
            return claims->counter_fd;
        claims->is_read = false;
    }
    /* Whoever is about to change something has announce()d it first. */
    r = read_generation(claims->counter_fd, &generation);
    if (r < 0)
        return r;
    if (claims->is_read && generation == claims->generation)
        return 0;
    r = claims_lock(claims, ledger, inventory, &lock, failure);
    claims_unlock(&lock);
    return r;
}

/* Before the change: a process that dies in between makes the others read once for nothing, not miss one. */
static int announce(struct claims *claims, const struct claims_lock *lock)
{
    uint64_t generation = claims->generation + 1;

    if (pwrite(lock->fd, &generation, sizeof(generation), 0) != (ssize_t)sizeof(generation))
        return errno ? -errno : -EIO;
    claims->generation = generation;
    return 0;
}

static int write_file(int dir_fd, const char *text, size_t size)
{
    cleanup_close int fd = -EBADF;
    ssize_t n;

    fd = openat(dir_fd, NEW_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    n = write(fd, text, size);
    if (n < 0)
        return -errno;
    return (size_t)n == size ? 0 : -ENOSPC;
}

int claims_write(struct claims *claims, const struct claims_lock *lock, const struct czone_zone_info *info)
{
    char text[CLAIM_TEXT_MAX];
    int n, r;

    n = claim_format(info, claims->boot_id, text, sizeof(text));
    if (n < 0)
        return n;
    r = announce(claims, lock);
    if (r < 0)
        return r;
    r = write_file(claims->dir_fd, text, (size_t)n);
    if (r < 0)
        return r;
    if (renameat(claims->dir_fd, NEW_FILE, claims->dir_fd, info->name) < 0)
        return -errno;
    return 0;
}

int claims_remove(struct claims *claims, const struct claims_lock *lock, const char *name)
{
    int r;

    r = announce(claims, lock);
    if (r < 0)
        return r;
    if (unlinkat(claims->dir_fd, name, 0) < 0 && errno != ENOENT)
        return -errno;
    return 0;
}
