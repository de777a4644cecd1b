/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_KEEPER_MESSAGE_H
#define GUEST_KEEPER_MESSAGE_H

/*
 * What czoned and a keeper say to each other over a SOCK_SEQPACKET socket: one message is one packet, a
 * struct in the machine's byte order that begins with keeper_header.
 *
 * A keeper outlives czoned, so the two may be of different versions. Numbers of kinds and states never change
 * their meaning, a struct grows only at its end, and keeper_receive() (keeper/wire.h) fills a shorter, older
 * one up with zeros and cuts what a newer one has more. START and PREPARE are the exception: both must be of
 * one version (keeper_header.version says; a keeper that was not started yet has no history to be loyal to).
 */

#include <stddef.h>
#include <stdint.h>

#include <czone/policy.h>

#define KEEPER_VERSION 2

/* Bytes of stdin in one INPUT, and the most a keeper holds that the program has not taken. */
#define KEEPER_INPUT_MAX 65536
/* fds in one message. */
#define KEEPER_FDS_MAX 6

enum keeper_kind {
    KEEPER_START = 1,
    KEEPER_INPUT = 2,
    KEEPER_RESIZE = 3,
    KEEPER_FOLLOW = 4,
    KEEPER_FORGET = 5,
    KEEPER_PREPARE = 6,
    KEEPER_STATUS = 16,
    KEEPER_FAILED = 17,
};

struct keeper_header {
    uint32_t kind;
    uint32_t version; /* the sender's KEEPER_VERSION */
};

/*
 * czoned: a program will be started in this cgroup: have a process stand by in it (launch/standby.h). Once,
 * before START. What it is to run czoned tells it itself (launch/briefing.h). The fds, in this order:
 *
 *   1. the cgroup's directory
 *   2. and 3. socket and memory of the standby's briefing
 *   4. and 5. its filters, while it sets itself up and from then on (launch/seccomp.h)
 *   6. a directory of the same file system as the run directory of START, where the keeper listens until
 *      then under a name of its own, where nobody looks for it: START only has to move that name
 */
struct keeper_prepare {
    struct keeper_header header;
};

enum keeper_start_flag {
    KEEPER_START_POLICY = 1 << 0, /* policy counts */
    KEEPER_START_JOIN = 1 << 1, /* an exec session: the fifth fd is the pidfd of the container's process 1 */
    KEEPER_START_BRIEFED = 1 << 2, /* the standby knows what to run, and runs it; no policy */
    KEEPER_START_TELL = 1 << 3,    /* it does not: the fifth fd is czoned's socket of its briefing */
};

/*
 * czoned: launch. The first message but for PREPARE, and the only START. A standby that was not briefed
 * ends, unless the keeper can tell it (KEEPER_START_TELL), which takes as long as the file system of the root
 * does. The keeper owns the fds that it receives, five with one of these two flags, else four, in this order:
 *
 *   1. the program's run directory, mode 0700, which czoned has made and no keeper has begun in
 *   2. the cgroup's directory
 *   3. the request (launch/json.h) in a memfd, JSON from byte 0 to its end
 *   4. the compiled seccomp filter
 *
 * With KEEPER_START_BRIEFED, the first only; or that and the program's record (keeper/record.h), open for
 * writing: then czoned has made it, has moved the keeper's name from the hall of PREPARE to the run
 * directory, and lets the program go itself without waiting for the keeper (launch_briefing_run()). The
 * keeper does so as well, for a czoned that was killed before it could.
 */
struct keeper_start {
    struct keeper_header header;
    uint32_t flags; /* enum keeper_start_flag */
    uint32_t reserved;
    int64_t log_limit;   /* bytes of all log segments together; see keeper/log_file.h */
    int64_t log_segment; /* bytes of one of them */
    struct czone_policy policy;
};

/*
 * czoned: bytes for stdin, 1 to KEEPER_INPUT_MAX of them; none: the end of stdin (with a tty the character
 * that means it, as Ctrl-D does). Never send more than
 *     KEEPER_INPUT_MAX - (bytes you have sent in all - status.input_written)
 * A message beyond that is a fault of the sender: the keeper drops it and hangs up. What comes when the
 * program has no stdin, or has closed it, or after the end, is counted as received and written, and dropped.
 */
