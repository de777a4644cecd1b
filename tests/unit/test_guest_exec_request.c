/* SPDX-License-Identifier: Apache-2.0 */
/* What an exec session has from its container, and what of its own. */
#include <stdio.h>
#include <string.h>

#include "agent/guest/container/exec_request.h"
#include "tests/unit/guest_test.h"

#define CONTAINER                                                                                            \
    "{\"args\": [\"prog\"], \"memory\": 1, \"cwd\": \"/srv\", \"user\": \"12\", \"groups\": [7], "           \
    "\"umask\": 63, "                                                                                        \
    "\"capabilities\": [\"CAP_KILL\"], \"rlimits\": [{\"name\": \"nofile\", \"soft\": 5, \"hard\": 6}]}"

static struct spawn_request container;
static struct exec_request request;
static struct launch_request launch;
static struct varlink_fault fault;

static void set_up(void)
{
    json_t *parameters = json_loads(CONTAINER, 0, NULL);

    container = (struct spawn_request)SPAWN_REQUEST_INIT;
    ck_assert_int_eq(spawn_request_decode(&container, parameters, &fault), 0);
    json_decref(parameters);
    request = (struct exec_request){ 0 };
}

static void tear_down(void)
{
    exec_request_done(&request);
    spawn_request_done(&container);
}

static void decode(const char *text)
{
    json_t *parameters = json_loads(text, 0, NULL);

    ck_assert_ptr_nonnull(parameters);
    ck_assert_int_eq(exec_request_decode(&request, parameters, &fault), 0);
    json_decref(parameters);
    exec_request_launch(&request, &launch);
    exec_request_inherit(&container, &launch);
}

/* Expects the environment, its variables with a blank between them. */
static void expect_env(const char *inherited, const char *expected)
{
    json_t *env = json_loads(inherited, 0, NULL);
    char text[256] = "";
    const char **all;

    ck_assert_int_eq(exec_request_env(&request, env, &all), 0);
    for (size_t i = 0; all[i] != NULL; i++) {
        size_t used = strlen(text);

        (void)snprintf(text + used, sizeof(text) - used, "%s%s", i > 0 ? " " : "", all[i]);
    }
    ck_assert_str_eq(text, expected);
    free(all);
    json_decref(env);
}

START_TEST(what_is_not_said_is_the_containers)
{
    decode("{\"id\": \"a\", \"args\": [\"x\"]}");
    ck_assert_str_eq(launch.cwd, "/srv");
    ck_assert_str_eq(launch.user, "12");
    ck_assert_uint_eq(launch.n_groups, 1);
    ck_assert_uint_eq(launch.groups[0], 7);
    ck_assert_str_eq(launch.args[0], "x");
}
END_TEST

START_TEST(another_user_has_not_the_groups_of_the_containers)
{
    decode("{\"id\": \"a\", \"args\": [\"x\"], \"cwd\": \"/\", \"user\": \"0\"}");
    ck_assert_str_eq(launch.cwd, "/");
    ck_assert_str_eq(launch.user, "0");
    ck_assert_uint_eq(launch.n_groups, 0);
}
END_TEST

START_TEST(groups_are_those_that_are_asked_for)
{
    decode("{\"id\": \"a\", \"args\": [\"x\"], \"user\": \"3:4\", \"groups\": [8, 9]}");
    ck_assert_str_eq(launch.user, "3:4");
    ck_assert_uint_eq(launch.n_groups, 2);
    ck_assert_uint_eq(launch.groups[1], 9);
}
END_TEST

START_TEST(groups_may_be_none_and_the_user_the_containers)
{
    decode("{\"id\": \"a\", \"args\": [\"x\"], \"groups\": []}");
    ck_assert_str_eq(launch.user, "12");
    ck_assert_uint_eq(launch.n_groups, 0);
}
END_TEST

START_TEST(no_session_has_more_than_its_container)
{
    decode("{\"id\": \"a\", \"args\": [\"x\"], \"user\": \"0\"}");
    ck_assert_uint_eq(launch.umask, 077);
    ck_assert_uint_eq(launch.capabilities, UINT64_C(1) << 5);
    ck_assert_uint_eq(launch.n_rlimits, 1);
    ck_assert_uint_eq(launch.rlimits[0].hard, 6);
}
END_TEST

