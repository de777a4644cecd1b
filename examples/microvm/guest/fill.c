/* SPDX-License-Identifier: Apache-2.0 */
/* A container for the story: `fill MIB` takes so much memory, writes to every page, says so, and stays until
 * SIGTERM. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char *argv[])
{
    unsigned long mib = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
    unsigned char *memory = mib ? malloc(mib << 20) : NULL;
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
    memset(memory, 0xc2, mib << 20);
    (void)printf("filled %lu MiB\n", mib);
    (void)fflush(stdout);
    (void)sigwait(&set, &caught);
    free(memory);
    return 0;
}
