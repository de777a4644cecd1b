/* SPDX-License-Identifier: Apache-2.0 */
#include "backend_test.h"

#include <poll.h>
#include <unistd.h>

#include "backend/machine.h"

/* A source of uevents that a test writes to: struct czone_sys_uevent through a pipe. */
struct czone_sys_uevents {
    int read_fd;
};

static struct czone_backend backend;
static struct czone_sys_uevents source;
static int write_fd;
static bool is_overrun;

static int test_open(struct czone_sys *sys, struct czone_sys_uevents **ret_uevents)
{
    (void)sys;
    *ret_uevents = &source;
    return 0;
}

static int test_fd(const struct czone_sys_uevents *uevents)
{
    return uevents->read_fd;
}

static int test_next(struct czone_sys_uevents *uevents, struct czone_sys_uevent *ret_event)
{
    struct pollfd fd = { .fd = uevents->read_fd, .events = POLLIN };

    if (is_overrun) {
        is_overrun = false;
        return -ENOBUFS;
    }
    if (poll(&fd, 1, 0) != 1)
        return 0;
    return read(uevents->read_fd, ret_event, sizeof(*ret_event)) == (ssize_t)sizeof(*ret_event) ? 1 : -EIO;
}

static void test_close(struct czone_sys_uevents *uevents)
{
    (void)uevents;
}

static void setup_monitor(void)
{
    int ends[2];

    ck_assert_int_eq(pipe(ends), 0);
    source.read_fd = ends[0];
    write_fd = ends[1];
    backend = *czone_backend_linux();
    backend.uevents_open = test_open;
    backend.uevents_fd = test_fd;
    backend.uevents_next = test_next;
    backend.uevents_close = test_close;
    fake_machine_make_usual(&machine);
    failure = (struct czone_failure)CZONE_FAILURE_INIT;
    ck_ok(czone_ctx_new_with(&backend, &machine.options, &ctx, &failure));
}

static void send_uevent(enum czone_sys_uevent_kind kind, uint64_t block)
{
    struct czone_sys_uevent event = { .kind = kind, .block = { block } };

    ck_assert_int_eq(write(write_fd, &event, sizeof(event)), sizeof(event));
}

static struct czone_event seen[16];
static int n_seen;

static void see(void *data, const struct czone_event *event)
{
    (void)data;
    ck_assert_int_lt(n_seen, 16);
    seen[n_seen++] = *event;
}

/* Waits on the descriptor and takes what there is, until n events were seen. */
static void take(struct czone_monitor *monitor, int n)
{
    n_seen = 0;
    while (n_seen < n) {
        struct pollfd fd = { .fd = czone_monitor_fd(monitor), .events = POLLIN };

        ck_assert_int_eq(poll(&fd, 1, 5000), 1);
        ck_ok(czone_monitor_process(monitor, see, NULL));
    }
    ck_assert_int_eq(n_seen, n);
}

static void expect(int i, enum czone_event_kind kind, uint64_t block, int node, enum czone_provider provider)
{
    ck_assert_int_eq(seen[i].kind, kind);
    ck_assert_uint_eq(seen[i].block.id.n, block);
    ck_assert_int_eq(seen[i].block.node.n, node);
    ck_assert_int_eq(seen[i].block.provider, provider);
}

static const struct czone_block new_block = {
    .id = { 50 }, .node = { 4 }, .state = CZONE_BLOCK_OFFLINE, .provider = CZONE_PROVIDER_VIRTIO_MEM
};

static size_t n_blocks(void)
{
    const struct czone_block *blocks;

    return czone_inventory_blocks(ctx, &blocks);
}

