/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "agent/host/log.h"
#include "agent/host/qemu_job.h"

/* ACPI 6.5, 6.3.5 _OST: sources of an answer to an eject request, and the status that only says "still at
 * it". */
#define OST_SOURCE_EJECT         3
#define OST_SOURCE_EJECT_REQUEST 0x103
#define OST_STATUS_IN_PROGRESS   0x84

static void memory_delete(struct driver_job *job, qmp_done done)
{
    job_execute(job, "object-del", json_pack("{ss}", "id", job->device.memory), done);
}

/* The end of a plug whose device_add failed. */
static void on_abandoned(int error, json_t *value, const struct reason *reason, void *userdata)
{
    struct driver_job *job = userdata;

    (void)value;
    if (error == -ENOTCONN)
        return;
    if (error < 0)
        log_guest(LOG_WARN, "memory of %s: %s", job->device.name, reason->text);
    job_finish(job);
}

static void on_looked(int error, json_t *value, const struct reason *reason, void *userdata)
{
    struct driver_job *job = userdata;
    const struct qemu_device *entry;
    struct reason why = { 0 };

    if (error == -ENOTCONN)
        return;
    if (error == 0 && qemu_inventory_update(job->qemu, value, &why) < 0)
        reason = &why;
    entry = reason ? NULL : inventory_find(&job->qemu->inventory, job->device.name);
    if (!entry || entry->plugged == 0) {
        job_refuse(job, REFUSAL_VMM, "%s was added, but QEMU does not list it: %s", job->device.name,
                   reason ? reason->text : "no reason given");
        dimm_undo(job);
        return;
    }
    job->device.span = entry->span;
    job->device.plugged = entry->plugged;
    job->answer.range = entry->span;
    job->answer.bytes = entry->plugged;
    if (job->cancelled)
        job_refuse(job, REFUSAL_TIMEOUT, "the guest cancelled the plug");
    else if (entry->span.start % job->plug.block)
        job_refuse(job, REFUSAL_VMM, "QEMU put %s at 0x%" PRIx64 ", not at a block of the guest",
                   job->device.name, entry->span.start);
    if (job->answer.refusal != REFUSAL_NONE)
        dimm_undo(job);
    else
        job_finish(job);
}

static void on_device(int error, json_t *value, const struct reason *reason, void *userdata)
{
    struct driver_job *job = userdata;

    (void)value;
    if (error == -ENOTCONN)
        return;
    if (error < 0) {
        /* Slots or address space used up; QEMU has no error class for that, only words. */
        job_refuse(job, REFUSAL_NO_DEVICE,
                   "no virtio-mem device is free for %" PRIu64
                   " MiB, and a dimm cannot be added: %s (see QEMU's "
                   "-m slots= and maxmem=)",
                   job->target >> 20, reason->text);
        memory_delete(job, on_abandoned);
        return;
    }
    job_execute(job, "query-memory-devices", NULL, on_looked);
}

/* QEMU takes the first gap; it starts at a block of the guest unless a device before it has an odd end. Then
 * the dimm goes behind the last one. 0: as QEMU likes. */
static uint64_t address_choose(const struct inventory *inventory, uint64_t block)
{
    bool odd = false;
    uint64_t end = 0;

    for (size_t i = 0; i < inventory->count; i++) {
        const struct range *span = &inventory->devices[i].span;

        odd = odd || (span->start + span->bytes) % block != 0;
        end = span->start + span->bytes > end ? span->start + span->bytes : end;
    }
    return odd ? bytes_round(end, block) : 0;
}

static void on_memory(int error, json_t *value, const struct reason *reason, void *userdata)
{
    struct driver_job *job = userdata;
    uint64_t address;
    json_t *arguments;

    (void)value;
    if (error == -ENOTCONN)
        return;
    if (error < 0) {
        job_refuse(job, REFUSAL_VMM, "memory for %s: %s", job->device.name, reason->text);
        job_finish(job);
        return;
    }
    arguments = json_pack("{ss ss ss si}", "driver", "pc-dimm", "id", job->device.name, "memdev",
                          job->device.memory, "node", job->device.node);
    address = address_choose(&job->qemu->inventory, job->plug.block);
    if (arguments && address)
        (void)json_object_set_new(arguments, "addr", json_integer((json_int_t)address));
    job_execute(job, "device_add", arguments, on_device);
}

static void refuse_no_device(struct driver_job *job)
{
    if (job->answer.limit > 0)
        job_refuse(job, REFUSAL_NO_DEVICE,
                   "the largest virtio-mem device that is free has %" PRIu64 " MiB, %" PRIu64
                   " MiB are wanted, and no node without memory is left for a dimm",
                   job->answer.limit >> 20, job->plug.bytes >> 20);
    else
        job_refuse(
            job, REFUSAL_NO_DEVICE,
            "no virtio-mem device is free, and no node without memory is left for a dimm (give QEMU one "
            "virtio-mem-pci with an id for each zone, or nodes with absent CPUs only)");
}

