/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/host/driver_qemu.h"

#include <string.h>

#include "agent/host/log.h"
#include "agent/host/qemu_job.h"

static struct driver_qemu *to_qemu(const struct driver *driver)
{
    return (struct driver_qemu *)driver;
}

int qemu_inventory_update(struct driver_qemu *qemu, json_t *value, struct reason *reason)
{
    struct inventory inventory;
    struct driver_job *job;
    int r = inventory_decode(value, &inventory, reason);

    if (r < 0)
        return r;
    inventory_done(&qemu->inventory);
    qemu->inventory = inventory;
    TAILQ_FOREACH(job, &qemu->jobs, link)
        if (job->chosen)
            job_choose(job, &job->device); /* marks it anew */
    return 0;
}

static struct driver_job *job_of_device(struct driver_qemu *qemu, const char *name)
{
    struct driver_job *job;

    TAILQ_FOREACH(job, &qemu->jobs, link)
        if (name && job->chosen && strcmp(job->device.name, name) == 0)
            return job;
    return NULL;
}

static void ignored(int error, json_t *value, const struct reason *reason, void *userdata)
{
    (void)value;
    (void)userdata;
    if (error == -EREMOTEIO)
        log_guest(LOG_WARN, "cleaning up: %s", reason->text);
}

static bool memory_in_use(const struct driver_qemu *qemu, const char *memory)
{
    const struct driver_job *job;

    TAILQ_FOREACH(job, &qemu->jobs, link)
        if (job->chosen && strcmp(job->device.memory, memory) == 0)
            return true;
    return inventory_has_memory(&qemu->inventory, memory);
}

/* Memory of dimms that are gone: a daemon died between the two steps, or the guest let go after its time. */
static void memory_sweep(struct driver_qemu *qemu, json_t *memdevs)
{
    json_t *memdev;
    size_t index;

    json_array_foreach(memdevs, index, memdev) {
        const char *id = json_string_value(json_object_get(memdev, "id"));

        if (id && dimm_memory_is_ours(id) && !memory_in_use(qemu, id))
            (void)qmp_execute(qemu->qmp, "object-del", json_pack("{ss}", "id", id), ignored, qemu);
    }
}

static void on_orphans(int error, json_t *value, const struct reason *reason, void *userdata)
{
    (void)reason;
    if (error == 0)
        memory_sweep(userdata, value);
}

/* A dimm of ours is gone that no job waits for. */
static void orphan_gone(struct driver_qemu *qemu, const char *device)
{
    struct qemu_device *entry = inventory_find(&qemu->inventory, device);

    if (entry)
        *entry = (struct qemu_device){ .type = QEMU_OTHER, .node = -1, .block = 1 };
    (void)qmp_execute(qemu->qmp, "query-memdev", NULL, on_orphans, qemu);
}

static void on_memdevs(int error, json_t *value, const struct reason *reason, void *userdata)
{
    struct driver_qemu *qemu = userdata;
    struct driver_job *job, *next;

    if (error == -ENOTCONN)
        return;
    if (error < 0) {
        qemu->hooks->lost(reason, qemu->userdata);
        return;
    }
    memory_sweep(qemu, value);
    qemu->ready = true;
    for (job = TAILQ_FIRST(&qemu->jobs); job; job = next) {
        next = TAILQ_NEXT(job, link);
        if (job->device.type == QEMU_DIMM)
            dimm_undo(job);
        else
            virtio_mem_undo(job);
    }
    qemu->hooks->ready(qemu->userdata);
}

static void on_devices(int error, json_t *value, const struct reason *reason, void *userdata)
{
    struct driver_qemu *qemu = userdata;
    struct reason why = { 0 };

    if (error == -ENOTCONN)
        return;
    if (error == 0 && qemu_inventory_update(qemu, value, &why) < 0)
        reason = &why;
    if (reason) {
        qemu->hooks->lost(reason, qemu->userdata);
        return;
    }
    (void)qmp_execute(qemu->qmp, "query-memdev", NULL, on_memdevs, qemu);
}

static void on_qmp_ready(const char *version, void *userdata)
{
    struct driver_qemu *qemu = userdata;

    log_line(LOG_NOTE, "QEMU %s on %s", version, qemu->options.qmp_path);
    (void)qmp_execute(qemu->qmp, "query-memory-devices", NULL, on_devices, qemu);
}

