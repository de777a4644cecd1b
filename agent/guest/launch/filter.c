/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/filter.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "proto/cleanup.h"

int launch_filter_read(int fd, struct sock_fprog *ret)
{
    CLEANUP_FREE struct sock_filter *code = NULL;
    struct stat st;
    ssize_t n;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (st.st_size <= 0 || (size_t)st.st_size > BPF_MAXINSNS * sizeof(*code) ||
        (size_t)st.st_size % sizeof(*code) != 0)
        return -EINVAL;
    code = malloc((size_t)st.st_size);
    if (!code)
        return -ENOMEM;
    n = pread(fd, code, (size_t)st.st_size, 0);
    if (n < 0)
        return -errno;
    if (n != st.st_size)
        return -EINVAL;
    ret->len = (unsigned short)((size_t)n / sizeof(*code));
    ret->filter = TAKE(code);
    return 0;
}

int launch_filter_apply(const struct sock_fprog *filter)
{
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, filter) < 0 ? -errno : 0;
}
