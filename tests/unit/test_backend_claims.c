/* SPDX-License-Identifier: Apache-2.0 */
#include "backend_test.h"

#include <dirent.h>
#include <sys/wait.h>
#include <unistd.h>

#include "claim_file.h"

#define BOOT "0e9e5d1c-6f0f-4c56-9d2f-3a1a4f0f9b11"

static const struct czone_zone_info sample = {
    .name = "c-1",
    .state = CZONE_ZONE_BOUND,
    .node = { 7 },
    .tier = -1,
    .provider = CZONE_PROVIDER_DIMM,
    .range = { .start = 32 * FAKE_BLOCK_SIZE, .size = 4 * FAKE_BLOCK_SIZE },
    .first_block = { 32 },
    .n_blocks = 4,
    .cgroup = "czone/a=b c",
};

START_TEST(claim_is_read_back_as_it_was_written)
{
    struct czone_zone_info info;
    char text[CLAIM_TEXT_MAX];

    ck_assert_int_gt(claim_format(&sample, BOOT, text, sizeof(text)), 0);
    ck_assert_int_eq(claim_parse(text, BOOT, &info), 0);
    ck_assert_str_eq(info.name, sample.name);
    ck_assert_int_eq(info.state, sample.state);
    ck_assert_int_eq(info.node.n, sample.node.n);
    ck_assert_int_eq(info.tier, sample.tier);
    ck_assert_int_eq(info.provider, sample.provider);
    ck_assert_uint_eq(info.range.start, sample.range.start);
    ck_assert_uint_eq(info.range.size, sample.range.size);
    ck_assert_uint_eq(info.first_block.n, sample.first_block.n);
    ck_assert_uint_eq(info.n_blocks, sample.n_blocks);
    ck_assert_str_eq(info.cgroup, sample.cgroup);
}
END_TEST

START_TEST(longest_claim_fits)
{
    struct czone_zone_info info = sample;
    char text[CLAIM_TEXT_MAX];

    memset(info.name, 'n', CZONE_ZONE_NAME_MAX);
    memset(info.cgroup, 'c', sizeof(info.cgroup) - 1);
    info.node.n = INT32_MAX;
    info.first_block.n = info.range.start = UINT64_MAX;
    info.range.size = INT64_MAX;
    info.n_blocks = SIZE_MAX;
    ck_assert_int_gt(claim_format(&info, BOOT, text, sizeof(text)), 0);
    ck_assert_int_eq(claim_parse(text, BOOT, &info), 0);
    ck_assert_int_eq(claim_format(&info, BOOT, text, 100), -ENOBUFS);
}
END_TEST

START_TEST(claim_without_any_one_line_is_refused)
{
    char text[CLAIM_TEXT_MAX], less[2 * CLAIM_TEXT_MAX];
    struct czone_zone_info info;
    int n_lines = 0;

    ck_assert_int_gt(claim_format(&sample, BOOT, text, sizeof(text)), 0);
    for (char *line = text; *line; line = strchr(line, '\n') + 1, n_lines++) {
        (void)snprintf(less, sizeof(less), "%.*s%s", (int)(line - text), text, strchr(line, '\n') + 1);
        ck_assert_msg(claim_parse(less, BOOT, &info) == -EBADMSG, "line %d is not missed", n_lines);
        (void)snprintf(less, sizeof(less), "%s%.*s\n", text, (int)strcspn(line, "\n"), line);
        ck_assert_msg(claim_parse(less, BOOT, &info) == -EBADMSG, "line %d may be there twice", n_lines);
    }
    ck_assert_int_eq(n_lines, 12);
}
END_TEST

