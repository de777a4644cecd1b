/* SPDX-License-Identifier: Apache-2.0 */
/* A peer that is not czoned, or a broken one: nothing that it sends ends a program. */
#include <sys/mman.h>

#include "tests/unit/keeper_run.h"

static struct keepers keepers;
static struct kept kept;

static void set_up(void)
{
    keepers_set_up(&keepers);
    kept_spawn(&kept, &keepers, "/probe", "stay");
}

static void tear_down(void)
{
    kept_kill(&kept);
    keepers_tear_down(&keepers);
}

/* The keeper hangs up, goes on keeping, and is there for the next one. */
static void expect_hung_up_and_well(void)
{
    while (kept_receive(&kept) != 0)
        ;
    kept_reconnect(&kept);
    ck_assert_uint_eq(kept_receive(&kept), KEEPER_STATUS);
    ck_assert_uint_eq(kept.status.state, KEEPER_RUNNING);
    ck_assert_int_ge(kept.pidfd, 0);
}

static const struct {
    const char *name;
    size_t size;
    uint32_t words[4];
} garbage[] = {
    { "a byte", 1, { 0 } },
    { "half a header", 4, { KEEPER_FOLLOW } },
    { "an unknown kind", 16, { 99, KEEPER_VERSION } },
    { "a kind that only keepers send", sizeof(struct keeper_status), { KEEPER_STATUS, KEEPER_VERSION } },
    { "a short message", 8, { KEEPER_RESIZE, KEEPER_VERSION } },
    { "a start of another version", sizeof(struct keeper_start), { KEEPER_START, KEEPER_VERSION + 1 } },
    { "a prepare without its fd", sizeof(struct keeper_prepare), { KEEPER_PREPARE, KEEPER_VERSION } },
    { "a second start", sizeof(struct keeper_start), { KEEPER_START, KEEPER_VERSION } },
    { "a start with something behind", sizeof(struct keeper_start) + 8, { KEEPER_START, KEEPER_VERSION } },
    { "more input than fits", KEEPER_INPUT_HEADER + KEEPER_INPUT_MAX + 1, { KEEPER_INPUT, KEEPER_VERSION } },
};

START_TEST(a_keeper_hangs_up_on_garbage_and_keeps_on)
{
    static char packet[100000];

    memset(packet, 0, sizeof(packet));
    memcpy(packet, garbage[_i].words, sizeof(garbage[_i].words));
    kept_start(&kept);
    ck_assert_msg(send(kept.process.socket, packet, garbage[_i].size, 0) == (ssize_t)garbage[_i].size, "%s",
                  garbage[_i].name);
    expect_hung_up_and_well();
}
END_TEST

START_TEST(a_longer_message_of_a_newer_czoned_is_understood)
{
    struct {
        struct keeper_follow follow;
        uint64_t more[8];
    } message = { .follow = { .header = { KEEPER_FOLLOW, 0 }, .wanted = 1 } };

    kept_start(&kept);
    ck_assert_int_eq(keeper_send(kept.process.socket, &message, sizeof(message), NULL, 0), 0);
    while (kept.status.log_end < 6)
        ck_assert_uint_eq(kept_receive(&kept), KEEPER_STATUS);
}
END_TEST

START_TEST(an_idle_keeper_that_is_sent_garbage_ends)
{
    ck_assert_int_eq(send(kept.process.socket, "garbage", 7, 0), 7);
    kept_wait_gone(&kept);
}
END_TEST

START_TEST(a_prepare_without_its_fd_is_garbage)
{
    struct keeper_prepare prepare = { .header = { .kind = KEEPER_PREPARE } };

    ck_assert_int_eq(keeper_send(kept.process.socket, &prepare, sizeof(prepare), NULL, 0), 0);
    kept_wait_gone(&kept);
}
END_TEST

START_TEST(a_start_without_its_fds_is_garbage)
{
    int request = kept_memfd(&kept.request);
    const int fds[] = { kept.run_dir, keepers.filter, request };

    ck_assert_int_eq(keeper_send(kept.process.socket, &kept.start, sizeof(kept.start), fds, 3), 0);
    (void)close(request);
    kept_wait_gone(&kept);
    ck_assert_uint_eq(kept.status.state, KEEPER_IDLE);
}
END_TEST

/* More than it may have: all of them are closed, none is mistaken for another. */
START_TEST(fds_that_nobody_asked_for_are_garbage)
{
    struct keeper_follow follow = { .header = { .kind = KEEPER_FOLLOW }, .wanted = 1 };
    const int fds[] = { 0, 1, 2, 0, 1 };

    kept_start(&kept);
    ck_assert_int_eq(keeper_send(kept.process.socket, &follow, sizeof(follow), fds, 5), 0);
    expect_hung_up_and_well();
}
END_TEST

START_TEST(input_beyond_the_room_is_refused_whole)
{
    static char block[KEEPER_INPUT_MAX];
    struct keeper_record record;

    kept.request.input = true;
    kept_start(&kept);
    /* The pipe takes one, the keeper holds one, and a third is too much. */
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(kept_input(&kept, block, sizeof(block)), 0);
    expect_hung_up_and_well();
    ck_assert_int_eq(kept.status.input_received, INT64_C(2) * KEEPER_INPUT_MAX);
    ck_assert_int_eq(kept.status.input_written, KEEPER_INPUT_MAX);
    ck_assert_int_eq(keeper_record_read(kept.run_dir, &record), 0);
    ck_assert_uint_eq(record.status.state, KEEPER_RUNNING);
}
END_TEST

