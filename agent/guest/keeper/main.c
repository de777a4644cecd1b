/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/guest/keeper/keeper.h"
#include "agent/guest/keeper/spawn.h"

static int check_socket(void)
{
    int type = 0;
    socklen_t size = sizeof(type);

    if (getsockopt(KEEPER_SOCKET_FD, SOL_SOCKET, SO_TYPE, &type, &size) < 0)
        return -errno;
    if (type != SOCK_SEQPACKET)
        return -EPROTOTYPE;
    return fcntl(KEEPER_SOCKET_FD, F_SETFD, FD_CLOEXEC) < 0 ? -errno : 0;
}

/* A process that holds a container's output is nobody's to look into, and least of all the container's. */
static int protect(void)
{
    static const int ignored[] = { SIGHUP, SIGINT, SIGPIPE };

    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        if (signal(ignored[i], SIG_IGN) == SIG_ERR)
            return -errno;
    /* Whatever leaked into czoned: it is not for containers. */
    if (close_range(KEEPER_SOCKET_FD + 1, UINT_MAX, 0) < 0)
        return -errno;
    /* It wakes when its program does something, and shall not take the CPU from it for that. What it may not
     * have changes nothing but that. */
    (void)sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){ 0 });
    /* Started by the number of an fd, it would be called that. */
    if (prctl(PR_SET_NAME, "czone-keeper", 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return -errno;
    return 0;
}

int main(int argc, char **argv)
{
    int r;

    (void)argv;
    r = argc > 1 ? -EINVAL : check_socket();
    if (r < 0) {
        (void)fprintf(stderr, "czone-keeper is started by czoned, with a socket at fd %d: %s\n",
                      KEEPER_SOCKET_FD, strerror(-r));
        return 2;
    }
    r = protect();
    if (r == 0)
        r = keeper_run(KEEPER_SOCKET_FD);
    if (r < 0)
        (void)fprintf(stderr, "czone-keeper: %s\n", strerror(-r));
    return r < 0;
}
