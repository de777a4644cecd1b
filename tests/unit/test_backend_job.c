/* SPDX-License-Identifier: Apache-2.0 */
/* What a job does when the kernel, or the program around it, does not play along. */
#include "backend_test.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* How block_set() behaves for one block: the helper reads it, so it is shared. */
struct trouble {
    uint64_t block;
    enum czone_sys_target target;
    int error;        /* what it returns ... */
    unsigned n_times; /* ... this often, then the block obeys */
    bool hangs;       /* instead: waits for a signal */
    unsigned n_calls;
    uint64_t no_memory_for; /* a second block: it cannot go online */
};

static struct trouble *trouble;
static struct czone_backend backend;

/* The write, and what the kernel does at it; the undo is checked against that. */
static int obey(struct czone_sys *sys, czone_block_id id, enum czone_sys_target target)
{
    int r = czone_backend_linux()->block_set(sys, id, target);
    char path[80];

    if (r < 0 || target == CZONE_SYS_OFFLINE)
        return r;
    (void)snprintf(path, sizeof(path), "sys/devices/system/memory/memory%" PRIu64 "/valid_zones", id.n);
    fake_machine_write(&machine, path, "Movable\n");
    (void)snprintf(path, sizeof(path), "sys/devices/system/memory/memory%" PRIu64 "/state", id.n);
    fake_machine_write(&machine, path, "online\n");
    return 0;
}

static int troubled_block_set(struct czone_sys *sys, czone_block_id id, enum czone_sys_target target)
{
    if (id.n == trouble->block && target == trouble->target) {
        trouble->n_calls++;
        if (trouble->hangs) {
            (void)pause();
            return -EINTR;
        }
        if (trouble->n_times > 0) {
            trouble->n_times--;
            return trouble->error;
        }
    }
    if (trouble->no_memory_for && id.n == trouble->no_memory_for && target == CZONE_SYS_ONLINE_MOVABLE)
        return -ENOMEM;
    return obey(sys, id, target);
}

