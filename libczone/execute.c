/* SPDX-License-Identifier: Apache-2.0 */
#include "execute.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "clock.h"
#include "core/node_set.h"

/* How long one block may keep the others waiting before its turn is over; doubled from round to round, as a
 * big migration needs one long turn rather than many short ones. */
#define FIRST_TURN_MS 1000

/* Between attempts at what was busy: pages under I/O or in per-CPU lists take about this long to come free.
 */
#define FIRST_PAUSE_MS 1
#define LAST_PAUSE_MS  64

/* How long a plan that is all or nothing tries an op that is busy. A page the kernel pinned stays pinned:
 * better to say so soon. */
#define BUSY_MS 1000

struct helper {
    const struct execute_target *target;
    const struct plan *plan;
    struct execute_result *results; /* of this plan */
    uint64_t reclaim;               /* as in struct execute_go */
};

/* The decimal digits of a value, without stdio. */
static const char *format_u64(uint64_t value, char buffer[static 21])
{
    char *p = buffer + 20;

    *p = '\0';
    do {
        *--p = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return p;
}

static int set_block(const struct execute_target *target, const struct plan_op *op)
{
    static const enum czone_sys_target targets[] = {
        [PLAN_BLOCK_OFFLINE] = CZONE_SYS_OFFLINE,
        [PLAN_BLOCK_ONLINE_MOVABLE] = CZONE_SYS_ONLINE_MOVABLE,
        [PLAN_BLOCK_ONLINE_KERNEL] = CZONE_SYS_ONLINE_KERNEL,
    };
    struct czone_block now = { .id = op->block, .node = op->node };
    int r;

    r = target->backend->block_peek(target->sys, op->block, op->node, &now.state);
    if (r < 0)
        return r;
    r = plan_op_check(op, &now);
    return r <= 0 ? r : target->backend->block_set(target->sys, op->block, targets[op->kind]);
}

static int write_number(const struct execute_target *target, const char *attribute, uint64_t value)
{
    char buffer[21];

    return target->backend->cgroup_write(target->sys, target->cgroup_fd, attribute,
                                         value == PLAN_MAX ? "max" : format_u64(value, buffer));
}

static int write_mems(const struct execute_target *target, const struct node_set *set)
{
    char text[NODE_SET_TEXT_MAX];
    int r;

    /* The empty set stands for "as the parent"; an empty write() would not reach the kernel. */
    if (node_set_count(set) == 0)
        return target->backend->cgroup_write(target->sys, target->cgroup_fd, "cpuset.mems", "\n");
    r = node_set_format(set, text, sizeof(text));
    return r < 0 ? r : target->backend->cgroup_write(target->sys, target->cgroup_fd, "cpuset.mems", text);
}

int execute_op(const struct execute_target *target, const struct plan *plan, const struct plan_op *op)
{
    int r;

    switch ((enum plan_op_kind)op->kind) {
    case PLAN_BLOCK_OFFLINE:
    case PLAN_BLOCK_ONLINE_MOVABLE:
    case PLAN_BLOCK_ONLINE_KERNEL:
        return set_block(target, op);
    case PLAN_CPUSET_MEMS:
        return op->set < PLAN_SETS_MAX ? write_mems(target, &plan->sets[op->set]) : -EINVAL;
    case PLAN_MEMORY_MAX:
        return write_number(target, "memory.max", op->value);
    case PLAN_MEMORY_RECLAIM:
        r = write_number(target, "memory.reclaim", op->value);
        /* What could be dropped within its turn is dropped; the offline moves the rest. */
        return r == -EAGAIN || r == -EINTR ? 0 : r;
    }
    return -EINVAL;
}

/* Whether another attempt may succeed. */
static bool is_transient(int error)
{
    return error == -EBUSY || error == -EAGAIN || error == -EINTR || error == -ESTALE;
}

static void report(int socket_fd, uint32_t plan, int error)
{
    struct execute_report message = { .plan = plan, .error = error };

    while (send(socket_fd, &message, sizeof(message), MSG_NOSIGNAL) < 0)
        if (errno != EINTR)
            _exit(EXIT_FAILURE); /* nobody is left to report to */
}

static int attempt(const struct helper *helper, size_t op)
{
    struct execute_result *result = &helper->results[op];
    struct plan_op now = helper->plan->ops[op];
    int r;

    if (now.kind == PLAN_MEMORY_RECLAIM)
        now.value = helper->reclaim;

    if (result->n_attempts == 0)
        result->start_ns = clock_ns();
    r = execute_op(helper->target, helper->plan, &now);
    result->end_ns = clock_ns();
    result->error = r;
    result->n_attempts++;
    return r;
}

static void set_turn(unsigned ms)
{
    struct timeval time = { .tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000 };
    /* Again and again: a signal that comes before the write() has begun does not end it. */
    struct itimerval turn = { .it_value = time, .it_interval = time };

    (void)setitimer(ITIMER_REAL, &turn, NULL);
}

/* One attempt at each op that is not done. Returns how many are left that another round may do. */
static size_t do_round(const struct helper *helper, unsigned turn_ms)
{
    size_t n_left = 0;

    for (size_t i = 0; i < helper->plan->n_ops; i++) {
        const struct execute_result *result = &helper->results[i];

        if (result->n_attempts > 0 && !is_transient(result->error))
            continue;
        set_turn(turn_ms);
        n_left += is_transient(attempt(helper, i));
        set_turn(0);
    }
    return n_left;
}

static void pause_ms(unsigned ms)
{
    (void)poll(NULL, 0, (int)ms);
}

static unsigned longer(unsigned pause)
{
    return 2 * pause > LAST_PAUSE_MS ? LAST_PAUSE_MS : 2 * pause;
}

static void do_what_can_be_done(const struct helper *helper)
{
    unsigned turn = FIRST_TURN_MS, pause = FIRST_PAUSE_MS;

    /* Only the parent's deadline ends this. */
    while (do_round(helper, turn) > 0) {
        pause_ms(pause);
        pause = longer(pause);
        turn = turn > INT32_MAX / 4 ? turn : 2 * turn;
    }
}

static int do_all_or_stop(const struct helper *helper)
{
    for (size_t i = 0; i < helper->plan->n_ops; i++) {
        uint64_t give_up_ns = clock_after_ms(BUSY_MS);
        int r;

        for (unsigned pause = FIRST_PAUSE_MS;; pause = longer(pause)) {
            r = attempt(helper, i);
            if ((r != -EBUSY && r != -EAGAIN) || clock_ns() > give_up_ns)
                break;
            pause_ms(pause);
        }
        if (r < 0)
            return r;
    }
    return 0;
}

static void wait_for_go(int socket_fd, struct execute_go *ret_go)
{
    ssize_t n;

    do {
        n = recv(socket_fd, ret_go, sizeof(*ret_go), 0);
    } while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof(*ret_go))
        _exit(EXIT_FAILURE);
}

