/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The driver of a daemon that has just started, against a monitor that behaves as QEMU's does and shows what
 * an earlier daemon left: it died after QEMU had plugged and before the guest heard of it.
 */

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/host/driver_qemu.h"
#include "proto/cleanup.h"

#define GIB       INT64_C(1073741824)
#define INPUT_MAX 65536u
#define LEFT_DIMM "czone-dimm-3"
#define LEFT_MEM  "czone-dimm-3-mem-00000000000000ff"

static struct {
    char directory[32], path[64];
    struct event_base *base;
    struct driver_qemu_options options;
    struct driver *driver;
    struct driver_job *job;
    int listener, peer;
    char input[INPUT_MAX];
    size_t length;
    json_t *devices, *memories; /* what QEMU has */
    char log[4096];             /* what changed something: a word for each command */
    bool ready;
    unsigned int done;
    struct driver_answer answer;
} t;

static void on_ready(void *userdata)
{
    (void)userdata;
    t.ready = true;
}

static void on_lost(const struct reason *reason, void *userdata)
{
    (void)userdata;
    ck_abort_msg("QMP was lost: %s", reason->text);
}

static const struct driver_hooks hooks = { on_ready, on_lost };

static void on_done(const struct driver_answer *answer, void *userdata)
{
    (void)userdata;
    t.done++;
    t.answer = *answer;
}

static json_t *virtio_mem(const char *id, int64_t start, int node, int64_t bytes)
{
    return json_pack("{ss s{ss sI sI sI si sI sI ss}}", "type", "virtio-mem", "data", "memdev", "/objects/z",
                     "memaddr", (json_int_t)start, "block-size", (json_int_t)(2 << 20), "size",
                     (json_int_t)bytes, "node", node, "max-size", (json_int_t)GIB, "requested-size",
                     (json_int_t)bytes, "id", id);
}

static json_t *dimm(const char *id, const char *memory, int64_t start, int node)
{
    return json_pack("{ss s{ss+ sb sI sb sI si si ss}}", "type", "dimm", "data", "memdev", "/objects/",
                     memory, "hotplugged", 1, "addr", (json_int_t)start, "hotpluggable", 1, "size",
                     (json_int_t)GIB, "slot", 0, "node", node, "id", id);
}

/* The data of the device that an id or a QOM path ends with. */
static json_t *device_data(const char *path, size_t *ret_index)
{
    const char *id = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    json_t *device;
    size_t index;

    json_array_foreach(t.devices, index, device) {
        json_t *data = json_object_get(device, "data");

        if (strcmp(json_string_value(json_object_get(data, "id")), id) == 0) {
            *ret_index = index;
            return data;
        }
    }
    ck_abort_msg("no device %s", id);
}

static void note(const char *verb, const char *what)
{
    size_t length = strlen(t.log);

    (void)snprintf(t.log + length, sizeof(t.log) - length, "%s %s;", verb, what);
}

/* As QEMU, with a guest that follows at once. */
static json_t *obey(const char *name, json_t *arguments)
{
    const char *path = json_string_value(json_object_get(arguments, "path"));
    const char *id = json_string_value(json_object_get(arguments, "id"));
    size_t index;

    if (strcmp(name, "query-memory-devices") == 0)
        return json_incref(t.devices);
    if (strcmp(name, "query-memdev") == 0)
        return json_incref(t.memories);
    if (strcmp(name, "qom-get") == 0)
        return json_incref(json_object_get(device_data(path, &index), "size"));
    if (strcmp(name, "qom-set") == 0) {
        json_t *data = device_data(path, &index), *value = json_object_get(arguments, "value");

        note("size", strrchr(path, '/') + 1);
        (void)json_object_set(data, "size", value);
        (void)json_object_set(data, "requested-size", value);
    } else if (strcmp(name, "device_del") == 0) {
        note("del", id);
        (void)device_data(id, &index);
        (void)json_array_remove(t.devices, index);
    } else if (strcmp(name, "object-del") == 0)
        note("free", id);
    else
        ck_assert_str_eq(name, "qmp_capabilities");
    return json_object();
}

