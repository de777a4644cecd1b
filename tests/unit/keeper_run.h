/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_KEEPER_RUN_H
#define TESTS_KEEPER_RUN_H

/* Real keepers that keep real programs: a root with the probes, a run directory, and what czoned would say.
 */

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "agent/guest/keeper/log_file.h"
#include "agent/guest/keeper/record.h"
#include "agent/guest/keeper/spawn.h"
#include "agent/guest/keeper/wire.h"
#include "agent/guest/launch/briefing.h"
#include "agent/guest/launch/json.h"
#include "agent/guest/launch/seccomp.h"
#include "tests/unit/launch_fixture.h"

#define KEPT_DEADLINE_MS 30000

/* What all keepers of a test share. */
struct keepers {
    struct fixture fixture, runs;
    int image, filter, standby_filters[2], hall;
    int n_runs;
};

/* One keeper and what is known of it. */
struct kept {
    struct keepers *keepers;
    struct keeper_process process;
    struct launch_briefing briefing;
    bool briefed;
    bool told_by_keeper; /* what stands by learns from the keeper what to run */
    struct launch_request request;
    const char *args[8];
    struct keeper_start start;
    char run_path[16];
    int run_dir;
    int pidfd; /* of the program, once it was given */
    struct keeper_status status;
    struct launch_failure failure;
    char parameter[32];
    struct log_reader reader;
    char log[8192]; /* the begin of what the program said */
};

void keepers_set_up(struct keepers *keepers);

void keepers_tear_down(struct keepers *keepers);

/* Starts an idle keeper for `args`, of which act may be NULL. */
void kept_spawn(struct kept *kept, struct keepers *keepers, const char *program, const char *act);

/* The program dies with its keeper. */
void kept_kill(struct kept *kept);

void kept_wait_readable(int fd);

/* Receives one message. Returns its kind, or 0 when the keeper has hung up. */
uint32_t kept_receive(struct kept *kept);

/* Until it is in that state, or later. */
void kept_wait_state(struct kept *kept, enum keeper_state state);

int kept_memfd(const struct launch_request *request);

/* The root of cgroup2. */
int kept_cgroup(void);

/* Has a process stand by where kept_send_start() will start it; kept_spawn() does that by itself where
 * KEEPER_PREPARED is set. */
void kept_send_prepare(struct kept *kept);

/* Tells it what kept_send_start() is to start: what is wrong with that, or with the process, is told by the
 * return value, that of launch_check() or launch_briefing_tell(). */
int kept_brief(struct kept *kept);

/* Sends START, and waits for nothing. A process that stands by runs it, if it can; it is briefed if it was
 * not.
 */
void kept_send_start(struct kept *kept);

/* Starts the program and waits until it runs. */
void kept_start(struct kept *kept);

/* Until the keeper has hung up and exited. */
void kept_wait_gone(struct kept *kept);

/* Hangs up and connects anew, as a czoned that was restarted does. */
void kept_reconnect(struct kept *kept);

/* Reads what the log has now; the first of it stays in kept->log. Returns the bytes. */
int64_t kept_read_log(struct kept *kept);

/* Follows the log until it begins with this text. */
void kept_wait_log(struct kept *kept, const char *text);

/* Runs the suite. A test that fails leaves its keepers behind, who are made to outlive their starters: they
 * come back to this process and end here. */
int keepers_run(Suite *suite);

int kept_input(struct kept *kept, const char *data, size_t length);

#endif
