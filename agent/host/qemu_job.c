/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/host/qemu_job.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/host/clock.h"
#include "agent/host/log.h"

/* A plug of 512 MiB takes 50-90 ms, an unplug of memory that is offline 10 ms. */
#define PAUSE_FIRST_US 1000u
#define PAUSE_SOON_US  10000u
#define PAUSE_LATE_US  100000u
#define SOON_US        2000000u

void job_execute(struct driver_job *job, const char *command, json_t *arguments, qmp_done done)
{
    int r = qmp_execute(job->qemu->qmp, command, arguments, done, job);

    if (r == 0 || r == -ENOTCONN)
        return; /* not connected: the driver tells every job */
    job_refuse(job, REFUSAL_VMM, "out of memory");
    job_finish(job);
}

void job_choose(struct driver_job *job, const struct qemu_device *device)
{
    struct inventory *inventory = &job->qemu->inventory;
    struct qemu_device *entry = inventory_find(inventory, device->name), *devices;

    job->device = *device;
    job->chosen = true;
    job->answer.kind = device->type == QEMU_DIMM ? "pc-dimm" : "virtio-mem";
    job->answer.node = device->node;
    memcpy(job->answer.device, device->name, sizeof(job->answer.device));
    if (!entry) {
        /* A dimm that QEMU does not list, not yet or no more: its node is taken. */
        devices = realloc(inventory->devices, (inventory->count + 1) * sizeof(*devices));
        if (!devices)
            return; /* two dimms on one node: QEMU refuses the second for its name */
        inventory->devices = devices;
        entry = &devices[inventory->count++];
        *entry = *device;
        entry->plugged = entry->requested = 0;
    }
    entry->busy = true;
}

void job_poll_restart(struct driver_job *job)
{
    job->progress_us = job->nudge_us = clock_us();
    job->pause_us = PAUSE_FIRST_US;
}

void job_poll_later(struct driver_job *job, void (*on_timer)(struct driver_job *job))
{
    struct timeval pause = timeval_us(job->pause_us);
    uint64_t most = clock_us() - job->progress_us < SOON_US ? PAUSE_SOON_US : PAUSE_LATE_US;

    job->on_timer = on_timer;
    (void)evtimer_add(job->timer, &pause);
    job->pause_us = job->pause_us * 5 / 4 > most ? most : job->pause_us * 5 / 4;
}

void job_poll_hint(struct driver_job *job)
{
    if (evtimer_pending(job->timer, NULL)) {
        (void)evtimer_del(job->timer);
        event_active(job->timer, EV_TIMEOUT, 0);
    }
}

bool job_stalled(const struct driver_job *job)
{
    return clock_us() - job->progress_us > job->qemu->options.stall_us;
}

void job_refuse(struct driver_job *job, enum refusal refusal, const char *format, ...)
{
    char text[sizeof(struct reason)];
    va_list arguments;

    if (job->answer.refusal != REFUSAL_NONE)
        return;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    job->answer.refusal = refusal;
    reason_set(&job->answer.message, "%s", text);
}

void job_answer(struct driver_job *job)
{
    driver_done done = job->done;

    job->done = NULL;
    if (done)
        done(&job->answer, job->userdata);
}

void job_finish(struct driver_job *job)
{
    struct qemu_device *entry = job->chosen ? inventory_find(&job->qemu->inventory, job->device.name) : NULL;

    if (entry) {
        entry->busy = false;
        entry->plugged = entry->requested = job->device.plugged;
    }
    TAILQ_REMOVE(&job->qemu->jobs, job, link);
    qmp_forget(job->qemu->qmp, job);
    job_answer(job);
    event_free(job->timer);
    free(job);
}