static void setup_job(void)
{
    trouble = mmap(NULL, sizeof(*trouble), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(trouble, MAP_FAILED);
    *trouble = (struct trouble){ .block = UINT64_MAX };
    fake_machine_make_usual(&machine);
    failure = (struct czone_failure)CZONE_FAILURE_INIT;
    backend = *czone_backend_linux();
    backend.block_set = troubled_block_set;
    ck_ok(czone_ctx_new_with(&backend, &machine.options, &ctx, &failure));
}

static void teardown_job(void)
{
    teardown();
    ck_assert_int_eq(munmap(trouble, sizeof(*trouble)), 0);
}

static void wait_for_trouble(void)
{
    for (int i = 0; i < 500 && *(volatile unsigned *)&trouble->n_calls == 0; i++)
        (void)poll(NULL, 0, 10);
    ck_assert_uint_gt(trouble->n_calls, 0);
}

static unsigned now_ms(void)
{
    struct timespec now;

    ck_assert_int_eq(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return (unsigned)(now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

static void expect_nothing_left(void)
{
    struct czone_zone_info *infos;
    char text[64];

    ck_assert_int_eq(czone_zone_list(ctx, &infos), 0);
    for (uint64_t block = 32; block < 36; block++)
        ck_assert_str_eq(block_file(block, text, sizeof(text)), "offline");
    ck_ok(czone_ctx_validate(ctx, &failure));
    /* No helper, as zombie or alive. */
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG | __WALL), -1);
    ck_assert_int_eq(errno, ECHILD);
}

START_TEST(block_that_cannot_be_onlined_undoes_the_others)
{
    struct czone_zone_request request = request_of("a", 4);
    struct czone_zone *zone = NULL;

    *trouble =
        (struct trouble){ .block = 34, .target = CZONE_SYS_ONLINE_MOVABLE, .error = -ENOMEM, .n_times = 99 };
    ck_assert_int_eq(czone_zone_reserve(ctx, &request, &zone, &failure), -ENOMEM);
    ck_assert_int_eq(failure.stage, CZONE_STAGE_ONLINE);
    ck_assert(failure.has_block);
    ck_assert_uint_eq(failure.block.n, 34);
    ck_assert_int_eq(failure.node.n, 1);
    expect_nothing_left();
}
END_TEST

/* Found by a soak of 5,000 containers: a host took memory away while it was being cleared. */
START_TEST(a_reserve_that_cannot_clear_the_rest_of_its_node_leaves_no_claim)
{
    struct czone_zone_request request = request_of("a", 2);
    struct czone_zone_info *infos;
    struct czone_zone *zone = NULL;

    set_movable(32, 4);
    *trouble = (struct trouble){ .block = 34, .target = CZONE_SYS_OFFLINE, .error = -EACCES, .n_times = 99 };
    ck_assert_int_eq(czone_zone_reserve(ctx, &request, &zone, &failure), -EACCES);
    ck_assert_int_eq(czone_zone_list(ctx, &infos), 0);
    ck_ok(czone_ctx_validate(ctx, &failure));
}
END_TEST

START_TEST(reserve_that_hangs_ends_at_its_deadline_and_is_undone)
{
    struct czone_zone_request request = request_of("a", 4);
    struct czone_zone *zone = NULL;
    unsigned start = now_ms();

    request.timeout_ms = 300;
    *trouble = (struct trouble){ .block = 34, .target = CZONE_SYS_ONLINE_MOVABLE, .hangs = true };
    ck_assert_int_eq(czone_zone_reserve(ctx, &request, &zone, &failure), -ETIMEDOUT);
    ck_assert_uint_ge(now_ms() - start, 300);
    ck_assert_uint_lt(now_ms() - start, 3000);
    expect_nothing_left();
}
END_TEST

START_TEST(undo_that_fails_leaves_the_zone_quarantined)
{
    struct czone_zone_request request = request_of("a", 4);
    struct czone_release release = CZONE_RELEASE_INIT;
    struct czone_zone *zone = NULL;

    request.timeout_ms = 300;
    /* Block 35 cannot go online; by then block 33 would not go offline. */
    *trouble =
        (struct trouble){ .block = 33, .target = CZONE_SYS_OFFLINE, .hangs = true, .no_memory_for = 35 };
    ck_assert_int_eq(czone_zone_reserve(ctx, &request, &zone, &failure), -ENOMEM);
    ck_ok(czone_zone_open(ctx, "a", &zone));
    ck_assert_int_eq(state_of(zone), CZONE_ZONE_QUARANTINED);
    ck_assert_int_eq(czone_zone_retire(zone), -EBUSY);
    /* When the trouble is over it can be released after all. */
    *trouble = (struct trouble){ .block = UINT64_MAX };
    fake_machine_settle(&machine);
    ck_ok(czone_ctx_refresh(ctx, &failure));
    ck_ok(czone_zone_release(zone, NULL, &release, &failure));
    ck_assert_int_eq(release.state, CZONE_ZONE_OFFLINE);
    ck_ok(czone_zone_retire(zone));
    czone_zone_unref(zone);
    expect_nothing_left();
}
END_TEST

/* Slow swap: the kernel reclaims until a signal comes. */
static int endless_reclaim(struct czone_sys *sys, int cgroup_fd, const char *attribute, const char *value)
{
    if (strcmp(attribute, "memory.reclaim") != 0)
        return czone_backend_linux()->cgroup_write(sys, cgroup_fd, attribute, value);
    (void)pause();
    return -EINTR;
}

START_TEST(endless_reclaim_does_not_keep_the_blocks_from_going_offline)
{
    struct czone_release release = CZONE_RELEASE_INIT;
    struct czone_zone *zone = reserve("a", 4);
    struct czone_cgroup *cgroup = bind_new(zone, "a");

    backend.cgroup_write = endless_reclaim;
    ck_ok(czone_cgroup_write(cgroup, "memory.numa_stat",
                             "anon N0=0 N1=4096\nfile N0=0 N1=0\nshmem N0=0 N1=0\n"));
    ck_ok(czone_zone_release(zone, NULL, &release, &failure));
    ck_assert_int_eq(release.state, CZONE_ZONE_OFFLINE);
    ck_assert_uint_lt(release.empty_ns, UINT64_C(5000000000));
    czone_cgroup_unref(cgroup);
    czone_zone_unref(zone);
}
END_TEST

START_TEST(busy_block_is_tried_again_within_the_deadline)
{
    struct czone_release release = CZONE_RELEASE_INIT;
    struct czone_zone *zone = reserve("a", 4);

    *trouble = (struct trouble){ .block = 34, .target = CZONE_SYS_OFFLINE, .error = -EBUSY, .n_times = 5 };
    ck_ok(czone_zone_release(zone, NULL, &release, &failure));
    ck_assert_int_eq(release.state, CZONE_ZONE_OFFLINE);
    ck_assert_int_eq(release.failure.error, 0);
    ck_assert_uint_eq(trouble->n_calls, 6);
    czone_zone_unref(zone);
}
END_TEST

START_TEST(block_that_will_not_empty_quarantines_the_zone_and_frees_the_rest)
{
    struct czone_release_options options = CZONE_RELEASE_OPTIONS_INIT;
    struct czone_release release = CZONE_RELEASE_INIT;
    struct czone_zone *zone = reserve("a", 4);
    char text[64];

    /* The highest, which is the first: the others get their turn all the same. */
    *trouble = (struct trouble){ .block = 35, .target = CZONE_SYS_OFFLINE, .hangs = true };
    options.timeout_ms = 1500;
    ck_ok(czone_zone_release(zone, &options, &release, &failure));
    ck_assert_int_eq(release.state, CZONE_ZONE_QUARANTINED);
    ck_assert_uint_eq(release.n_offline, 3);
    ck_assert_uint_eq(release.failure.block.n, 35);
    ck_assert_int_eq(release.failure.error, -EINTR);
    ck_assert_str_eq(block_file(32, text, sizeof(text)), "offline");
    ck_assert_str_eq(block_file(35, text, sizeof(text)), "online");
    ck_ok(czone_ctx_validate(ctx, &failure));

    *trouble = (struct trouble){ .block = UINT64_MAX };
    ck_ok(czone_zone_release(zone, NULL, &release, &failure));
    ck_assert_int_eq(release.state, CZONE_ZONE_OFFLINE);
    ck_ok(czone_zone_retire(zone));
    czone_zone_unref(zone);
    expect_nothing_left();
}
END_TEST

START_TEST(job_is_driven_by_its_descriptor_and_never_blocks)
{
    struct czone_zone_request request = request_of("a", 4);
    struct czone_release release = CZONE_RELEASE_INIT;
    struct czone_job *job = NULL;
    struct czone_zone *zone = NULL;
    struct pollfd fd;
    int r;

    ck_ok(czone_zone_reserve_start(ctx, &request, &job, &failure));
    fd = (struct pollfd){ .fd = czone_job_fd(job), .events = POLLIN };
    ck_assert_int_le(czone_job_timeout_ms(job), 5000);
    ck_assert_int_eq(czone_job_release(job, &release), -EINVAL);
    while ((r = czone_job_process(job, &failure)) == 0)
        ck_assert_int_eq(poll(&fd, 1, czone_job_timeout_ms(job)), 1);
    ck_assert_int_eq(r, 1);
    ck_assert_int_eq(czone_job_process(job, &failure), 1);
    ck_ok(czone_job_zone(job, &zone));
    job = czone_job_unref(job);
    fake_machine_settle(&machine);
    ck_assert_int_eq(state_of(zone), CZONE_ZONE_ONLINE);
    ck_ok(czone_zone_release_start(zone, NULL, &job, &failure));
    ck_assert_int_eq(czone_job_zone(job, &zone), -EINVAL);
    ck_ok(czone_job_wait(job, &failure));
    ck_ok(czone_job_release(job, &release));
    ck_assert_int_eq(release.state, CZONE_ZONE_OFFLINE);
    job = czone_job_unref(job);
    ck_ok(czone_zone_retire(zone));
    czone_zone_unref(zone);
    expect_nothing_left();
}
END_TEST

START_TEST(reserve_of_what_is_online_already_needs_no_helper)
{
    struct czone_zone_request request = request_of("a", 4);
    struct czone_zone_info info;
    struct czone_zone *zone;
    struct czone_job *job;

    ck_ok(czone_zone_probe(ctx, &request, &info, &failure));
    ck_assert_int_eq(info.state, CZONE_ZONE_PLUGGED);
    for (uint64_t block = 32; block < 36; block++) {
        char path[80];

        (void)snprintf(path, sizeof(path), "sys/devices/system/memory/memory%" PRIu64 "/state", block);
        fake_machine_write(&machine, path, "online_movable\n");
    }
    fake_machine_settle(&machine);
    ck_ok(czone_ctx_refresh(ctx, &failure));
    ck_ok(czone_zone_probe(ctx, &request, &info, &failure));
    ck_assert_int_eq(info.state, CZONE_ZONE_ONLINE);
    ck_ok(czone_zone_reserve_start(ctx, &request, &job, &failure));
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG | __WALL), -1);
    ck_assert_int_eq(czone_job_fd(job), -EBADF);
    ck_assert_int_eq(czone_job_timeout_ms(job), 0);
    ck_ok(czone_job_wait(job, &failure));
    ck_ok(czone_job_zone(job, &zone));
    ck_assert_int_eq(state_of(zone), CZONE_ZONE_ONLINE);
    czone_job_unref(job);
    czone_zone_unref(zone);
}
END_TEST