/* Jobs whose outcome is not known any more. A plug may have taken effect: it is undone when QMP is back. */
static void on_qmp_lost(const struct reason *reason, void *userdata)
{
    struct driver_qemu *qemu = userdata;
    struct driver_job *job, *next;

    qemu->ready = false;
    for (job = TAILQ_FIRST(&qemu->jobs); job; job = next) {
        next = TAILQ_NEXT(job, link);
        (void)evtimer_del(job->timer);
        job_refuse(job, REFUSAL_VMM, "%s", reason->text);
        if (job->kind == JOB_PLUG && job->chosen)
            job->kind = JOB_UNDO;
        if (job->kind == JOB_UNDO)
            job_answer(job);
        else
            job_finish(job);
    }
    qemu->hooks->lost(reason, qemu->userdata);
}

static void on_event(const char *name, json_t *data, void *userdata)
{
    struct driver_qemu *qemu = userdata;
    json_t *info = json_object_get(data, "info");
    const char *device = json_string_value(json_object_get(info ? info : data, "device"));
    struct driver_job *job;

    if (strcmp(name, "MEMORY_DEVICE_SIZE_CHANGE") == 0) {
        job = job_of_device(qemu, json_string_value(json_object_get(data, "id")));
        if (job)
            job_poll_hint(job);
        return;
    }
    job = job_of_device(qemu, device);
    if (strcmp(name, "DEVICE_DELETED") == 0) {
        if (job)
            job_poll_hint(job);
        else if (device && dimm_node(device) >= 0)
            orphan_gone(qemu, device);
    } else if (strcmp(name, "ACPI_DEVICE_OST") == 0 && job)
        dimm_ost(job, json_integer_value(json_object_get(info, "source")),
                 json_integer_value(json_object_get(info, "status")));
}

static const struct qmp_hooks qmp_hooks = { on_qmp_ready, on_event, on_qmp_lost };

static void on_job_timer(evutil_socket_t fd, short events, void *userdata)
{
    struct driver_job *job = userdata;

    (void)fd;
    (void)events;
    job->on_timer(job);
}

static void on_plug_devices(int error, json_t *value, const struct reason *reason, void *userdata)
{
    struct driver_job *job = userdata;
    const struct qemu_device *device;
    struct reason why = { 0 };

    if (error == -ENOTCONN)
        return;
    if (error == 0 && qemu_inventory_update(job->qemu, value, &why) < 0)
        reason = &why;
    if (reason || job->cancelled) {
        job_refuse(job, job->cancelled ? REFUSAL_TIMEOUT : REFUSAL_VMM, "%s",
                   job->cancelled ? "the guest cancelled the plug" : reason->text);
        job_finish(job);
        return;
    }
    device = inventory_choose(&job->qemu->inventory, &job->plug, &job->target, &job->answer.limit);
    if (!device) {
        dimm_plug(job);
        return;
    }
    job->answer.limit = 0;
    job_choose(job, device);
    virtio_mem_plug(job);
}

static void on_unplug_devices(int error, json_t *value, const struct reason *reason, void *userdata)
{
    struct driver_job *job = userdata;
    const struct qemu_device *device = NULL;
    struct reason why = { 0 };

    if (error == -ENOTCONN)
        return;
    if (error == 0 && qemu_inventory_update(job->qemu, value, &why) < 0)
        reason = &why;
    if (reason)
        job_refuse(job, REFUSAL_VMM, "%s", reason->text);
    else if (inventory_match(&job->qemu->inventory, &job->answer.range, &device, &why) < 0)
        job_refuse(job, REFUSAL_UNKNOWN_RANGE, "%s", why.text);
    else if (device->busy)
        job_refuse(job, REFUSAL_VMM, "another request is at work on %s", device->name);
    if (!device || job->answer.refusal != REFUSAL_NONE) {
        job_finish(job);
        return;
    }
    job_choose(job, device);
    if (job->device.type == QEMU_DIMM)
        dimm_unplug(job);
    else
        virtio_mem_unplug(job);
}

static int job_new(struct driver_qemu *qemu, enum job_kind kind, driver_done done, void *userdata,
                   struct driver_job **ret)
{
    struct driver_job *job;
    int r;

    if (!qemu->ready)
        return -ENOTCONN;
    job = calloc(1, sizeof(*job));
    if (!job)
        return -ENOMEM;
    job->timer = evtimer_new(qemu->base, on_job_timer, job);
    if (!job->timer) {
        free(job);
        return -ENOMEM;
    }
    job->qemu = qemu;
    job->kind = kind;
    job->done = done;
    job->userdata = userdata;
    job->answer.node = -1;
    r = qmp_execute(qemu->qmp, "query-memory-devices", NULL,
                    kind == JOB_PLUG ? on_plug_devices : on_unplug_devices, job);
    if (r < 0) {
        event_free(job->timer);
        free(job);
        return r;
    }
    TAILQ_INSERT_TAIL(&qemu->jobs, job, link);
    *ret = job;
    return 0;
}

