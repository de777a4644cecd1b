/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "agent/guest/keeper/log_file.h"
#include "agent/guest/keeper/log_window.h"
#include "proto/cleanup.h"

static void close_fd(int *fd)
{
    cleanup_fd(fd);
    *fd = -EBADF;
}

void log_reader_close(struct log_reader *reader)
{
    close_fd(&reader->fd);
    close_fd(&reader->dir);
}

void log_reader_seek(struct log_reader *reader, int64_t offset)
{
    close_fd(&reader->fd);
    reader->offset = offset;
}

static void cleanup_dir(DIR **dir)
{
    if (*dir)
        (void)closedir(*dir);
}

/* The offset that a name stands for, or -1 for a file that is none of ours. */
static int64_t name_offset(const char *name)
{
    char *end;
    long long offset;

    if (strlen(name) != LOG_SEGMENT_NAME - 1 || name[strspn(name, "0123456789")] != '\0')
        return -1;
    errno = 0;
    offset = strtoll(name, &end, 10);
    return errno == 0 ? (int64_t)offset : -1;
}

/*
 * Finds the segment after the one that begins at `after` (-1: there is none yet): the newest that begins at
 * or before `offset`, or else the next. Returns 1, 0 (there is none) or a negative errno.
 */
static int find_segment(int dir, int64_t after, int64_t offset, int64_t *ret_segment)
{
    CLEANUP(cleanup_dir) DIR *list = NULL;
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int64_t before = -1, next = -1;
    struct dirent *entry;

    if (fd < 0)
        return -errno;
    list = fdopendir(fd);
    if (!list) {
        (void)close(fd);
        return -ENOMEM;
    }
    while ((entry = readdir(list))) {
        int64_t begin = name_offset(entry->d_name);

        if (begin <= after)
            continue;
        if (begin <= offset && begin > before)
            before = begin;
        if (begin > offset && (next < 0 || begin < next))
            next = begin;
    }
    *ret_segment = before >= 0 ? before : next;
    return *ret_segment >= 0;
}

