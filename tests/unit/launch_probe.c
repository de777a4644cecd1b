/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs inside a container and looks around: `launch_probe NAME` does one check, says on standard error what
 * is not as it should be and ends with 1, else with 0. `launch_probe do ACTION...` does something to files
 * and prints what came of it, a line each: a letter and a path. Linked statically.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <mqueue.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/launch_probe.h"

static int pipes(void)
{
    char buffer[64 << 10] = { 1 };
    int ends[2], status;

    EXPECT(pipe(ends) == 0);
    if (fork() == 0) {
        for (int i = 0; i < 16; i++)
            if (write(ends[1], buffer, sizeof(buffer)) != sizeof(buffer))
                _exit(1);
        _exit(0);
    }
    (void)close(ends[1]);
    for (size_t left = 16 * sizeof(buffer); left > 0;) {
        ssize_t n = read(ends[0], buffer, sizeof(buffer));

        EXPECT(n > 0);
        left -= (size_t)n;
    }
    EXPECT(wait(&status) > 0 && status == 0);
    return 0;
}

static int fork_exec(void)
{
    int status;
    pid_t pid = fork();

    EXPECT(pid >= 0);
    if (pid == 0) {
        (void)execl("/probe", "probe", "true", NULL);
        _exit(127);
    }
    EXPECT(waitpid(pid, &status, 0) == pid && status == 0);
    return 0;
}

static int tmpfs(void)
{
    char text[4] = "";
    struct statfs fs;
    int fd;

    EXPECT(statfs("/dev/shm", &fs) == 0 && fs.f_type == 0x01021994);
    fd = open("/dev/shm/file", O_RDWR | O_CREAT, 0600);
    EXPECT(fd >= 0 && write(fd, "abc", 3) == 3 && pread(fd, text, 3, 0) == 3 && strcmp(text, "abc") == 0);
    return 0;
}

static int mmap_file(void)
{
    int fd = open("/file", O_RDWR | O_CREAT, 0600);
    char *map;

    EXPECT(fd >= 0 && ftruncate(fd, 1 << 20) == 0);
    map = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    EXPECT(map != MAP_FAILED);
    memset(map, 'x', 1 << 20);
    EXPECT(msync(map, 1 << 20, MS_SYNC) == 0 && unlink("/file") == 0);
    return 0;
}