struct keeper_input {
    struct keeper_header header;
    char data[KEEPER_INPUT_MAX]; /* its length is that of the message */
};

#define KEEPER_INPUT_HEADER offsetof(struct keeper_input, data)

/* czoned: the terminal has another size. Without a tty (status.flags) it changes nothing. */
struct keeper_resize {
    struct keeper_header header;
    uint16_t columns, rows;
    uint32_t reserved;
};

/* czoned: whether a STATUS is wanted each time the log grows, until this connection ends. At first it is
 * not. Answered with a STATUS, so nothing that was written before is overlooked. */
struct keeper_follow {
    struct keeper_header header;
    uint32_t wanted; /* 0 or 1 */
    uint32_t reserved;
};

/* czoned: the program has ended and nobody wants what others may still write to its output: the keeper
 * ends. Ignored while the program is starting or running. */
struct keeper_forget {
    struct keeper_header header;
};

enum keeper_state {
    KEEPER_IDLE = 0,     /* ready for START */
    KEEPER_STARTING = 1, /* between START and exec() */
    KEEPER_RUNNING = 2,
    KEEPER_ENDED = 3,   /* wait_code and wait_status count */
    KEEPER_REFUSED = 4, /* the program never ran: FAILED says why */
};

enum keeper_flag {
    KEEPER_TTY = 1 << 0,        /* output is one pty; all of it is stream 1 of the log */
    KEEPER_LOG_ENDED = 1 << 1,  /* nothing more will be written: log_end is final */
    KEEPER_INPUT_OPEN = 1 << 2, /* the program has a stdin that takes bytes */
    KEEPER_PIDFD = 1 << 3,      /* this message carries an fd: the pidfd of the program */
};

/*
 * Keeper: all it knows. Sent at once on each new connection (a fresh keeper's first says KEEPER_IDLE), on
 * every change of state, when LOG_ENDED is set, when all input has been written, and, after FOLLOW, when the
 * log has grown. What czoned has not read yet is not piled up: at most a few are under way, and the last one
 * is always sent.
 *
 * The first STATUS with KEEPER_RUNNING on a connection has KEEPER_PIDFD and one fd.
 *
 * The same struct is the head of the file `status` (keeper/record.h).
 */
struct keeper_status {
    struct keeper_header header;
    uint32_t state; /* enum keeper_state */
    uint32_t flags; /* enum keeper_flag */
    int32_t keeper_pid;
    int32_t pid;         /* of the program, in the guest's pid namespace; 0 before it is cloned */
    int32_t wait_code;   /* CLD_EXITED, CLD_KILLED or CLD_DUMPED */
    int32_t wait_status; /* exit code or signal */
    int64_t started_ns;  /* CLOCK_REALTIME of exec(); 0 before it */
    int64_t ended_ns;    /* CLOCK_REALTIME; 0 before it */
    int64_t log_begin;   /* offset of the oldest byte kept */
    int64_t log_end;     /* bytes written by the program in all, lost ones included */
    int64_t log_lost;    /* of these, bytes that did not reach the disk (it was full) */
    int64_t input_received;
    int64_t input_written; /* of these, bytes that the program's pipe or pty has taken */
};

/* Keeper: why the program never ran; a STATUS with KEEPER_REFUSED follows. A launch_failure, on the wire. */
struct keeper_failed {
    struct keeper_header header;
    int32_t trouble;    /* enum launch_trouble */
    int32_t stage;      /* enum launch_stage */
    int32_t error;      /* negative errno */
    uint32_t index;     /* of the element that is meant, where the field is a list */
    char parameter[32]; /* "" where launch_failure has NULL */
    char message[512];
};

union keeper_message {
    struct keeper_header header;
    struct keeper_prepare prepare;
    struct keeper_start start;
    struct keeper_input input;
    struct keeper_resize resize;
    struct keeper_follow follow;
    struct keeper_forget forget;
    struct keeper_status status;
    struct keeper_failed failed;
};

#endif
