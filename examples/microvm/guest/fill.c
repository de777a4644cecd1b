/* SPDX-License-Identifier: Apache-2.0 */
/* A container for the story: `fill MIB` takes so much memory, writes to every page, says so, and stays until
 * SIGTERM. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char *argv[])
{
    unsigned long mib = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
    /* volatile: writes that nobody reads are made all the same. */
    volatile unsigned char *memory = mib ? malloc(mib << 20) : NULL;
    sigset_t set;
    int caught;

    if (!memory) {
        (void)fprintf(stderr, "usage: fill MIB\n");
        return 1;
    }
    /* Process 1 of a container gets no signal that it does not wait for or handle. */
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    for (unsigned long at = 0; at < mib << 20; at += 4096)
        memory[at] = 1;
    (void)printf("filled %lu MiB\n", mib);
    (void)fflush(stdout);
    (void)sigwait(&set, &caught);
    free((void *)memory);
    return 0;
}
