/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/zone/auto_online.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/guest/log.h"
#include "proto/cleanup.h"

#define ATTRIBUTE "/sys/devices/system/memory/auto_online_blocks"
#define MOVABLE   "online_movable"

static int write_policy(const char *policy)
{
    CLEANUP_FD int fd = open(ATTRIBUTE, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, policy, strlen(policy)) < 0)
        return log_fail(-errno, "cannot write \"%s\" to %s: %s", policy, ATTRIBUTE, strerror(errno));
    return 0;
}

int auto_online_set(struct auto_online *auto_online)
{
    CLEANUP_FD int fd = open(ATTRIBUTE, O_RDONLY | O_CLOEXEC);
    char policy[sizeof(auto_online->before)] = "";
    int r;

    auto_online->before[0] = '\0';
    if (fd < 0 || read(fd, policy, sizeof(policy) - 1) < 0)
        return log_fail(-errno, "cannot read %s: %s", ATTRIBUTE, strerror(errno));
    policy[strcspn(policy, "\n")] = '\0';
    if (strcmp(policy, MOVABLE) == 0)
        return 0;
    r = write_policy(MOVABLE);
    if (r < 0)
        return r;
    log_info("plugged memory comes online as movable (auto_online_blocks was \"%s\")", policy);
    (void)snprintf(auto_online->before, sizeof(auto_online->before), "%s", policy);
    return 0;
}

void auto_online_restore(struct auto_online *auto_online)
{
    if (auto_online->before[0] != '\0')
        (void)write_policy(auto_online->before);
    auto_online->before[0] = '\0';
}
