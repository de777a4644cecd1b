/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/syscalls.h"

#include <stddef.h>

/* clang-format off */
const char *const launch_syscalls_allowed[] = {
    /* files by descriptor */
    "read", "readv", "pread64", "preadv", "preadv2", "write", "writev", "pwrite64", "pwritev", "pwritev2",
    "lseek", "_llseek", "close", "close_range", "dup", "dup2", "dup3", "fcntl", "fcntl64", "ioctl", "flock",
    "fsync", "fdatasync", "sync", "syncfs", "sync_file_range", "sync_file_range2", "fallocate", "ftruncate",
    "ftruncate64", "fadvise64", "fadvise64_64", "arm_fadvise64_64", "readahead", "cachestat", "sendfile",
    "sendfile64", "copy_file_range", "splice", "tee", "vmsplice", "getdents", "getdents64",
    /* files by name */
    "open", "openat", "openat2", "creat", "access", "faccessat", "faccessat2", "stat", "stat64", "fstat",
    "fstat64", "lstat", "lstat64", "newfstatat", "fstatat64", "statx", "statfs", "statfs64", "fstatfs",
    "fstatfs64", "statmount", "listmount", "truncate", "truncate64", "link", "linkat", "symlink", "symlinkat",
    "readlink", "readlinkat", "unlink", "unlinkat", "rename", "renameat", "renameat2", "mkdir", "mkdirat",
    "rmdir", "mknod", "mknodat", "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "chown32", "fchown",
    "fchown32", "lchown", "lchown32", "fchownat", "utime", "utimes", "futimesat", "utimensat",
    "utimensat_time64", "umask", "chdir", "fchdir", "getcwd", "chroot", "name_to_handle_at",
    "getxattr", "lgetxattr", "fgetxattr", "getxattrat", "listxattr", "llistxattr", "flistxattr",
    "listxattrat", "setxattr", "lsetxattr", "fsetxattr", "setxattrat", "removexattr", "lremovexattr",
    "fremovexattr", "removexattrat", "inotify_init", "inotify_init1", "inotify_add_watch", "inotify_rm_watch",
    "fanotify_mark", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self",
    /* waiting */
    "poll", "ppoll", "ppoll_time64", "select", "_newselect", "pselect6", "pselect6_time64", "epoll_create",
    "epoll_create1", "epoll_ctl", "epoll_ctl_old", "epoll_wait", "epoll_wait_old", "epoll_pwait",
    "epoll_pwait2", "eventfd", "eventfd2", "signalfd", "signalfd4", "timerfd_create", "timerfd_settime",
    "timerfd_settime64", "timerfd_gettime", "timerfd_gettime64", "io_setup", "io_destroy", "io_submit",
    "io_cancel", "io_getevents", "io_pgetevents", "io_pgetevents_time64", "futex", "futex_time64",
    "futex_wait", "futex_wake", "futex_waitv", "futex_requeue", "restart_syscall", "pause",
    /* pipes, sockets (their making is in launch/seccomp.c), System V and POSIX IPC */
    "pipe", "pipe2", "bind", "connect", "listen", "accept", "accept4", "shutdown", "getsockname",
    "getpeername", "getsockopt", "setsockopt", "send", "sendto", "sendmsg", "sendmmsg", "recv", "recvfrom",
    "recvmsg", "recvmmsg", "recvmmsg_time64", "ipc", "msgget", "msgsnd", "msgrcv", "msgctl", "semget",
    "semop", "semtimedop", "semtimedop_time64", "semctl", "shmget", "shmat", "shmdt", "shmctl", "mq_open",
    "mq_unlink", "mq_timedsend", "mq_timedsend_time64", "mq_timedreceive", "mq_timedreceive_time64",
    "mq_notify", "mq_getsetattr",
    /* memory; of policies only the question for them */
    "brk", "mmap", "mmap2", "munmap", "mremap", "mprotect", "madvise", "mincore", "msync", "mlock", "mlock2",
    "mlockall", "munlock", "munlockall", "mseal", "remap_file_pages", "memfd_create", "membarrier",
    "pkey_alloc", "pkey_free", "pkey_mprotect", "map_shadow_stack", "get_mempolicy",
    /* processes and threads (their making is in launch/seccomp.c) */
    "fork", "vfork", "execve", "execveat", "exit", "exit_group", "wait4", "waitid", "waitpid", "getpid",
    "getppid", "gettid", "getpgid", "getpgrp", "setpgid", "getsid", "setsid", "set_tid_address",
    "set_robust_list", "get_robust_list", "rseq", "set_thread_area", "get_thread_area", "arch_prctl",
    "modify_ldt", "prctl", "seccomp", "ptrace", "process_vm_readv", "process_vm_writev", "process_mrelease",
    "pidfd_open", "pidfd_send_signal", "getcpu", "getpriority", "setpriority", "ioprio_get", "ioprio_set",
    "sched_yield", "sched_getaffinity", "sched_setaffinity", "sched_getattr", "sched_setattr",
    "sched_getparam", "sched_setparam", "sched_getscheduler", "sched_setscheduler",
    "sched_get_priority_max", "sched_get_priority_min", "sched_rr_get_interval",
    "sched_rr_get_interval_time64", "getrlimit", "ugetrlimit", "setrlimit", "prlimit64", "getrusage",
    "swapcontext", "breakpoint", "cacheflush", "set_tls", "riscv_flush_icache", "riscv_hwprobe", "uretprobe",
    "s390_pci_mmio_read", "s390_pci_mmio_write", "s390_runtime_instr",
    /* signals */
    "kill", "tkill", "tgkill", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo",
    "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "rt_sigtimedwait_time64", "rt_tgsigqueueinfo",
    "sigaltstack", "sigprocmask", "sigreturn", "alarm", "getitimer", "setitimer",
    /* identity */
    "getuid", "getuid32", "geteuid", "geteuid32", "getgid", "getgid32", "getegid", "getegid32", "getresuid",
    "getresuid32", "getresgid", "getresgid32", "getgroups", "getgroups32", "setuid", "setuid32", "setgid",
    "setgid32", "setreuid", "setreuid32", "setregid", "setregid32", "setresuid", "setresuid32", "setresgid",
    "setresgid32", "setfsuid", "setfsuid32", "setfsgid", "setfsgid32", "setgroups", "setgroups32", "capget",
    "capset",
    /* time and the rest */
    "time", "times", "gettimeofday", "nanosleep", "clock_gettime", "clock_gettime64", "clock_getres",
    "clock_getres_time64", "clock_nanosleep", "clock_nanosleep_time64", "timer_create", "timer_delete",
    "timer_settime", "timer_settime64", "timer_gettime", "timer_gettime64", "timer_getoverrun",
    "getrandom", "uname", "sysinfo",
    NULL,
};