static void *add_one(void *counter)
{
    __atomic_add_fetch((int *)counter, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static int threads(void)
{
    pthread_t ids[20];
    int counter = 0;

    for (int i = 0; i < 20; i++)
        EXPECT(pthread_create(&ids[i], NULL, add_one, &counter) == 0);
    for (int i = 0; i < 20; i++)
        EXPECT(pthread_join(ids[i], NULL) == 0);
    EXPECT(counter == 20);
    return 0;
}

static int hundred_processes(void)
{
    int status;

    for (int i = 0; i < 100; i++) {
        pid_t pid = fork();

        EXPECT(pid >= 0);
        if (pid == 0)
            _exit(0);
    }
    for (int i = 0; i < 100; i++)
        EXPECT(wait(&status) > 0 && status == 0);
    EXPECT(wait(&status) < 0 && errno == ECHILD);
    return 0;
}

static int mempolicy_denied(void)
{
    unsigned long nodes[16] = { 1 };
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int node = 0, status;

    EXPECT(page != MAP_FAILED);
    memset(page, 1, 4096);
    DENIED(EPERM, syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0));
    DENIED(EPERM, syscall(SYS_set_mempolicy, MPOL_BIND, nodes, 1024));
    DENIED(EPERM, syscall(SYS_mbind, page, 4096, MPOL_DEFAULT, NULL, 0, 0));
    DENIED(EPERM, syscall(SYS_migrate_pages, 0, 1024, nodes, nodes));
    DENIED(EPERM, syscall(SYS_move_pages, 0, 1, &page, &node, &status, 0));
    DENIED(EPERM, syscall(450 /* set_mempolicy_home_node */, page, 4096, 0, 0));
    return 0;
}

static int vsock_denied(void)
{
    int pair[2];

    DENIED(EAFNOSUPPORT, socket(AF_VSOCK, SOCK_STREAM, 0));
    /* The kernel takes an int: a filter that compares 64 bits would let this through. */
    DENIED(EAFNOSUPPORT, syscall(SYS_socket, AF_VSOCK | (UINT64_C(1) << 32), SOCK_STREAM, 0));
    DENIED(EAFNOSUPPORT, syscall(SYS_socketpair, AF_VSOCK, SOCK_STREAM, 0, pair));
    EXPECT(socket(AF_INET, SOCK_STREAM, 0) >= 0);
    EXPECT(socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
    DENIED(EPERM, syscall(SYS_io_uring_setup, 1, NULL));
    return 0;
}

static int namespaces_denied(void)
{
    DENIED(EPERM, unshare(CLONE_NEWUSER));
    DENIED(EPERM, syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
    DENIED(ENOSYS, syscall(SYS_clone3, NULL, 0));
    DENIED(EPERM, unshare(CLONE_NEWNS));
    DENIED(EPERM, syscall(SYS_mount, "none", "/", "tmpfs", 0, NULL));
    DENIED(EPERM, syscall(SYS_umount2, "/proc", MNT_DETACH));
    DENIED(EPERM, syscall(SYS_keyctl, 0, 0));
    DENIED(EPERM, mknod("/node", S_IFCHR | 0600, 0x103));
    DENIED(EPERM, syscall(SYS_open_by_handle_at, 0, NULL, 0));
    return 0;
}

/* Of the filter, or because the kernel has no such calls at all (ia32_emulation=0): either way none is made.
 */
static bool is_killed(int status)
{
    return WIFSIGNALED(status) && (WTERMSIG(status) == SIGSYS || WTERMSIG(status) == SIGSEGV);
}

static int ends_with_signal(void (*call)(void))
{
    int status;
    pid_t pid = fork();

    EXPECT(pid >= 0);
    if (pid == 0) {
        call();
        _exit(0);
    }
    EXPECT(waitpid(pid, &status, 0) == pid && is_killed(status));
    return 0;
}

#ifdef __x86_64__
static void call_x32(void)
{
    (void)syscall(0x40000000 + SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0);
}

static void call_i386(void)
{
    long result;

    /* set_mempolicy(MPOL_DEFAULT, NULL, 0) by its i386 number. */
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(276), "b"(0), "c"(0), "d"(0) : "memory");
}
#endif

static int other_architectures_killed(void)
{
#ifdef __x86_64__
    return ends_with_signal(call_x32) || ends_with_signal(call_i386);
#else
    return 0;
#endif
}

static int only_stdio_open(void)
{
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;
    struct stat null;

    EXPECT(dir != NULL);
    while ((entry = readdir(dir))) {
        int fd = atoi(entry->d_name);

        EXPECT(entry->d_name[0] == '.' || fd <= 2 || fd == dirfd(dir));
    }
    EXPECT(fstat(0, &null) == 0 && S_ISCHR(null.st_mode) && null.st_rdev == 0x103);
    EXPECT(read(0, &null, 1) == 0);
    return 0;
}

static int root_is_limited(void)
{
    /* CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE SYS_CHROOT AUDIT_WRITE
     * SETFCAP */
    EXPECT(probe_status_says("CapBnd:\t00000000a00405fb"));
    EXPECT(probe_status_says("CapPrm:\t00000000a00405fb"));
    EXPECT(probe_status_says("CapEff:\t00000000a00405fb"));
    EXPECT(probe_status_says("CapInh:\t0000000000000000"));
    EXPECT(probe_status_says("CapAmb:\t0000000000000000"));
    EXPECT(probe_status_says("NoNewPrivs:\t1"));
    EXPECT(probe_status_says("Seccomp:\t2"));
    return 0;
}

static int root_keeps_kill_only(void)
{
    EXPECT(probe_status_says("CapBnd:\t0000000000000020"));
    EXPECT(probe_status_says("CapPrm:\t0000000000000020"));
    EXPECT(probe_status_says("CapEff:\t0000000000000020"));
    DENIED(EPERM, chown("/etc", 1, 1));
    return 0;
}

/* As the test asked for it: user 0, groups, umask, and a root that is closed. */
static int has_what_was_asked_for(void)
{
    gid_t groups[8];

    EXPECT(getuid() == 0 && getgid() == 0);
    EXPECT(getgroups(8, groups) == 2 && groups[0] == 5 && groups[1] == 77);
    EXPECT(umask(0) == 027);
    DENIED(EROFS, mkdir("/etc/new", 0755));
    DENIED(EROFS, mkdir("/new", 0755));
    EXPECT(mkdir("/dev/shm/new", 0755) == 0);
    return 0;
}

/* A queue is a file of /dev/mqueue, and none of the guest's is there. */
static int has_own_mqueue(void)
{
    mqd_t queue = mq_open("/probe", O_RDWR | O_CREAT | O_EXCL, 0600, NULL);
    struct stat st;

    EXPECT(queue != (mqd_t)-1);
    EXPECT(stat("/dev/mqueue/probe", &st) == 0 && S_ISREG(st.st_mode));
    return 0;
}

static bool variable_is(const char *name, const char *expected)
{
    const char *value = getenv(name);

    return value && strcmp(value, expected) == 0;
}

static int signals_are_default(void)
{
    EXPECT(probe_status_says("SigBlk:\t0000000000000000"));
    EXPECT(probe_status_says("SigIgn:\t0000000000000000"));
    return 0;
}

static int scheduling_is_default(void)
{
    EXPECT(sched_getscheduler(0) == SCHED_OTHER);
    return 0;
}

/* Of cgroup2; a machine that has the old hierarchies too lists them as well. */
static int cgroup_is_the_root(void)
{
    char text[4096] = "";
    int fd = open("/proc/self/cgroup", O_RDONLY);

    EXPECT(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
    EXPECT(strstr(text, "0::/\n"));
    EXPECT(access("/sys/fs/cgroup/cgroup.freeze", F_OK) == 0); /* no real root has it */
    return 0;
}

static int first_of_its_namespaces(void)
{
    char name[65] = "", cwd[64];

    EXPECT(getpid() == 1 && getsid(0) == 1);
    EXPECT(gethostname(name, sizeof(name)) == 0 && strcmp(name, "probe-host") == 0);
    EXPECT(getcwd(cwd, sizeof(cwd)) && strcmp(cwd, "/etc") == 0);
    EXPECT(variable_is("GIVEN", "yes") && variable_is("HOME", "/root"));
    EXPECT(variable_is("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
    EXPECT(access("/dev/console", F_OK) < 0);
    return 0;
}

static int writes(const char *path)
{
    int fd = open(path, O_WRONLY);

    if (fd < 0)
        return -1;
    (void)close(fd);
    return 0;
}

static int reads_nothing(const char *path)
{
    char byte;
    int fd = open(path, O_RDONLY);

    return fd < 0 ? errno == ENOENT : read(fd, &byte, 1) == 0;
}

/* Read-only, or of a user that the container has not. */
static bool guarded(const char *path)
{
    struct stat st;

    return writes(path) < 0 &&
           (errno == EROFS || (errno == EACCES && stat(path, &st) == 0 && st.st_uid == 65534));
}

static int kernel_files_guarded(void)
{
    EXPECT(reads_nothing("/proc/kcore"));
    EXPECT(reads_nothing("/proc/kpageflags"));
    EXPECT(reads_nothing("/proc/keys"));
    EXPECT(guarded("/proc/sys/kernel/core_pattern"));
    EXPECT(guarded("/proc/sys/vm/overcommit_memory"));
    EXPECT(guarded("/proc/sysrq-trigger") || errno == ENOENT);
    DENIED(EROFS, mkdir("/sys/fs/cgroup/mine", 0700));
    EXPECT(guarded("/sys/fs/cgroup/cgroup.procs"));
    EXPECT(guarded("/sys/kernel/mm/numa/demotion_enabled") || errno == ENOENT);
    EXPECT(writes("/dev/null") == 0);
    return 0;
}

static int image_devices_dead(void)
{
    DENIED(EACCES, open("/zero", O_RDONLY));
    return 0;
}

static int policy_is_relative(void)
{
    int mode = -1;

    EXPECT(syscall(SYS_get_mempolicy, &mode, NULL, 0, NULL, 0) == 0);
    EXPECT(mode == (MPOL_BIND | MPOL_F_RELATIVE_NODES));
    return 0;
}

static int tmpfs_is_limited(void)
{
    static char block[64 << 10];
    int fd = open("/dev/shm/big", O_WRONLY | O_CREAT, 0600);

    EXPECT(fd >= 0);
    for (size_t written = 0; written < (1 << 20); written += sizeof(block)) {
        ssize_t n = write(fd, block, sizeof(block));

        if (n < 0)
            break;
    }
    EXPECT(errno == ENOSPC);
    return 0;
}

static int escape_by_chroot(void)
{
    struct stat before, after;

    EXPECT(stat("/", &before) == 0);
    EXPECT(mkdir("/jail", 0700) == 0 || errno == EEXIST);
    EXPECT(chroot("/jail") == 0);
    for (int i = 0; i < 64; i++)
        EXPECT(chdir("..") == 0);
    EXPECT(chroot(".") == 0 && stat("/", &after) == 0);
    EXPECT(before.st_dev == after.st_dev && before.st_ino == after.st_ino);
    EXPECT(access("/probe", X_OK) == 0);
    return 0;
}

static int say(void)
{
    return write(1, "to stdout\n", 10) == 10 && write(2, "to stderr\n", 10) == 10 ? 42 : 1;
}

static int stay(void)
{
    if (write(1, "ready\n", 6) != 6)
        return 1;
    for (;;)
        (void)pause();
}

static int succeed(void)
{
    return 0;
}

static int limits_are_100_200(void)
{
    struct rlimit limit;

    EXPECT(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == 100 && limit.rlim_max == 200);
    EXPECT(getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == 0 && limit.rlim_max == RLIM_INFINITY);
    limit.rlim_max = 300;
    DENIED(EPERM, setrlimit(RLIMIT_NOFILE, &limit));
    return 0;
}

static const struct check {
    const char *name;
    int (*run)(void);
} checks[] = {
    { "pipes", pipes },
    { "fork-exec", fork_exec },
    { "tmpfs", tmpfs },
    { "mmap-file", mmap_file },
    { "threads", threads },
    { "hundred-processes", hundred_processes },
    { "mempolicy-denied", mempolicy_denied },
    { "vsock-denied", vsock_denied },
    { "namespaces-denied", namespaces_denied },
    { "other-architectures-killed", other_architectures_killed },
    { "only-stdio-open", only_stdio_open },
    { "root-is-limited", root_is_limited },
    { "has-what-was-asked-for", has_what_was_asked_for },
    { "root-keeps-kill-only", root_keeps_kill_only },
    { "has-own-mqueue", has_own_mqueue },
    { "user-has-nothing", probe_user_has_nothing },
    { "signals-are-default", signals_are_default },
    { "scheduling-is-default", scheduling_is_default },
    { "cgroup-is-the-root", cgroup_is_the_root },
    { "first-of-its-namespaces", first_of_its_namespaces },
    { "kernel-files-guarded", kernel_files_guarded },
    { "image-devices-dead", image_devices_dead },
    { "policy-is-relative", policy_is_relative },
    { "tmpfs-is-limited", tmpfs_is_limited },
    { "escape-by-chroot", escape_by_chroot },
    { "limits-are-100-200", limits_are_100_200 },
    { "loopback-only", probe_loopback_only },
    { "calls-its-gateway", probe_calls_its_gateway },
    { "has-users-of-its-own", probe_has_users_of_its_own },
    { "say", say },
    { "stay", stay },
    { "true", succeed },
};

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "do") == 0)
        return probe_act(argv + 2);
    for (size_t i = 0; argc == 2 && i < sizeof(checks) / sizeof(checks[0]); i++)
        if (strcmp(checks[i].name, argv[1]) == 0)
            return checks[i].run();
    dprintf(2, "usage: launch_probe NAME\n");
    return 2;
}
