/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/cgroup_text.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "proto/fields.h"

/* Whether *at begins with the words; then it is moved behind them. */
static bool skip(const char **at, const char *words)
{
    size_t n = strlen(words);

    if (strncmp(*at, words, n) != 0)
        return false;
    *at += n;
    return true;
}

/* Digits and nothing else: no sign, no blank, no 0x. */
static int take_number(const char **at, int64_t *ret_number)
{
    const char *p = *at;
    int64_t number = 0;

    if (*p < '0' || *p > '9')
        return -EBADMSG;
    for (; *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(number, 10, &number) || __builtin_add_overflow(number, *p - '0', &number))
            return -EBADMSG;
    *at = p;
    *ret_number = number;
    return 0;
}

static int take_number_or_max(const char **at, int64_t *ret_number)
{
    if (!skip(at, "max"))
        return take_number(at, ret_number);
    *ret_number = CGROUP_TEXT_MAX;
    return 0;
}

/* "0.07": always two decimals. */
static int take_hundredths(const char **at, int64_t *ret_number)
{
    const char *decimals;
    int64_t whole, part;

    if (take_number(at, &whole) < 0 || !skip(at, "."))
        return -EBADMSG;
    decimals = *at;
    if (take_number(at, &part) < 0 || *at - decimals != 2 || whole > INT64_MAX / 100 - 1)
        return -EBADMSG;
    *ret_number = whole * 100 + part;
    return 0;
}

static bool at_end(const char *at)
{
    return *at == '\0' || *at == '\n';
}

/* The first byte of the next line, or the text's end. */
static const char *next_line(const char *at)
{
    at += strcspn(at, "\n");
    return *at == '\n' ? at + 1 : at;
}

int cgroup_text_number(const char *text, int64_t *ret_number)
{
    int64_t number;

    if (take_number_or_max(&text, &number) < 0 || *next_line(text) != '\0' || !at_end(text))
        return -EBADMSG;
    *ret_number = number;
    return 0;
}

int cgroup_text_key(const char *text, const char *key, int64_t *ret_number)
{
    for (const char *line = text; *line != '\0'; line = next_line(line)) {
        const char *at = line;
        int64_t number;

        if (!skip(&at, key) || !skip(&at, " "))
            continue;
        if (take_number(&at, &number) < 0 || !at_end(at))
            return -EBADMSG;
        *ret_number = number;
        return 0;
    }
    return -ENOENT;
}

int cgroup_text_quota(const char *text, int64_t *ret_quota, int64_t *ret_period)
{
    int64_t quota, period;

    if (take_number_or_max(&text, &quota) < 0 || !skip(&text, " ") || take_number(&text, &period) < 0 ||
        !at_end(text) || period == 0)
        return -EBADMSG;
    *ret_quota = quota;
    *ret_period = period;
    return 0;
}

int cgroup_text_pressure(const char *text, const char *kind, struct cgroup_pressure *ret_pressure)
{
    for (const char *line = text; *line != '\0'; line = next_line(line)) {
        struct cgroup_pressure pressure;
        const char *at = line;

        if (!skip(&at, kind) || !skip(&at, " "))
            continue;
        if (!skip(&at, "avg10=") || take_hundredths(&at, &pressure.avg10) < 0 || !skip(&at, " avg60=") ||
            take_hundredths(&at, &pressure.avg60) < 0 || !skip(&at, " avg300=") ||
            take_hundredths(&at, &pressure.avg300) < 0 || !skip(&at, " total=") ||
            take_number(&at, &pressure.total_us) < 0 || !at_end(at))
            return -EBADMSG;
        *ret_pressure = pressure;
        return 0;
    }
    return -ENOENT;
}

/* The member of a node that a line of memory.numa_stat counts towards; NULL for lines that repeat others. */
static int64_t *field_of(struct cgroup_node *node, const char *line)
{
    static const char *const kernel[] = { "kernel_stack ", "pagetables ", "sec_pagetables ",
                                          "slab_reclaimable ", "slab_unreclaimable " };

    if (skip(&line, "anon "))
        return &node->anon;
    if (skip(&line, "file "))
        return &node->file;
    for (size_t i = 0; i < ELEMENTS(kernel); i++)
        if (skip(&line, kernel[i]))
            return &node->kernel;
    return NULL;
}

