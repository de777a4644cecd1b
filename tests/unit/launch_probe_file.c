/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "tests/unit/launch_probe.h"

static int print_link(const char *path)
{
    char text[256] = "";

    if (readlink(path, text, sizeof(text) - 1) < 0)
        return -1;
    printf("%s\n", text);
    return 0;
}

static int print_file(const char *path)
{
    char text[256] = "";
    int fd = open(path, O_RDONLY);

    if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
        return -1;
    text[strcspn(text, "\n")] = '\0';
    printf("%s\n", text);
    (void)close(fd);
    return 0;
}

/* Writes until the file has a MiB. */
static int fill_file(const char *path)
{
    static const char block[64 << 10];
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    if (fd < 0)
        return -1;
    for (int i = 0; i < 16; i++)
        if (write(fd, block, sizeof(block)) < 0)
            return -1;
    printf("full\n");
    (void)close(fd);
    return 0;
}

static int make_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);

    if (fd < 0 || write(fd, "made\n", 5) != 5)
        return -1;
    printf("made\n");
    (void)close(fd);
    return 0;
}

static int print_mount(const char *path)
{
    struct statfs fs;

    if (statfs(path, &fs) < 0)
        return -1;
    printf("%s%s%s%s\n", fs.f_flags & 1 ? "ro" : "rw", fs.f_flags & 2 ? ",nosuid" : "",
           fs.f_flags & 4 ? ",nodev" : "", fs.f_flags & 8 ? ",noexec" : "");
    return 0;
}

static int remove_file(const char *path)
{
    if (unlink(path) < 0)
        return -1;
    printf("removed\n");
    return 0;
}

static int print_mode(const char *path)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return -1;
    printf("%o\n", st.st_mode);
    return 0;
}

static int print_owner(const char *path)
{
    struct stat st;

    if (lstat(path, &st) < 0)
        return -1;
    printf("%u:%u\n", st.st_uid, st.st_gid);
    return 0;
}

static int act(const char *action)
{
    switch (action[0]) {
    case 'p':
        return print_file(action + 1);
    case 'f':
        return fill_file(action + 1);
    case 'w':
        return make_file(action + 1);
    case 'm':
        return print_mount(action + 1);
    case 'u':
        return remove_file(action + 1);
    case 'l':
        return print_link(action + 1);
    case 'o':
        return print_owner(action + 1);
    case 's':
        return print_mode(action + 1);
    default:
        errno = EINVAL;
        return -1;
    }
}

int probe_act(char **actions)
{
    for (; *actions; actions++)
        if (act(*actions) < 0)
            printf("%s\n", strerrorname_np(errno));
    return 0;
}
