/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/run_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/cleanup.h"

/* A file that is being written; nothing else here begins with a dot. */
#define NEW_FILE ".new"

int run_dir_open(int parent_fd, const char *name, int *ret_fd)
{
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}

int run_dir_make(int parent_fd, const char *name, int *ret_fd)
{
    int r;

    if (mkdirat(parent_fd, name, 0700) < 0)
        return -errno;
    r = run_dir_open(parent_fd, name, ret_fd);
    if (r < 0)
        (void)unlinkat(parent_fd, name, AT_REMOVEDIR);
    return r;
}

static int scan(int dir_fd, int (*filter)(const struct dirent *), void (*fn)(void *data, const char *name),
                void *data)
{
    struct dirent **entries;
    int n = scandirat(dir_fd, ".", &entries, filter, alphasort);

    if (n < 0)
        return -errno;
    for (int i = 0; i < n; i++) {
        fn(data, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return 0;
}

static int is_name(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int run_dir_each(int dir_fd, void (*fn)(void *data, const char *name), void *data)
{
    return scan(dir_fd, is_name, fn, data);
}

static int is_entry(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

struct removal {
    int dir_fd;
    int result;
};

static void remove_entry(void *data, const char *name)
{
    struct removal *removal = data;
    int r = run_dir_remove(removal->dir_fd, name);

    if (r < 0 && removal->result == 0)
        removal->result = r;
}

static int remove_dir(int parent_fd, const char *name, int fd)
{
    struct removal removal = { fd, 0 };
    int r = scan(fd, is_entry, remove_entry, &removal);

    if (r == 0)
        r = removal.result;
    if (unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT && r == 0)
        r = -errno;
    return r;
}

/* Calls itself for what is in it: container, exec, session, log. */
int run_dir_remove(int parent_fd, const char *name)
{
    CLEANUP_FD int fd = -EBADF;
    int r;

    if (unlinkat(parent_fd, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR)
        return -errno;
    r = run_dir_open(parent_fd, name, &fd);
    if (r == 0)
        r = remove_dir(parent_fd, name, fd);
    /* A keeper that has only now read START has put something there in between; in a directory that is gone
     * it can make nothing. */
    if (r == -ENOTEMPTY)
        r = remove_dir(parent_fd, name, fd);
    return r;
}

static int write_all(int fd, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, text, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        text += n;
        size -= (size_t)n;
    }
    return 0;
}

int run_dir_write(int dir_fd, const char *name, const json_t *value)
{
    CLEANUP_FREE char *text = json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII);
    CLEANUP_FD int fd = -EBADF;
    int r;

    if (text == NULL)
        return -ENOMEM;
    fd = openat(dir_fd, NEW_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    r = write_all(fd, text, strlen(text));
    if (r == 0 && renameat(dir_fd, NEW_FILE, dir_fd, name) < 0)
        r = -errno;
    if (r < 0)
        (void)unlinkat(dir_fd, NEW_FILE, 0);
    return r;
}

int run_dir_read(int dir_fd, const char *name, json_t **ret_value)
{
    CLEANUP_FD int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    CLEANUP_FREE char *text = NULL;
    struct stat st;
    json_t *value;
    ssize_t n;

    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (st.st_size > (off_t)RUN_DIR_FILE_MAX)
        return -EBADMSG;
    text = malloc((size_t)st.st_size + 1);
    if (text == NULL)
        return -ENOMEM;
    n = read(fd, text, (size_t)st.st_size);
    if (n < 0)
        return -errno;
    value = json_loadb(text, (size_t)n, JSON_REJECT_DUPLICATES, NULL);
    if (value == NULL)
        return -EBADMSG;
    *ret_value = value;
    return 0;
}