static int qemu_plug(struct driver *driver, const struct driver_plug *plug, driver_done done, void *userdata,
                     struct driver_job **ret_job)
{
    int r = job_new(to_qemu(driver), JOB_PLUG, done, userdata, ret_job);

    if (r == 0)
        (*ret_job)->plug = *plug;
    return r;
}

static int qemu_unplug(struct driver *driver, const struct range *range, driver_done done, void *userdata,
                       struct driver_job **ret_job)
{
    int r = job_new(to_qemu(driver), JOB_UNPLUG, done, userdata, ret_job);

    if (r == 0)
        (*ret_job)->answer.range = *range;
    return r;
}

static void qemu_cancel(struct driver *driver, struct driver_job *job)
{
    (void)driver;
    job->cancelled = true;
    job_poll_hint(job);
}

static bool qemu_device_at(const struct driver *driver, size_t index, struct driver_device *ret)
{
    const struct inventory *inventory = &to_qemu(driver)->inventory;
    const struct qemu_device *device;

    for (size_t i = 0; i < inventory->count; i++) {
        device = &inventory->devices[i];
        if (device->type == QEMU_OTHER || index-- > 0)
            continue;
        memcpy(ret->name, device->name, sizeof(ret->name));
        ret->kind = device->type == QEMU_DIMM ? "pc-dimm" : "virtio-mem";
        ret->node = device->node;
        ret->span = device->span;
        ret->plugged = device->plugged;
        return true;
    }
    return false;
}

static uint64_t qemu_committed(const struct driver *driver)
{
    const struct driver_qemu *qemu = to_qemu(driver);
    const struct driver_job *job;
    uint64_t bytes = 0;

    for (size_t i = 0; i < qemu->inventory.count; i++) {
        const struct qemu_device *device = &qemu->inventory.devices[i];

        if (device->type != QEMU_OTHER && !device->busy)
            bytes += device->plugged > device->requested ? device->plugged : device->requested;
    }
    TAILQ_FOREACH(job, &qemu->jobs, link) {
        if (job->kind == JOB_PLUG)
            bytes += job->target ? job->target : job->plug.bytes;
        else if (job->chosen)
            bytes += job->device.plugged;
    }
    return bytes;
}

static int qemu_start(struct driver *driver)
{
    qmp_start(to_qemu(driver)->qmp);
    return 0;
}

static bool qemu_is_ready(const struct driver *driver)
{
    return to_qemu(driver)->ready;
}

static struct driver *qemu_free(struct driver *driver)
{
    struct driver_qemu *qemu = to_qemu(driver);
    struct driver_job *job;

    if (!qemu)
        return NULL;
    qmp_free(qemu->qmp);
    while ((job = TAILQ_FIRST(&qemu->jobs))) {
        TAILQ_REMOVE(&qemu->jobs, job, link);
        event_free(job->timer);
        free(job);
    }
    inventory_done(&qemu->inventory);
    free(qemu);
    return NULL;
}

static const struct driver_ops qemu_ops = {
    .name = "qemu",
    .free = qemu_free,
    .start = qemu_start,
    .is_ready = qemu_is_ready,
    .device = qemu_device_at,
    .committed = qemu_committed,
    .plug = qemu_plug,
    .unplug = qemu_unplug,
    .cancel = qemu_cancel,
};

int driver_qemu_new(struct event_base *base, const struct driver_qemu_options *options,
                    const struct driver_hooks *hooks, void *userdata, struct driver **ret)
{
    struct driver_qemu *qemu = calloc(1, sizeof(*qemu));
    int r;

    if (!qemu)
        return -ENOMEM;
    qemu->driver.ops = &qemu_ops;
    qemu->base = base;
    qemu->hooks = hooks;
    qemu->userdata = userdata;
    qemu->options = *options;
    TAILQ_INIT(&qemu->jobs);
    r = qmp_new(base, options->qmp_path, &qmp_hooks, qemu, &qemu->qmp);
    if (r < 0) {
        qemu_free(&qemu->driver);
        return r;
    }
    *ret = &qemu->driver;
    return 0;
}
