/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/guest/log.h"
#include "agent/guest/manager.h"

/* An fd of ours must not end up as somebody's standard error; some inits start programs with none. */
static int fill_stdio(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDWR);
        if (fd < 0)
            return -errno;
    } while (fd <= STDERR_FILENO);
    (void)close(fd);
    return 0;
}

int main(int argc, char **argv)
{
    struct options options;
    struct manager *manager;
    int r;

    r = fill_stdio();
    if (r < 0)
        return EXIT_FAILURE;
    r = options_parse(&options, argc, argv);
    if (r <= 0)
        return r < 0 ? 2 : EXIT_SUCCESS;
    log_open();
    log_set_level(options.log_level);
    /* A peer that hangs up is an error of write(2), not the end of us. */
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return EXIT_FAILURE;
    /* Hash tables of peers' keys are seeded before the first peer is heard. */
    json_object_seed(0);
    r = manager_new(&options, &manager);
    if (r < 0)
        return EXIT_FAILURE;
    r = manager_run(manager);
    (void)manager_free(manager);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
