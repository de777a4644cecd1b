/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/briefing.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/guest/launch/shared.h"
#include "agent/guest/launch/tree.h"
#include "agent/guest/launch/users.h"
#include "proto/cleanup.h"

/* The errand's, the tree, or layers, and sources; one place more than can be taken. The kernel takes 253
 * (SCM_MAX_FD). */
#define FDS_MAX (3 + LAUNCH_LAYERS_MAX + LAUNCH_MOUNTS_MAX)

union control {
    struct cmsghdr header;
    char room[CMSG_SPACE(FDS_MAX * sizeof(int))];
};

int launch_briefing_open(struct launch_briefing *ret, int *ret_socket, int *ret_memory)
{
    CLEANUP_FD int ours = -EBADF, theirs = -EBADF;
    int ends[2], r;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    ours = ends[0];
    theirs = ends[1];
    r = launch_shared_create(ret_memory, &ret->shared);
    if (r < 0)
        return r;
    ret->socket = take_fd(&ours);
    *ret_socket = take_fd(&theirs);
    return 0;
}

bool launch_briefing_suits(const struct launch_request *request)
{
    return request->target < 0 && (request->root || request->layers) && !request->runtime &&
           !request->scratch && !launch_users_mapped(&request->users) &&
           request->network.kind == LAUNCH_NETWORK_HOST;
}

/* Where the fds are that the child needs: those that there are. */
static size_t find_fds(struct launch_plan *plan, int *errand, int *tree, int *places[FDS_MAX])
{
    size_t n = 0;

    places[n] = errand;
    n += *errand >= 0;
    places[n] = tree;
    n += *tree >= 0;
    for (size_t i = 0; i < plan->layers.n; i++)
        places[n++] = &plan->layers.fds[i];
    for (size_t i = 0; i < plan->sources.n; i++) {
        places[n] = &plan->sources.fds[i];
        n += plan->sources.fds[i] >= 0;
    }
    return n;
}

static int send_fds(int socket, int *const *places, size_t n)
{
    char word = 0;
    struct iovec part = { .iov_base = &word, .iov_len = sizeof(word) };
    union control control = { 0 };
    struct msghdr message = { .msg_iov = &part,
                              .msg_iovlen = 1,
                              .msg_control = &control,
                              .msg_controllen = CMSG_SPACE(n * sizeof(int)) };
    ssize_t sent;

    control.header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
                                       .cmsg_type = SCM_RIGHTS,
                                       .cmsg_len = CMSG_LEN(n * sizeof(int)) };
    for (size_t i = 0; i < n; i++)
        memcpy(CMSG_DATA(&control.header) + i * sizeof(int), places[i], sizeof(int));
    do
        sent = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

int launch_briefing_tell(struct launch_briefing *briefing, struct launch_plan *plan,
                         const struct czone_policy *policy, const struct launch_errand *errand)
{
    int *places[FDS_MAX], errand_fd = errand ? errand->fd : -EBADF, r;
    CLEANUP_FD int tree = -EBADF;
    size_t n;

    if (briefing->socket < 0)
        return -EPIPE;
    r = launch_shared_write(briefing->shared, plan, policy, errand ? errand->text : NULL);
    if (r < 0)
        return r;
    if (plan->layers.n == 0) {
        tree = launch_tree_copy(&plan->root);
        if (tree < 0)
            return tree;
    }
    n = find_fds(plan, &errand_fd, &tree, places);
    r = send_fds(briefing->socket, places, n);
    return r == -ECONNRESET ? -EPIPE : r;
}

void launch_briefing_run(const struct launch_briefing *briefing)
{
    const char word = 0;

    if (briefing->socket >= 0)
        (void)!send(briefing->socket, &word, sizeof(word), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void launch_briefing_close(struct launch_briefing *briefing)
{
    cleanup_fd(&briefing->socket);
    (void)launch_shared_free(briefing->shared);
    *briefing = (struct launch_briefing)LAUNCH_BRIEFING_INIT;
}

/* Returns how many came, or a negative errno. */
static int receive_fds(int socket, int fds[FDS_MAX])
{
    char word;
    struct iovec part = { .iov_base = &word, .iov_len = sizeof(word) };
    union control control = { 0 };
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
    };
    size_t n;
    ssize_t received;

    do
        received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (received < 0 && errno == EINTR);
    if (received < 0)
        return -errno;
    if (received == 0)
        return -EPIPE;
    if (message.msg_controllen == 0)
        return 0;
    n = (control.header.cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(fds, CMSG_DATA(&control.header), n * sizeof(int));
    return (int)n;
}

/* Without it what follows would be done on another node. */
static int run_errand(int fd, const char *text)
{
    int r;

    if (fd < 0)
        return 0;
    r = write(fd, text, strlen(text)) < 0 ? -errno : 0;
    (void)close(fd);
    return r;
}

/* Its parent says nothing before that: what comes from there alone is its end. poll() looks at one after the
 * other, and both may have spoken in between. */
static int wait_tell(int socket, int result)
{
    struct pollfd slots[] = { { .fd = socket, .events = POLLIN }, { .fd = result, .events = POLLIN } };

    while (poll(slots, 2, -1) < 0)
        if (errno != EINTR)
            return -errno;
    return slots[0].revents || poll(slots, 1, 0) == 1 ? 0 : -EPIPE;
}

int launch_briefing_hear(int socket, int result, struct launch_shared *shared, int *ret_tree)
{
    int *places[FDS_MAX], fds[FDS_MAX] = { 0 }, errand, tree, n;
    struct launch_plan *plan = &shared->plan;

    n = wait_tell(socket, result);
    if (n == 0)
        n = receive_fds(socket, fds);
    if (n < 0)
        return n;
    errand = shared->errand ? 0 : -EBADF;
    tree = plan->layers.n == 0 ? 0 : -EBADF;
    if (find_fds(plan, &errand, &tree, places) != (size_t)n)
        return -EBADMSG;
    for (int i = 0; i < n; i++)
        *places[i] = fds[i];
    *ret_tree = tree;
    return run_errand(errand, shared->errand);
}

/* Returns 1, 0 (nobody is there any more) or a negative errno. */
static int take_word(int socket)
{
    ssize_t received;
    char word;

    do
        received = recv(socket, &word, sizeof(word), 0);
    while (received < 0 && errno == EINTR);
    return received < 0 ? -errno : (int)received;
}

int launch_briefing_wait_run(int socket, int result)
{
    struct pollfd slots[] = { { .fd = result, .events = POLLIN }, { .fd = socket, .events = POLLIN } };
    int r;

    for (;;) {
        if (poll(slots, 2, -1) < 0 && errno != EINTR)
            return -errno;
        if (slots[1].revents) {
            r = take_word(socket);
            if (r > 0)
                return 0;
            slots[1].fd = -EBADF; /* the teller has gone: its parent may still say so */
        } else if (slots[0].revents) {
            r = take_word(result);
            return r > 0 ? 0 : r < 0 ? r : -EPIPE;
        }
    }
}
