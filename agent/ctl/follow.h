/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_FOLLOW_H
#define CTL_FOLLOW_H

/*
 * Calls that take long, each on a connection of its own, side by side with signals and progress. A connection
 * that breaks is opened anew and the call is made again with parameters that go on where it ended: a restart
 * of czoned, or a guest that was moved, is not seen by the user.
 */

#include "agent/ctl/ctl.h"
#include "agent/ctl/progress.h"

/* How long a broken connection is tried to be mended, unless --retry says more: a restart of czoned takes a
 * second or two. */
#define FOLLOW_PATIENCE_MS 30000

struct follow {
    const char *method;
    unsigned int flags; /* 0 or VARLINK_MORE */
    bool optional;      /* if it cannot be had, go on without */
    bool repeats;       /* one call after the other, each by follow_call(): nobody waits for its end */
    int answer_ms;      /* how long the guest may take for a reply; 0: for ever */

    /* Set by on_reply and on_writable: no reply is taken, and it does not end, before this fd takes more. */
    bool held;
    int held_by;

    /* Builds the parameters of the next attempt; NULL is out of memory. */
    json_t *(*parameters)(void *userdata);
    /*
     * Takes a reply or an error reply. Returns EXIT_OK to go on (after the final reply the call is done) or a
     * code, having told why, which ends the loop.
     */
    enum exit_code (*on_reply)(struct follow *follow, const struct varlink_reply *reply, void *userdata);
    enum exit_code (*on_writable)(struct follow *follow, void *userdata);
    void *userdata;

    /* Private. */
    struct varlink_client *client;
    bool replied, done, idle;
    bool again;                           /* was called while a call was under way */
    bool last;                            /* its final reply was taken, while it is held */
    int64_t next_try, give_up, answer_by; /* when_ticks() */
};

#define FOLLOW_MAX 6

struct loop {
    struct ctl *ctl;
    struct progress *progress; /* or NULL */
    struct follow *follows[FOLLOW_MAX];
    size_t n_follows;
    int signal_fd; /* signalfd(2), or negative */
    /* The fd to read from now, or negative; NULL: none ever. And what to do when it can be read. */
    int (*input_fd)(void *userdata);
    enum exit_code (*on_input)(void *userdata);
    /* Returns as on_reply. */
    enum exit_code (*on_signal)(int signal, void *userdata);
    void *userdata;
};

/* Connects and sends now, so that nothing after it is missed. */
enum exit_code follow_start(const struct ctl *ctl, struct follow *follow);

/* The same with patience, for one whose guest was there a moment ago: the loop connects. */
void follow_resume(const struct ctl *ctl, struct follow *follow);

/* The next call of one that repeats: on the connection it has, or a new one that the loop opens. While a call
 * is under way: one more after it, however often this was called, with the parameters of then. */
enum exit_code follow_call(const struct ctl *ctl, struct follow *follow);

/* Runs until every follow that is not optional, and does not repeat, is done. */
enum exit_code loop_run(struct loop *loop);

/*
 * One call with nothing beside it, from its connection to its end, whatever that is.
 *
 * @progress  drawn meanwhile; NULL: none
 */
enum exit_code follow_run(struct ctl *ctl, struct follow *follow, struct progress *progress);

/* Ends it, before or after it is done. */
void follow_done(struct follow *follow);

#endif
