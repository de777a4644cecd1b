/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/guest/run_dir.h"
#include "proto/cleanup.h"

#define NEW_FILE ".journal"

static int open_file(int dir_fd, const char *name, int flags)
{
    int fd = openat(dir_fd, name, flags | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

    return fd < 0 ? -errno : fd;
}

/* What is appended to a line that a crash has cut would be lost with it. */
static int end_cut_line(struct journal *journal)
{
    char last = '\n';

    if (journal->size == 0)
        return 0;
    if (pread(journal->fd, &last, 1, (off_t)journal->size - 1) < 0)
        return -errno;
    if (last == '\n')
        return 0;
    if (write(journal->fd, "\n", 1) < 0)
        return -errno;
    journal->size++;
    return 0;
}

int journal_open(struct journal *journal, const char *run_dir, const char *name)
{
    struct stat st;
    int r;

    r = run_dir_open(AT_FDCWD, run_dir, &journal->dir_fd);
    if (r < 0)
        return r;
    journal->fd = open_file(journal->dir_fd, name, O_RDWR | O_APPEND);
    if (journal->fd < 0)
        return journal->fd;
    if (fstat(journal->fd, &st) < 0)
        return -errno;
    journal->name = name;
    journal->size = (uint64_t)st.st_size;
    return end_cut_line(journal);
}

void journal_close(struct journal *journal)
{
    cleanup_fd(&journal->fd);
    cleanup_fd(&journal->dir_fd);
    *journal = (struct journal)JOURNAL_INIT;
}

/* A line without its newline is one that a crash has cut. */
static void each_line(FILE *file, void (*fn)(void *data, json_t *entry), void *data)
{
    CLEANUP_FREE char *line = NULL;
    size_t allocated = 0;
    ssize_t n;

    while ((n = getline(&line, &allocated, file)) > 0) {
        CLEANUP_JSON json_t *entry = json_loadb(line, (size_t)n, JSON_REJECT_DUPLICATES, NULL);

        if (line[n - 1] == '\n' && json_is_object(entry))
            fn(data, entry);
    }
}

int journal_each(struct journal *journal, void (*fn)(void *data, json_t *entry), void *data)
{
    int fd = openat(journal->dir_fd, journal->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), r;
    FILE *file;

    if (fd < 0)
        return -errno;
    file = fdopen(fd, "r");
    if (file == NULL) {
        (void)close(fd);
        return -ENOMEM;
    }
    each_line(file, fn, data);
    r = ferror(file) ? -EIO : 0;
    (void)fclose(file);
    return r;
}

/* In one write(): a reader finds all of the line, or, after a crash, one without newline. */
static int write_line(int fd, const json_t *entry, uint64_t *size)
{
    CLEANUP_FREE char *text = json_dumps(entry, JSON_COMPACT | JSON_ENSURE_ASCII);
    size_t length = text != NULL ? strlen(text) : 0;
    ssize_t n;

    if (text == NULL)
        return -ENOMEM;
    text[length++] = '\n'; /* in the place of the NUL */
    n = write(fd, text, length);
    if (n == (ssize_t)length) {
        *size += length;
        return 0;
    }
    return n < 0 ? -errno : -ENOSPC;
}

int journal_append(struct journal *journal, json_t *entry)
{
    CLEANUP_JSON json_t *owned = entry;
    uint64_t size = journal->size;
    int r;

    if (owned == NULL)
        return -ENOMEM;
    r = write_line(journal->fd, owned, &size);
    if (r == 0)
        journal->size = size;
    else if (journal->fd >= 0 && ftruncate(journal->fd, (off_t)journal->size) < 0)
        r = -errno; /* what is left of it is a line that nobody can read */
    return r;
}

int journal_replace(struct journal *journal, json_t *entries)
{
    CLEANUP_JSON json_t *owned = entries;
    CLEANUP_FD int fd = -EBADF;
    uint64_t size = 0;
    size_t i;
    json_t *entry;
    int r = 0;

    if (owned == NULL)
        return -ENOMEM;
    if (journal->fd < 0)
        return -EBADF;
    fd = open_file(journal->dir_fd, NEW_FILE, O_RDWR | O_APPEND | O_TRUNC);
    if (fd < 0)
        return fd;
    json_array_foreach(owned, i, entry) {
        r = write_line(fd, entry, &size);
        if (r < 0)
            break;
    }
    if (r == 0 && renameat(journal->dir_fd, NEW_FILE, journal->dir_fd, journal->name) < 0)
        r = -errno;
    if (r < 0) {
        (void)unlinkat(journal->dir_fd, NEW_FILE, 0);
        return r;
    }
    cleanup_fd(&journal->fd);
    journal->fd = take_fd(&fd);
    journal->size = size;
    return 0;
}
