/* SPDX-License-Identifier: Apache-2.0 */
/* Other processes, and more rights for one's own. */
#include "attempt.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SOME_UID  1000
#define PROCESSES 100

/* A signal that changes nothing for a process that runs. */
static int signal_process(const char *pid)
{
    return attempt_result(kill((pid_t)attempt_number(pid), SIGCONT));
}

static int open_process(const char *pid)
{
    return attempt_result(pidfd_open((pid_t)attempt_number(pid), 0));
}

/* 1: that process runs this program, 0: another one, which this process may know; or a negative errno. */
static int runs_this_program(const char *pid)
{
    struct stat own, other;
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%.20s/exe", pid);
    if (stat("/proc/self/exe", &own) < 0)
        attempt_unclear("no program");
    if (stat(path, &other) < 0)
        return -errno;
    return own.st_dev == other.st_dev && own.st_ino == other.st_ino;
}

/* Whether this process may look at what that one has, which is not yet the program that it will be. */
static int look_into(const char *pid)
{
    static const char *const parts[] = { "fd/0", "cwd", "root", "mem" };
    char path[64];
    int r = runs_this_program(pid);

    for (size_t i = 0; r == -EACCES && i < sizeof(parts) / sizeof(parts[0]); i++) {
        int fd;

        (void)snprintf(path, sizeof(path), "/proc/%.20s/%s", pid, parts[i]);
        fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
            continue;
        (void)close(fd);
        /* Unless it has become that program meanwhile, or has ended. */
        r = runs_this_program(pid);
        if (r == -EACCES)
            return 0;
    }
    return r;
}

/*
 * CVE-2016-9962, CVE-2019-5736: lies in wait, so many seconds, for processes that are on their way into the
 * container and are not yet the program that they will be. -ESRCH: none was met.
 */
static int catch_newcomers(const char *seconds)
{
    time_t end = time(NULL) + attempt_number(seconds);
    DIR *proc = opendir("/proc");
    int worst = -ESRCH;

    if (!proc)
        attempt_unclear("no /proc");
    while (time(NULL) < end) {
        struct dirent *entry;

        rewinddir(proc);
        while ((entry = readdir(proc))) {
            int r = -ESRCH;

            if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9')
                r = look_into(entry->d_name);
            if (r == 0)
                return 0;
            if (r == -EACCES)
                worst = r;
        }
    }
    (void)closedir(proc);
    return worst;
}

/* The kernel lets go when this process ends. */
static int trace(const char *pid)
{
    return attempt_result(ptrace(PTRACE_SEIZE, (pid_t)attempt_number(pid), NULL, NULL));
}

static int is_root(const char *argument)
{
    (void)argument;
    return geteuid() == 0 ? 0 : -EPERM;
}

/* As an ordinary user, a setuid program of root: path is a copy of this one. */
static int run_setuid(const char *path)
{
    if (getuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(SOME_UID, SOME_UID, SOME_UID) < 0 ||
                          setresuid(SOME_UID, SOME_UID, SOME_UID) < 0))
        attempt_unclear("cannot become another user");
    (void)execl(path, path, "is-root", NULL);
    attempt_unclear("cannot run the setuid program");
}

static int become_root(const char *argument)
{
    (void)argument;
    return attempt_result(setuid(0));
}

static int outlive_oom(const char *argument)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    (void)argument;
    return fd < 0 ? -errno : attempt_result(write(fd, "-1000", 5));
}

static int raise_limit(const char *argument)
{
    struct rlimit limit;

    (void)argument;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        attempt_unclear("no limit");
    limit.rlim_max++;
    return attempt_result(setrlimit(RLIMIT_NOFILE, &limit));
}

/* As many processes at once as a container with a limit must not have. */
static int fork_many(const char *argument)
{
    pid_t pids[PROCESSES];
    int n = 0, r = 0;

    (void)argument;
    for (; n < PROCESSES && r == 0; n++) {
        pids[n] = fork();
        if (pids[n] == 0) {
            (void)pause();
            _exit(0);
        }
        if (pids[n] < 0) {
            r = -errno;
            break;
        }
    }
    while (n-- > 0) {
        (void)kill(pids[n], SIGKILL);
        (void)waitpid(pids[n], NULL, 0);
    }
    return r;
}

#ifdef __x86_64__
/* getpid() by its i386 number: a filter for x86-64 alone would not see what is called. */
static int call_i386(const char *argument)
{
    long result;

    (void)argument;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory");
    return result == getpid() ? 0 : (int)result;
}

static int call_x32(const char *argument)
{
    (void)argument;
    return attempt_result(syscall(0x40000000 + SYS_getpid));
}
#endif

const struct attempt attempts_on_processes[] = {
    { "signal", signal_process },
    { "pidfd", open_process },
    { "ptrace", trace },
    { "catch-newcomers", catch_newcomers },
    { "is-root", is_root },
    { "run-setuid", run_setuid },
    { "become-root", become_root },
    { "outlive-oom", outlive_oom },
    { "raise-limit", raise_limit },
    { "fork-many", fork_many },
#ifdef __x86_64__
    { "call-i386", call_i386 },
    { "call-x32", call_x32 },
#endif
    { NULL, NULL },
};