static void peer_send(json_t *message)
{
    CLEANUP_JSON json_t *owned = message;
    CLEANUP_FREE char *text = json_dumps(owned, JSON_COMPACT);

    ck_assert_int_eq(send(t.peer, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static void turn(void)
{
    ssize_t n;

    ck_assert_int_ge(event_base_loop(t.base, EVLOOP_NONBLOCK), 0);
    (void)usleep(500);
    n = recv(t.peer, t.input + t.length, INPUT_MAX - t.length, MSG_DONTWAIT);
    if (n > 0)
        t.length += (size_t)n;
    for (;;) {
        json_error_t error;
        CLEANUP_JSON json_t *command = json_loadb(t.input, t.length, JSON_DISABLE_EOF_CHECK, &error);

        if (!command)
            return;
        t.length -= (size_t)error.position;
        memmove(t.input, t.input + error.position, t.length);
        peer_send(json_pack("{so sO}", "return",
                            obey(json_string_value(json_object_get(command, "execute")),
                                 json_object_get(command, "arguments")),
                            "id", json_object_get(command, "id")));
    }
}

#define UNTIL(condition)                                                                                     \
    do {                                                                                                     \
        for (unsigned int turns_ = 0; !(condition) && turns_ < 6000; turns_++)                               \
            turn();                                                                                          \
        ck_assert_msg(condition, "never came: %s", #condition);                                              \
    } while (0)

static void setup(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    memset(&t, 0, sizeof(t));
    (void)snprintf(t.directory, sizeof(t.directory), "/tmp/czone-qemu.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(t.directory));
    (void)snprintf(t.path, sizeof(t.path), "%s/qmp", t.directory);
    memcpy(address.sun_path, t.path, sizeof(t.path));
    t.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(t.listener, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(t.listener, 4), 0);
    t.options = (struct driver_qemu_options){ .qmp_path = t.path, .stall_us = 1000000 };
    t.base = event_base_new();
    /* Left: zone1 and a dimm, whose memory has the name that the earlier daemon made up. */
    t.devices =
        json_pack("[o o o o]", virtio_mem("zone1", 4 * GIB, 1, GIB), virtio_mem("zone2", 5 * GIB, 2, 0),
                  dimm(LEFT_DIMM, LEFT_MEM, 6 * GIB, 3), dimm("other", "m", 7 * GIB, 4));
    t.memories = json_pack("[{ss} {ss}]", "id", LEFT_MEM, "id", "m");
    ck_assert_int_eq(driver_qemu_new(t.base, &t.options, &hooks, NULL, &t.driver), 0);
    ck_assert_int_eq(t.driver->ops->start(t.driver), 0);
    ck_assert_int_ge(event_base_loop(t.base, EVLOOP_ONCE), 0);
    t.peer = accept4(t.listener, NULL, NULL, SOCK_CLOEXEC);
    ck_assert_int_ge(t.peer, 0);
    peer_send(
        json_pack("{s{s{s{si si si}}}}", "QMP", "version", "qemu", "micro", 2, "minor", 0, "major", 10));
    UNTIL(t.ready);
}

static void teardown(void)
{
    t.driver->ops->free(t.driver);
    event_base_free(t.base);
    json_decref(t.devices);
    json_decref(t.memories);
    (void)close(t.peer);
    (void)close(t.listener);
    (void)unlink(t.path);
    (void)rmdir(t.directory);
}

static void unplug(int64_t start, int64_t bytes)
{
    struct range range = { (uint64_t)start, (uint64_t)bytes };

    t.done = 0;
    ck_assert_int_eq(t.driver->ops->unplug(t.driver, &range, on_done, NULL, &t.job), 0);
    UNTIL(t.done == 1);
}

START_TEST(what_an_earlier_daemon_left_counts_and_stays_as_it_is)
{
    ck_assert_int_eq((int64_t)t.driver->ops->committed(t.driver), 2 * GIB);
    ck_assert_str_eq(t.log, "");
}
END_TEST

START_TEST(a_plug_that_is_repeated_takes_a_free_device_and_no_guess)
{
    static const struct tier_map no_tiers;
    struct driver_plug plug = { .bytes = (uint64_t)GIB, .block = 128 << 20, .map = &no_tiers };

    ck_assert_int_eq(t.driver->ops->plug(t.driver, &plug, on_done, NULL, &t.job), 0);
    UNTIL(t.done == 1);
    ck_assert_int_eq(t.answer.refusal, REFUSAL_NONE);
    ck_assert_str_eq(t.answer.device, "zone2");
    ck_assert_str_eq(t.log, "size zone2;");
    ck_assert_int_eq((int64_t)t.driver->ops->committed(t.driver), 3 * GIB);
}
END_TEST

START_TEST(a_left_virtio_mem_device_goes_when_the_guest_offers_it)
{
    unplug(4 * GIB, GIB);
    ck_assert_int_eq(t.answer.refusal, REFUSAL_NONE);
    ck_assert_int_eq((int64_t)t.answer.bytes, GIB);
    ck_assert_str_eq(t.log, "size zone1;");
}
END_TEST

START_TEST(a_left_virtio_mem_device_also_goes_in_parts)
{
    unplug(4 * GIB + GIB / 2, GIB / 2);
    ck_assert_int_eq(t.answer.refusal, REFUSAL_NONE);
    ck_assert_int_eq((int64_t)t.answer.bytes, GIB / 2);
    unplug(4 * GIB, GIB / 2);
    ck_assert_int_eq(t.answer.refusal, REFUSAL_NONE);
    ck_assert_int_eq((int64_t)t.driver->ops->committed(t.driver), GIB);
}
END_TEST

START_TEST(a_left_dimm_goes_with_its_memory_when_the_guest_offers_it)
{
    unplug(6 * GIB, GIB);
    ck_assert_int_eq(t.answer.refusal, REFUSAL_NONE);
    ck_assert_int_eq((int64_t)t.answer.bytes, GIB);
    ck_assert_str_eq(t.log, "del " LEFT_DIMM ";free " LEFT_MEM ";");
    ck_assert_int_eq((int64_t)t.driver->ops->committed(t.driver), GIB);
}
END_TEST

START_TEST(an_offer_of_what_is_not_ours_touches_nothing)
{
    unplug(7 * GIB, GIB);
    ck_assert_int_eq(t.answer.refusal, REFUSAL_UNKNOWN_RANGE);
    unplug(0, GIB);
    ck_assert_int_eq(t.answer.refusal, REFUSAL_UNKNOWN_RANGE);
    unplug(6 * GIB, GIB / 2); /* a dimm goes whole */
    ck_assert_int_eq(t.answer.refusal, REFUSAL_UNKNOWN_RANGE);
    ck_assert_str_eq(t.log, "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("host/driver");
    TCase *tcase = tcase_create("driver");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, what_an_earlier_daemon_left_counts_and_stays_as_it_is);
    tcase_add_test(tcase, a_plug_that_is_repeated_takes_a_free_device_and_no_guess);
    tcase_add_test(tcase, a_left_virtio_mem_device_goes_when_the_guest_offers_it);
    tcase_add_test(tcase, a_left_virtio_mem_device_also_goes_in_parts);
    tcase_add_test(tcase, a_left_dimm_goes_with_its_memory_when_the_guest_offers_it);
    tcase_add_test(tcase, an_offer_of_what_is_not_ours_touches_nothing);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