static void memory_add(struct driver_job *job, const struct nodes *nodes)
{
    struct qemu_device device = { .type = QEMU_DIMM, .block = 1 };
    uint64_t nonce;

    device.node = inventory_dimm_node(&job->qemu->inventory, nodes, &job->plug);
    if (device.node < 0) {
        refuse_no_device(job);
        job_finish(job);
        return;
    }
    job->answer.limit = 0;
    job->target = bytes_round(job->plug.bytes, job->plug.block);
    dimm_name(device.node, device.name);
    evutil_secure_rng_get_bytes(&nonce, sizeof(nonce));
    dimm_memory_name(device.node, nonce, device.memory);
    job_choose(job, &device);
    /* Shared, or vhost-user devices (vsock among them) could not reach it; not reserved, as it is the guest
     * that decides what it touches. */
    job_execute(job, "object-add",
                json_pack("{ss ss sb sb sI}", "qom-type", "memory-backend-memfd", "id", device.memory,
                          "share", 1, "reserve", 0, "size", (json_int_t)job->target),
                on_memory);
}

static void on_cpus(int error, json_t *value, const struct reason *reason, void *userdata)
{
    struct driver_job *job = userdata;
    struct reason why = { 0 };
    struct nodes nodes;

    if (error == -ENOTCONN)
        return;
    if (error == 0 && inventory_absent_cpu_nodes(value, &nodes, &why) < 0)
        reason = &why;
    if (reason) {
        job_refuse(job, REFUSAL_VMM, "%s", reason->text);
        job_finish(job);
        return;
    }
    memory_add(job, &nodes);
}

void dimm_plug(struct driver_job *job)
{
    const struct nodes *given = &job->qemu->options.dimm_nodes;

    if (nodes_empty(given))
        job_execute(job, "query-hotpluggable-cpus", NULL, on_cpus);
    else
        memory_add(job, given);
}

static void on_memory_gone(int error, json_t *value, const struct reason *reason, void *userdata)
{
    struct driver_job *job = userdata;

    (void)value;
    if (error == -ENOTCONN)
        return;
    if (error < 0) {
        job_refuse(job, REFUSAL_VMM, "%s is gone, its memory is not: %s", job->device.name, reason->text);
        log_guest(LOG_WARN, "%s", job->answer.message.text);
    } else {
        job->answer.bytes = job->device.plugged;
        job->device.plugged = 0;
    }
    job_finish(job);
}

static void dimm_look(struct driver_job *job);

static void on_waited(int error, json_t *value, const struct reason *reason, void *userdata)
{
    struct driver_job *job = userdata;
    const struct qemu_device *entry;
    struct reason why = { 0 };

    if (error == -ENOTCONN)
        return;
    if (error == 0 && qemu_inventory_update(job->qemu, value, &why) < 0)
        reason = &why;
    if (reason) {
        job_refuse(job, REFUSAL_VMM, "%s", reason->text);
        job_finish(job);
        return;
    }
    entry = inventory_find(&job->qemu->inventory, job->device.name);
    if (!entry || entry->plugged == 0) {
        memory_delete(job, on_memory_gone);
        return;
    }
    if (job_stalled(job))
        job_refuse(job, REFUSAL_TIMEOUT,
                   "the guest has not let go of %s for %" PRIu64 " s: is all of it offline?",
                   job->device.name, job->qemu->options.stall_us / 1000000u);
    /* A plug that is being undone has its refusal from the beginning. */
    if (job->refused || job_stalled(job)) {
        if (job->kind == JOB_UNDO)
            log_guest(LOG_WARN, "undo: the guest keeps %s", job->device.name);
        job_finish(job);
        return;
    }
    job_poll_later(job, dimm_look);
}

static void dimm_look(struct driver_job *job)
{
    job_execute(job, "query-memory-devices", NULL, on_waited);
}

static void on_eject_requested(int error, json_t *value, const struct reason *reason, void *userdata)
{
    struct driver_job *job = userdata;

    (void)value;
    if (error == -ENOTCONN)
        return;
    if (error < 0) {
        job_refuse(job, REFUSAL_VMM, "%s: %s", job->device.name, reason->text);
        job_finish(job);
        return;
    }
    job_poll_restart(job);
    dimm_look(job);
}

static void dimm_eject(struct driver_job *job)
{
    job->ejecting = true;
    job_execute(job, "device_del", json_pack("{ss}", "id", job->device.name), on_eject_requested);
}

void dimm_unplug(struct driver_job *job)
{
    dimm_eject(job);
}

void dimm_undo(struct driver_job *job)
{
    job->kind = JOB_UNDO;
    job_answer(job);
    dimm_eject(job);
}

void dimm_ost(struct driver_job *job, json_int_t source, json_int_t status)
{
    if (!job->ejecting || status == 0 || status == OST_STATUS_IN_PROGRESS ||
        (source != OST_SOURCE_EJECT && source != OST_SOURCE_EJECT_REQUEST))
        return;
    job_refuse(job, REFUSAL_VMM,
               "the guest refuses to let go of %s (ACPI _OST status 0x%x): is all of it offline?",
               job->device.name, (unsigned int)status);
    job->refused = true;
    job_poll_hint(job);
}
