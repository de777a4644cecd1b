/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "agent/host/clock.h"
#include "agent/host/log.h"
#include "agent/host/qemu_job.h"

/* After a block that was busy the guest's driver waits 50 s, and longer each time. Setting the same size anew
 * notifies it, and it tries at once. */
#define NUDGE_US 2000000u

static void size_get(struct driver_job *job);

static void size_request(struct driver_job *job, uint64_t bytes, qmp_done done)
{
    job_execute(job, "qom-set",
                json_pack("{ss+ ss sI}", "path", "/machine/peripheral/", job->device.name, "property",
                          "requested-size", "value", (json_int_t)bytes),
                done);
}

static void on_requested(int error, json_t *value, const struct reason *reason, void *userdata)
{
    struct driver_job *job = userdata;

    (void)value;
    if (error == -ENOTCONN)
        return;
    if (error < 0) {
        job_refuse(job, REFUSAL_VMM, "%s: %s", job->device.name, reason->text);
        if (job->kind == JOB_UNDO)
            log_guest(LOG_WARN, "undo on %s: %s", job->device.name, reason->text);
        job_finish(job);
        return;
    }
    if (job->kind == JOB_UNDO)
        job_answer(job);
    size_get(job);
}

void virtio_mem_undo(struct driver_job *job)
{
    job->kind = JOB_UNDO;
    job->target = 0;
    job_poll_restart(job);
    size_request(job, 0, on_requested);
}

static void on_taken_back(int error, json_t *value, const struct reason *reason, void *userdata)
{
    (void)value;
    (void)reason;
    if (error != -ENOTCONN)
        job_finish(userdata);
}

static void on_stalled(struct driver_job *job)
{
    uint64_t seconds = job->qemu->options.stall_us / 1000000u, plugged = job->device.plugged;

    switch (job->kind) {
    case JOB_PLUG:
        job_refuse(job, REFUSAL_TIMEOUT,
                   "the guest took %" PRIu64 " of %" PRIu64 " MiB on %s, then nothing for %" PRIu64
                   " s: is its virtio_mem driver loaded, and has it memory left for the page structs?",
                   plugged >> 20, job->target >> 20, job->device.name, seconds);
        virtio_mem_undo(job);
        return;
    case JOB_UNPLUG:
        job->answer.bytes = job->before - plugged;
        job_refuse(job, REFUSAL_TIMEOUT,
                   "the guest gave back %" PRIu64 " of %" PRIu64 " MiB on %s, then nothing for %" PRIu64
                   " s: is all of the range offline?",
                   job->answer.bytes >> 20, (job->before - job->target) >> 20, job->device.name, seconds);
        size_request(job, plugged, on_taken_back);
        return;
    case JOB_UNDO:
        log_guest(LOG_WARN, "undo on %s: the guest keeps %" PRIu64 " MiB, nothing moved for %" PRIu64 " s",
                  job->device.name, plugged >> 20, seconds);
        job_finish(job);
        return;
    }
}

static void on_reached(struct driver_job *job)
{
    if (job->kind == JOB_PLUG) {
        job->answer.range = (struct range){ job->device.span.start, job->target };
        job->answer.bytes = job->target;
    } else if (job->kind == JOB_UNPLUG)
        job->answer.bytes = job->before - job->device.plugged;
    job_finish(job);
}

static void on_size(int error, json_t *value, const struct reason *reason, void *userdata)
{
    struct driver_job *job = userdata;
    uint64_t size = (uint64_t)json_integer_value(value), now = clock_us();
    bool shrinking = job->kind != JOB_PLUG;

    if (error == -ENOTCONN)
        return;
    if (error < 0 || !json_is_integer(value)) {
        job_refuse(job, REFUSAL_VMM, "size of %s: %s", job->device.name, reason ? reason->text : "no number");
        if (job->kind == JOB_PLUG)
            virtio_mem_undo(job);
        else
            job_finish(job);
        return;
    }
    if (size != job->device.plugged)
        job_poll_restart(job);
    job->device.plugged = size;
    if (job->cancelled && job->kind == JOB_PLUG) {
        job_refuse(job, REFUSAL_TIMEOUT, "the guest cancelled the plug");
        virtio_mem_undo(job);
    } else if (shrinking ? size <= job->target : size == job->target)
        on_reached(job);
    else if (job_stalled(job))
        on_stalled(job);
    else if (now - job->nudge_us > NUDGE_US) {
        job->nudge_us = now;
        size_request(job, job->target, on_requested);
    } else
        job_poll_later(job, size_get);
}

/* Property of one device: query-memory-devices would grow with the number of zones. */
static void size_get(struct driver_job *job)
{
    job_execute(job, "qom-get",
                json_pack("{ss+ ss}", "path", "/machine/peripheral/", job->device.name, "property", "size"),
                on_size);
}

void virtio_mem_plug(struct driver_job *job)
{
    job_poll_restart(job);
    size_request(job, job->target, on_requested);
}

void virtio_mem_unplug(struct driver_job *job)
{
    job->before = job->device.plugged;
    if (job->before == 0 && job->device.requested == 0) {
        job->answer.bytes = job->answer.range.bytes;
        job_finish(job);
        return;
    }
    job->target = job->before > job->answer.range.bytes ? job->before - job->answer.range.bytes : 0;
    job_poll_restart(job);
    size_request(job, job->target, on_requested);
}