START_TEST(block_comes_changes_and_goes)
{
    struct czone_monitor *monitor = NULL;

    ck_ok(czone_monitor_new(ctx, &monitor));
    ck_assert_int_eq(czone_monitor_process(monitor, see, NULL), 0);
    fake_machine_add_block(&machine, &new_block);
    send_uevent(CZONE_SYS_UEVENT_ADD, 50);
    take(monitor, 1);
    expect(0, CZONE_EVENT_BLOCK_ADDED, 50, 4, CZONE_PROVIDER_VIRTIO_MEM);
    ck_assert_uint_eq(n_blocks(), 21);

    fake_machine_write(&machine, "sys/devices/system/memory/memory50/state", "online\n");
    fake_machine_write(&machine, "sys/devices/system/memory/memory50/valid_zones", "Movable\n");
    send_uevent(CZONE_SYS_UEVENT_ONLINE, 50);
    take(monitor, 1);
    ck_assert_int_eq(seen[0].kind, CZONE_EVENT_BLOCK_ONLINE);
    ck_assert_int_eq(seen[0].block.state, CZONE_BLOCK_MOVABLE);

    fake_machine_write(&machine, "sys/devices/system/memory/memory50/state", "offline\n");
    send_uevent(CZONE_SYS_UEVENT_OFFLINE, 50);
    fake_machine_remove_block(&machine, &new_block);
    send_uevent(CZONE_SYS_UEVENT_REMOVE, 50);
    take(monitor, 1); /* the first look finds that it is gone; the second has nothing to add */
    expect(0, CZONE_EVENT_BLOCK_REMOVED, 50, 4, CZONE_PROVIDER_VIRTIO_MEM);
    ck_assert_uint_eq(n_blocks(), 20);
    czone_monitor_unref(monitor);
}
END_TEST

static int tier_of(int32_t node)
{
    const struct czone_node *nodes;
    size_t n = czone_inventory_nodes(ctx, &nodes);

    for (size_t i = 0; i < n; i++)
        if (nodes[i].id.n == node)
            return nodes[i].tier;
    return -2;
}

/* Or each reserve of memory that somebody else has brought online would have to read it. */
START_TEST(a_node_whose_first_memory_comes_online_tells_its_tier)
{
    struct czone_block online = new_block;
    struct czone_monitor *monitor = NULL;

    ck_ok(czone_monitor_new(ctx, &monitor));
    online.state = CZONE_BLOCK_MOVABLE;
    fake_machine_add_block(&machine, &online);
    ck_assert_int_eq(tier_of(4), -1);
    fake_machine_write(&machine, "sys/devices/virtual/memory_tiering/memory_tier22/nodelist", "4\n");
    send_uevent(CZONE_SYS_UEVENT_ONLINE, 50);
    take(monitor, 2);
    ck_assert_int_eq(tier_of(4), 22);
    czone_monitor_unref(monitor);
}
END_TEST

START_TEST(events_of_other_things_wake_but_tell_nothing)
{
    struct czone_monitor *monitor = NULL;

    ck_ok(czone_monitor_new(ctx, &monitor));
    n_seen = 0;
    send_uevent(CZONE_SYS_UEVENT_OTHER, 0);
    ck_assert_int_eq(czone_monitor_process(monitor, see, NULL), 0);
    ck_assert_int_eq(n_seen, 0);
    ck_assert_int_eq(czone_monitor_process(monitor, NULL, NULL), 0);
    czone_monitor_unref(monitor);
}
END_TEST

static void rename_link(const char *from, const char *to)
{
    char a[200], b[200];

    (void)snprintf(a, sizeof(a), "%s/%s", machine.root, from);
    (void)snprintf(b, sizeof(b), "%s/%s", machine.root, to);
    ck_assert_int_eq(rename(a, b), 0);
}

/* Seen on 6.1: the uevent comes before the link to the node. */
START_TEST(block_without_a_node_yet_is_looked_at_again)
{
    struct czone_monitor *monitor = NULL;

    ck_ok(czone_monitor_new(ctx, &monitor));
    fake_machine_add_block(&machine, &new_block);
    rename_link("sys/devices/system/memory/memory50/node4", "hidden");
    send_uevent(CZONE_SYS_UEVENT_ADD, 50);
    ck_assert_int_eq(czone_monitor_process(monitor, see, NULL), 0);
    ck_assert_uint_eq(n_blocks(), 20);
    rename_link("hidden", "sys/devices/system/memory/memory50/node4");
    take(monitor, 1);
    expect(0, CZONE_EVENT_BLOCK_ADDED, 50, 4, CZONE_PROVIDER_VIRTIO_MEM);
    czone_monitor_unref(monitor);
}
END_TEST

