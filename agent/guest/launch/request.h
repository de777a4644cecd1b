/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_REQUEST_H
#define GUEST_LAUNCH_REQUEST_H

/* What to launch: the program, its root, and what it gets besides. */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/types.h>

#include <czone/policy.h>

/* As many as a message should name; the kernel's own limit is 500 layers. */
#define LAUNCH_LAYERS_MAX    64
#define LAUNCH_MOUNTS_MAX    64
#define LAUNCH_ADDRESSES_MAX 16
#define LAUNCH_ID_RANGES_MAX 32
/* Of the container's directory, and of that which it is made in, so that both together are a path. */
#define LAUNCH_SCRATCH_NAME_MAX 63
#define LAUNCH_SCRATCH_MAX      (4095 - 1 - LAUNCH_SCRATCH_NAME_MAX)

/* To whom the files of the guest belong in a container that has users of its own. */
enum launch_owners {
    LAUNCH_OWNERS_SHIFTED, /* to the container's user of the same number: 0 to its root */
    LAUNCH_OWNERS_KEPT, /* to the guest's user as ever; one that no id of the container stands for is nobody
                         */
};

enum launch_mount_kind {
    LAUNCH_MOUNT_BIND,
    LAUNCH_MOUNT_TMPFS,
};

/*
 * One mount in the container, made in the order of the request, after /dev, /proc and /sys.
 *
 * target: absolute, without "." and "..", inside the root; neither "/" nor at or below /proc, /sys or /dev
 * (/dev/shm may be replaced), also when a symbolic link of the image leads there. What is missing of it is
 * created, if that place can be written to.
 */
struct launch_extra_mount {
    const char *source; /* bind: absolute path of a directory or file of the guest, with what is mounted
                         * below it; tmpfs: not used */
    const char *target;
    uint64_t
        attributes; /* MOUNT_ATTR_RDONLY, _NOSUID, _NODEV, _NOEXEC; they are put on each mount below, too */
    uint64_t limit; /* tmpfs: bytes; 0: tmpfs_limit of the request */
    enum launch_mount_kind kind;
    unsigned mode;             /* tmpfs: permissions of its root, 01777 for instance */
    enum launch_owners owners; /* bind */
};

/* What nobody who asks for nothing else should get more than. */
#define LAUNCH_BIND_ATTRIBUTES  (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define LAUNCH_TMPFS_ATTRIBUTES (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

/* One resource limit (setrlimit(2)); RLIM_INFINITY: none. */
struct launch_rlimit {
    int resource; /* RLIMIT_*: launch_rlimit_find() */
    uint64_t soft, hard;
};

enum launch_network_kind {
    LAUNCH_NETWORK_HOST, /* the guest's own */
    LAUNCH_NETWORK_NONE, /* loopback, and nothing else */
    LAUNCH_NETWORK_VETH, /* loopback and eth0, whose other end is a port of a bridge of the guest */
};

/* Ids of the container from `inside` on, and what they are in the guest. */
struct launch_id_range {
    uint32_t inside, outside, count;
};

struct launch_id_map {
    const struct launch_id_range *ranges;
    size_t n;
};

/* Zeroed: the guest's users, without a user namespace. */
struct launch_users {
    struct launch_id_map uids, gids; /* launch_users_check() */
    enum launch_owners owners;       /* of root or layers */
};

/* Zeroed: the guest's own network. */
struct launch_network {
    enum launch_network_kind kind;
    const char *bridge;                          /* veth: name of the guest's bridge */
    const char *addresses[LAUNCH_ADDRESSES_MAX]; /* veth: "10.0.0.2/24", "fd00::2/64" */
    size_t n_addresses;
    const char *gateway; /* veth: address of the default route; NULL: none */
};

/* What to launch. Everything is borrowed for the duration of one call. Initialise with LAUNCH_REQUEST_INIT.
 */