START_TEST(dropped_reserve_is_undone)
{
    struct czone_zone_request request = request_of("a", 4);
    struct czone_job *job = NULL;
    char text[64];

    *trouble = (struct trouble){ .block = 35, .target = CZONE_SYS_ONLINE_MOVABLE, .hangs = true };
    ck_ok(czone_zone_reserve_start(ctx, &request, &job, &failure));
    wait_for_trouble();
    ck_assert_str_eq(block_file(34, text, sizeof(text)), "online");
    czone_job_unref(job);
    expect_nothing_left();
}
END_TEST

START_TEST(dropped_reserve_is_undone_even_if_all_was_done)
{
    struct czone_zone_request request = request_of("a", 4);
    struct czone_job *job = NULL;
    char text[64];

    ck_ok(czone_zone_reserve_start(ctx, &request, &job, &failure));
    for (int i = 0; i < 500 && strcmp(block_file(35, text, sizeof(text)), "online") != 0; i++)
        (void)poll(NULL, 0, 10);
    (void)poll(NULL, 0, 50);
    czone_job_unref(job);
    expect_nothing_left();
}
END_TEST

START_TEST(dropped_release_leaves_a_zone_that_can_be_released_again)
{
    struct czone_release release = CZONE_RELEASE_INIT;
    struct czone_zone *zone = reserve("a", 4);
    struct czone_job *job = NULL;

    *trouble = (struct trouble){ .block = 33, .target = CZONE_SYS_OFFLINE, .hangs = true };
    ck_ok(czone_zone_release_start(zone, NULL, &job, &failure));
    wait_for_trouble();
    czone_job_unref(job);
    ck_assert_int_eq(state_of(zone), CZONE_ZONE_QUARANTINED);
    *trouble = (struct trouble){ .block = UINT64_MAX };
    ck_ok(czone_zone_release(zone, NULL, &release, &failure));
    ck_assert_int_eq(release.state, CZONE_ZONE_OFFLINE);
    ck_ok(czone_zone_retire(zone));
    czone_zone_unref(zone);
    expect_nothing_left();
}
END_TEST