START_TEST(dimm_that_is_not_bound_yet_is_never_taken_for_boot_memory)
{
    struct czone_monitor *monitor = NULL;
    struct czone_block dimm = new_block;

    dimm.provider = CZONE_PROVIDER_DIMM;
    ck_ok(czone_monitor_new(ctx, &monitor));
    fake_machine_add_block(&machine, &dimm);
    rename_link("sys/devices/system/memory/memory50/firmware_node", "hidden");
    send_uevent(CZONE_SYS_UEVENT_ADD, 50);
    ck_assert_int_eq(czone_monitor_process(monitor, see, NULL), 0);
    rename_link("hidden", "sys/devices/system/memory/memory50/firmware_node");
    take(monitor, 1);
    expect(0, CZONE_EVENT_BLOCK_ADDED, 50, 4, CZONE_PROVIDER_DIMM);
    czone_monitor_unref(monitor);
}
END_TEST

/* Plain "System RAM" that came while we were watching, from a device that leaves no trace. */
START_TEST(memory_of_an_unknown_device_stays_usable)
{
    struct czone_monitor *monitor = NULL;
    struct czone_block plain = new_block;
    const struct czone_node *nodes;

    plain.provider = CZONE_PROVIDER_BOOT;
    ck_ok(czone_monitor_new(ctx, &monitor));
    fake_machine_add_block(&machine, &plain);
    send_uevent(CZONE_SYS_UEVENT_ADD, 50);
    take(monitor, 1);
    expect(0, CZONE_EVENT_BLOCK_ADDED, 50, 4, CZONE_PROVIDER_UNKNOWN);
    ck_ok(czone_ctx_refresh(ctx, &failure));
    ck_assert_uint_eq(czone_inventory_nodes(ctx, &nodes), 5);
    ck_assert_int_eq(nodes[4].role, CZONE_NODE_FREE);
    czone_monitor_unref(monitor);
}
END_TEST

START_TEST(overrun_brings_a_new_picture)
{
    struct czone_monitor *monitor = NULL;

    ck_ok(czone_monitor_new(ctx, &monitor));
    fake_machine_add_block(&machine, &new_block);
    is_overrun = true;
    n_seen = 0;
    ck_assert_int_eq(czone_monitor_process(monitor, see, NULL), 1);
    ck_assert_int_eq(seen[0].kind, CZONE_EVENT_OVERRUN);
    ck_assert_uint_eq(n_blocks(), 21);
    czone_monitor_unref(monitor);
}
END_TEST

START_TEST(overrun_is_not_forgotten_when_the_machine_cannot_be_read)
{
    struct czone_monitor *monitor = NULL;

    ck_ok(czone_monitor_new(ctx, &monitor));
    fake_machine_add_block(&machine, &new_block);
    fake_machine_write(&machine, "sys/devices/system/node/possible", "nonsense\n");
    is_overrun = true;
    n_seen = 0;
    ck_assert_int_lt(czone_monitor_process(monitor, see, NULL), 0);
    fake_machine_write(&machine, "sys/devices/system/node/possible", "0-4\n");
    take(monitor, 1);
    ck_assert_int_eq(seen[0].kind, CZONE_EVENT_OVERRUN);
    ck_assert_uint_eq(n_blocks(), 21);
    czone_monitor_unref(monitor);
}
END_TEST

START_TEST(what_came_before_the_monitor_is_not_lost)
{
    struct czone_monitor *monitor = NULL;

    fake_machine_add_block(&machine, &new_block);
    ck_assert_uint_eq(n_blocks(), 20);
    ck_ok(czone_monitor_new(ctx, &monitor));
    ck_assert_uint_eq(n_blocks(), 21);
    czone_monitor_unref(monitor);
}
END_TEST

