/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_OPTIONS_H
#define GUEST_OPTIONS_H

/* What czoned is told on its command line. */

#include <stdbool.h>
#include <stddef.h>

#include "proto/address.h"

#define OPTIONS_LISTEN_MAX 8u

struct options {
    struct address listen[OPTIONS_LISTEN_MAX];
    size_t n_listen;     /* 0: inherited sockets, or the defaults of listener.h */
    bool local_vsock;    /* peers on this machine may connect over vsock too (vsock_loopback; for tests) */
    const char *cgroup;  /* base below the cgroup root; NULL: found out, see self.h */
    const char *run_dir; /* NULL: libczone's default */
    const char *keeper;  /* executable; NULL: as installed */
    bool cgroup_pool;    /* cgroups are made ahead of need */
    unsigned int max_containers;
    unsigned int default_pids;
    unsigned int plug_timeout_ms, unplug_timeout_ms, offline_timeout_ms, stop_timeout_ms;
    int log_level; /* syslog priority */
};

/*
 * Reads the command line. Borrows from argv.
 *
 * Returns 1 (go on), 0 (--help or --version has been printed: exit with success) or -EINVAL (a message has
 * been printed: exit with status 2).
 */
int options_parse(struct options *options, int argc, char **argv);

#endif
