/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "agent/guest/launch/syscalls.h"
#include "proto/cleanup.h"

/* Newer than the headers of Debian 12; the number is the same on every architecture since Linux 5.17. */
#define NR_SET_MEMPOLICY_HOME_NODE 450

static void release_filter(scmp_filter_ctx *filter)
{
    if (*filter)
        seccomp_release(*filter);
}

/* Rules of some calls depend on arguments of which the kernel looks at the low 32 bits only, and so must the
 * filter. */
#define LOW_IS(argument, value)        SCMP_CMP((argument), SCMP_CMP_MASKED_EQ, UINT32_MAX, (value))
#define BITS_ARE(argument, mask, bits) SCMP_CMP((argument), SCMP_CMP_MASKED_EQ, (mask), (bits))

/* Each on its own is refused; CLONE_NEWTIME shares its bit with the exit signal of clone(2). */
#define CLONE_NAMESPACES                                                                                     \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |            \
     CLONE_NEWNET)
#define NEWTIME 0x80

static int add_named(scmp_filter_ctx filter, uint32_t action, const char *const *names)
{
    int r = 0;

    for (; r == 0 && *names; names++) {
        int number = seccomp_syscall_resolve_name(*names);

        /* A call that this libseccomp does not know, or that this machine does not have, needs no rule: it is
         * answered as any unknown one. */
        if (number >= 0)
            r = seccomp_rule_add(filter, action, number, 0);
    }
    return r;
}

/* Allowed without any of the flags, refused with each. The flags are in the first argument, except on s390.
 */
static int add_namespace_call(scmp_filter_ctx filter, int number, unsigned argument, uint32_t flags)
{
    int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 1, BITS_ARE(argument, flags, 0));

    for (uint32_t bit = 1; r == 0 && bit != 0; bit <<= 1)
        if (flags & bit)
            r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), number, 1, BITS_ARE(argument, bit, bit));
    return r;
}

/* The families of ordinary programs; the others are doors to less known parts of the kernel, and one of them
 * to the host. */
static int add_socket_call(scmp_filter_ctx filter, int number)
{
    int r = 0;

    for (int family = AF_UNSPEC; r == 0 && family < AF_MAX; family++) {
        bool common = family == AF_UNIX || family == AF_INET || family == AF_INET6 || family == AF_NETLINK;

        r = seccomp_rule_add(filter, common ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EAFNOSUPPORT), number, 1,
                             LOW_IS(0, (uint64_t)family));
    }
    return r;
}

static int add_personality(scmp_filter_ctx filter)
{
    /* PER_LINUX, PER_LINUX32, UNAME26 with both, and the question. */
    static const uint32_t known[] = { 0, 0x8, 0x20000, 0x20008, UINT32_MAX };
    int r = 0;

    for (size_t i = 0; r == 0 && i < sizeof(known) / sizeof(known[0]); i++)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(personality), 1, LOW_IS(0, known[i]));
    return r;
}

static int add_denied(scmp_filter_ctx filter, const char *const *names)
{
    int r = add_named(filter, SCMP_ACT_ERRNO(EPERM), names);

    /* Newer than the libseccomp of Debian 12; the number is the same on every architecture. */
    if (r == 0 && seccomp_syscall_resolve_name("set_mempolicy_home_node") == __NR_SCMP_ERROR)
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), NR_SET_MEMPOLICY_HOME_NODE, 0);
    return r;
}

static int add_runtime_rules(scmp_filter_ctx filter)
{
    const uint32_t action = SCMP_ACT_ERRNO(EAFNOSUPPORT);
    int r = add_denied(filter, launch_syscalls_denied_runtime);

    if (r == 0)
        r = seccomp_rule_add(filter, action, SCMP_SYS(socket), 1, LOW_IS(0, AF_VSOCK));
    return r == 0 ? seccomp_rule_add(filter, action, SCMP_SYS(socketpair), 1, LOW_IS(0, AF_VSOCK)) : r;
}

/* What sets up a container is a matter of its own. */
static int add_rules(scmp_filter_ctx filter, uint32_t setting_up)
{
#ifdef __s390__
    const unsigned clone_flags = 1;
#else
    const unsigned clone_flags = 0;
#endif
    int r;

    r = add_named(filter, SCMP_ACT_ALLOW, launch_syscalls_allowed);
    if (r == 0)
        r = add_denied(filter, launch_syscalls_denied);
    if (r == 0)
        r = add_named(filter, setting_up, launch_syscalls_setting_up);
    if (r == 0)
        r = add_socket_call(filter, SCMP_SYS(socket));
    if (r == 0)
        r = add_socket_call(filter, SCMP_SYS(socketpair));
    if (r == 0)
        r = add_namespace_call(filter, SCMP_SYS(clone), clone_flags, CLONE_NAMESPACES);
    if (r == 0)
        r = add_namespace_call(filter, SCMP_SYS(unshare), 0, CLONE_NAMESPACES | NEWTIME);
    return r == 0 ? add_personality(filter) : r;
}

static int add_container_rules(scmp_filter_ctx filter)
{
    return add_rules(filter, SCMP_ACT_ERRNO(EPERM));
}

static int add_standby_rules(scmp_filter_ctx filter)
{
    return add_rules(filter, SCMP_ACT_ALLOW);
}

static int add_remaining_rules(scmp_filter_ctx filter)
{
    return add_named(filter, SCMP_ACT_ERRNO(EPERM), launch_syscalls_setting_up);
}

/* The memfd with what add() makes of a filter with that answer to everything else. */
static int compile(uint32_t otherwise, int (*add)(scmp_filter_ctx filter), int *ret_filter)
{
    CLEANUP(release_filter) scmp_filter_ctx filter = seccomp_init(otherwise);
    CLEANUP_FD int fd = -EBADF;
    int r;

    if (!filter)
        return -ENOMEM;
    r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    /* A tree instead of a line of 350 comparisons, for the container and for the kernel, which walks it once
     * for every call when it is loaded. */
    if (r == 0)
        r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (r == 0)
        r = add(filter);
    if (r < 0)
        return r;
    fd = memfd_create("czone-seccomp", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    r = seccomp_export_bpf(filter, fd);
    if (r < 0)
        return r;
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
        return -errno;
    *ret_filter = take_fd(&fd);
    return 0;
}

int launch_seccomp_compile(int *ret_filter)
{
    return compile(SCMP_ACT_ERRNO(ENOSYS), add_container_rules, ret_filter);
}

int launch_seccomp_compile_runtime(int *ret_filter)
{
    return compile(SCMP_ACT_ALLOW, add_runtime_rules, ret_filter);
}

int launch_seccomp_compile_standby(int *ret_setting_up, int *ret_running)
{
    CLEANUP_FD int setting_up = -EBADF;
    int r;

    r = compile(SCMP_ACT_ERRNO(ENOSYS), add_standby_rules, &setting_up);
    if (r == 0)
        r = compile(SCMP_ACT_ALLOW, add_remaining_rules, ret_running);
    if (r == 0)
        *ret_setting_up = take_fd(&setting_up);
    return r;
}
