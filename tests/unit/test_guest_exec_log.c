/* SPDX-License-Identifier: Apache-2.0 */
/* How much is kept of the output of exec sessions that have ended. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "agent/guest/container/container.h"
#include "agent/guest/container/exec_log.h"
#include "agent/guest/keeper/record.h"
#include "agent/guest/run_dir.h"
#include "tests/unit/guest_host.h"

static char data[LOG_RECORD_MAX];

static struct container *the_container(void)
{
    return TAILQ_FIRST(&machine.manager->containers);
}

/* A container that is over. */
static void set_up_over(void)
{
    set_up();
    attach(host, "0");
    spawn(SPAWN, "wanted");
    ck_assert_str_eq(report(expect_signal(host, "plug"), "\"ok\": false, \"reason\": \"limit\""), "");
    expect_failed("io.czone.Container.HostRefused");
}

/* What a keeper leaves behind of one that has written all that is kept of it. */
static void leave_session(int folder, const char *name)
{
    struct keeper_record record = {
        .status = { .header.kind = KEEPER_STATUS, .state = KEEPER_ENDED, .wait_code = CLD_EXITED },
        .failed.header.kind = KEEPER_FAILED,
    };
    json_t *state =
        json_loads("{\"parameters\": {\"id\": \"a\", \"args\": [\"/bin/sh\"]}, \"created\": 1}", 0, NULL);
    struct log_writer writer = LOG_WRITER_INIT;
    int dir = -EBADF, fd;

    ck_assert_int_eq(run_dir_make(folder, name, &dir), 0);
    ck_assert_int_eq(run_dir_write(dir, "state.json", state), 0);
    json_decref(state);
    ck_assert_int_eq(log_writer_open(&writer, dir, LOG_LIMIT_EXEC, LOG_SEGMENT_DEFAULT), 0);
    for (size_t i = 0; i < 2 * LOG_LIMIT_EXEC / sizeof(data); i++)
        log_writer_append(&writer, LOG_STDOUT, data, sizeof(data), 1);
    record.status.log_end = writer.end;
    log_writer_close(&writer);
    fd = keeper_record_create(dir, &record);
    ck_assert_int_ge(fd, 0);
    (void)close(fd);
    (void)close(dir);
}

static void leave_sessions(int n)
{
    int folder = -EBADF;
    char name[12];

    ck_assert_int_eq(run_dir_make(the_container()->dir_fd, "exec", &folder), 0);
    for (int i = 1; i <= n; i++) {
        (void)snprintf(name, sizeof(name), "%d", i);
        leave_session(folder, name);
    }
    (void)close(folder);
    exec_sessions_restore(the_container());
    ck_assert_uint_eq(the_container()->execs.n, (size_t)n);
}

/* Of the log of one: the first offset kept, and how much its first reply has. */
static int64_t log_begin(const char *name, size_t *ret_length)
{
    struct varlink_reply reply;
    char parameters[64];
    int64_t offset;

    (void)snprintf(parameters, sizeof(parameters), "{\"id\": \"a\", \"exec\": \"%s\"}", name);
    reply = machine_call(&machine, caller, "io.czone.Container.Logs", parameters, 0);
    ck_assert_ptr_null(reply.error);
    ck_assert_int_eq(json_integer_value(json_object_get(reply.parameters, "limit")), LOG_LIMIT_EXEC);
    *ret_length = strlen(text_of(&reply, "data"));
    offset = json_integer_value(json_object_get(reply.parameters, "offset"));
    varlink_reply_done(&reply);
    return offset;
}

START_TEST(the_oldest_logs_go_when_all_are_more_than_the_bound)
{
    const struct exec_session *exec;
    int64_t total = 0;
    size_t length;

    leave_sessions(7);
    TAILQ_FOREACH(exec, &the_container()->execs.list, link)
        total += exec->log_bytes;
    ck_assert_int_gt(total, EXEC_LOGS_MAX / 2);
    ck_assert_int_le(total, EXEC_LOGS_MAX);
    /* All that it wrote is gone, and said to be. */
    ck_assert_int_eq(log_begin("1", &length), INT64_C(2) * LOG_LIMIT_EXEC);
    ck_assert_uint_eq(length, 0);
    ck_assert_int_ge(log_begin("7", &length), LOG_LIMIT_EXEC);
    ck_assert_uint_gt(length, 0);
}
END_TEST

START_TEST(few_logs_are_all_kept)
{
    size_t length;

    leave_sessions(2);
    (void)log_begin("1", &length);
    ck_assert_uint_gt(length, 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("exec_log");

    tcase_add_checked_fixture(tests, set_up_over, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, the_oldest_logs_go_when_all_are_more_than_the_bound);
    tcase_add_test(tests, few_logs_are_all_kept);
    return guest_test_main(tests, "guest_exec_log");
}