static void on_turn_over(int signal_number)
{
    (void)signal_number; /* its arrival ends the write() that it interrupts */
}

static void let_turns_end(void)
{
    struct sigaction action = { .sa_handler = on_turn_over };
    sigset_t turns;

    (void)sigaction(SIGALRM, &action, NULL);
    (void)sigemptyset(&turns);
    (void)sigaddset(&turns, SIGALRM);
    (void)sigprocmask(SIG_UNBLOCK, &turns, NULL);
}

_Noreturn void execute_plans(const struct execute_target *target, struct plan *const *plans, size_t n_plans,
                             struct execute_result *results, int socket_fd)
{
    struct execute_go go;

    let_turns_end();
    for (uint32_t i = 0; i < n_plans; i++) {
        struct helper helper = { .target = target };
        int r = 0;

        wait_for_go(socket_fd, &go);
        for (; i < go.plan && i + 1 < n_plans; i++)
            results += plans[i]->n_ops;
        helper.plan = plans[i];
        helper.results = results;
        helper.reclaim = go.reclaim;
        if (plans[i]->mode == PLAN_AS_FAR_AS_CAN)
            do_what_can_be_done(&helper);
        else
            r = do_all_or_stop(&helper);
        report(socket_fd, i, r);
        if (r < 0)
            break;
        results += plans[i]->n_ops;
    }
    _exit(EXIT_SUCCESS);
}
