/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program of a container whose start is timed: says first of all when it runs, in nanoseconds of
 * CLOCK_MONOTONIC, and ends; `stamp stay` does not end. Built static, so that the time is not the loader's.
 */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct timespec now;
    char line[32];
    int n;

    (void)argv;
    if (clock_gettime(CLOCK_MONOTONIC, &now) < 0)
        return 1;
    n = snprintf(line, sizeof(line), "%lld\n", (long long)now.tv_sec * 1000000000 + now.tv_nsec);
    if (write(STDOUT_FILENO, line, (size_t)n) != n)
        return 1;
    if (argc == 1)
        return 0;
    for (;;)
        (void)pause();
}
