/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the kernel that are the whole guest's. Outside, arguments without sense show that the kernel got
 * as far as looking at them: nothing is loaded, swapped or set. */
#include "attempt.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/reboot.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/socket.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#define KLOG_READ_ALL 3

/* With an error that comes after the check of rights: that counts as success. */
static int past(int error, long result)
{
    return result < 0 && errno == error ? 0 : attempt_result(result);
}

static int keyring(const char *argument)
{
    (void)argument;
    return attempt_result(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 1));
}

static int add_key(const char *argument)
{
    (void)argument;
    return attempt_result(syscall(SYS_add_key, "user", "escape", "x", 1, KEY_SPEC_PROCESS_KEYRING));
}

static int request_key(const char *argument)
{
    (void)argument;
    return past(ENOKEY, syscall(SYS_request_key, "user", "escape", NULL, 0));
}

static int bpf_map(const char *argument)
{
    union bpf_attr attr;

    (void)argument;
    memset(&attr, 0, sizeof(attr));
    attr.map_type = BPF_MAP_TYPE_ARRAY;
    attr.key_size = sizeof(uint32_t);
    attr.value_size = sizeof(uint64_t);
    attr.max_entries = 1;
    return attempt_result(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)));
}

/* Of all processes on CPU 0. */
static int perf(const char *argument)
{
    struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE,
                                    .size = sizeof(attr),
                                    .config = PERF_COUNT_SW_CPU_CLOCK };

    (void)argument;
    return attempt_result(syscall(SYS_perf_event_open, &attr, -1, 0, -1, 0));
}

static int userfaultfd(const char *argument)
{
    (void)argument;
    return attempt_result(syscall(SYS_userfaultfd, 0));
}

/* A ring does its work unseen by a seccomp filter. */
static int io_ring(const char *argument)
{
    unsigned char params[256] = { 0 };

    (void)argument;
    return attempt_result(syscall(SYS_io_uring_setup, 1, params));
}

static int load_module(const char *argument)
{
    (void)argument;
    return past(EBADF, syscall(SYS_finit_module, -1, "", 0));
}

static int unload_module(const char *argument)
{
    (void)argument;
    return past(ENOENT, syscall(SYS_delete_module, "escape", 0));
}

static int load_kernel(const char *argument)
{
    (void)argument;
    return attempt_result(syscall(SYS_kexec_load, 0UL, 0UL, NULL, 0UL));
}

/* What Ctrl-Alt-Del is to do; a guest has no such keys. */
static int reboot_setting(const char *argument)
{
    (void)argument;
    return attempt_result(
        syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_CAD_OFF, NULL));
}

static int swap_on(const char *argument)
{
    (void)argument;
    return past(ENOENT, swapon("/no/such/file", 0));
}

static int account(const char *argument)
{
    (void)argument;
    return attempt_result(acct(NULL));
}

static int kernel_log(const char *argument)
{
    char line[256];

    (void)argument;
    return attempt_result(klogctl(KLOG_READ_ALL, line, sizeof(line)));
}

static int set_clock(const char *argument)
{
    (void)argument;
    return attempt_result(syscall(SYS_settimeofday, NULL, NULL));
}

static int socket_of(int family, int type, int protocol)
{
    return attempt_result(socket(family, type | SOCK_CLOEXEC, protocol));
}

static int vsock(const char *argument)
{
    (void)argument;
    return socket_of(AF_VSOCK, SOCK_STREAM, 0);
}

/* The kernel takes an int: a filter that compares 64 bits would let this through. */
static int vsock_high_bits(const char *argument)
{
    (void)argument;
    return attempt_result(syscall(SYS_socket, AF_VSOCK | (UINT64_C(1) << 32), SOCK_STREAM, 0));
}

static int raw_socket(const char *argument)
{
    (void)argument;
    return socket_of(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}

static int packet_socket(const char *argument)
{
    (void)argument;
    return socket_of(AF_PACKET, SOCK_RAW, 0);
}

/* Sets the flags lo has. */
static int set_link(const char *argument)
{
    struct ifreq request = { .ifr_name = "lo" };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    (void)argument;
    if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0)
        attempt_unclear("no lo");
    return attempt_result(ioctl(fd, SIOCSIFFLAGS, &request));
}

const struct attempt attempts_on_kernel[] = {
    { "keyring", keyring },
    { "add-key", add_key },
    { "request-key", request_key },
    { "bpf", bpf_map },
    { "perf", perf },
    { "userfaultfd", userfaultfd },
    { "io-uring", io_ring },
    { "load-module", load_module },
    { "unload-module", unload_module },
    { "load-kernel", load_kernel },
    { "reboot-setting", reboot_setting },
    { "swapon", swap_on },
    { "acct", account },
    { "kernel-log", kernel_log },
    { "set-clock", set_clock },
    { "vsock", vsock },
    { "vsock-high-bits", vsock_high_bits },
    { "raw-socket", raw_socket },
    { "packet-socket", packet_socket },
    { "set-link", set_link },
    { NULL, NULL },
};
