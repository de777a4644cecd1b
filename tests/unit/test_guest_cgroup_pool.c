/* SPDX-License-Identifier: Apache-2.0 */
/* Cgroups made ahead of need, on a hierarchy made of files. */
#include "agent/guest/container/cgroup_pool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/guest_machine.h"
#include "tests/unit/guest_test.h"

static struct machine machine;
static struct cgroup_pool pool;
static struct czone_cgroup *cgroup;
static struct czone_failure failure;
static int n_killed;

/* What the kernel puts into a new cgroup. */
static const struct {
    const char *name, *text;
} attributes[] = { { "memory.oom.group", "0\n" },
                   { "pids.max", "max\n" },
                   { "cpuset.mems", "\n" },
                   { "cgroup.events", "populated 0\n" } };

static void put(int dir_fd, const char *name, const char *text)
{
    int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_gt(dprintf(fd, "%s", text), 0);
    (void)close(fd);
}

static void put_at(const char *dir, const char *name, const char *text)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    put(fd, name, text);
    (void)close(fd);
}

static int create(struct czone_sys *sys, const char *name, char *path, size_t size)
{
    int fd = czone_backend_linux()->cgroup_create(sys, name, path, size);

    for (size_t i = 0; fd >= 0 && i < sizeof(attributes) / sizeof(attributes[0]); i++)
        put(fd, attributes[i].name, attributes[i].text);
    return fd;
}

static int remove_with_files(struct czone_sys *sys, const char *path)
{
    int fd = czone_backend_linux()->cgroup_open(sys, path);

    for (size_t i = 0; fd >= 0 && i < sizeof(attributes) / sizeof(attributes[0]); i++)
        (void)unlinkat(fd, attributes[i].name, 0);
    if (fd >= 0)
        (void)close(fd);
    return czone_backend_linux()->cgroup_remove(sys, path);
}

/* What cgroup.kill does. */
static int write_as_kernel(struct czone_sys *sys, int cgroup_fd, const char *attribute, const char *value)
{
    if (strcmp(attribute, "cgroup.kill") != 0)
        return czone_backend_linux()->cgroup_write(sys, cgroup_fd, attribute, value);
    put(cgroup_fd, "cgroup.events", "populated 0\n");
    n_killed++;
    return 0;
}

static int keep(struct czone_sys *sys, const char *path)
{
    (void)sys;
    (void)path;
    return 0;
}

static void open_pool(uint64_t first)
{
    ck_assert_int_eq(cgroup_pool_open(&pool, machine.manager->ctx, "czone", NULL, machine.manager->base,
                                      &machine.manager->turns, first),
                     0);
    machine_run(&machine, 20);
}

static void set_up(void)
{
    machine_set_up(&machine, 3);
    machine.backend.cgroup_create = create;
    machine.backend.cgroup_remove = remove_with_files;
    machine.backend.cgroup_write = write_as_kernel;
    pool = (struct cgroup_pool){ 0 };
    cgroup = NULL;
}

static void tear_down(void)
{
    czone_cgroup_unref(cgroup);
    cgroup_pool_close(&pool);
    machine_tear_down(&machine);
}

static bool exists(const char *name)
{
    char path[160];

    (void)snprintf(path, sizeof(path), "%s/cgroup/czone/%s", machine.root, name);
    return access(path, F_OK) == 0;
}

static void take(const char *name)
{
    struct cgroup_pool_entry entry;

    ck_assert_msg(cgroup_pool_take(&pool, machine.manager->ctx, name, &entry, &failure) == 0, "%s",
                  failure.message);
    ck_assert_int_lt(entry.standby.keeper, 0);
    cgroup = entry.cgroup;
}

static void expect(const char *attribute, const char *value)
{
    char text[32];

    ck_assert_int_eq(czone_cgroup_read(cgroup, attribute, text, sizeof(text)), 0);
    ck_assert_str_eq(text, value);
}

START_TEST(those_that_wait_are_complete_and_no_process_can_be_born_in_them)
{
    open_pool(1);
    ck_assert(exists("pool-1") && exists("pool-2") && !exists("pool-3"));
    take("web");
    ck_assert_str_eq(czone_cgroup_path(cgroup), "czone/pool-2");
    expect("memory.oom.group", "1");
    expect("pids.max", "0");
    expect("cpuset.mems", "0");
}
END_TEST

START_TEST(one_that_is_needed_when_none_waits_is_made_at_once)
{
    open_pool(1);
    for (size_t i = 0; i < POOL_SIZE_MIN; i++) {
        take("web");
        cgroup = czone_cgroup_unref(cgroup);
    }
    take("web");
    ck_assert_str_eq(czone_cgroup_path(cgroup), "czone/web");
    expect("memory.oom.group", "1");
}
END_TEST

START_TEST(without_the_pool_each_is_made_when_it_is_needed)
{
    open_pool(0);
    ck_assert(!exists("pool-1"));
    take("web");
    ck_assert_str_eq(czone_cgroup_path(cgroup), "czone/web");
    expect("memory.oom.group", "1");
}
END_TEST

