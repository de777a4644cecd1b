/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_KEEPER_LOG_FILE_H
#define GUEST_KEEPER_LOG_FILE_H

/*
 * The log of one program: files in the folder `log` of its run directory, written by its keeper, read by
 * czoned at the same time.
 *
 *     log/00000000000000000000   a segment, named by the offset of its first byte
 *     log/00000000000001048000
 *
 * A segment is a row of records: struct log_record, then that many bytes. Offsets count the bytes that the
 * program wrote, both streams together, so a record whose offset is beyond the end of the one before tells
 * of bytes that were lost, and the first segment's name tells what was removed to keep the bound.
 *
 * A writer never goes back to an older segment, and never continues one in which a write came out short: what
 * is not a whole record is not there yet, or never will be once there is a newer segment.
 */

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LOG_LIMIT_DEFAULT   INT64_C(16777216)
#define LOG_LIMIT_EXEC      INT64_C(4194304) /* of an exec session, of which a container may have many */
#define LOG_SEGMENT_DEFAULT INT64_C(1048576)
/* Of data in one record. */
#define LOG_RECORD_MAX 65536
/* Logs leave so much of their file system to others, at most an eighth of it: czoned's own notes lie there
 * too, and without a place for them no memory goes back to the host. */
#define LOG_RESERVE INT64_C(4194304)
/* Segments of one log, whatever their sizes. */
#define LOG_SEGMENTS_MAX 64

/* In the run directory. */
#define LOG_FOLDER "log"
/* Room for the name of a segment. */
#define LOG_SEGMENT_NAME 21

enum log_stream {
    LOG_STDOUT = 1, /* also all output of a tty */
    LOG_STDERR = 2,
};

struct log_record {
    int64_t offset;  /* of its first byte */
    int64_t time_ns; /* CLOCK_REALTIME when it was read from the program */
    uint32_t length; /* 1 to LOG_RECORD_MAX */
    uint32_t stream; /* enum log_stream */
};

/* The keeper's end. begin, end and lost are for everybody to read. */
struct log_writer {
    int dir;                /* the folder `log` */
    int fd;                 /* newest segment, or -EBADF: the next write begins one */
    int64_t limit, segment; /* bytes of disk: of all, of one */
    int64_t begin, end;     /* offsets: oldest byte kept, after the newest byte */
    int64_t lost;           /* bytes that did not reach the disk */
    int64_t total;          /* bytes of disk now in use */
    size_t n_segments;
    struct log_segment {
        int64_t offset, size;
    } segments[LOG_SEGMENTS_MAX]; /* oldest first */
};

#define LOG_WRITER_INIT                                                                                      \
    {                                                                                                        \
        .dir = -EBADF, .fd = -EBADF                                                                          \
    }

/*
 * Makes the folder. Segments are made when there is something to write.
 *
 * @limit    bytes of disk for all segments, at least two of them
 * @segment  bytes of one, at least LOG_RECORD_MAX + sizeof(struct log_record), since no record is split
 *
 * Returns 0, -EINVAL (these two), or errors of mkdirat(2) and openat(2).
 */
int log_writer_open(struct log_writer *writer, int run_dir, int64_t limit, int64_t segment);

/* Leaves the files. Accepts LOG_WRITER_INIT. */
void log_writer_close(struct log_writer *writer);

/*
 * Appends what a program wrote. Never fails: what the disk does not take, or what would go into LOG_RESERVE,
 * counts as lost, and is a gap in the offsets. length: 1 to LOG_RECORD_MAX. Blocks no longer than write(2)
 * does on the file system of the run directory.
 */
void log_writer_append(struct log_writer *writer, enum log_stream stream, const char *data, size_t length,
                       int64_t time_ns);

/* czoned's end: one reader for each follower. Not a copy of anything: it stands somewhere in the files. */
struct log_reader {
    int dir;         /* -EBADF: not yet there */
    int fd;          /* of the segment it stands in, or -EBADF */
    int64_t segment; /* its offset */
    off_t position;  /* of the record that is read next */
    int64_t offset;  /* of the byte that is read next */
};

#define LOG_READER_INIT                                                                                      \
    {                                                                                                        \
        .dir = -EBADF, .fd = -EBADF                                                                          \
    }

/* Bytes of one stream that were written one after the other. */
struct log_chunk {
    int64_t offset;  /* of the first byte; beyond what was asked for: what lies between is gone */
    int64_t time_ns; /* of the first byte */
    enum log_stream stream;
    size_t length;
};

/*
 * Stands at an offset, wherever that is: before the oldest byte kept, in a gap, or beyond the end. Opens no
 * file yet, and may be used on a reader that stood elsewhere.
 */
void log_reader_seek(struct log_reader *reader, int64_t offset);

/*
 * Reads on from where the reader stands.
 *
 * @run_dir  the program's run directory
 * @buffer   receives up to `size` bytes, at least 1
 *
 * Returns 1 with *ret_chunk, of one or several records; 0: nothing at or after this offset yet (look again
 * when a STATUS says that log_end has grown; if log_end is beyond reader->offset even so, the rest is lost);
 * -EBADMSG: damaged; or errors of openat(2), pread(2). Reads files of a tmpfs as a rule, so does not block.
 */
int log_reader_read(struct log_reader *reader, int run_dir, char *buffer, size_t size,
                    struct log_chunk *ret_chunk);

void log_reader_close(struct log_reader *reader);

/* Where the log ends, as far as its newest segment tells: no bytes that were lost at the very end. 0 if there
 * is none, or it cannot be read. */
int64_t log_reader_end(int run_dir);

#endif
