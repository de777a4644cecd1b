/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOST_OPTIONS_H
#define HOST_OPTIONS_H

#include "agent/host/driver_qemu.h"
#include "agent/host/host.h"

struct options {
    struct host_options host;
    struct driver_qemu_options qemu;
    bool json_log;
};

enum options_result {
    OPTIONS_RUN,
    OPTIONS_DONE,  /* --help, --version: printed */
    OPTIONS_WRONG, /* printed what is wrong */
};

/* Reads the command line; strings in *ret are borrowed from it. */
enum options_result options_parse(int argc, char *argv[], struct options *ret);

/* Reads `20` or `20/s`. Returns 0 or -EINVAL. */
int option_rate(const char *text, uint64_t *ret);

#endif
