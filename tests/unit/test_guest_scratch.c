/* SPDX-License-Identifier: Apache-2.0 */
/* Directories on a scratch disk are gone before their container is settled, whatever happens to czoned in
 * between. What runs in them is tested in tests/vm. */
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/guest/container/container.h"
#include "agent/guest/run_dir.h"
#include "tests/unit/guest_host.h"

#define NUMBER     "0123456789abcdef"
#define THIS_BOOT  "czone.00000000-0000-4000-8000-000000000000."
#define OTHER_BOOT "czone.11111111-0000-4000-8000-000000000000."
#define NO_BOOT    "czone.zzzzzzzz-0000-4000-8000-000000000000."

static char place[80];

static const char *path_of(const char *name)
{
    static char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s", place, name);
    return path;
}

static void make(const char *name)
{
    ck_assert_int_eq(mkdir(path_of(name), 0700), 0);
}

static bool exists(const char *name)
{
    return access(path_of(name), F_OK) == 0;
}

static void set_up_scratch(void)
{
    set_up();
    (void)snprintf(place, sizeof(place), "%s/scratch", machine.root);
    make("");
    attach(host, "0");
}

static void restart(void)
{
    varlink_client_free(host);
    varlink_client_free(caller);
    varlink_client_free(reporter);
    machine_restart(&machine);
    host = machine_client(&machine);
    caller = machine_client(&machine);
    reporter = machine_client(&machine);
}

/* As if it had been started. */
static struct container *spawn_noted(void)
{
    struct container *container;

    spawn(SPAWN, "wanted");
    container = TAILQ_FIRST(&machine.manager->containers);
    make(THIS_BOOT NUMBER);
    make(THIS_BOOT NUMBER "/u");
    make(THIS_BOOT NUMBER "/w");
    make(THIS_BOOT NUMBER "/u/etc");
    ck_assert_int_eq(symlinkat(path_of(THIS_BOOT NUMBER), container->dir_fd, "scratch"), 0);
    return container;
}

static void refuse_plug(void)
{
    ck_assert_str_eq(report(expect_signal(host, "plug"), "\"ok\": false, \"reason\": \"limit\""), "");
}

static void run_until_gone(const char *name)
{
    for (int i = 0; i < 500 && exists(name); i++)
        machine_run(&machine, 10);
    ck_assert(!exists(name));
}

static void run_until_settled(const struct container *container)
{
    ck_assert(!container->settled);
    for (int i = 0; i < 500 && !container->settled; i++)
        machine_run(&machine, 10);
    ck_assert(container->settled);
}

static void write_state(struct container *container, const char *name, const char *value)
{
    json_t *state = NULL;

    ck_assert_int_eq(run_dir_read(container->dir_fd, "state.json", &state), 0);
    ck_assert_int_eq(json_object_set_new(state, name, json_string(value)), 0);
    ck_assert_int_eq(run_dir_write(container->dir_fd, "state.json", state), 0);
    json_decref(state);
}

START_TEST(a_container_is_settled_when_its_directory_is_gone)
{
    struct container *container = spawn_noted();

    refuse_plug();
    expect_failed("io.czone.Container.HostRefused");
    run_until_settled(container);
    ck_assert(!exists(THIS_BOOT NUMBER));
    ck_assert(exists(""));
}
END_TEST

START_TEST(what_an_earlier_czoned_did_not_finish_is_finished)
{
    write_state(spawn_noted(), "state", "failed");
    restart();
    ck_assert(exists(THIS_BOOT NUMBER));
    ck_assert(!TAILQ_FIRST(&machine.manager->containers)->settled);
    run_until_gone(THIS_BOOT NUMBER);
    expect_failed("io.czone.Container.System");
}
END_TEST

START_TEST(the_directory_of_a_container_whose_state_is_damaged_is_removed)
{
    write_state(spawn_noted(), "state", "asleep");
    restart();
    ck_assert_uint_eq(machine.manager->n_containers, 0);
    run_until_gone(THIS_BOOT NUMBER);
}
END_TEST

START_TEST(what_cannot_be_removed_keeps_no_container)
{
    struct container *container = spawn_noted();

    ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
    ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    ck_assert_int_eq(mount("tmpfs", path_of(THIS_BOOT NUMBER "/u/etc"), "tmpfs", 0, NULL), 0);
    refuse_plug();
    run_until_settled(container);
    ck_assert(exists(THIS_BOOT NUMBER "/u/etc"));
    ck_assert(!exists(THIS_BOOT NUMBER "/w"));
    ck_assert_int_eq(umount2(path_of(THIS_BOOT NUMBER "/u/etc"), 0), 0);
}
END_TEST

/* Only of other boots is it known that nobody has them any more. */
START_TEST(what_is_left_from_before_this_boot_is_removed_and_nothing_else)
{
    static const char *const stay[] = {
        THIS_BOOT NUMBER,           "czone",        OTHER_BOOT "short", OTHER_BOOT NUMBER "longer",
        OTHER_BOOT "NO" NUMBER "x", NO_BOOT NUMBER,
    };
    struct refusal refusal = REFUSAL_INIT;
    struct container *container;
    struct launch_parts parts = { .scratch = place };
    char first[sizeof(parts.scratch_name)];

    spawn(SPAWN, "wanted");
    container = TAILQ_FIRST(&machine.manager->containers);
    for (size_t i = 0; i < ELEMENTS(stay); i++)
        make(stay[i]);
    make(OTHER_BOOT NUMBER);
    make(OTHER_BOOT NUMBER "/u");
    ck_assert_int_eq(scratch_note(&container->scratch, container->dir_fd, &parts, &refusal), 0);
    ck_assert_int_eq(strncmp(parts.scratch_name, THIS_BOOT, strlen(THIS_BOOT)), 0);
    ck_assert_uint_eq(strlen(parts.scratch_name), strlen(THIS_BOOT NUMBER));
    run_until_gone(OTHER_BOOT NUMBER);
    for (size_t i = 0; i < ELEMENTS(stay); i++)
        ck_assert_msg(exists(stay[i]), "%s", stay[i]);
    /* A start that is begun again. */
    memcpy(first, parts.scratch_name, sizeof(first));
    ck_assert_int_eq(scratch_note(&container->scratch, container->dir_fd, &parts, &refusal), 0);
    ck_assert_str_eq(parts.scratch_name, first);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("scratch");

    tcase_add_checked_fixture(tests, set_up_scratch, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_container_is_settled_when_its_directory_is_gone);
    tcase_add_test(tests, what_an_earlier_czoned_did_not_finish_is_finished);
    tcase_add_test(tests, the_directory_of_a_container_whose_state_is_damaged_is_removed);
    tcase_add_test(tests, what_cannot_be_removed_keeps_no_container);
    tcase_add_test(tests, what_is_left_from_before_this_boot_is_removed_and_nothing_else);
    return guest_test_main(tests, "guest_scratch");
}
