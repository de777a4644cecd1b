/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/report.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "proto/cleanup.h"

/* Room for one fd. */
union control {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(int))];
};

int launch_report_open(int *ret_ours, int *ret_theirs)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    *ret_ours = ends[0];
    *ret_theirs = ends[1];
    return 0;
}

bool launch_report_heard(int result)
{
    char byte;

    /* A standby may have heard from another side first. */
    ssize_t n = recv(result, &byte, sizeof(byte), MSG_DONTWAIT | MSG_PEEK);

    return n > 0 || (n < 0 && errno == EAGAIN);
}

static int send_report(int result, struct launch_report *report, int fd)
{
    struct iovec part = { .iov_base = report, .iov_len = sizeof(*report) };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    union control control = { 0 };
    ssize_t n;

    if (fd >= 0) {
        control.header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
                                           .cmsg_type = SCM_RIGHTS,
                                           .cmsg_len = CMSG_LEN(sizeof(fd)) };
        memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
        message.msg_control = &control;
        message.msg_controllen = sizeof(control);
    }
    do
        n = sendmsg(result, &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

int launch_report_send(int result, const struct launch_step *step, int error, int fd)
{
    struct launch_report report = { .stage = (int32_t)step->stage, .error = error };

    (void)snprintf(report.text, sizeof(report.text), "cannot %s %s", step->what, step->on ? step->on : "");
    return send_report(result, &report, fd);
}

int launch_report_refuse(int result, const struct launch_failure *refusal)
{
    struct launch_report report = { .stage = (int32_t)refusal->stage,
                                    .error = refusal->error,
                                    .refusal = *refusal };

    return send_report(result, &report, -EBADF);
}

int launch_report_receive(int result, struct launch_report *ret, int *ret_fd)
{
    struct iovec part = { .iov_base = ret, .iov_len = sizeof(*ret) };
    union control control = { 0 };
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_LEN(sizeof(int))
    };
    ssize_t n;

    *ret_fd = -EBADF;
    /* Once it has ended without reading all that it was sent, the kernel says so, once, before it gives out
     * what it had said itself. */
    do
        n = recvmsg(result, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (n < 0 && (errno == EINTR || errno == ECONNRESET));
    if (n < 0)
        return -errno;
    if (message.msg_controllen > 0 && control.header.cmsg_type == SCM_RIGHTS)
        memcpy(ret_fd, CMSG_DATA(&control.header), sizeof(*ret_fd));
    ret->text[sizeof(ret->text) - 1] = '\0';
    return n > 0;
}