START_TEST(variables_are_added_to_those_of_the_container_or_replace_them)
{
    decode("{\"id\": \"a\", \"args\": [\"x\"], \"env\": [\"B=3\", \"C=4\"]}");
    expect_env("[\"A=1\", \"B=2\", \"BB=5\"]", "A=1 BB=5 B=3 C=4");
    expect_env("[]", "B=3 C=4");
}
END_TEST

START_TEST(without_variables_of_its_own_it_has_the_containers)
{
    decode("{\"id\": \"a\", \"args\": [\"x\"]}");
    expect_env("[\"A=1\", \"B=\"]", "A=1 B=");
    expect_env("[]", "");
}
END_TEST

static const struct {
    const char *request, *fault;
} foreign[] = {
    { "\"args\": [\"x\"]", NULL },
    { "\"args\": [\"x\"], \"user\": \"12\"", NULL },
    { "\"args\": [\"x\"], \"user\": \"12:0\"", NULL },
    { "\"args\": [\"x\"], \"user\": \"joe\"", "user" },
    { "\"args\": [\"x\"], \"user\": \"joe:1\"", "user" },
    { "\"args\": [\"x\"], \"user\": \"1:joe\"", "user" },
    { "\"args\": [\"x\"], \"user\": \"12:\"", "user" },
    { "\"args\": [\"x\"], \"user\": \":1\"", "user" },
    { "\"args\": [\"x\"], \"user\": \"1:2:3\"", "user" },
    { "\"args\": [\"x\"], \"user\": \"-1\"", "user" },
    { "\"args\": [\"x\"], \"user\": \"+1\"", "user" },
    { "\"args\": [\"x\"], \"user\": \" 1\"", "user" },
    { "\"args\": [\"x\"], \"user\": \"01\"", "user" },
    { "\"args\": [\"x\"], \"user\": \"0x1\"", "user" },
    { "\"args\": [\"x\"], \"user\": \"4294967295\"", "user" },
    { "\"args\": [\"x\"], \"user\": \"4294967296\"", "user" },
    { "\"args\": [\"x\"], \"cwd\": \"tmp\"", "cwd" },
    { "\"args\": [\"x\"], \"cwd\": \"/tmp\", \"env\": [\"A=1\", \"B=\"]", NULL },
    { "\"args\": [\"x\"], \"env\": [\"A=1\", \"B\"]", "env" },
    { "\"args\": [\"x\"], \"env\": [\"=1\"]", "env" },
    { "\"args\": [\"\"]", "args" },
    { "\"args\": [\"x\"], \"groups\": [5]", "groups" },
};

START_TEST(another_runtime_is_told_nothing_that_it_could_read_otherwise)
{
    char text[256];

    (void)snprintf(text, sizeof(text), "{\"id\": \"a\", %s}", foreign[_i].request);
    decode(text);
    ck_assert_int_eq(exec_request_check(&request, OCI_RUNTIME_NATIVE, &fault), 0);
    ck_assert_int_eq(exec_request_check(&request, OCI_RUNTIME_CRUN, &fault), foreign[_i].fault ? -EINVAL : 0);
    ck_assert_str_eq(foreign[_i].fault ? fault.parameter : "", foreign[_i].fault ? foreign[_i].fault : "");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("exec_request");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, what_is_not_said_is_the_containers);
    tcase_add_test(tests, another_user_has_not_the_groups_of_the_containers);
    tcase_add_test(tests, groups_are_those_that_are_asked_for);
    tcase_add_test(tests, groups_may_be_none_and_the_user_the_containers);
    tcase_add_test(tests, no_session_has_more_than_its_container);
    tcase_add_test(tests, variables_are_added_to_those_of_the_container_or_replace_them);
    tcase_add_test(tests, without_variables_of_its_own_it_has_the_containers);
    tcase_add_loop_test(tests, another_runtime_is_told_nothing_that_it_could_read_otherwise, 0,
                        (int)ELEMENTS(foreign));
    return guest_test_main(tests, "guest_exec_request");
}
