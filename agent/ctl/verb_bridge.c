/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/ctl/bridge.h"
#include "agent/ctl/ctl.h"
#include "agent/ctl/verbs.h"
#include "proto/cleanup.h"

#define ACTIVATED_FD 3 /* SD_LISTEN_FDS_START of sd_listen_fds(3) */

/* Varlink clients that execute a bridge hand it a connected socket as systemd does; the others use its
 * standard input and output. */
static bool activated(void)
{
    const char *fds = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
    struct stat status;
    char *end;

    if (!fds || !pid || strcmp(fds, "1") != 0)
        return false;
    if (strtol(pid, &end, 10) != (long)getpid() || *end)
        return false;
    return fstat(ACTIVATED_FD, &status) == 0 && S_ISSOCK(status.st_mode);
}

/* systemd's bridges get `SCHEME:REST`; ours is `czone`, and what is behind it is an address. */
static const char *address_of_url(const char *url)
{
    static const char scheme[] = "czone:";

    return strncmp(url, scheme, strlen(scheme)) ? url : url + strlen(scheme);
}

static int bridge_verb(struct ctl *ctl, const void *options, char **arguments, size_t n_arguments)
{
    const char *url = n_arguments ? arguments[0] : getenv("VARLINK_BRIDGE_URL");
    CLEANUP_FD int remote = -EBADF;
    struct reason reason = { 0 };
    enum exit_code code = EXIT_OK;
    bool socket = activated();

    (void)options;
    if (url && *url && (n_arguments || !ctl->options.vm))
        code = ctl_set_address(ctl, address_of_url(url), n_arguments ? "address" : "VARLINK_BRIDGE_URL");
    if (!code)
        code = ctl_connect_socket(ctl, &remote);
    if (code)
        return code;
    (void)signal(SIGPIPE, SIG_IGN);
    if (bridge_run(socket ? ACTIVATED_FD : STDIN_FILENO, socket ? ACTIVATED_FD : STDOUT_FILENO, remote,
                   &reason) < 0) {
        ctl_error(ctl, "%s", reason.text);
        return EXIT_CONNECTION;
    }
    return EXIT_OK;
}

const struct verb verb_bridge = {
    .name = "bridge",
    .synopsis = "[ADDRESS]",
    .summary = "Carry another Varlink client's bytes to the guest and back",
    .details = "For clients that know no vsock: `varlink --bridge`, python's new_with_bridge(), `varlinkctl "
               "exec:`. Speaks on\n"
               "standard input and output, or on descriptor 3 if LISTEN_FDS and LISTEN_PID say so.",
    .max = 1,
    .flags = VERB_NO_JSON,
    .function = bridge_verb,
};
