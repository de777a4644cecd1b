/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/keeper/record.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "proto/cleanup.h"

#define RECORD_FILE "status"

int keeper_record_read(int run_dir, struct keeper_record *ret)
{
    CLEANUP_FD int fd = openat(run_dir, RECORD_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct keeper_record record = { 0 };
    ssize_t n;

    if (fd < 0)
        return -errno;
    n = pread(fd, &record, sizeof(record), 0);
    if (n < 0)
        return -errno;
    if (n == 0)
        return -ENOENT;
    if (n < (ssize_t)sizeof(record) || record.status.header.kind != KEEPER_STATUS ||
        record.failed.header.kind != KEEPER_FAILED)
        return -EBADMSG;
    record.failed.parameter[sizeof(record.failed.parameter) - 1] = '\0';
    record.failed.message[sizeof(record.failed.message) - 1] = '\0';
    *ret = record;
    return 0;
}

bool keeper_record_void(int result, const struct keeper_record *record)
{
    return result == -ENOENT || (result == 0 && record->status.state == KEEPER_IDLE && record->let_go == 0);
}

void keeper_record_clear(int run_dir)
{
    struct stat st;

    /* The name last: as long as it is there nobody else begins. */
    (void)unlinkat(run_dir, RECORD_FILE, 0);
    /* keeper_bar() leaves a file in its place, which stays. */
    if (fstatat(run_dir, KEEPER_SOCKET, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISSOCK(st.st_mode))
        (void)unlinkat(run_dir, KEEPER_SOCKET, 0);
}

int keeper_record_let_go(int fd)
{
    const uint32_t yes = 1;
    ssize_t n = pwrite(fd, &yes, sizeof(yes), offsetof(struct keeper_record, let_go));

    return n < 0 ? -errno : n == sizeof(yes) ? 0 : -ENOSPC;
}

int keeper_record_create(int run_dir, const struct keeper_record *record)
{
    CLEANUP_FD int fd = openat(run_dir, RECORD_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int r;

    if (fd < 0)
        return -errno;
    r = keeper_record_update(fd, record);
    return r < 0 ? r : take_fd(&fd);
}

int keeper_record_update(int fd, const struct keeper_record *record)
{
    ssize_t n = pwrite(fd, record, sizeof(*record), 0);

    if (n < 0)
        return -errno;
    return n == sizeof(*record) ? 0 : -ENOSPC;
}
