/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/identity.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BIT(cap) (UINT64_C(1) << (cap))

/* Docker's default set less MKNOD and NET_RAW. */
static const struct {
    const char *name;
    uint64_t bit;
} grantable[] = {
    { "CAP_CHOWN", BIT(CAP_CHOWN) },
    { "CAP_DAC_OVERRIDE", BIT(CAP_DAC_OVERRIDE) },
    { "CAP_FSETID", BIT(CAP_FSETID) },
    { "CAP_FOWNER", BIT(CAP_FOWNER) },
    { "CAP_SETGID", BIT(CAP_SETGID) },
    { "CAP_SETUID", BIT(CAP_SETUID) },
    { "CAP_SETFCAP", BIT(CAP_SETFCAP) },
    { "CAP_SETPCAP", BIT(CAP_SETPCAP) },
    { "CAP_NET_BIND_SERVICE", BIT(CAP_NET_BIND_SERVICE) },
    { "CAP_SYS_CHROOT", BIT(CAP_SYS_CHROOT) },
    { "CAP_KILL", BIT(CAP_KILL) },
    { "CAP_AUDIT_WRITE", BIT(CAP_AUDIT_WRITE) },
};

#define N_GRANTABLE (sizeof(grantable) / sizeof(grantable[0]))

uint64_t launch_capability_find(const char *name)
{
    for (size_t i = 0; i < N_GRANTABLE; i++)
        if (strcmp(grantable[i].name, name) == 0)
            return grantable[i].bit;
    return 0;
}

static int drop_bounding_set(uint64_t drop)
{
    for (int cap = 0; cap < 64; cap++)
        if (drop & BIT(cap) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
            /* The kernel says so where its list ends. */
            return errno == EINVAL ? 0 : -errno;
    return 0;
}

static int limit_capabilities(uint64_t keep)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

    if (syscall(SYS_capget, &header, data) < 0)
        return -errno;
    for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        data[i].permitted &= (uint32_t)(keep >> (32 * i));
        data[i].effective = data[i].permitted;
        data[i].inheritable = 0;
    }
    if (syscall(SYS_capset, &header, data) < 0)
        return -errno;
    return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ? -errno : 0;
}

static uint64_t all_grantable(void)
{
    uint64_t all = 0;

    for (size_t i = 0; i < N_GRANTABLE; i++)
        all |= grantable[i].bit;
    return all;
}

int launch_identity_prepare(void)
{
    return drop_bounding_set(~all_grantable());
}

int launch_identity_assume(const struct launch_user *user, uint64_t capabilities)
{
    uint64_t keep = all_grantable() & capabilities;
    int r;

    r = drop_bounding_set(all_grantable() & ~keep);
    if (r < 0)
        return r;
    if (setgroups(user->n_groups, user->groups) < 0 || setresgid(user->gid, user->gid, user->gid) < 0 ||
        setresuid(user->uid, user->uid, user->uid) < 0)
        return -errno;
    r = limit_capabilities(user->uid == 0 ? keep : 0);
    if (r < 0)
        return r;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}
