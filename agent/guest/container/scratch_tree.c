/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/scratch_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/guest/launch/path.h"
#include "proto/cleanup.h"

#define NAME_TEXT_MAX 24

/* Where an entry may lead: nowhere else. */
#define HERE (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV)

/*
 * The directory is worked off level by level. A level is a directory in it: first those that the container's
 * layer is made of, then one, made here, with the directories that were found in these and not empty.
 */
struct removal {
    int next_fd;              /* the next level */
    char next[NAME_TEXT_MAX]; /* its name; "": the file system is too full for one */
    uint64_t moved;           /* names in it are numbers */
    uint64_t done;            /* entries that are not any more where they were */
    int error;                /* the first */
};

static void note(struct removal *removal, int error)
{
    if (removal->error == 0)
        removal->error = error;
}

static int open_dir(int fd, const char *name)
{
    return launch_path_open(fd, name, O_RDONLY | O_DIRECTORY, HERE);
}

/* Takes away what a file or directory may have against being removed or moved. Of others it cannot be set.
 */
static void make_plain(int fd)
{
    struct fsxattr attributes;

    if (ioctl(fd, FS_IOC_FSGETXATTR, &attributes) < 0 ||
        (attributes.fsx_xflags & (FS_XFLAG_IMMUTABLE | FS_XFLAG_APPEND | FS_XFLAG_PROJINHERIT)) == 0)
        return;
    attributes.fsx_xflags &= ~(unsigned)(FS_XFLAG_IMMUTABLE | FS_XFLAG_APPEND | FS_XFLAG_PROJINHERIT);
    (void)ioctl(fd, FS_IOC_FSSETXATTR, &attributes);
}

static void make_entry_plain(int dir_fd, const char *name)
{
    CLEANUP_FD int fd = -EBADF;
    struct stat st;

    make_plain(dir_fd);
    /* A device or a fifo is not opened. */
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
        return;
    fd = launch_path_open(dir_fd, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW, HERE);
    if (fd >= 0)
        make_plain(fd);
}

static int unlink_entry(int dir_fd, const char *name, int flags)
{
    if (unlinkat(dir_fd, name, flags) == 0)
        return 0;
    if (errno != EPERM)
        return -errno;
    make_entry_plain(dir_fd, name);
    return unlinkat(dir_fd, name, flags) < 0 ? -errno : 0;
}

static int move_to_next(struct removal *removal, int dir_fd, const char *name)
{
    char number[NAME_TEXT_MAX];
    int r;

    do {
        (void)snprintf(number, sizeof(number), "%" PRIu64, removal->moved++);
        r = renameat(dir_fd, name, removal->next_fd, number) < 0 ? -errno : 0;
    } while (r == -ENOTEMPTY || r == -EEXIST);
    return r;
}

static int move_up(struct removal *removal, int dir_fd, const char *name)
{
    int r = move_to_next(removal, dir_fd, name);

    if (r != -EPERM)
        return r;
    make_entry_plain(dir_fd, name);
    return move_to_next(removal, dir_fd, name);
}

/* What to do with one entry of a directory that is open. */
typedef void (*visitor)(struct removal *removal, int dir_fd, const char *name);

/* Calls visit for each directory in fd, which is closed; everything else in it is removed. */
static void sweep(struct removal *removal, int fd, visitor visit)
{
    DIR *dir = fdopendir(fd);
    struct dirent *entry;
    int r;

    if (dir == NULL) {
        note(removal, -errno);
        (void)close(fd);
        return;
    }
    while (errno = 0, (entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        r = entry->d_type == DT_DIR ? -EISDIR : unlink_entry(fd, entry->d_name, 0);
        if (r == -EISDIR)
            visit(removal, fd, entry->d_name);
        else if (r == 0)
            removal->done++;
        else if (r != -ENOENT)
            note(removal, r);
    }
    if (errno != 0)
        note(removal, -errno);
    (void)closedir(dir);
}

/* Two levels below: gone if it is empty, else its turn comes with the next level. */
static void remove_or_move(struct removal *removal, int dir_fd, const char *name)
{
    int r = unlink_entry(dir_fd, name, AT_REMOVEDIR);

    if (r == -ENOTEMPTY || r == -EEXIST)
        r = move_up(removal, dir_fd, name);
    if (r == 0)
        removal->done++;
    else if (r != -ENOENT)
        note(removal, r);
}

static void empty(struct removal *removal, int dir_fd, const char *name, visitor visit)
{
    int fd = open_dir(dir_fd, name), r;

    if (fd < 0) {
        if (fd != -ENOENT)
            note(removal, fd);
        return;
    }
    sweep(removal, fd, visit);
    r = unlink_entry(dir_fd, name, AT_REMOVEDIR);
    if (r == 0)
        removal->done++;
    else if (r != -ENOENT)
        note(removal, r);
}

static void empty_entry(struct removal *removal, int dir_fd, const char *name)
{
    empty(removal, dir_fd, name, remove_or_move);
}

static void empty_level(struct removal *removal, int dir_fd, const char *name)
{
    if (strcmp(name, removal->next) != 0)
        empty(removal, dir_fd, name, empty_entry);
}

static int make_next(struct removal *removal, int dir_fd)
{
    uint64_t number = 0;
    int r;

    do {
        (void)snprintf(removal->next, sizeof(removal->next), "%" PRIu64, number++);
        r = mkdirat(dir_fd, removal->next, 0700) < 0 ? -errno : 0;
    } while (r == -EEXIST);
    /* What is moved is then a level itself: that takes no room, and makes some. */
    if (r == -ENOSPC || r == -EDQUOT)
        removal->next[0] = '\0';
    else if (r < 0)
        return r;
    removal->next_fd = open_dir(dir_fd, removal->next[0] != '\0' ? removal->next : ".");
    if (removal->next_fd < 0)
        return removal->next_fd;
    /* Directories of another project could not be moved into it. */
    make_plain(removal->next_fd);
    return 0;
}

/* All levels that there are, into one. */
static int pass(struct removal *removal, int dir_fd)
{
    int fd, r;

    make_plain(dir_fd);
    r = make_next(removal, dir_fd);
    if (r < 0)
        return r;
    fd = open_dir(dir_fd, ".");
    if (fd < 0)
        note(removal, fd);
    else
        sweep(removal, fd, empty_level);
    cleanup_fd(&removal->next_fd);
    removal->next_fd = -EBADF;
    /* Not if it is needed. */
    if (removal->next[0] != '\0')
        (void)unlinkat(dir_fd, removal->next, AT_REMOVEDIR);
    return 0;
}

int scratch_tree_remove(int parent_fd, const char *name)
{
    struct removal removal = { .next_fd = -EBADF };
    CLEANUP_FD int fd = open_dir(parent_fd, name);
    uint64_t done;
    int r;

    if (fd == -ENOTDIR || fd == -ELOOP)
        return unlink_entry(parent_fd, name, 0);
    if (fd < 0)
        return fd == -ENOENT ? 0 : fd;
    do {
        done = removal.done;
        removal.error = 0;
        r = pass(&removal, fd);
        if (r < 0)
            return r;
        r = unlink_entry(parent_fd, name, AT_REMOVEDIR);
    } while (r < 0 && r != -ENOENT && removal.done > done);
    if (r == 0 || r == -ENOENT)
        return 0;
    return removal.error != 0 ? removal.error : r;
}