START_TEST(a_container_may_be_called_as_those_that_wait)
{
    open_pool(1);
    for (size_t i = 0; i < POOL_SIZE_MIN; i++) {
        take("web");
        cgroup = czone_cgroup_unref(cgroup);
    }
    take("pool-1"); /* which runs somebody else by now */
    ck_assert_str_eq(czone_cgroup_path(cgroup), "czone/pool-3");
}
END_TEST

static void set_state(uint64_t block, const char *state)
{
    char path[160];

    (void)snprintf(path, sizeof(path), "%s/sys/devices/system/memory/memory%" PRIu64, machine.root, block);
    put_at(path, "state", state);
    put_at(path, "valid_zones", "Movable\n");
    ck_assert_int_eq(czone_ctx_refresh(machine.manager->ctx, NULL), 0);
}

static void plug_online(int node, uint64_t block)
{
    machine_plug(&machine, node, block);
    set_state(block, "online\n");
}

START_TEST(one_that_may_use_a_free_node_already_is_taken_for_a_zone_of_that_size)
{
    struct cgroup_pool_entry entry;
    struct czone_range place;

    plug_online(1, 32);
    plug_online(2, 34);
    plug_online(2, 35);
    open_pool(1);
    ck_assert(!cgroup_pool_prefer(&pool, BLOCK, -1, &place));
    pool.idle[0].node.n = 1;
    pool.idle[0].place = (struct czone_range){ 32 * BLOCK, BLOCK };
    pool.idle[1].node.n = 2;
    pool.idle[1].place = (struct czone_range){ 34 * BLOCK, 2 * BLOCK };
    ck_assert(!cgroup_pool_prefer(&pool, 3 * BLOCK, -1, &place));
    ck_assert(!cgroup_pool_prefer(&pool, BLOCK, 4, &place));
    ck_assert(cgroup_pool_prefer(&pool, BLOCK, -1, &place));
    ck_assert_uint_eq(place.start, 32 * BLOCK);
    ck_assert_int_eq(cgroup_pool_take(&pool, machine.manager->ctx, "web", &entry, &failure), 0);
    cgroup = entry.cgroup;
    ck_assert_int_eq(entry.node.n, 1);
    set_state(35, "offline\n");
    ck_assert(!cgroup_pool_prefer(&pool, 2 * BLOCK, -1, &place));
}
END_TEST

START_TEST(its_end_removes_those_that_wait)
{
    open_pool(1);
    take("web");
    cgroup_pool_close(&pool);
    ck_assert(!exists("pool-1") && exists("pool-2"));
}
END_TEST

/* Its limit is what tells a cgroup that waits from one that some czoned has given to a container. */
static const struct {
    const char *pids;
    bool cleared;
} left[] = { { "1\n", true }, { "1024\n", false } };

START_TEST(what_an_earlier_czoned_left_is_cleared_away_with_what_stands_by_there_but_no_container)
{
    open_pool(1);
    take("web");
    put(czone_cgroup_fd(cgroup), "cgroup.events", "populated 1\n");
    put(czone_cgroup_fd(cgroup), "pids.max", left[_i].pids);
    machine.backend.cgroup_remove = keep; /* as if it had crashed */
    cgroup_pool_close(&pool);
    ck_assert(exists("pool-1") && exists("pool-2"));
    machine.backend.cgroup_remove = remove_with_files;
    open_pool(0);
    ck_assert(!exists("pool-1"));
    ck_assert_int_eq(exists("pool-2"), !left[_i].cleared);
    ck_assert_int_eq(n_killed, left[_i].cleared);
}
END_TEST

START_TEST(what_cannot_be_written_is_told_and_leaves_nothing)
{
    static const char *const broken = "web";
    struct cgroup_pool_entry entry;

    machine.backend.cgroup_create = czone_backend_linux()->cgroup_create; /* without memory.oom.group */
    open_pool(0);
    ck_assert_int_eq(cgroup_pool_take(&pool, machine.manager->ctx, broken, &entry, &failure), -ENOENT);
    ck_assert_str_eq(failure.message,
                     "cannot write memory.oom.group of cgroup czone/web: No such file or directory");
    ck_assert(!exists(broken));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("cgroup_pool");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, those_that_wait_are_complete_and_no_process_can_be_born_in_them);
    tcase_add_test(tests, one_that_is_needed_when_none_waits_is_made_at_once);
    tcase_add_test(tests, without_the_pool_each_is_made_when_it_is_needed);
    tcase_add_test(tests, a_container_may_be_called_as_those_that_wait);
    tcase_add_test(tests, one_that_may_use_a_free_node_already_is_taken_for_a_zone_of_that_size);
    tcase_add_test(tests, its_end_removes_those_that_wait);
    tcase_add_loop_test(
        tests, what_an_earlier_czoned_left_is_cleared_away_with_what_stands_by_there_but_no_container, 0,
        sizeof(left) / sizeof(left[0]));
    tcase_add_test(tests, what_cannot_be_written_is_told_and_leaves_nothing);
    return guest_test_main(tests, "guest_cgroup_pool");
}