/* One line, "anon N0=4096 N1=0". Returns how many nodes it reaches to. */
static int add_line(const char *line, struct cgroup_node *nodes, size_t size)
{
    const char *at = line + strcspn(line, " \n");
    struct cgroup_node unused;
    size_t n = 0;

    if (field_of(&unused, line) == NULL)
        return 0;
    while (skip(&at, " ")) {
        int64_t node, bytes, *field;

        if (!skip(&at, "N") || take_number(&at, &node) < 0 || !skip(&at, "=") || take_number(&at, &bytes) < 0)
            return -EBADMSG;
        if (node >= (int64_t)size)
            return -E2BIG;
        field = field_of(&nodes[node], line);
        if (__builtin_add_overflow(*field, bytes, field))
            return -EBADMSG;
        n = (size_t)node >= n ? (size_t)node + 1 : n;
    }
    return at_end(at) ? (int)n : -EBADMSG;
}

int cgroup_text_nodes(const char *text, struct cgroup_node *nodes, size_t size)
{
    int most = 0;

    memset(nodes, 0, size * sizeof(*nodes));
    for (const char *line = text; *line != '\0'; line = next_line(line)) {
        int n = add_line(line, nodes, size);

        if (n < 0)
            return n;
        most = n > most ? n : most;
    }
    return most;
}

static bool is_idle(const struct cgroup_io *device)
{
    return device->read_bytes == 0 && device->written_bytes == 0 && device->reads == 0 && device->writes == 0;
}

/* "253:0" */
static bool take_device(const char **at, struct cgroup_io *ret_device)
{
    const char *p = *at;
    int64_t major, minor;

    if (take_number(&p, &major) < 0 || !skip(&p, ":") || take_number(&p, &minor) < 0 ||
        (*p != ' ' && !at_end(p)) || major > UINT32_MAX || minor > UINT32_MAX)
        return false;
    *ret_device = (struct cgroup_io){ .major = (unsigned int)major, .minor = (unsigned int)minor };
    *at = p;
    return true;
}

/* "rbytes=4096", or a word of some controller that we know nothing of. */
static int take_count(const char **at, struct cgroup_io *device)
{
    static const struct {
        const char *name;
        size_t offset;
    } counts[] = {
        { "rbytes=", offsetof(struct cgroup_io, read_bytes) },
        { "wbytes=", offsetof(struct cgroup_io, written_bytes) },
        { "rios=", offsetof(struct cgroup_io, reads) },
        { "wios=", offsetof(struct cgroup_io, writes) },
    };

    for (size_t i = 0; i < ELEMENTS(counts); i++) {
        int64_t number;

        if (!skip(at, counts[i].name))
            continue;
        if (take_number(at, &number) < 0 || (**at != ' ' && !at_end(*at)))
            return -EBADMSG;
        memcpy((char *)device + counts[i].offset, &number, sizeof(number));
        return 0;
    }
    *at += strcspn(*at, " \n");
    return 0;
}

/* Takes down what was gathered of a device. */
static int keep(const struct cgroup_io *device, struct cgroup_io *devices, size_t size, size_t *n)
{
    if (is_idle(device))
        return 0;
    if (*n == size)
        return -E2BIG;
    devices[(*n)++] = *device;
    return 0;
}

/* Word by word: some kernels end no line for a device without figures, so that two devices stand on one. */
int cgroup_text_io(const char *text, struct cgroup_io *devices, size_t size)
{
    struct cgroup_io device = { 0 }, next;
    bool any = false;
    size_t n = 0;
    int r = 0;

    while (r == 0 && *text != '\0') {
        if (*text == '\n' || *text == ' ') {
            any = any && *text != '\n';
            text++;
        } else if (take_device(&text, &next)) {
            r = keep(&device, devices, size, &n);
            device = next;
            any = true;
        } else {
            r = any ? take_count(&text, &device) : -EBADMSG;
        }
    }
    if (r == 0)
        r = keep(&device, devices, size, &n);
    return r < 0 ? r : (int)n;
}
