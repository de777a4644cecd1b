/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LAUNCH_FIXTURE_H
#define TESTS_LAUNCH_FIXTURE_H

/* A root directory made for one test, with helpers to furnish it. Paths are below it and begin with a slash.
 */

#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    char root[64];
};

static inline const char *fixture_path(const struct fixture *fixture, const char *path)
{
    static char buffer[4][PATH_MAX];
    static unsigned next;
    char *result = buffer[next++ % 4];

    ck_assert_int_lt(snprintf(result, PATH_MAX, "%s%s", fixture->root, path), PATH_MAX);
    return result;
}

static inline void fixture_dir(const struct fixture *fixture, const char *path)
{
    ck_assert_int_eq(mkdir(fixture_path(fixture, path), 0755), 0);
}

static inline void fixture_link(const struct fixture *fixture, const char *path, const char *to)
{
    ck_assert_int_eq(symlink(to, fixture_path(fixture, path)), 0);
}

static inline void fixture_bytes(const struct fixture *fixture, const char *path, mode_t mode,
                                 const void *bytes, size_t size)
{
    int fd = open(fixture_path(fixture, path), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes, size), (ssize_t)size);
    ck_assert_int_eq(fchmod(fd, mode), 0);
    (void)close(fd);
}

static inline void fixture_file(const struct fixture *fixture, const char *path, mode_t mode,
                                const char *text)
{
    fixture_bytes(fixture, path, mode, text, strlen(text));
}

/* Copies a file of the machine into the root. */
static inline void fixture_copy(const struct fixture *fixture, const char *path, mode_t mode,
                                const char *from)
{
    int fd = open(from, O_RDONLY | O_CLOEXEC);
    struct stat st;
    char *bytes;

    ck_assert_msg(fd >= 0, "cannot open %s", from);
    ck_assert_int_eq(fstat(fd, &st), 0);
    bytes = malloc((size_t)st.st_size);
    ck_assert_ptr_nonnull(bytes);
    ck_assert_int_eq(read(fd, bytes, (size_t)st.st_size), st.st_size);
    fixture_bytes(fixture, path, mode, bytes, (size_t)st.st_size);
    free(bytes);
    (void)close(fd);
}

static inline void fixture_set_up(struct fixture *fixture)
{
    *fixture = (struct fixture){ .root = "/tmp/czone-launch-XXXXXX" };
    ck_assert_ptr_nonnull(mkdtemp(fixture->root));
    ck_assert_int_eq(chmod(fixture->root, 0755), 0);
}

static inline int fixture_remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st, (void)type, (void)where;
    return remove(path);
}

static inline void fixture_tear_down(struct fixture *fixture)
{
    ck_assert_int_eq(nftw(fixture->root, fixture_remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT), 0);
}

#endif