static void live(void)
{
    struct czone_release release = CZONE_RELEASE_INIT;
    struct czone_zone *zone = reserve("a", 4);

    ck_ok(czone_zone_release(zone, NULL, &release, &failure));
    ck_assert_int_eq(release.state, CZONE_ZONE_OFFLINE);
    ck_ok(czone_zone_retire(zone));
    czone_zone_unref(zone);
}

START_TEST(program_that_ignores_its_children_is_no_obstacle)
{
    ck_assert_ptr_ne(signal(SIGCHLD, SIG_IGN), SIG_ERR);
    live();
    expect_nothing_left();
}
END_TEST

static void reap_all(int signal_number)
{
    (void)signal_number;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        continue;
}

START_TEST(program_that_reaps_every_child_is_no_obstacle)
{
    struct sigaction action = { .sa_handler = reap_all };

    ck_assert_int_eq(sigaction(SIGCHLD, &action, NULL), 0);
    live();
    expect_nothing_left();
}
END_TEST

START_TEST(helper_that_somebody_killed_is_an_error_not_a_hang)
{
    struct czone_zone_request request = request_of("a", 4);
    struct czone_job *job = NULL;
    char path[64], text[64] = "";
    FILE *children;
    int pid = 0;

    *trouble = (struct trouble){ .block = 33, .target = CZONE_SYS_ONLINE_MOVABLE, .hangs = true };
    ck_ok(czone_zone_reserve_start(ctx, &request, &job, &failure));
    (void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    children = fopen(path, "re");
    ck_assert_ptr_nonnull(children);
    ck_assert_ptr_nonnull(fgets(text, sizeof(text), children));
    (void)fclose(children);
    pid = atoi(text);
    ck_assert_int_gt(pid, 0);
    wait_for_trouble();
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    ck_assert_int_eq(czone_job_wait(job, &failure), -ECANCELED);
    czone_job_unref(job);
    expect_nothing_left();
}
END_TEST

static unsigned count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned n = 0;

    ck_assert_ptr_nonnull(dir);
    while (readdir(dir))
        n++;
    (void)closedir(dir);
    return n;
}