START_TEST(claim_with_a_bad_value_is_refused)
{
    static const char *const bad[][2] = {
        { "version=1", "version=2" },
        { "node=7", "node=-7" },
        { "node=7", "node=7 " },
        { "blocks=4", "blocks=" },
        { "state=bound", "state=bo" },
        { "provider=dimm", "provider=DIMM" },
        { "tier=-1", "tier=-2" },
        { "cgroup=", "colour=" },
        { "size=536870912", "size=9999999999999999999" },
    };
    char text[CLAIM_TEXT_MAX], changed[2 * CLAIM_TEXT_MAX];
    struct czone_zone_info info;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char *found;

        ck_assert_int_gt(claim_format(&sample, BOOT, text, sizeof(text)), 0);
        found = strstr(text, bad[i][0]);
        ck_assert_ptr_nonnull(found);
        (void)snprintf(changed, sizeof(changed), "%.*s%s%s", (int)(found - text), text, bad[i][1],
                       found + strlen(bad[i][0]));
        ck_assert_msg(claim_parse(changed, BOOT, &info) == -EBADMSG, "%s is taken", bad[i][1]);
    }
}
END_TEST

static int n_claims(void)
{
    char path[160];
    struct dirent *entry;
    DIR *dir;
    int n = 0;

    (void)snprintf(path, sizeof(path), "%s/claims", machine.paths[3]);
    dir = opendir(path);
    ck_assert_ptr_nonnull(dir);
    while ((entry = readdir(dir)))
        n += entry->d_name[0] != '.';
    (void)closedir(dir);
    return n;
}

START_TEST(claim_outlives_its_handle_and_is_opened_by_name)
{
    struct czone_zone *zone = reserve("a", 4);
    struct czone_zone_info info;

    zone = czone_zone_unref(zone);
    ctx = czone_ctx_unref(ctx);
    open_ctx();
    ck_ok(czone_zone_open(ctx, "a", &zone));
    czone_zone_get_info(zone, &info);
    ck_assert_int_eq(info.state, CZONE_ZONE_ONLINE);
    ck_assert_int_eq(info.node.n, 1);
    ck_assert_int_eq(czone_zone_open(ctx, "b", &zone), -ENOENT);
    ck_assert_int_eq(czone_zone_open(ctx, "../a", &zone), -EINVAL);
    ck_ok(czone_ctx_validate(ctx, &failure));
    czone_zone_unref(zone);
}
END_TEST

START_TEST(claim_of_an_earlier_boot_is_discarded)
{
    struct czone_zone_info *infos;

    czone_zone_unref(reserve("a", 4));
    ctx = czone_ctx_unref(ctx);
    fake_machine_write(&machine, "proc/sys/kernel/random/boot_id", "another\n");
    open_ctx();
    ck_assert_int_eq(czone_zone_list(ctx, &infos), 0);
    ck_assert_int_eq(n_claims(), 0);
}
END_TEST

START_TEST(claim_that_cannot_be_read_is_never_overlooked)
{
    struct czone_zone_request request = request_of("b", 1);
    struct czone_zone *zone;

    ctx = czone_ctx_unref(ctx);
    fake_machine_write(&machine, "run/claims/broken", "boot=" BOOT "\nsome=thing\n");
    ck_assert_int_eq(czone_ctx_new(&machine.options, &ctx, &failure), -EBADMSG);
    ck_assert_ptr_nonnull(strstr(failure.message, "claims/broken"));
    fake_machine_write(&machine, "run/claims/broken", "boot=another\n");
    open_ctx();
    ck_ok(czone_zone_reserve(ctx, &request, &zone, &failure));
    czone_zone_unref(zone);
}
END_TEST

START_TEST(other_context_sees_the_claim_at_once)
{
    struct czone_zone_request request = request_of("b", 4);
    struct czone_ctx *other = NULL;
    struct czone_zone *first, *second;
    struct czone_zone_info info;

    ck_ok(czone_ctx_new(&machine.options, &other, &failure));
    first = reserve("a", 4);
    request.name = "a";
    ck_assert_int_eq(czone_zone_reserve(other, &request, &second, &failure), -EEXIST);
    request.name = "b";
    ck_ok(czone_zone_reserve(other, &request, &second, &failure));
    czone_zone_get_info(second, &info);
    ck_assert_int_eq(info.node.n, 3);
    /* The first context learns of it when it needs to. */
    request.name = "b";
    ck_assert_int_eq(czone_zone_reserve(ctx, &request, &second, &failure), -EEXIST);
    fake_machine_settle(&machine);
    ck_ok(czone_ctx_refresh(ctx, &failure));
    ck_ok(czone_ctx_validate(ctx, &failure));
    czone_zone_unref(first);
    czone_zone_unref(second);
    czone_ctx_unref(other);
}
END_TEST

