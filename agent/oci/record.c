/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/oci/record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "proto/cleanup.h"

/* How long a create that has lost its container may take to notice. */
#define FORGET_MS 2000

#define ID_MAX      255
#define RECORD_FILE "state.json"

static bool is_id(const char *id)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+.-";

    return id[0] != '\0' && strlen(id) <= ID_MAX && id[strspn(id, allowed)] == '\0' && strcmp(id, ".") != 0 &&
           strcmp(id, "..") != 0;
}

/* Returns 0, -EINVAL or -ENAMETOOLONG. */
static int make_path(const struct oci *oci, const char *id, const char *file, char path[PATH_MAX])
{
    if (!is_id(id))
        return -EINVAL;
    return snprintf(path, PATH_MAX, "%s/%s%s%s", oci->root, id, file[0] != '\0' ? "/" : "", file) < PATH_MAX
               ? 0
               : -ENAMETOOLONG;
}

int record_claim(const struct oci *oci, const char *id, int *ret_claim)
{
    CLEANUP_FD int claim = -EBADF;
    char path[PATH_MAX];
    struct stat st;
    int r = make_path(oci, id, "", path);

    if (r < 0)
        return r;
    if (mkdir(oci->root, 0700) < 0 && errno != EEXIST)
        return -errno;
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return -errno;
    claim = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (claim < 0)
        return -errno;
    /* Removed in between: it was somebody's until now. */
    if (flock(claim, LOCK_EX | LOCK_NB) < 0 || fstat(claim, &st) < 0 || st.st_nlink == 0)
        return -EEXIST;
    *ret_claim = take_fd(&claim);
    return 0;
}

int record_write(const struct oci *oci, const char *id, const json_t *record)
{
    char path[PATH_MAX], fresh[PATH_MAX];
    int r = make_path(oci, id, RECORD_FILE, path);

    if (r == 0)
        r = make_path(oci, id, RECORD_FILE ".new", fresh);
    if (r < 0)
        return r;
    errno = 0;
    if (json_dump_file(record, fresh, JSON_COMPACT) < 0)
        return errno != 0 ? -errno : -EIO;
    return rename(fresh, path) < 0 ? -errno : 0;
}

int record_read(const struct oci *oci, const char *id, json_t **ret_record)
{
    CLEANUP_JSON json_t *record = NULL;
    char path[PATH_MAX];
    int r = make_path(oci, id, RECORD_FILE, path);

    if (r < 0)
        return r;
    if (access(path, F_OK) < 0)
        return -errno;
    record = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_string(json_object_get(record, "container")) ||
        !json_is_string(json_object_get(record, "key")) ||
        !json_is_string(json_object_get(record, "bundle")) ||
        !json_is_string(json_object_get(record, "ociVersion")) ||
        !json_is_integer(json_object_get(record, "pid")))
        return -EBADMSG;
    *ret_record = TAKE(record);
    return 0;
}

int record_remove(const struct oci *oci, const char *id)
{
    static const char *const files[] = { RECORD_FILE, RECORD_FILE ".new" };
    char path[PATH_MAX];
    int r = 0;

    for (size_t i = 0; r == 0 && i < sizeof(files) / sizeof(files[0]); i++) {
        r = make_path(oci, id, files[i], path);
        if (r == 0 && unlink(path) < 0 && errno != ENOENT)
            r = -errno;
    }
    if (r == 0)
        r = make_path(oci, id, "", path);
    if (r == 0 && rmdir(path) < 0 && errno != ENOENT)
        r = -errno;
    return r;
}

static int claim_in_time(const struct oci *oci, const char *id, int *ret_claim)
{
    int64_t give_up = oci_ticks() + FORGET_MS;
    int r;

    while ((r = record_claim(oci, id, ret_claim)) == -EEXIST && oci_ticks() < give_up)
        (void)poll(NULL, 0, 20);
    return r;
}

int record_forget(const struct oci *oci, const char *id, const json_t *key)
{
    CLEANUP_JSON json_t *record = NULL;
    CLEANUP_FD int claim = -EBADF;
    int r = claim_in_time(oci, id, &claim);

    if (r < 0)
        return r == -EEXIST ? 0 : r;
    r = record_read(oci, id, &record);
    if (r < 0 && r != -ENOENT)
        return r;
    return r == 0 && !json_equal(json_object_get(record, "key"), key) ? 0 : record_remove(oci, id);
}

void record_container(const char *id, char container[RECORD_CONTAINER_SIZE])
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    char clean[40];
    size_t n = 0;

    if (strlen(id) < RECORD_CONTAINER_SIZE && strchr(id, '+') == NULL && id[0] != '.' && id[0] != '-') {
        (void)snprintf(container, RECORD_CONTAINER_SIZE, "%s", id);
        return;
    }
    /* FNV-1a: ids of this length are random already, only accidents have to be told apart. */
    for (const char *c = id; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
    for (; id[n] != '\0' && n < sizeof(clean) - 1; n++)
        clean[n] = id[n] == '+' || (n == 0 && (id[n] == '.' || id[n] == '-')) ? '_' : id[n];
    clean[n] = '\0';
    (void)snprintf(container, RECORD_CONTAINER_SIZE, "%s-%016" PRIx64, clean, hash);
}