static const struct {
    const char *text, *message;
} requests[] = {
    { "", "not JSON" },
    { "{", "not JSON" },
    { "[]", "object" },
    { "{}", "args" },
    { "{\"args\": [\"/probe\"], \"unknown\": 1}", "unknown" },
    { "{\"args\": [\"/probe\"], \"tty\": 1}", "tty" },
    { "{\"args\": [\"/probe\"], \"columns\": 65536}", "columns" },
    { "{\"args\": []}", "args" },
};

START_TEST(a_request_that_cannot_be_read_is_refused)
{
    int request = memfd_create("request", MFD_CLOEXEC), cgroup = kept_cgroup();
    const int fds[] = { kept.run_dir, cgroup, request, keepers.filter };

    ck_assert_int_eq(write(request, requests[_i].text, strlen(requests[_i].text)),
                     (ssize_t)strlen(requests[_i].text));
    ck_assert_int_eq(keeper_send(kept.process.socket, &kept.start, sizeof(kept.start), fds, 4), 0);
    (void)close(request);
    (void)close(cgroup);
    kept_wait_gone(&kept);
    ck_assert_uint_eq(kept.status.state, KEEPER_REFUSED);
    ck_assert_msg(strstr(kept.failure.message, requests[_i].message) != NULL, "%s", kept.failure.message);
}
END_TEST

START_TEST(a_filter_that_is_none_is_refused)
{
    int request = kept_memfd(&kept.request), cgroup = kept_cgroup(), filter = memfd_create("f", MFD_CLOEXEC);
    const int fds[] = { kept.run_dir, cgroup, request, filter };

    ck_assert_int_eq(write(filter, "none", 4), 4);
    ck_assert_int_eq(keeper_send(kept.process.socket, &kept.start, sizeof(kept.start), fds, 4), 0);
    (void)close(request);
    (void)close(cgroup);
    (void)close(filter);
    kept_wait_gone(&kept);
    ck_assert_uint_eq(kept.status.state, KEEPER_REFUSED);
    ck_assert_ptr_nonnull(strstr(kept.failure.message, "filter"));
}
END_TEST

START_TEST(many_connections_leave_nothing_behind)
{
    char path[64], target[64];
    int n = 0;

    kept_start(&kept);
    for (int i = 0; i < 200; i++) {
        kept_reconnect(&kept);
        ck_assert_uint_eq(kept_receive(&kept), KEEPER_STATUS);
    }
    for (int fd = 0; fd < 1024; fd++) {
        (void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)kept.process.pid, fd);
        n += readlink(path, target, sizeof(target)) > 0;
    }
    /* And nothing of what its starter had open. stdio, peer, listener, status, pidfd, two outputs, the log
     * and a segment of it. */
    ck_assert_int_gt(n, 3);
    ck_assert_int_le(n, 11);
}
END_TEST

START_TEST(czone_keeper_run_by_hand_says_what_it_is_for)
{
    char command[256], line[256] = "";
    FILE *output;

    (void)snprintf(command, sizeof(command), "%s 2>&1 3<&-", getenv("KEEPER"));
    output = popen(command, "re");
    ck_assert_ptr_nonnull(output);
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), output));
    ck_assert_ptr_nonnull(strstr(line, "started by czoned"));
    ck_assert_int_eq(WEXITSTATUS(pclose(output)), 2);
}
END_TEST

START_TEST(an_image_must_be_a_program_and_cannot_be_changed)
{
    int image = -EBADF;

    ck_assert_int_eq(keeper_image_open("/nonexistent", &image), -ENOENT);
    ck_assert_int_eq(keeper_image_open("/etc/passwd", &image), -ENOEXEC);
    ck_assert_int_lt(write(keepers.image, "x", 1), 0);
    ck_assert_int_eq(errno, EPERM);
    ck_assert_int_lt(ftruncate(keepers.image, 0), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("keeper_hostile");
    TCase *tests = tcase_create("hostile");

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, a_keeper_hangs_up_on_garbage_and_keeps_on, 0,
                        sizeof(garbage) / sizeof(garbage[0]));
    tcase_add_test(tests, a_longer_message_of_a_newer_czoned_is_understood);
    tcase_add_test(tests, an_idle_keeper_that_is_sent_garbage_ends);
    tcase_add_test(tests, a_prepare_without_its_fd_is_garbage);
    tcase_add_test(tests, a_start_without_its_fds_is_garbage);
    tcase_add_test(tests, fds_that_nobody_asked_for_are_garbage);
    tcase_add_test(tests, input_beyond_the_room_is_refused_whole);
    tcase_add_loop_test(tests, a_request_that_cannot_be_read_is_refused, 0,
                        sizeof(requests) / sizeof(requests[0]));
    tcase_add_test(tests, a_filter_that_is_none_is_refused);
    tcase_add_test(tests, many_connections_leave_nothing_behind);
    tcase_add_test(tests, czone_keeper_run_by_hand_says_what_it_is_for);
    tcase_add_test(tests, an_image_must_be_a_program_and_cannot_be_changed);
    suite_add_tcase(suite, tests);
    return keepers_run(suite);
}