struct launch_request {
    /* Program and arguments, NULL-terminated, at least one. args[0] without a slash is looked up in PATH of
     * env, with a slash it is relative to cwd. */
    const char *const *args;
    /* NAME=value strings, NULL-terminated; NULL: none. PATH (LAUNCH_DEFAULT_PATH) and HOME (of the user in
     * the root's /etc/passwd, else "/") are added when missing. */
    const char *const *env;
    /* Absolute, inside the root, not below /proc (CVE-2024-21626). NULL: "/". */
    const char *cwd;
    /* "name", "uid" or "uid:gid"; NULL: 0:0. A name must be in the root's /etc/passwd. A uid need not; its
     * group is the one listed there, else the one of the same number, and never silently group 0. Name and
     * lone uid bring the supplementary groups of the root's /etc/group; uid:gid has none. */
    const char *user;
    /* Supplementary groups beside those that user brings. */
    const gid_t *groups;
    size_t n_groups;
    mode_t umask;
    /* Which of the capabilities that a container can have user 0 keeps, as bits (launch_capability_find());
     * other users keep none. UINT64_MAX: all of them. */
    uint64_t capabilities;
    /* Letters, digits, '-' and '.', up to 64. NULL: the guest's. */
    const char *hostname;
    /* Absolute path of a directory of the guest, used as it is, writable, with what is mounted below it.
     * Missing /dev, /proc and /sys are created in it. NULL: the guest's own root, read-only. */
    const char *root;
    /* Instead of root: read-only layers, bottom first, NULL-terminated, each the absolute path of a directory
     * or of a block device with an EROFS, squashfs or ext4 image. The container sees them as one tree over
     * which it has a writable one of its own (overlay) that is gone with it: a tmpfs of at most
     * writable_limit bytes (0: tmpfs_limit), paid for by its zone. */
    const char *const *layers;
    uint64_t writable_limit;
    /* With layers, instead of that tmpfs: absolute path of a directory on a disk of the guest, as large as
     * its file system is. The container's is the directory scratch_name in it, which launch_start() makes and
     * nobody here removes. */
    const char *scratch;
    const char *scratch_name;
    /* The root cannot be written to, whatever it is made of; mounts can, if they say so. */
    bool read_only;
    const struct launch_extra_mount *mounts;
    size_t n_mounts;
    /* With users of its own every id of this request is one of the container. Files of the guest's own root
     * keep their owners where its file system leaves no choice, an initramfs for instance. */
    struct launch_users users;
    /* Instead of the defaults: 1024 open files at first, no core dumps, everything else as czoned has it. */
    const struct launch_rlimit *rlimits;
    size_t n_rlimits;
    struct launch_network network;
    /* Upper limit of each tmpfs (/tmp, /run, /dev/shm), in bytes, so that filling one is ENOSPC before it is
     * an OOM kill: half of the container's memory is a good choice. 0: the kernel's default. */
    uint64_t tmpfs_limit;
    /* Whether the program has a stdin that can be written to; else /dev/null. A tty always can. */
    bool input;
    /* Whether stdin, stdout and stderr are one terminal, a pty of the container's own, of this size
     * (0 columns and rows: not known). Else stdout and stderr are a pipe each. */
    bool tty;
    uint16_t columns, rows;
    /* The program is an OCI runtime of the guest, which makes the container itself. args[0] is its absolute
     * path in the guest. It runs as root with all that root may, in the namespaces of the guest but for those
     * of runtime.h, so the launcher's filter must be one for it (launch_seccomp_compile_runtime()). Of the
     * rest only env, stdin and terminal, cgroup and policy are used; with target, which is the runtime that
     * runs the container then, it joins that one's namespaces. */
    bool runtime;
    /* pidfd of the first process of a container to join. -EBADF: a new container. What makes a container
     * (from hostname to tmpfs_limit, but for users and rlimits) is not used with it. */
    int target;
    /* Directory fd of a cgroup v2, in which the process is born. -EBADF: the caller's own cgroup. Not used by
     * launch_check(). */
    int cgroup_fd;
    /* Memory policy of the container, relative to the cpuset of the cgroup. NULL: the caller's own. Not used
     * by launch_check(). */
    const struct czone_policy *policy;
};

#define LAUNCH_REQUEST_INIT                                                                                  \
    {                                                                                                        \
        .umask = 022, .capabilities = UINT64_MAX, .target = -EBADF, .cgroup_fd = -EBADF                      \
    }

#define LAUNCH_DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

#endif
