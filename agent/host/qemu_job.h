/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOST_QEMU_JOB_H
#define HOST_QEMU_JOB_H

/*
 * Inside the QEMU driver: what a job is, and what its two kinds of device share. A job waits for one thing at
 * a time, a QMP reply or its timer; a step is what happens then. When QMP is lost, every job is told at once
 * (job_lost()), so that replies with -ENOTCONN are of no interest to a step.
 */

#include <sys/queue.h>

#include "agent/host/driver_qemu.h"
#include "agent/host/qemu_inventory.h"
#include "agent/host/qmp.h"

enum job_kind {
    JOB_PLUG,
    JOB_UNPLUG,
    JOB_UNDO, /* a plug that has been answered with a refusal and is taken back */
};

struct driver_job {
    TAILQ_ENTRY(driver_job) link;
    struct driver_qemu *qemu;
    enum job_kind kind;
    struct driver_plug plug;
    struct driver_answer answer; /* as far as it is known */
    driver_done done;            /* NULL once called */
    void *userdata;
    bool cancelled;
    bool chosen;               /* `device` is set: it is ours until the job ends */
    bool ejecting;             /* dimm: device_del was given */
    bool refused;              /* dimm: and the guest said no */
    struct qemu_device device; /* as it was when chosen; `plugged` follows QEMU */
    uint64_t before;           /* virtio-mem: plugged when the job began */
    uint64_t target;           /* virtio-mem: what is to be plugged in the end; dimm: bytes wanted */
    uint64_t progress_us;      /* when the figure moved last */
    uint64_t nudge_us;         /* when the request was repeated last */
    uint64_t pause_us;         /* until the next poll */
    struct event *timer;
    void (*on_timer)(struct driver_job *job);
};

TAILQ_HEAD(jobs, driver_job);

struct driver_qemu {
    struct driver driver;
    struct event_base *base;
    struct qmp *qmp;
    const struct driver_hooks *hooks;
    void *userdata;
    struct driver_qemu_options options;
    bool ready;
    struct inventory inventory;
    struct jobs jobs;
};

/* Replaces the inventory by what query-memory-devices returned; marks what jobs are at work on. Returns 0,
 * -EPROTO or -ENOMEM. */
int qemu_inventory_update(struct driver_qemu *qemu, json_t *value, struct reason *reason);

/* Gives a command whose reply goes to the job. If that is impossible the job ends. */
void job_execute(struct driver_job *job, const char *command, json_t *arguments, qmp_done done);

/* The job takes a device: no other will. */
void job_choose(struct driver_job *job, const struct qemu_device *device);

/* Calls `on_timer` after the next pause; pauses grow. job_poll_restart() begins anew with the shortest, and
 * counts as progress. */
void job_poll_later(struct driver_job *job, void (*on_timer)(struct driver_job *job));
void job_poll_restart(struct driver_job *job);
/* Ends the pause now, if the job is in one: there is a hint that something has happened. */
void job_poll_hint(struct driver_job *job);

/* Has there been no progress for too long? */
bool job_stalled(const struct driver_job *job);

/* Sets the refusal; the first one stays. */
void job_refuse(struct driver_job *job, enum refusal refusal, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Answers, if that has not been done; the job goes on. */
void job_answer(struct driver_job *job);

/* Answers and frees. */
void job_finish(struct driver_job *job);

/* Plug on a device that was chosen; unplug of job->answer.range from it; undo of a plug. */
void virtio_mem_plug(struct driver_job *job);
void virtio_mem_unplug(struct driver_job *job);
void virtio_mem_undo(struct driver_job *job);

/* As above; a dimm's plug also chooses the node. */
void dimm_plug(struct driver_job *job);
void dimm_unplug(struct driver_job *job);
void dimm_undo(struct driver_job *job);
/* The guest's answer to an eject request (ACPI _OST): one that says no ends it. */
void dimm_ost(struct driver_job *job, json_int_t source, json_int_t status);

#endif
