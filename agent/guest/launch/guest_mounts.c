/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/guest_mounts.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "agent/guest/launch/mount.h"
#include "agent/guest/launch/root.h"
#include "proto/cleanup.h"

static void close_file(FILE **file)
{
    if (*file)
        (void)fclose(*file);
}

/* Cuts the fifth word out of a line of mountinfo (proc(5)), where a mount lies: blanks, tabs, line ends and
 * backslashes are three octal digits there. Returns NULL for a line that has none. */
static const char *mount_point(char *line)
{
    char *word = line, *from, *to;

    for (int i = 0; word && i < 4; i++) {
        word = strchr(word, ' ');
        if (word)
            word++;
    }
    if (!word)
        return NULL;
    for (from = to = word; *from && *from != ' ' && *from != '\n'; to++) {
        if (from[0] == '\\' && from[1] && from[2] && from[3]) {
            *to = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
    return word;
}

static int copy_one(int tree, const char *path, uint64_t attributes, const struct launch_userns *userns)
{
    CLEANUP_FD int from = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    CLEANUP_FD int mount = -EBADF, target = -EBADF;
    int r;

    /* Hidden by another mount by now. */
    if (from < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
    target = launch_mount_target(tree, path + 1);
    if (target < 0)
        return target == -ENOENT ? 0 : target;
    mount = launch_mount_copy_one(from, "", attributes);
    if (mount < 0)
        return mount;
    r = userns->user >= 0 ? launch_userns_shift(userns, mount) : 0;
    return r < 0 && r != -EINVAL ? r : launch_mount_attach(mount, target);
}

struct points {
    char **paths;
    size_t n;
};

static void free_points(struct points *points)
{
    for (size_t i = 0; i < points->n; i++)
        free(points->paths[i]);
    free(points->paths);
}

static int add_point(struct points *points, const char *path)
{
    char **grown = reallocarray(points->paths, points->n + 1, sizeof(*grown));

    if (!grown)
        return -ENOMEM;
    points->paths = grown;
    grown[points->n] = strdup(path);
    if (!grown[points->n])
        return -ENOMEM;
    points->n++;
    return 0;
}

/* All before the first is copied, since what is copied is listed too. */
static int list_points(struct points *points)
{
    static const struct launch_root own = { .fd = -EBADF, .own = true };
    CLEANUP(close_file) FILE *mounts = fopen("/proc/self/mountinfo", "re");
    CLEANUP_FREE char *line = NULL;
    size_t size = 0;
    int r = 0;

    if (!mounts)
        return -errno;
    while (r == 0 && getline(&line, &size, mounts) > 0) {
        const char *path = mount_point(line);

        if (path && path[0] == '/' && path[1] && !launch_root_hides_path(&own, path))
            r = add_point(points, path);
    }
    return r;
}

int launch_guest_mounts_copy(int tree, uint64_t attributes, const struct launch_userns *userns)
{
    CLEANUP(free_points) struct points points = { 0 };
    int r = list_points(&points);

    for (size_t i = 0; r == 0 && i < points.n; i++)
        r = copy_one(tree, points.paths[i], attributes, userns);
    return r;
}
