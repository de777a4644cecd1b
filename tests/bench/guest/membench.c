/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The load and the yardsticks of the memory benchmarks, run inside the guest. Built static, so that it runs
 * in any root. The table of verbs at the end is the list of what it does.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/mempolicy.h>

enum { PAGE = 4096, STEP_PAGES = 256 };

/* One step of the walk, in nanoseconds of CLOCK_REALTIME, which the host can relate to its own. */
struct sample {
    uint64_t start;
    uint64_t duration;
};

static int fail(const char *what, const char *on)
{
    fprintf(stderr, "membench: %s %s: %s\n", what, on, strerror(errno));
    return EXIT_FAILURE;
}

static uint64_t now(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static volatile uint8_t *allocate(size_t bytes)
{
    volatile uint8_t *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return NULL;
    for (size_t i = 0; i < bytes; i += PAGE)
        memory[i] = (uint8_t)i | 1;
    puts("ready");
    fflush(stdout);
    return memory;
}

static int do_fill(char **args)
{
    if (!allocate(strtoull(args[0], NULL, 10)))
        return fail("cannot map", args[0]);
    for (;;)
        pause();
}

static int do_walk(char **args)
{
    size_t bytes = strtoull(args[0], NULL, 10), count = strtoull(args[2], NULL, 10);
    size_t step = (size_t)STEP_PAGES * PAGE;
    int fd = open(args[1], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (fd < 0 || ftruncate(fd, (off_t)(count * sizeof(struct sample))) < 0)
        return fail("cannot make", args[1]);
    struct sample *samples =
        mmap(NULL, count * sizeof(*samples), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (samples == MAP_FAILED)
        return fail("cannot map", args[1]);
    volatile uint8_t *memory = allocate(bytes);
    if (!memory || bytes < step)
        return fail("cannot walk", args[0]);
    for (size_t i = 0, at = 0;; i = (i + 1) % count, at = at + 2 * step <= bytes ? at + step : 0) {
        uint64_t start = now(CLOCK_REALTIME), begin = now(CLOCK_MONOTONIC);

        for (size_t k = 0; k < step; k += 64)
            memory[at + k]++;
        samples[i] = (struct sample){ start, now(CLOCK_MONOTONIC) - begin };
    }
}

static int write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return -1;
    ssize_t n = write(fd, text, strlen(text));
    int error = errno;
    close(fd);
    errno = error;
    return n < 0 ? -1 : 0;
}

static int do_join(char **args)
{
    char path[PATH_MAX];
    unsigned long index = strtoul(args[1], NULL, 10), nodes = 1UL << index;

    snprintf(path, sizeof(path), "%s/cgroup.procs", args[0]);
    if (write_file(path, "0") < 0)
        return fail("cannot join", args[0]);
    if (syscall(SYS_set_mempolicy, MPOL_BIND | MPOL_F_RELATIVE_NODES, &nodes, sizeof(nodes) * 8) < 0)
        return fail("cannot take the policy of node", args[1]);
    execv(args[2], args + 2);
    return fail("cannot run", args[2]);
}

/* Its memory is free when "populated" is 0; cgroup.procs is empty before that. */
static int do_reap(char **args)
{
    char path[PATH_MAX], events[256] = "";

    snprintf(path, sizeof(path), "%s/cgroup.kill", args[0]);
    if (write_file(path, "1") < 0)
        return fail("cannot kill", args[0]);
    snprintf(path, sizeof(path), "%s/cgroup.events", args[0]);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail("cannot read", path);
    while (!strstr(events, "populated 0")) {
        usleep(200);
        ssize_t n = pread(fd, events, sizeof(events) - 1, 0);
        if (n < 0)
            return fail("cannot read", path);
        events[n] = '\0';
    }
    printf("%llu\n", (unsigned long long)now(CLOCK_REALTIME));
    return EXIT_SUCCESS;
}

static int do_clock(char **args)
{
    (void)args;
    printf("%llu\n", (unsigned long long)now(CLOCK_REALTIME));
    fflush(stdout);
    return EXIT_SUCCESS;
}

static int do_window(char **args)
{
    uint64_t from = strtoull(args[1], NULL, 10), to = strtoull(args[2], NULL, 10);
    FILE *file = fopen(args[0], "re");
    struct sample sample;

    if (!file)
        return fail("cannot open", args[0]);
    while (fread(&sample, sizeof(sample), 1, file) == 1)
        if (sample.start >= from && sample.start < to)
            printf("%llu\n", (unsigned long long)sample.duration);
    fclose(file);
    return EXIT_SUCCESS;
}

static int set_block(unsigned long block, const char *state)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "/sys/devices/system/memory/memory%lu/state", block);
    if (write_file(path, state) == 0)
        return 0;
    fail(state, path);
    return -1;
}

static int do_offline(char **args)
{
    unsigned long first = strtoul(args[0], NULL, 10), count = strtoul(args[1], NULL, 10);
    uint64_t begin = now(CLOCK_MONOTONIC);

    for (unsigned long i = count; i > 0; i--)
        if (set_block(first + i - 1, "offline") < 0)
            return EXIT_FAILURE;
    printf("%llu\n", (unsigned long long)(now(CLOCK_MONOTONIC) - begin));
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int n_args;
        int (*run)(char **args);
    } verbs[] = {
        { "fill", 1, do_fill },       { "walk", 3, do_walk },   { "join", 3, do_join },
        { "reap", 1, do_reap },       { "clock", 0, do_clock }, { "window", 3, do_window },
        { "offline", 2, do_offline },
    };

    for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (strcmp(argv[1], verbs[i].name) == 0 && argc - 2 >= verbs[i].n_args)
            return verbs[i].run(argv + 2);
    fputs("membench: usage: fill BYTES | walk BYTES FILE COUNT | join CGROUP INDEX CMD… |\n"
          "                reap CGROUP | clock | window FILE FROM TO | offline FIRST COUNT\n",
          stderr);
    return EXIT_FAILURE;
}
