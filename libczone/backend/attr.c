/* SPDX-License-Identifier: Apache-2.0 */
#include "attr.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../cleanup.h"

static int open_at(int dir_fd, const char *path, int flags)
{
    int fd;

    do {
        fd = openat(dir_fd, path, flags | O_CLOEXEC | O_NOCTTY);
    } while (fd < 0 && errno == EINTR);
    return fd < 0 ? -errno : fd;
}

/* Reads until the end or until the buffer is full; returns the length. */
static ssize_t read_full(int fd, char *buffer, size_t size)
{
    size_t n = 0;

    while (n < size) {
        ssize_t r = read(fd, buffer + n, size - n);

        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -errno;
        if (r == 0)
            break;
        n += (size_t)r;
    }
    return (ssize_t)n;
}

int attr_read(int dir_fd, const char *path, char *buffer, size_t size)
{
    cleanup_close int fd = -EBADF;
    ssize_t n;

    fd = open_at(dir_fd, path, O_RDONLY);
    if (fd < 0)
        return fd;
    /* The kernel makes all of an attribute for its first read (single_open() in fs/seq_file.c): what leaves
     * room is complete. */
    do {
        n = read(fd, buffer, size);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    if ((size_t)n == size)
        return -ENOBUFS;
    if (n > 0 && buffer[n - 1] == '\n')
        n--;
    buffer[n] = '\0';
    return (int)n;
}

int attr_read_all(int dir_fd, const char *path, char **ret_text)
{
    cleanup_close int fd = -EBADF;
    cleanup_free char *text = NULL;
    size_t size = 4096, n = 0;

    fd = open_at(dir_fd, path, O_RDONLY);
    if (fd < 0)
        return fd;
    for (;;) {
        char *larger = realloc(text, size);
        ssize_t r;

        if (!larger)
            return -ENOMEM;
        text = larger;
        r = read_full(fd, text + n, size - n);
        if (r < 0)
            return (int)r;
        n += (size_t)r;
        if (n < size)
            break;
        if (size >= (size_t)64 << 20)
            return -EFBIG;
        size *= 2;
    }
    text[n] = '\0';
    *ret_text = TAKE_PTR(text);
    return (int)n;
}

int attr_read_u64(int dir_fd, const char *path, int base, uint64_t *ret_value)
{
    char text[32], *end;
    unsigned long long value;
    int r;

    r = attr_read(dir_fd, path, text, sizeof(text));
    if (r < 0)
        return r;
    errno = 0;
    value = strtoull(text, &end, base);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-')
        return -EINVAL;
    *ret_value = value;
    return 0;
}

int attr_write(int dir_fd, const char *path, const char *value)
{
    cleanup_close int fd = -EBADF;
    size_t size = strlen(value);
    ssize_t n;

    /* O_TRUNC does nothing to an attribute; in a captured tree it makes a shorter value replace a longer one.
     */
    fd = open_at(dir_fd, path, O_WRONLY | O_TRUNC);
    if (fd < 0)
        return fd;
    /* No retry on EINTR: here it is the kernel's word that a signal ended a long operation. */
    n = write(fd, value, size);
    if (n < 0)
        return -errno;
    return (size_t)n == size ? 0 : -EIO;
}

static bool append(char **position, const char *end, const char *text, size_t n)
{
    if ((size_t)(end - *position) <= n)
        return false;
    memcpy(*position, text, n);
    *position += n;
    return true;
}

int attr_path(char *buffer, size_t size, const char *prefix, uint64_t number, const char *suffix)
{
    char digits[20], *first = digits + sizeof(digits), *position = buffer;
    const char *end = buffer + size;

    do {
        *--first = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    if (!append(&position, end, prefix, strlen(prefix)) ||
        !append(&position, end, first, (size_t)(digits + sizeof(digits) - first)) ||
        !append(&position, end, suffix, strlen(suffix)))
        return -ENAMETOOLONG;
    *position = '\0';
    return 0;
}

int attr_number(const char *name, const char *prefix, uint64_t *ret_number)
{
    size_t n = strlen(prefix);
    uint64_t number = 0;

    if (strncmp(name, prefix, n) != 0 || name[n] == '\0')
        return -EINVAL;
    for (const char *p = name + n; *p; p++) {
        if (*p < '0' || *p > '9' || number > (UINT64_MAX - 9) / 10)
            return -EINVAL;
        number = number * 10 + (uint64_t)(*p - '0');
    }
    *ret_number = number;
    return 0;
}
