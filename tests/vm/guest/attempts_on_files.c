/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the kernel and of the guest. */
#include "attempt.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

/* Only opened: a file of the kernel acts on what is written. */
static int open_to_write(const char *path)
{
    return attempt_result(open(path, O_WRONLY | O_CLOEXEC));
}

/* A file that gives nothing is masked. */
static int read_some(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char word[8]; /* files of one number for each page give no less */
    ssize_t n;

    if (fd < 0)
        return -errno;
    n = read(fd, word, sizeof(word));
    return n < 0 ? -errno : n == 0 ? -ENODATA : 0;
}

static int make_directory(const char *path)
{
    return mkdir(path, 0700) < 0 ? -errno : attempt_result(rmdir(path));
}

static int see(const char *path)
{
    return attempt_result(access(path, F_OK));
}

static int reach_socket(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || strlen(path) >= sizeof(address.sun_path))
        attempt_unclear("no socket, or too long a path");
    (void)stpcpy(address.sun_path, path);
    return attempt_result(connect(fd, (const struct sockaddr *)&address, sizeof(address)));
}

/* CVE-2019-5736: the program of another process, opened again for writing. ETXTBSY would be the only thing
 * in the way while it runs, so that counts as success. */
static int overwrite_foreign_program(const char *argument)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    struct stat own, other;
    int r = -ESRCH;

    (void)argument;
    if (!proc || stat("/proc/self/exe", &own) < 0)
        attempt_unclear("no /proc");
    while ((entry = readdir(proc))) {
        char path[PATH_MAX];

        (void)snprintf(path, sizeof(path), "/proc/%s/exe", entry->d_name);
        if (entry->d_name[0] < '0' || entry->d_name[0] > '9' || stat(path, &other) < 0 ||
            (own.st_dev == other.st_dev && own.st_ino == other.st_ino))
            continue;
        if (open(path, O_WRONLY | O_CLOEXEC) >= 0 || errno == ETXTBSY)
            return 0;
        r = -errno;
    }
    (void)closedir(proc);
    return r;
}

/* CVE-2021-30465, CVE-2025-52881: /proc led elsewhere while the container was set up. "Works" if its
 * directory is not the kernel's. ELOOP: the name is a link by now, which nobody can help who shares the root.
 */
static int fake_proc(const char *argument)
{
    int fd = open("/proc", O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct statfs fs;
    struct stat st;

    (void)argument;
    if (fd < 0 || fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
        return -errno;
    if (S_ISLNK(st.st_mode))
        return -ELOOP;
    return fs.f_type == PROC_SUPER_MAGIC ? -EEXIST : 0;
}

/* Not an attempt: A:B:SECONDS, exchanges two names over and over. */
static int exchange(const char *argument)
{
    char first[PATH_MAX], second[PATH_MAX];
    unsigned count = 0;
    int seconds;
    time_t end;

    if (sscanf(argument, "%4095[^:]:%4095[^:]:%d", first, second, &seconds) != 3)
        attempt_unclear("exchange=A:B:SECONDS");
    end = time(NULL) + seconds;
    while (time(NULL) < end) {
        if (renameat2(AT_FDCWD, first, AT_FDCWD, second, RENAME_EXCHANGE) < 0)
            return -errno;
        count++;
        /* Without a rest it would hold the directory's lock nearly all the time. */
        (void)usleep(200);
    }
    return count > 1 ? 0 : -EAGAIN;
}

const struct attempt attempts_on_files[] = {
    { "write", open_to_write },
    { "read", read_some },
    { "mkdir", make_directory },
    { "see", see },
    { "connect", reach_socket },
    { "overwrite-foreign-program", overwrite_foreign_program },
    { "fake-proc", fake_proc },
    { "exchange", exchange },
    { NULL, NULL },
};