START_TEST(no_descriptor_is_lost)
{
    unsigned before;

    live();
    before = count_fds();
    live();
    ck_assert_uint_eq(count_fds(), before);
    block_that_cannot_be_onlined_undoes_the_others_fn(0);
    ck_assert_uint_eq(count_fds(), before);
}
END_TEST

/* The helper keeps nothing of its parent's open, so that a peer of the parent sees it close a connection. */
START_TEST(helper_holds_no_descriptor_of_the_program)
{
    struct czone_zone_request request = request_of("a", 4);
    struct czone_job *job = NULL;
    int ends[2];
    char byte;

    ck_assert_int_eq(pipe(ends), 0);
    *trouble = (struct trouble){ .block = 33, .target = CZONE_SYS_ONLINE_MOVABLE, .hangs = true };
    ck_ok(czone_zone_reserve_start(ctx, &request, &job, &failure));
    (void)close(ends[1]);
    struct pollfd fd = { .fd = ends[0], .events = POLLIN };
    ck_assert_int_eq(poll(&fd, 1, 3000), 1);
    ck_assert_int_eq(read(ends[0], &byte, 1), 0);
    (void)close(ends[0]);
    czone_job_unref(job);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("job");

    tcase_add_checked_fixture(tests, setup_job, teardown_job);
    tcase_add_test(tests, block_that_cannot_be_onlined_undoes_the_others);
    tcase_add_test(tests, a_reserve_that_cannot_clear_the_rest_of_its_node_leaves_no_claim);
    tcase_add_test(tests, reserve_that_hangs_ends_at_its_deadline_and_is_undone);
    tcase_add_test(tests, undo_that_fails_leaves_the_zone_quarantined);
    tcase_add_test(tests, endless_reclaim_does_not_keep_the_blocks_from_going_offline);
    tcase_add_test(tests, busy_block_is_tried_again_within_the_deadline);
    tcase_add_test(tests, block_that_will_not_empty_quarantines_the_zone_and_frees_the_rest);
    tcase_add_test(tests, job_is_driven_by_its_descriptor_and_never_blocks);
    tcase_add_test(tests, reserve_of_what_is_online_already_needs_no_helper);
    tcase_add_test(tests, dropped_reserve_is_undone);
    tcase_add_test(tests, dropped_reserve_is_undone_even_if_all_was_done);
    tcase_add_test(tests, dropped_release_leaves_a_zone_that_can_be_released_again);
    tcase_add_test(tests, program_that_ignores_its_children_is_no_obstacle);
    tcase_add_test(tests, program_that_reaps_every_child_is_no_obstacle);
    tcase_add_test(tests, helper_that_somebody_killed_is_an_error_not_a_hang);
    tcase_add_test(tests, no_descriptor_is_lost);
    tcase_add_test(tests, helper_holds_no_descriptor_of_the_program);
    return backend_test_main(tests, "backend_job");
}