static const struct {
    const char *message;
    size_t size;
    enum czone_sys_uevent_kind kind;
    uint64_t block;
} messages[] = {
#define MESSAGE(text) text, sizeof(text)
    { MESSAGE("add@/devices/system/memory/memory32\0ACTION=add\0DEVPATH=/devices/system/memory/memory32\0"
              "SUBSYSTEM=memory\0SEQNUM=1"),
      CZONE_SYS_UEVENT_ADD, 32 },
    { MESSAGE("x\0SUBSYSTEM=memory\0DEVPATH=/devices/system/memory/memory7\0ACTION=remove"),
      CZONE_SYS_UEVENT_REMOVE, 7 },
    { MESSAGE("x\0SUBSYSTEM=memory\0DEVPATH=/devices/system/memory/memory7\0ACTION=online"),
      CZONE_SYS_UEVENT_ONLINE, 7 },
    { MESSAGE("x\0SUBSYSTEM=memory\0DEVPATH=/devices/system/memory/memory7\0ACTION=offline"),
      CZONE_SYS_UEVENT_OFFLINE, 7 },
    { MESSAGE("x\0SUBSYSTEM=memory\0DEVPATH=/devices/system/memory/memory7\0ACTION=change"),
      CZONE_SYS_UEVENT_OTHER, 7 },
    { MESSAGE("x\0SUBSYSTEM=memory\0DEVPATH=/devices/system/memory\0ACTION=add"), CZONE_SYS_UEVENT_OTHER, 0 },
    { MESSAGE("x\0SUBSYSTEM=memory\0DEVPATH=/devices/system/memory/memory-1\0ACTION=add"),
      CZONE_SYS_UEVENT_OTHER, 0 },
    { MESSAGE("x\0SUBSYSTEM=net\0DEVPATH=/devices/x/memory7\0ACTION=add"), CZONE_SYS_UEVENT_OTHER, 0 },
    { MESSAGE("x\0SUBSYSTEM=memory\0ACTION=add"), CZONE_SYS_UEVENT_OTHER, 0 },
    /* Without the NUL at the end of the last field, that field does not count. */
    { "x\0SUBSYSTEM=memory\0DEVPATH=/a/memory7\0ACTION=add",
      sizeof("x\0SUBSYSTEM=memory\0DEVPATH=/a/memory7\0ACTION=add") - 1, CZONE_SYS_UEVENT_OTHER, 0 },
    { "", 0, CZONE_SYS_UEVENT_OTHER, 0 },
#undef MESSAGE
};

START_TEST(uevent_is_read_field_by_field)
{
    const size_t i = (size_t)_i;
    struct czone_sys_uevent event;
    char *exact = malloc(messages[i].size + 1);

    /* In memory of its own length, so that a sanitizer sees a read past it. */
    ck_assert_ptr_nonnull(exact);
    memcpy(exact, messages[i].message, messages[i].size);
    uevent_parse(exact, messages[i].size, &event);
    ck_assert_int_eq(event.kind, messages[i].kind);
    if (event.kind != CZONE_SYS_UEVENT_OTHER)
        ck_assert_uint_eq(event.block.n, messages[i].block);
    free(exact);
}
END_TEST

START_TEST(real_socket_opens_and_is_quiet)
{
    struct czone_sys_uevents *uevents = NULL;
    struct czone_sys_uevent event;
    int r = czone_backend_linux()->uevents_open(NULL, &uevents);

    ck_assert_msg(r == 0, "%s", strerror(-r));
    ck_assert_int_ge(czone_backend_linux()->uevents_fd(uevents), 0);
    ck_assert_int_ge(czone_backend_linux()->uevents_next(uevents, &event), 0);
    czone_backend_linux()->uevents_close(uevents);
    czone_backend_linux()->uevents_close(NULL);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("monitor");

    tcase_add_checked_fixture(tests, setup_monitor, teardown);
    tcase_add_test(tests, block_comes_changes_and_goes);
    tcase_add_test(tests, a_node_whose_first_memory_comes_online_tells_its_tier);
    tcase_add_test(tests, events_of_other_things_wake_but_tell_nothing);
    tcase_add_test(tests, block_without_a_node_yet_is_looked_at_again);
    tcase_add_test(tests, dimm_that_is_not_bound_yet_is_never_taken_for_boot_memory);
    tcase_add_test(tests, memory_of_an_unknown_device_stays_usable);
    tcase_add_test(tests, overrun_brings_a_new_picture);
    tcase_add_test(tests, overrun_is_not_forgotten_when_the_machine_cannot_be_read);
    tcase_add_test(tests, what_came_before_the_monitor_is_not_lost);
    tcase_add_loop_test(tests, uevent_is_read_field_by_field, 0,
                        (int)(sizeof(messages) / sizeof(messages[0])));
    tcase_add_test(tests, real_socket_opens_and_is_quiet);
    return backend_test_main(tests, "backend_monitor");
}
