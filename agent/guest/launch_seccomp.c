/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch_seccomp.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "proto/cleanup.h"

/* Newer than the headers of Debian 12; the number is the same on every architecture since Linux 5.17. */
#define NR_SET_MEMPOLICY_HOME_NODE 450

static void release_filter(scmp_filter_ctx *filter)
{
    if (*filter)
        seccomp_release(*filter);
}

static const int denied[] = {
    SCMP_SYS(set_mempolicy),
    SCMP_SYS(mbind),
    SCMP_SYS(migrate_pages),
    SCMP_SYS(move_pages),
    NR_SET_MEMPOLICY_HOME_NODE,
    /* A ring opens sockets and does other work unseen by the filter. */
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register),
    /* Keyrings belong to users, not to namespaces. */
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(keyctl),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    /* The ones that also need a capability which containers don't have. */
    SCMP_SYS(setns),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(fsopen),
    SCMP_SYS(fspick),
    SCMP_SYS(fsmount),
    SCMP_SYS(move_mount),
    SCMP_SYS(open_tree),
    SCMP_SYS(mount_setattr),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(reboot),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(acct),
    SCMP_SYS(quotactl),
    SCMP_SYS(settimeofday),
    SCMP_SYS(clock_settime),
    SCMP_SYS(clock_adjtime),
    SCMP_SYS(adjtimex),
};

static int add_rules(scmp_filter_ctx filter)
{
    /* The kernel looks at the low 32 bits of these arguments only, so the filter must not look at the others.
     */
    const struct scmp_arg_cmp vsock = SCMP_A0(SCMP_CMP_MASKED_EQ, UINT32_MAX, AF_VSOCK);
    const struct scmp_arg_cmp user = SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER);
    int r;

    for (size_t i = 0; i < sizeof(denied) / sizeof(denied[0]); i++) {
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), denied[i], 0);
        if (r < 0)
            return r;
    }
    r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1, vsock);
    if (r == 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socketpair), 1, vsock);
    if (r == 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(unshare), 1, user);
    if (r == 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1, user);
    if (r == 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    return r;
}

static int read_filter(int fd, struct sock_fprog *ret_program)
{
    CLEANUP_FREE struct sock_filter *code = NULL;
    struct stat st;
    ssize_t n;

    if (fstat(fd, &st) < 0)
        return -errno;
    code = malloc((size_t)st.st_size);
    if (!code)
        return -ENOMEM;
    n = pread(fd, code, (size_t)st.st_size, 0);
    if (n < 0)
        return -errno;
    if (n != st.st_size || n == 0 || (size_t)n > BPF_MAXINSNS * sizeof(*code))
        return -EIO;
    ret_program->len = (unsigned short)((size_t)n / sizeof(*code));
    ret_program->filter = TAKE(code);
    return 0;
}

int launch_seccomp_compile(struct sock_fprog *ret_program)
{
    CLEANUP(release_filter) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    CLEANUP_FD int fd = -EBADF;
    int r;

    if (!filter)
        return -ENOMEM;
    r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (r == 0)
        r = add_rules(filter);
    if (r < 0)
        return r;
    /* Kept as plain BPF, so that a launch costs one system call and none of libseccomp's work. */
    fd = memfd_create("czone-seccomp", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    r = seccomp_export_bpf(filter, fd);
    if (r < 0)
        return r;
    return read_filter(fd, ret_program);
}

int launch_seccomp_apply(const struct sock_fprog *program)
{
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, program) < 0 ? -errno : 0;
}
