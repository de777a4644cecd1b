/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_TESTS_BACKEND_TEST_H
#define CZONE_TESTS_BACKEND_TEST_H

/* What the tests of the backend share: a main, and a context on a fake machine. */

#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <czone/czone.h>
#include <czone/sys/backend.h>

#include "tests/support/fake_machine.h"

static inline int backend_test_main(TCase *tests, const char *name)
{
    Suite *suite = suite_create(name);
    SRunner *runner;
    int failed;

    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* A failed call shows the library's own sentence. */
#define ck_ok(call)                                                                                          \
    do {                                                                                                     \
        int ok_ = (call);                                                                                    \
        ck_assert_msg(ok_ >= 0, "%s: %s (%s)", #call, strerror(-ok_), failure.message);                      \
    } while (0)

static struct fake_machine machine;
static struct czone_ctx *ctx;
static struct czone_failure failure;

static inline void open_ctx(void)
{
    failure = (struct czone_failure)CZONE_FAILURE_INIT;
    ck_ok(czone_ctx_new(&machine.options, &ctx, &failure));
}

static inline void setup(void)
{
    fake_machine_make_usual(&machine);
    open_ctx();
}

static inline void teardown(void)
{
    ctx = czone_ctx_unref(ctx);
    fake_machine_remove(&machine);
}

static inline struct czone_zone_request request_of(const char *name, uint64_t blocks)
{
    struct czone_zone_request request = CZONE_ZONE_REQUEST_INIT;

    request.name = name;
    request.bytes = blocks * FAKE_BLOCK_SIZE;
    request.timeout_ms = 5000;
    return request;
}

/* Blocks that somebody else has brought online. */
static inline void set_movable(uint64_t first, uint64_t n)
{
    for (uint64_t block = first; block < first + n; block++) {
        char path[128];

        (void)snprintf(path, sizeof(path), "sys/devices/system/memory/memory%" PRIu64 "/state", block);
        fake_machine_write(&machine, path, "online\n");
        (void)snprintf(path, sizeof(path), "sys/devices/system/memory/memory%" PRIu64 "/valid_zones", block);
        fake_machine_write(&machine, path, "Movable\n");
    }
    ck_ok(czone_ctx_refresh(ctx, &failure));
}

static inline struct czone_zone *reserve(const char *name, uint64_t blocks)
{
    struct czone_zone_request request = request_of(name, blocks);
    struct czone_zone *zone = NULL;

    ck_ok(czone_zone_reserve(ctx, &request, &zone, &failure));
    fake_machine_settle(&machine);
    return zone;
}

static inline enum czone_zone_state state_of(const struct czone_zone *zone)
{
    struct czone_zone_info info;

    czone_zone_get_info(zone, &info);
    return info.state;
}

static inline struct czone_cgroup *bind_new(struct czone_zone *zone, const char *name)
{
    struct czone_cgroup *cgroup = NULL;
    char path[80];

    ck_ok(czone_cgroup_create(ctx, name, &cgroup, &failure));
    (void)snprintf(path, sizeof(path), "czone/%s", name);
    fake_machine_fill_cgroup(&machine, path);
    ck_ok(czone_zone_bind(zone, cgroup, &failure));
    return cgroup;
}

static inline const char *block_file(uint64_t block, char *buffer, size_t size)
{
    char path[80];

    (void)snprintf(path, sizeof(path), "sys/devices/system/memory/memory%" PRIu64 "/state", block);
    return fake_machine_read(&machine, path, buffer, size);
}

#endif
