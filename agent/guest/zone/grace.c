/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/zone/grace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "agent/guest/log.h"
#include "proto/cleanup.h"

#define MARK "rcu_expedited"

static int write_value(const char *attribute, char value)
{
    CLEANUP_FD int fd = open(attribute, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, &value, 1) < 0)
        return log_fail(-errno, "cannot write %c to %s: %s", value, attribute, strerror(errno));
    return 0;
}

static int read_value(const char *attribute, char *ret_value)
{
    CLEANUP_FD int fd = open(attribute, O_RDONLY | O_CLOEXEC);
    char value;
    ssize_t n = fd < 0 ? -1 : read(fd, &value, 1);

    if (n != 1)
        return n < 0 ? -errno : -EIO;
    *ret_value = value;
    return 0;
}

static void find_mark(void *data, const char *name)
{
    bool *found = data;

    *found = *found || strcmp(name, MARK) == 0;
}

static int undo_crashed(const char *attribute, struct marks *marks)
{
    bool found = false;
    int r = marks_each(marks, find_mark, &found);

    if (r == 0 && found)
        r = write_value(attribute, '0');
    return r;
}

int grace_open(struct grace *grace, const char *attribute, struct marks *marks)
{
    char value = '1';
    int r = undo_crashed(attribute, marks);

    if (r == 0)
        r = read_value(attribute, &value);
    if (r == -ENOENT)
        r = 0;
    if (r < 0)
        return r;
    *grace = (struct grace){ .attribute = value == '0' ? attribute : NULL, .marks = marks };
    /* It stays until a clean end: the attribute changes many times, the file does not have to. */
    if (grace->attribute != NULL)
        marks_set(marks, MARK);
    return 0;
}

void grace_close(struct grace *grace)
{
    if (grace->attribute == NULL)
        return;
    if (grace->n_holders == 0 || write_value(grace->attribute, '0') == 0)
        marks_clear(grace->marks, MARK);
    *grace = (struct grace){ 0 };
}

void grace_hold(struct grace *grace)
{
    if (grace->n_holders++ == 0 && grace->attribute != NULL)
        (void)write_value(grace->attribute, '1');
}

void grace_release(struct grace *grace)
{
    if (--grace->n_holders == 0 && grace->attribute != NULL)
        (void)write_value(grace->attribute, '0');
}
