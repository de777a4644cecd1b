/* SPDX-License-Identifier: Apache-2.0 */
#include "inject.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)

#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

enum { ATTEMPTS = 100, PAUSE_US = 10000, RED_ZONE = 128, SYSCALL_SIZE = 2 };

/* Codes a system call returns inside the kernel when it is to be restarted (include/linux/errno.h); a tracer
 * can see them. */
enum { RESTARTSYS = 512, RESTARTNOINTR = 513, RESTARTNOHAND = 514, RESTART_RESTARTBLOCK = 516 };

static int wait_stop(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, __WALL) < 0)
        if (errno != EINTR)
            return -errno;
    return WIFSTOPPED(status) ? 0 : -ESRCH;
}

static int copy_memory(pid_t pid, void *local, unsigned long remote, size_t size, bool write)
{
    struct iovec here = { local, size }, there = { (void *)remote, size };
    ssize_t n = write ? process_vm_writev(pid, &here, 1, &there, 1, 0)
                      : process_vm_readv(pid, &here, 1, &there, 1, 0);

    if (n < 0)
        return -errno;
    return (size_t)n == size ? 0 : -EFAULT;
}

/* Registers with which the thread goes on as if we had never been there: an interrupted call is made again.
 */
static struct user_regs_struct resumed(const struct user_regs_struct *at_stop)
{
    struct user_regs_struct regs = *at_stop;
    long result = (long)regs.rax;

    if ((long)regs.orig_rax < 0)
        return regs;
    if (result == -RESTARTSYS || result == -RESTARTNOINTR || result == -RESTARTNOHAND) {
        regs.rip -= SYSCALL_SIZE;
        regs.rax = regs.orig_rax;
    } else if (result == -RESTART_RESTARTBLOCK) {
        regs.rip -= SYSCALL_SIZE;
        regs.rax = SYS_restart_syscall;
    }
    /* The kernel must not apply its own restart on top of ours. */
    regs.orig_rax = (unsigned long)-1;
    return regs;
}

static int step_to_stop(pid_t pid)
{
    if (ptrace(PTRACE_SYSCALL, pid, NULL, NULL) < 0)
        return -errno;
    return wait_stop(pid);
}

/* Runs set_mempolicy() on the instruction the thread has just executed. 1 when it did not rest in a system
 * call. */
static int call_set_mempolicy(pid_t pid, const struct czone_policy *policy)
{
    unsigned long nodes[sizeof(policy->nodes) / sizeof(policy->nodes[0])];
    struct user_regs_struct at_stop, call;
    unsigned char code[SYSCALL_SIZE];
    int r;

    if (ptrace(PTRACE_GETREGS, pid, NULL, &at_stop) < 0)
        return -errno;
    r = copy_memory(pid, code, at_stop.rip - SYSCALL_SIZE, sizeof(code), false);
    if (r < 0)
        return r;
    if (code[0] != 0x0f || code[1] != 0x05)
        return 1;

    memcpy(nodes, policy->nodes, sizeof(nodes));
    call = at_stop;
    call.rip -= SYSCALL_SIZE;
    call.orig_rax = (unsigned long)-1;
    call.rax = SYS_set_mempolicy;
    call.rdi = (unsigned long)policy->mode;
    call.rsi =
        (at_stop.rsp - RED_ZONE - sizeof(nodes)) & ~15UL; /* scratch space below what the thread uses */
    call.rdx = CZONE_POLICY_MAX_NODES;
    r = copy_memory(pid, nodes, call.rsi, sizeof(nodes), true);
    if (r < 0)
        return r;
    if (ptrace(PTRACE_SETREGS, pid, NULL, &call) < 0)
        return -errno;
    r = step_to_stop(pid); /* entry */
    if (r >= 0)
        r = step_to_stop(pid); /* exit */
    if (r >= 0 && ptrace(PTRACE_GETREGS, pid, NULL, &call) < 0)
        r = -errno;

    struct user_regs_struct after = resumed(&at_stop);
    if (ptrace(PTRACE_SETREGS, pid, NULL, &after) < 0 && r >= 0)
        r = -errno;
    return r < 0 ? r : (int)call.rax;
}

int inject_policy(pid_t pid, const struct czone_policy *policy)
{
    int r = 1;

    for (int i = 0; i < ATTEMPTS && r == 1; i++) {
        if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0)
            return -errno;
        if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0)
            r = -errno;
        else
            r = wait_stop(pid);
        if (r >= 0)
            r = call_set_mempolicy(pid, policy);
        ptrace(PTRACE_DETACH, pid, NULL, NULL);
        if (r == 1)
            usleep(PAUSE_US);
    }
    return r == 1 ? -EBUSY : r;
}

#else

int inject_policy(pid_t pid, const struct czone_policy *policy)
{
    (void)pid;
    (void)policy;
    return -ENOSYS;
}

#endif
