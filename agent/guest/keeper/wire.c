/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/keeper/wire.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "agent/guest/launch/failure.h"
#include "proto/cleanup.h"

union control {
    struct cmsghdr header;
    char room[CMSG_SPACE(KEEPER_FDS_MAX * sizeof(int))];
};

/* What a message of each kind has to have. The sizes are those of version 1, the shortest there are. */
static const struct shape {
    enum keeper_kind kind;
    size_t size_min, size;
    size_t fds_max;
} shapes[] = {
    { KEEPER_START, sizeof(struct keeper_start), sizeof(struct keeper_start), KEEPER_FDS_MAX },
    { KEEPER_PREPARE, sizeof(struct keeper_prepare), sizeof(struct keeper_prepare), KEEPER_FDS_MAX },
    { KEEPER_INPUT, KEEPER_INPUT_HEADER, sizeof(struct keeper_input), 0 },
    { KEEPER_RESIZE, sizeof(struct keeper_resize), sizeof(struct keeper_resize), 0 },
    { KEEPER_FOLLOW, sizeof(struct keeper_follow), sizeof(struct keeper_follow), 0 },
    { KEEPER_FORGET, sizeof(struct keeper_forget), sizeof(struct keeper_forget), 0 },
    { KEEPER_STATUS, sizeof(struct keeper_status), sizeof(struct keeper_status), 1 },
    { KEEPER_FAILED, sizeof(struct keeper_failed), sizeof(struct keeper_failed), 0 },
};

void keeper_hall_name(pid_t keeper, char ret_name[32])
{
    (void)snprintf(ret_name, 32, "keeper.%d", (int)keeper);
}

void keeper_fds_close(struct keeper_fds *fds)
{
    for (size_t i = 0; i < KEEPER_FDS_MAX; i++) {
        cleanup_fd(&fds->fd[i]);
        fds->fd[i] = -EBADF;
    }
}

int keeper_send(int socket, void *message, size_t size, const int *fds, size_t n_fds)
{
    struct iovec part = { .iov_base = message, .iov_len = size };
    struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };
    union control control = { 0 };
    ssize_t n;

    ((struct keeper_header *)message)->version = KEEPER_VERSION;
    if (n_fds > 0) {
        header.msg_control = &control;
        header.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        control.header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
                                           .cmsg_type = SCM_RIGHTS,
                                           .cmsg_len = CMSG_LEN(n_fds * sizeof(int)) };
        memcpy(CMSG_DATA(&control.header), fds, n_fds * sizeof(int));
    }
    do
        n = sendmsg(socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

static size_t take_fds(struct msghdr *header, struct keeper_fds *fds)
{
    struct cmsghdr *part = CMSG_FIRSTHDR(header);
    size_t n;

    if (!part || part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
        return 0;
    n = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(fds->fd, CMSG_DATA(part), n * sizeof(int));
    return n;
}

/* Returns 1 or -EBADMSG. size: of the packet, which may be longer than what arrived of it. */
static int check(union keeper_message *message, size_t size, size_t n_fds, size_t *ret_length)
{
    const struct shape *shape = NULL;

    if (size < sizeof(message->header))
        return -EBADMSG;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        if ((uint32_t)shapes[i].kind == message->header.kind)
            shape = &shapes[i];
    if (!shape || size < shape->size_min || n_fds > shape->fds_max)
        return -EBADMSG;
    *ret_length = 0;
    switch (message->header.kind) {
    case KEEPER_START:
    case KEEPER_PREPARE:
        return message->header.version == KEEPER_VERSION && size == shape->size ? 1 : -EBADMSG;
    case KEEPER_INPUT:
        if (size > shape->size)
            return -EBADMSG;
        *ret_length = size - KEEPER_INPUT_HEADER;
        return 1;
    case KEEPER_FAILED:
        message->failed.parameter[sizeof(message->failed.parameter) - 1] = '\0';
        message->failed.message[sizeof(message->failed.message) - 1] = '\0';
        break;
    default:
        break;
    }
    if (size < shape->size)
        memset((char *)message + size, 0, shape->size - size);
    return 1;
}

int keeper_receive(int socket, union keeper_message *ret, size_t *ret_length, struct keeper_fds *fds)
{
    struct iovec part = { .iov_base = ret, .iov_len = sizeof(*ret) };
    union control control = { 0 };
    /* Not the whole control: its padding has room for one more. */
    struct msghdr header = { .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = CMSG_LEN(KEEPER_FDS_MAX * sizeof(int)) };
    size_t n_fds;
    ssize_t n;
    int r;

    /* A peer that has ended without reading all that it was sent is told of once, before what it has said:
     * that counts, as START does of a czoned that was killed. */
    do
        n = recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC | MSG_TRUNC);
    while (n < 0 && (errno == EINTR || errno == ECONNRESET));
    if (n < 0)
        return -errno;
    if (n == 0)
        return 0;
    n_fds = take_fds(&header, fds);
    r = header.msg_flags & MSG_CTRUNC ? -EBADMSG : check(ret, (size_t)n, n_fds, ret_length);
    if (r < 0)
        keeper_fds_close(fds);
    return r;
}

int keeper_connect(int run_dir, int *ret_socket)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    CLEANUP_FD int fd = -EBADF;

    /* Whatever the length of the directory's own path is. */
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" KEEPER_SOCKET, run_dir);
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    *ret_socket = take_fd(&fd);
    return 0;
}

void keeper_kill(int run_dir)
{
    CLEANUP_FD int fd = -EBADF;
    struct ucred keeper;
    socklen_t size = sizeof(keeper);

    /* Of who listens; as long as this connection is not refused that is the keeper. */
    if (keeper_connect(run_dir, &fd) == 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &keeper, &size) == 0)
        (void)kill(keeper.pid, SIGKILL);
}

int keeper_bar(int run_dir)
{
    return mknodat(run_dir, KEEPER_SOCKET, S_IFREG | 0600, 0) < 0 ? -errno : 0;
}

void keeper_failed_set(struct keeper_failed *failed, const struct launch_failure *failure)
{
    *failed = (struct keeper_failed){
        .header = { .kind = KEEPER_FAILED },
        .trouble = (int32_t)failure->trouble,
        .stage = (int32_t)failure->stage,
        .error = failure->error,
        .index = (uint32_t)failure->index,
    };
    (void)snprintf(failed->parameter, sizeof(failed->parameter), "%s",
                   failure->parameter ? failure->parameter : "");
    (void)snprintf(failed->message, sizeof(failed->message), "%s", failure->message);
}

void keeper_failed_get(const struct keeper_failed *failed, struct launch_failure *ret)
{
    *ret = (struct launch_failure){
        .trouble = (enum launch_trouble)failed->trouble,
        .stage = (enum launch_stage)failed->stage,
        .error = failed->error,
        .index = failed->index,
        .parameter = failed->parameter[0] != '\0' ? failed->parameter : NULL,
    };
    (void)snprintf(ret->message, sizeof(ret->message), "%s", failed->message);
    launch_text_clean(ret->message);
}