START_TEST(zone_that_another_context_retired_is_returned_here)
{
    struct czone_zone *here = reserve("a", 4), *there = NULL;
    struct czone_release release = CZONE_RELEASE_INIT;
    struct czone_ctx *other = NULL;

    ck_ok(czone_ctx_new(&machine.options, &other, &failure));
    ck_ok(czone_zone_open(other, "a", &there));
    ck_ok(czone_zone_release(there, NULL, &release, &failure));
    ck_ok(czone_zone_retire(there));
    ck_assert_int_eq(czone_zone_retire(here), 0);
    ck_assert_int_eq(state_of(here), CZONE_ZONE_RETURNED);
    ck_assert_int_eq(czone_zone_release(here, NULL, &release, &failure), -EINVAL);
    czone_zone_unref(here);
    czone_zone_unref(there);
    czone_ctx_unref(other);
}
END_TEST

/* Each child opens a context of its own, or uses the one it inherited; all reserve at once. */
static _Noreturn void race(int number, int start_fd)
{
    struct czone_zone_request request;
    struct czone_zone *zone;
    char name[32], byte;
    int r;

    (void)snprintf(name, sizeof(name), "racer%d", number);
    request = request_of(name, 1);
    if (number % 2 == 0 && czone_ctx_new(&machine.options, &ctx, &failure) < 0)
        _exit(100);
    if (read(start_fd, &byte, 1) < 0)
        _exit(101);
    r = czone_zone_reserve(ctx, &request, &zone, &failure);
    _exit(r == 0 ? 0 : r == -ENOSPC ? 1 : 102);
}

START_TEST(racing_processes_never_share_a_node)
{
    enum { RACERS = 12, NODES = 3 };
    int start[2], won = 0;
    struct czone_zone_info *infos = NULL;

    ck_assert_int_eq(pipe(start), 0);
    for (int i = 0; i < RACERS; i++) {
        pid_t pid = fork();

        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
            (void)close(start[1]);
            race(i, start[0]);
        }
    }
    (void)close(start[0]);
    (void)close(start[1]); /* end of file for all of them: go */
    for (int i = 0; i < RACERS; i++) {
        int status;

        ck_assert_int_gt(wait(&status), 0);
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) <= 1, "a racer ended with %x",
                      (unsigned)status);
        won += WEXITSTATUS(status) == 0;
    }
    ck_assert_int_eq(won, NODES);
    fake_machine_settle(&machine);
    ck_ok(czone_ctx_refresh(ctx, &failure));
    ck_assert_int_eq(czone_zone_list(ctx, &infos), NODES);
    ck_assert_int_eq(n_claims(), NODES);
    ck_ok(czone_ctx_validate(ctx, &failure));
    free(infos);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("claims");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, claim_is_read_back_as_it_was_written);
    tcase_add_test(tests, longest_claim_fits);
    tcase_add_test(tests, claim_without_any_one_line_is_refused);
    tcase_add_test(tests, claim_with_a_bad_value_is_refused);
    tcase_add_test(tests, claim_outlives_its_handle_and_is_opened_by_name);
    tcase_add_test(tests, claim_of_an_earlier_boot_is_discarded);
    tcase_add_test(tests, claim_that_cannot_be_read_is_never_overlooked);
    tcase_add_test(tests, other_context_sees_the_claim_at_once);
    tcase_add_test(tests, zone_that_another_context_retired_is_returned_here);
    tcase_add_test(tests, racing_processes_never_share_a_node);
    return backend_test_main(tests, "backend_claims");
}