const char *const launch_syscalls_denied[] = {
    /* what would undo a zone */
    "mbind", "migrate_pages", "move_pages", "set_mempolicy_home_node",
    /* a ring opens sockets and does other work unseen by the filter */
    "io_uring_setup", "io_uring_enter", "io_uring_register",
    /* keyrings belong to users, not to namespaces */
    "add_key", "request_key", "keyctl",
    /* pages that nothing can move, and the less hardened parts of the kernel */
    "memfd_secret", "bpf", "perf_event_open", "userfaultfd", "kcmp", "pidfd_getfd", "process_madvise",
    "fanotify_init", "lookup_dcookie", "open_by_handle_at", "syslog", "vhangup", "iopl", "ioperm",
    /* what also needs a capability that containers don't have */
    "setns", "mount", "umount", "setdomainname", "init_module", "finit_module", "delete_module",
    "kexec_load", "kexec_file_load", "reboot", "swapon", "swapoff", "acct", "quotactl", "quotactl_fd",
    "settimeofday", "stime", "clock_settime", "clock_settime64", "adjtimex", "clock_adjtime",
    "clock_adjtime64",
    NULL,
};

const char *const launch_syscalls_setting_up[] = {
    "umount2", "pivot_root", "fsopen", "fsconfig", "fspick", "fsmount", "move_mount",
    "open_tree", "mount_setattr", "sethostname",
    /* what would undo a zone, once it is there */
    "set_mempolicy",
    NULL,
};

const char *const launch_syscalls_denied_runtime[] = {
    "set_mempolicy", "mbind", "migrate_pages", "move_pages", "set_mempolicy_home_node",
    "io_uring_setup", "io_uring_enter", "io_uring_register", "memfd_secret",
    NULL,
};
/* clang-format on */
