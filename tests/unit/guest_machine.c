/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/guest_machine.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/guest/log.h"
#include "agent/guest/session.h"
#include "agent/guest/zone/lease.h"
#include "tests/unit/guest_test.h"

static void make_file(const struct machine *machine, const char *path, const char *text)
{
    char full[256], *slash;
    FILE *file;

    (void)snprintf(full, sizeof(full), "%s/%s", machine->root, path);
    for (slash = strchr(full + strlen(machine->root) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(full, 0755);
        *slash = '/';
    }
    if (text == NULL) {
        ck_assert_int_eq(mkdir(full, 0755), 0);
        return;
    }
    file = fopen(full, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static void make_tree(const struct machine *machine, int nodes)
{
    char path[128], possible[8];

    (void)snprintf(possible, sizeof(possible), nodes > 1 ? "0-%d" : "%d", nodes - 1);
    make_file(machine, "sys/devices/system/memory/block_size_bytes", "8000000\n");
    make_file(machine, "sys/devices/system/node/possible", possible);
    make_file(machine, "sys/devices/system/node/has_cpu", "0\n");
    make_file(machine, "proc/sys/kernel/random/boot_id", "00000000-0000-4000-8000-000000000000\n");
    make_file(machine, "proc/iomem", "00000000-1fffffff : System RAM\n");
    make_file(machine, "proc/zoneinfo", "");
    make_file(machine, "proc/vmstat", "nr_free_pages 1\npgmigrate_success 7\n");
    make_file(machine, "cgroup/cgroup.controllers", "cpuset memory pids\n");
    /* What the kernel gives a new cgroup: libczone's helpers run in this one. */
    make_file(machine, "cgroup/czone/.helper/cpuset.mems", "");
    make_file(machine, "cgroup/czone/.helper/cpuset.mems.effective", "0\n");
    make_file(machine, "cgroup/czone/.helper/cgroup.procs", "");
    make_file(machine, "cgroup/czone/.helper/cgroup.events", "populated 0\n");
    for (int i = 0; i < 4; i++) {
        (void)snprintf(path, sizeof(path), "sys/devices/system/memory/memory%d/state", i);
        make_file(machine, path, "online\n");
        (void)snprintf(path, sizeof(path), "sys/devices/system/memory/memory%d/valid_zones", i);
        make_file(machine, path, "Normal\n");
        (void)snprintf(path, sizeof(path), "sys/devices/system/memory/memory%d/node0", i);
        make_file(machine, path, NULL);
        (void)snprintf(path, sizeof(path), "sys/devices/system/node/node0/memory%d", i);
        make_file(machine, path, NULL);
    }
}

/* The kernel's announcements, through a pipe of the test's. */
struct czone_sys_uevents {
    int fds[2];
};

static struct czone_sys_uevents uevents;

static int open_uevents(struct czone_sys *sys, struct czone_sys_uevents **ret_uevents)
{
    (void)sys;
    *ret_uevents = &uevents;
    return pipe2(uevents.fds, O_CLOEXEC | O_NONBLOCK) < 0 ? -errno : 0;
}

static int uevents_fd(const struct czone_sys_uevents *source)
{
    return source->fds[0];
}

static int next_uevent(struct czone_sys_uevents *source, struct czone_sys_uevent *ret_event)
{
    return read(source->fds[0], ret_event, sizeof(*ret_event)) == (ssize_t)sizeof(*ret_event);
}

static void close_uevents(struct czone_sys_uevents *source)
{
    (void)close(source->fds[0]);
    (void)close(source->fds[1]);
}

void machine_plug(struct machine *machine, int node, uint64_t block)
{
    struct czone_sys_uevent event = { .kind = CZONE_SYS_UEVENT_ADD, .block = { block } };
    char path[128];

    (void)snprintf(path, sizeof(path), "sys/devices/system/memory/memory%" PRIu64 "/state", block);
    make_file(machine, path, "offline\n");
    (void)snprintf(path, sizeof(path), "sys/devices/system/memory/memory%" PRIu64 "/valid_zones", block);
    make_file(machine, path, "Normal Movable\n");
    (void)snprintf(path, sizeof(path), "sys/devices/system/memory/memory%" PRIu64 "/node%d", block, node);
    make_file(machine, path, NULL);
    (void)snprintf(path, sizeof(path), "sys/devices/system/node/node%d/memory%" PRIu64, node, block);
    make_file(machine, path, NULL);
    ck_assert_int_eq(write(uevents.fds[1], &event, sizeof(event)), (ssize_t)sizeof(event));
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void machine_unplug(struct machine *machine, int node, uint64_t block)
{
    struct czone_sys_uevent event = { .kind = CZONE_SYS_UEVENT_REMOVE, .block = { block } };
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/sys/devices/system/node/node%d/memory%" PRIu64, machine->root,
                   node, block);
    ck_assert_int_eq(nftw(path, remove_entry, 4, FTW_DEPTH | FTW_PHYS), 0);
    (void)snprintf(path, sizeof(path), "%s/sys/devices/system/memory/memory%" PRIu64, machine->root, block);
    ck_assert_int_eq(nftw(path, remove_entry, 4, FTW_DEPTH | FTW_PHYS), 0);
    ck_assert_int_eq(write(uevents.fds[1], &event, sizeof(event)), (ssize_t)sizeof(event));
}

static void open_machine(struct machine *machine)
{
    struct czone_backend backend = *czone_backend_linux();
    struct czone_ctx_options options = CZONE_CTX_OPTIONS_INIT;
    struct czone_failure failure = CZONE_FAILURE_INIT;
    struct manager *manager = machine->manager;
    char sysfs[80], proc[80], cgroup[80], run[80];

    (void)snprintf(sysfs, sizeof(sysfs), "%s/sys", machine->root);
    (void)snprintf(proc, sizeof(proc), "%s/proc", machine->root);
    (void)snprintf(cgroup, sizeof(cgroup), "%s/cgroup", machine->root);
    (void)snprintf(run, sizeof(run), "%s/run", machine->root);
    options.sysfs_root = sysfs;
    options.proc_root = proc;
    options.cgroup_root = cgroup;
    options.run_root = run;
    backend.uevents_open = open_uevents;
    backend.uevents_fd = uevents_fd;
    backend.uevents_next = next_uevent;
    backend.uevents_close = close_uevents;
    machine->backend = backend;
    ck_assert_msg(czone_ctx_new_with(&machine->backend, &options, &machine->manager->ctx, &failure) == 0,
                  "%s", failure.message);
    ck_assert_int_eq(czone_monitor_new(machine->manager->ctx, &machine->manager->monitor), 0);
    ck_assert_int_eq(marks_open(&manager->zone_marks, run, "zones"), 0);
    ck_assert_int_eq(marks_open(&manager->half_marks, run, "half-made"), 0);
    ck_assert_int_eq(marks_open(&manager->loan_marks, run, "loans"), 0);
    ck_assert_int_eq(marks_open(&manager->host_marks, run, "host"), 0);
    ck_assert_int_eq(store_open(&manager->store, run, proc, &manager->keys, &manager->receipts), 0);
}

static void start(struct machine *machine)
{
    struct manager *manager = manager_alloc(&machine->options);

    ck_assert_ptr_nonnull(manager);
    machine->manager = manager;
    manager->base = event_base_new();
    ck_assert_ptr_nonnull(manager->base);
    open_machine(machine);
    ck_assert_int_eq(quarantine_init(&manager->quarantine, manager), 0);
    ck_assert_int_eq(host_init(&manager->host, manager, lease_on_answer), 0);
    ck_assert_int_eq(manager_watch_memory(manager), 0);
    ck_assert_int_eq(manager_watch_exits(manager), 0);
    ck_assert_int_eq(manager_add_services(manager), 0);
}

void machine_restart(struct machine *machine)
{
    machine->manager = manager_free(machine->manager);
    start(machine);
    ck_assert_int_eq(manager_take_over(machine->manager), 0);
}

void machine_set_up(struct machine *machine, int nodes)
{
    *machine = (struct machine){ 0 };
    (void)signal(SIGPIPE, SIG_IGN);
    log_set_level(LOG_EMERG);
    (void)snprintf(machine->root, sizeof(machine->root), "/tmp/czone-guest-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(machine->root));
    make_tree(machine, nodes);
    machine->options = (struct options){
        .max_containers = 4,
        .default_pids = 64,
        .plug_timeout_ms = 300,
        .unplug_timeout_ms = 300,
        .offline_timeout_ms = 1000,
        .stop_timeout_ms = 1000,
    };
    start(machine);
}

void machine_tear_down(struct machine *machine)
{
    machine->manager = manager_free(machine->manager);
    (void)nftw(machine->root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

int machine_connect(struct machine *machine)
{
    struct peer peer = { 0 };
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    ck_assert_int_eq(session_new(machine->manager, fds[0], &peer, machine->refuse), 0);
    return fds[1];
}

struct varlink_client *machine_client(struct machine *machine)
{
    struct varlink_client *client = NULL;

    ck_assert_int_eq(varlink_client_new(machine_connect(machine), &client), 0);
    return client;
}

void machine_run(struct machine *machine, unsigned int ms)
{
    const struct timeval limit = { .tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000 };

    if (ms > 0) {
        (void)event_base_loopexit(machine->manager->base, &limit);
        (void)event_base_dispatch(machine->manager->base);
    }
    /* Each turn may make events active that belong to the next. */
    for (int i = 0; i < 20; i++)
        (void)event_base_loop(machine->manager->base, EVLOOP_NONBLOCK);
}

struct varlink_reply machine_next(struct machine *machine, struct varlink_client *client)
{
    struct varlink_reply reply = VARLINK_REPLY_INIT;
    int r = 0;

    /* One turn at a time: what the turn after the reply does, such as taking a helper's result, is the test's
     * to ask for. */
    for (int i = 0; i < 2000 && r == 0; i++) {
        (void)event_base_loop(machine->manager->base, EVLOOP_NONBLOCK);
        (void)varlink_client_process(client, varlink_client_events(client));
        r = varlink_client_next_reply(client, &reply);
        if (r == 0)
            (void)usleep(500);
    }
    ck_assert_msg(r == 1, "no reply: %d %s", r, varlink_client_reason(client));
    return reply;
}

struct varlink_reply machine_call(struct machine *machine, struct varlink_client *client, const char *method,
                                  const char *parameters, unsigned int flags)
{
    json_error_t error;
    json_t *value = json_loads(parameters, JSON_ALLOW_NUL, &error);

    ck_assert_msg(value != NULL, "%s: %s", parameters, error.text);
    ck_assert_int_eq(varlink_client_send(client, method, value, flags), 0);
    return machine_next(machine, client);
}