/* Returns 0 or a negative errno. */
static int enter_segment(struct log_reader *reader, int64_t segment)
{
    char name[LOG_SEGMENT_NAME];
    int fd;

    (void)snprintf(name, sizeof(name), "%020" PRId64, segment);
    fd = openat(reader->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    close_fd(&reader->fd);
    reader->fd = fd;
    reader->segment = segment;
    reader->position = 0;
    return 0;
}

/* Reads the head of the next record. Returns 1, 0 (none yet) or a negative errno. */
static int read_head(struct log_reader *reader, struct log_window *window, struct log_record *ret)
{
    const char *head;
    ssize_t n = log_window_get(window, reader->fd, reader->position, sizeof(*ret), &head);

    if (n < 0)
        return (int)n;
    if (n < (ssize_t)sizeof(*ret))
        return 0;
    memcpy(ret, head, sizeof(*ret));
    if (ret->length == 0 || ret->length > LOG_RECORD_MAX || ret->offset < reader->segment ||
        (ret->stream != LOG_STDOUT && ret->stream != LOG_STDERR))
        return -EBADMSG;
    return 1;
}

/*
 * Moves to the record that has the reader's offset, or to the first one after it. Returns 1, 0 (none of that
 * kind in this segment yet) or a negative errno.
 */
static int find_record(struct log_reader *reader, struct log_window *window, struct log_record *ret)
{
    for (;;) {
        int r = read_head(reader, window, ret);

        if (r <= 0 || ret->offset + (int64_t)ret->length > reader->offset)
            return r;
        reader->position += (off_t)(sizeof(*ret) + ret->length);
    }
}

/* Bytes from `at` on, and the head of the record behind them, as far as they are there. Returns their number
 * or a negative errno. */
static ssize_t read_both(struct log_reader *reader, struct log_window *window, off_t at, char *buffer,
                         size_t length, struct log_record *next, size_t next_length)
{
    const struct iovec parts[] = {
        { .iov_base = buffer, .iov_len = length },
        { .iov_base = next, .iov_len = next_length },
    };
    const char *data;
    ssize_t n;

    if (length + next_length > LOG_WINDOW_FIRST) {
        n = preadv(reader->fd, parts, 2, at);
        return n < 0 ? -errno : n;
    }
    n = log_window_get(window, reader->fd, at, length + next_length, &data);
    if (n < 0)
        return n;
    memcpy(buffer, data, (size_t)n < length ? (size_t)n : length);
    if ((size_t)n > length)
        memcpy(next, data + length, (size_t)n - length);
    return n;
}

/*
 * Reads data from `skip` bytes into the record on, and the head of the record after it, in one go. Returns 1
 * and the bytes, with *next (length 0: none there yet); 0 (the record is not complete yet) or a negative
 * errno.
 */
static int read_data(struct log_reader *reader, struct log_window *window, const struct log_record *record,
                     size_t skip, char *buffer, size_t size, size_t *ret_length, struct log_record *next)
{
    size_t length = record->length - skip;
    char last;
    ssize_t n;

    if (length > size)
        length = size;
    n = read_both(reader, window, reader->position + (off_t)(sizeof(*record) + skip), buffer, length, next,
                  skip + length == record->length ? sizeof(*next) : 0);
    if (n < 0)
        return (int)n;
    if ((size_t)n < length + sizeof(*next))
        next->length = 0;
    *ret_length = length;
    if ((size_t)n < length)
        return 0;
    /* A part of a record counts only if all of it is there: else it may be cut short yet. */
    if (skip + length < record->length)
        return pread(reader->fd, &last, 1,
                     reader->position + (off_t)(sizeof(*record) + record->length - 1)) == 1;
    return 1;
}

/* Reads one record, or what the buffer takes of it, and all that continue it. */
static int read_records(struct log_reader *reader, struct log_window *window, struct log_record record,
                        char *buffer, size_t size, struct log_chunk *ret)
{
    struct log_chunk chunk = { .stream = (enum log_stream)record.stream, .time_ns = record.time_ns };
    struct log_record next = { 0 };
    size_t skip, length = 0;
    int r;

    if (reader->offset < record.offset)
        reader->offset = record.offset;
    chunk.offset = reader->offset;
    do {
        skip = (size_t)(reader->offset - record.offset);
        r = read_data(reader, window, &record, skip, buffer + chunk.length, size - chunk.length, &length,
                      &next);
        if (r <= 0)
            break;
        chunk.length += length;
        reader->offset += (int64_t)length;
        if (skip + length < record.length)
            break;
        reader->position += (off_t)(sizeof(record) + record.length);
        record = next;
    } while (chunk.length < size && record.length > 0 && record.length <= LOG_RECORD_MAX &&
             record.stream == (uint32_t)chunk.stream && record.offset == reader->offset);
    if (chunk.length == 0)
        return r;
    *ret = chunk;
    return 1;
}

/* In the segment it stands in. Returns as log_reader_read(). */
static int read_here(struct log_reader *reader, char *buffer, size_t size, struct log_chunk *ret_chunk)
{
    struct log_window window;
    struct log_record record;
    int r;

    if (reader->fd < 0)
        return 0;
    log_window_init(&window);
    r = find_record(reader, &window, &record);
    return r <= 0 ? r : read_records(reader, &window, record, buffer, size, ret_chunk);
}

static int open_folder(struct log_reader *reader, int run_dir)
{
    if (reader->dir >= 0)
        return 1;
    reader->dir = openat(run_dir, LOG_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (reader->dir >= 0)
        return 1;
    reader->dir = -EBADF;
    return errno == ENOENT ? 0 : -errno;
}

int log_reader_read(struct log_reader *reader, int run_dir, char *buffer, size_t size,
                    struct log_chunk *ret_chunk)
{
    int r;

    r = open_folder(reader, run_dir);
    if (r <= 0)
        return r;
    for (;;) {
        int64_t segment = 0;

        r = read_here(reader, buffer, size, ret_chunk);
        if (r != 0)
            return r;
        r = find_segment(reader->dir, reader->fd >= 0 ? reader->segment : -1, reader->offset, &segment);
        if (r <= 0)
            return r;
        /* There is a newer one, so this one is complete by now: what was added meanwhile comes first. */
        r = read_here(reader, buffer, size, ret_chunk);
        if (r != 0)
            return r;
        r = enter_segment(reader, segment);
        if (r < 0 && r != -ENOENT) /* the oldest may be removed at any time */
            return r;
    }
}

/* Of the records of the segment that are complete. */
static int64_t segment_end(struct log_reader *reader)
{
    int64_t end = reader->segment;
    struct log_window window;
    struct log_record record;
    struct stat st;

    log_window_init(&window);
    if (fstat(reader->fd, &st) < 0)
        return end;
    while (read_head(reader, &window, &record) == 1) {
        reader->position += (off_t)(sizeof(record) + record.length);
        if (reader->position > st.st_size)
            break;
        end = record.offset + (int64_t)record.length;
    }
    return end;
}

int64_t log_reader_end(int run_dir)
{
    struct log_reader reader = LOG_READER_INIT;
    int64_t segment = 0, end = 0;

    if (open_folder(&reader, run_dir) == 1 && find_segment(reader.dir, -1, INT64_MAX, &segment) == 1 &&
        enter_segment(&reader, segment) == 0)
        end = segment_end(&reader);
    log_reader_close(&reader);
    return end;
}
