/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>

#include "agent/guest/keeper/log_file.h"
#include "proto/cleanup.h"

static const char *segment_name(int64_t offset, char buffer[LOG_SEGMENT_NAME])
{
    (void)snprintf(buffer, LOG_SEGMENT_NAME, "%020" PRId64, offset);
    return buffer;
}

int log_writer_open(struct log_writer *writer, int run_dir, int64_t limit, int64_t segment)
{
    int dir;

    if (segment < (int64_t)(LOG_RECORD_MAX + sizeof(struct log_record)) || limit / 2 < segment)
        return -EINVAL;
    if (mkdirat(run_dir, LOG_FOLDER, 0700) < 0)
        return -errno;
    dir = openat(run_dir, LOG_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (dir < 0)
        return -errno;
    *writer = (struct log_writer){ .dir = dir, .fd = -EBADF, .limit = limit, .segment = segment };
    return 0;
}

void log_writer_close(struct log_writer *writer)
{
    cleanup_fd(&writer->fd);
    cleanup_fd(&writer->dir);
    writer->fd = writer->dir = -EBADF;
}

static void end_segment(struct log_writer *writer)
{
    cleanup_fd(&writer->fd);
    writer->fd = -EBADF;
}

static void remove_oldest(struct log_writer *writer)
{
    char name[LOG_SEGMENT_NAME];

    (void)unlinkat(writer->dir, segment_name(writer->segments[0].offset, name), 0);
    writer->total -= writer->segments[0].size;
    writer->n_segments--;
    memmove(&writer->segments[0], &writer->segments[1], writer->n_segments * sizeof(writer->segments[0]));
    writer->begin = writer->n_segments > 0 ? writer->segments[0].offset : writer->end;
}

/* One that has room for a whole segment beside the others. */
static int begin_segment(struct log_writer *writer)
{
    char name[LOG_SEGMENT_NAME];
    int fd;

    while (writer->n_segments == LOG_SEGMENTS_MAX ||
           (writer->n_segments > 0 && writer->total + writer->segment > writer->limit))
        remove_oldest(writer);
    fd = openat(writer->dir, segment_name(writer->end, name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    writer->fd = fd;
    writer->segments[writer->n_segments++] = (struct log_segment){ .offset = writer->end };
    if (writer->n_segments == 1)
        writer->begin = writer->end;
    return 0;
}

/* The disk took a part only. What came through is made a record of its own, and the segment is over: a reader
 * that has seen the head as it was at first shall never find that many bytes behind it. Returns the bytes of
 * data that count. */
static size_t mend(struct log_writer *writer, struct log_segment *segment, struct log_record *record,
                   size_t written)
{
    size_t kept = written > sizeof(*record) ? written - sizeof(*record) : 0;

    record->length = (uint32_t)kept;
    if (kept > 0 &&
        pwrite(writer->fd, record, sizeof(*record), (off_t)segment->size) != (ssize_t)sizeof(*record))
        kept = 0;
    segment->size += (int64_t)written;
    writer->total += (int64_t)written;
    end_segment(writer);
    return kept;
}

/* Returns how many bytes of data reached the disk. */
static size_t write_record(struct log_writer *writer, struct log_record *record, const char *data)
{
    struct log_segment *segment = &writer->segments[writer->n_segments - 1];
    const size_t length = record->length, size = sizeof(*record) + length;
    const struct iovec parts[] = {
        { .iov_base = record, .iov_len = sizeof(*record) },
        { .iov_base = (void *)data, .iov_len = length },
    };
    ssize_t n;

    do
        n = writev(writer->fd, parts, 2);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return 0; /* nothing has changed: this segment may go on when there is room again */
    if ((size_t)n < size)
        return mend(writer, segment, record, (size_t)n);
    segment->size += n;
    writer->total += n;
    return length;
}

static bool fits(const struct log_writer *writer, size_t size)
{
    return writer->fd >= 0 &&
           writer->segments[writer->n_segments - 1].size + (int64_t)size <= writer->segment;
}

/* A file system that does not say how large it is has no end that we could know of. */
static bool has_room(const struct log_writer *writer, size_t size)
{
    struct statvfs disk;
    int64_t total, left;

    if (fstatvfs(writer->dir, &disk) < 0 || disk.f_blocks == 0)
        return true;
    total = (int64_t)(disk.f_blocks * disk.f_frsize);
    left = (int64_t)(disk.f_bavail * disk.f_frsize) - (int64_t)size;
    return left >= (total / 8 < LOG_RESERVE ? total / 8 : LOG_RESERVE);
}

void log_writer_append(struct log_writer *writer, enum log_stream stream, const char *data, size_t length,
                       int64_t time_ns)
{
    struct log_record record = {
        .offset = writer->end, .time_ns = time_ns, .length = (uint32_t)length, .stream = (uint32_t)stream
    };
    size_t kept = 0;

    if (!fits(writer, sizeof(record) + length))
        end_segment(writer);
    if (has_room(writer, sizeof(record) + length) && (writer->fd >= 0 || begin_segment(writer) == 0))
        kept = write_record(writer, &record, data);
    writer->end += (int64_t)length;
    writer->lost += (int64_t)(length - kept);
}
