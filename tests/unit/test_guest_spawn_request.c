/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "agent/guest/container/spawn_request.h"
#include "agent/guest/launch/launch.h"
#include "agent/guest/launch/plan.h"
#include "tests/unit/guest_test.h"

static struct spawn_request request;
static struct varlink_fault fault;

static void set_up(void)
{
    request = (struct spawn_request)SPAWN_REQUEST_INIT;
    fault = (struct varlink_fault){ 0 };
}

static void tear_down(void)
{
    spawn_request_done(&request);
}

static int decode(const char *text)
{
    json_t *parameters = json_loads(text, 0, NULL);
    int r;

    ck_assert_ptr_nonnull(parameters);
    r = spawn_request_decode(&request, parameters, &fault);
    json_decref(parameters);
    return r;
}

static struct fingerprint print_of(const char *text)
{
    struct fingerprint fingerprint = { { 0 } };

    spawn_request_done(&request);
    ck_assert_int_eq(decode(text), 0);
    ck_assert_int_eq(spawn_request_fingerprint(&request, &fingerprint), 0);
    return fingerprint;
}

static bool same(const char *a, const char *b)
{
    struct fingerprint first = print_of(a), second = print_of(b);

    return memcmp(&first, &second, sizeof(first)) == 0;
}

START_TEST(a_minimal_request_has_the_documented_defaults)
{
    struct launch_request launch;

    ck_assert_int_eq(decode("{\"args\": [\"sh\", \"-c\", \"true\"], \"memory\": 1048576}"), 0);
    ck_assert_ptr_null(request.id);
    ck_assert_str_eq(request.tier, "any");
    ck_assert_int_eq(request.choice.preference, CZONE_TIER_ANY);
    spawn_request_launch(&request, &launch);
    ck_assert_str_eq(launch.args[2], "true");
    ck_assert_ptr_null(launch.args[3]);
    ck_assert_ptr_null(launch.env);
    ck_assert_uint_eq(launch.tmpfs_limit, 524288);
    ck_assert_int_eq(launch.cgroup_fd, -EBADF);
}
END_TEST

#define PARTS(text) "{\"args\": [\"a\"], \"memory\": 1, " text "}"

/* What is wrong, and the field the error must name. */
static const struct {
    const char *text, *parameter;
} bad[] = {
    { "{}", "args" },
    { "{\"args\": [], \"memory\": 1}", "args" },
    { "{\"args\": [\"a\"]}", "memory" },
    { "{\"args\": [\"a\"], \"memory\": 0}", "memory" },
    { "{\"args\": [\"a\"], \"memory\": 1, \"runtime\": \"crun\"}", "runtime" },
    { "{\"args\": [\"a\"], \"memory\": 1, \"runtime\": \"kata\"}", "runtime" },
    { "{\"args\": [\"a\"], \"memory\": 1, \"runtime\": 1}", "runtime" },
    { "{\"args\": [\"a\"], \"memory\": -1}", "memory" },
    { "{\"args\": [\"a\"], \"memory\": 1.5}", "memory" },
    { "{\"args\": [\"a\"], \"memory\": \"1\"}", "memory" },
    { "{\"args\": [\"a\"], \"memory\": 1, \"groups\": [-1]}", "groups[0]" },
    { "{\"args\": [\"a\"], \"memory\": 1, \"groups\": [4294967295]}", "groups[0]" },
    { "{\"args\": [\"a\"], \"memory\": 1, \"umask\": 512}", "umask" },
    { "{\"args\": [\"a\"], \"memory\": 1, \"read_only\": 1}", "read_only" },
    { "{\"args\": [\"a\"], \"memory\": 1, \"id\": \"\"}", "id" },
    { "{\"args\": [\"a\"], \"memory\": 1, \"id\": \"a/b\"}", "id" },
    { "{\"args\": [\"a\"], \"memory\": 1, \"id\": \"..\"}", "id" },
    { "{\"args\": [\"a\"], \"memory\": 1, \"id\": \"a b\"}", "id" },
    { "{\"args\": [\"a\"], \"memory\": 1, \"id\": \"-a\"}", "id" },
    { "{\"args\": [\"a\"], \"memory\": 1, \"id\": "
      "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}",
      "id" },
    { "{\"args\": [\"a\"], \"memory\": 1, \"pids\": 0}", "pids" },
    { "{\"args\": [\"a\"], \"memory\": 1, \"pids\": 99999999}", "pids" },
    { "{\"args\": [\"a\"], \"memory\": 1, \"env\": [1]}", "env[0]" },
    { PARTS("\"layers\": [\"/a\", 1]"), "layers[1]" },
    { PARTS("\"layers\": \"/a\""), "layers" },
    { PARTS("\"layers\": [\"\"]"), "layers[0]" },
    { PARTS("\"writable\": 0"), "writable" },
    { PARTS("\"scratch\": \"\""), "scratch" },
    { PARTS("\"mounts\": [1]"), "mounts[0]" },
    { PARTS("\"mounts\": [{\"target\": \"/t\"}]"), "mounts[0].type" },
    { PARTS("\"mounts\": [{\"type\": \"nfs\", \"target\": \"/t\"}]"), "mounts[0].type" },
    { PARTS("\"mounts\": [{\"type\": \"tmpfs\"}]"), "mounts[0].target" },
    { PARTS("\"mounts\": [{\"type\": \"tmpfs\", \"target\": \"/t\", \"size\": -1}]"), "mounts[0].size" },
    { PARTS("\"mounts\": [{\"type\": \"tmpfs\", \"target\": \"/t\", \"mode\": 4096}]"), "mounts[0].mode" },
    { PARTS("\"mounts\": [{\"type\": \"tmpfs\", \"target\": \"/t\", \"uid\": 1}]"), "mounts[0].uid" },
    { PARTS("\"mounts\": [{\"type\": \"tmpfs\", \"target\": \"/t\", \"source\": \"/s\"}]"), "mounts" },
    { PARTS("\"mounts\": [{\"type\": \"bind\", \"target\": \"/t\"}]"), "mounts" },
    { PARTS("\"mounts\": [{\"type\": \"bind\", \"target\": \"/t\", \"source\": \"/s\", \"size\": 1}]"),
      "mounts" },
    { PARTS("\"network\": \"none\""), "network" },
    { PARTS("\"network\": {}"), "network.mode" },
    { PARTS("\"network\": {\"mode\": \"bridge\"}"), "network.mode" },
    { PARTS("\"network\": {\"mode\": \"veth\", \"addresses\": [7]}"), "network.addresses[0]" },
    { PARTS("\"network\": {\"mode\": \"veth\", \"bridge\": \"sixteen-letters-\"}"), "network.bridge" },
    { PARTS("\"userns\": \"auto\""), "userns" },
    { PARTS("\"userns\": {}"), "userns.mode" },
    { PARTS("\"userns\": {\"mode\": \"keep-id\"}"), "userns.mode" },
    { PARTS("\"userns\": {\"mode\": \"auto\", \"owners\": \"mine\"}"), "userns.owners" },
    { PARTS("\"userns\": {\"mode\": \"map\"}"), "userns" },
    { PARTS("\"userns\": {\"mode\": \"map\", \"uids\": [1]}"), "userns.uids[0]" },
    { PARTS("\"userns\": {\"mode\": \"map\", \"uids\": [{\"inside\": 0, \"outside\": 1}]}"),
      "userns.uids[0].count" },
    { PARTS("\"userns\": {\"mode\": \"map\", \"gids\": [{\"inside\": 0, \"outside\": -1, \"count\": 1}]}"),
      "userns.gids[0].outside" },
    { PARTS("\"userns\": {\"mode\": \"auto\", \"uids\": [{\"inside\": 0, \"outside\": 1, \"count\": 1}]}"),
      "userns" },
    { PARTS("\"mounts\": [{\"type\": \"tmpfs\", \"target\": \"/t\", \"owners\": \"mine\"}]"),
      "mounts[0].owners" },
    { PARTS("\"rlimits\": [{\"soft\": 1}]"), "rlimits[0].name" },
    { PARTS("\"rlimits\": [{\"name\": \"nofile\", \"soft\": -1}]"), "rlimits[0].soft" },
    { PARTS("\"rlimits\": [{\"name\": \"RLIMIT_NOFILE\", \"soft\": 1}]"), "rlimits" },
    { "{\"args\": [\"a\"], \"memory\": 1, \"color\": \"red\"}", "color" },
};

START_TEST(a_bad_field_is_named)
{
    ck_assert_int_eq(decode(bad[_i].text), -EINVAL);
    ck_assert_str_eq(fault.parameter, bad[_i].parameter);
    ck_assert_str_ne(fault.reason.text, "");
}
END_TEST

START_TEST(arguments_that_a_reply_could_not_repeat_are_refused)
{
    json_t *parameters;
    char long_one[50001];

    /* Two bytes each as they come, six as they are repeated: too long together, not alone. */
    for (size_t i = 0; i < 50000; i += 2)
        memcpy(long_one + i, "\xc3\xa9", 2);
    long_one[50000] = '\0';
    parameters = json_pack("{s:[s, s], s:i}", "args", long_one, long_one, "memory", 1);
    ck_assert_int_eq(spawn_request_decode(&request, parameters, &fault), -EINVAL);
    ck_assert_str_eq(fault.parameter, "args");
    json_decref(parameters);
    spawn_request_done(&request);
    parameters = json_pack("{s:[s], s:i}", "args", long_one, "memory", 1);
    ck_assert_int_eq(spawn_request_decode(&request, parameters, &fault), 0);
    json_decref(parameters);
}
END_TEST

START_TEST(who_a_container_is_reaches_the_launcher)
{
    struct launch_request launch;

    ck_assert_int_eq(decode("{\"args\": [\"a\"], \"memory\": 1}"), 0);
    spawn_request_launch(&request, &launch);
    ck_assert_uint_eq(launch.capabilities, UINT64_MAX);
    ck_assert_uint_eq(launch.umask, 022);
    ck_assert(!launch.read_only);
    ck_assert_uint_eq(launch.n_groups, 0);
    spawn_request_done(&request);
    ck_assert_int_eq(
        decode("{\"args\": [\"a\"], \"memory\": 1, \"capabilities\": [\"CAP_KILL\"], \"umask\": 63,"
               " \"groups\": [5, 4294967294], \"read_only\": true}"),
        0);
    spawn_request_launch(&request, &launch);
    ck_assert_uint_eq(launch.capabilities, 1 << 5);
    ck_assert_uint_eq(launch.umask, 077);
    ck_assert(launch.read_only);
    ck_assert_uint_eq(launch.n_groups, 2);
    ck_assert_uint_eq(launch.groups[1], 4294967294);
}
END_TEST

START_TEST(a_tier_that_is_none_is_told_apart_from_a_bad_field)
{
    ck_assert_int_eq(decode("{\"args\": [\"a\"], \"memory\": 1, \"tier\": \"turbo\"}"), -EDOM);
}
END_TEST

START_TEST(a_fingerprint_ignores_the_order_the_key_and_nulls)
{
    ck_assert(same("{\"args\": [\"a\"], \"memory\": 1, \"key\": \"x\"}",
                   "{\"key\": \"y\", \"memory\": 1, \"cwd\": null, \"args\": [\"a\"]}"));
}
END_TEST

START_TEST(a_fingerprint_tells_requests_apart)
{
    ck_assert(!same("{\"args\": [\"a\"], \"memory\": 1}", "{\"args\": [\"a\"], \"memory\": 2}"));
    ck_assert(!same("{\"args\": [\"a\", \"b\"], \"memory\": 1}", "{\"args\": [\"ab\"], \"memory\": 1}"));
    ck_assert(
        !same("{\"args\": [\"a\"], \"memory\": 1}", "{\"args\": [\"a\"], \"memory\": 1, \"user\": \"0\"}"));
}
END_TEST

START_TEST(the_environment_can_be_dropped_and_the_rest_stays)
{
    struct launch_request launch;

    ck_assert_int_eq(decode("{\"args\": [\"a\"], \"memory\": 1, \"env\": [\"A=b\"]}"), 0);
    ck_assert_str_eq(request.envp[0], "A=b");
    spawn_request_drop_env(&request);
    spawn_request_launch(&request, &launch);
    ck_assert_ptr_null(launch.env);
    ck_assert_str_eq(launch.args[0], "a");
}
END_TEST

START_TEST(users_reach_the_launcher)
{
    struct launch_request launch;

    ck_assert_int_eq(
        decode(
            PARTS("\"userns\": {\"mode\": \"map\", \"owners\": \"kept\","
                  " \"uids\": [{\"inside\": 0, \"outside\": 1000, \"count\": 10},"
                  " {\"inside\": 10, \"outside\": 0, \"count\": 1}],"
                  " \"gids\": [{\"inside\": 0, \"outside\": 4294967294, \"count\": 1}]},"
                  "\"mounts\": [{\"type\": \"bind\", \"source\": \"/s\", \"target\": \"/t\"},"
                  "{\"type\": \"bind\", \"source\": \"/s\", \"target\": \"/u\", \"owners\": \"shifted\"}]")),
        0);
    spawn_request_launch(&request, &launch);
    ck_assert_uint_eq(launch.users.uids.n, 2);
    ck_assert_uint_eq(launch.users.uids.ranges[0].outside, 1000);
    ck_assert_uint_eq(launch.users.uids.ranges[1].inside, 10);
    ck_assert_uint_eq(launch.users.gids.n, 1);
    ck_assert_uint_eq(launch.users.gids.ranges[0].outside, 4294967294);
    ck_assert_int_eq(launch.users.owners, LAUNCH_OWNERS_KEPT);
    ck_assert_int_eq(launch.mounts[0].owners, LAUNCH_OWNERS_KEPT);
    ck_assert_int_eq(launch.mounts[1].owners, LAUNCH_OWNERS_SHIFTED);
}
END_TEST

START_TEST(users_that_were_not_found_yet_are_not_the_guests)
{
    struct launch_plan plan = LAUNCH_PLAN_INIT;
    struct launch_failure failure = { 0 };
    struct launch_request launch;

    ck_assert_int_eq(decode(PARTS("\"userns\": {\"mode\": \"auto\"}")), 0);
    spawn_request_launch(&request, &launch);
    ck_assert_int_eq(launch_check(&launch, &plan, &failure), -EINVAL);
    launch_plan_clear(&plan);
    ck_assert_str_eq(failure.parameter, "userns");
    launch_parts_place(&request.parts, 100000);
    spawn_request_launch(&request, &launch);
    ck_assert_uint_eq(launch.users.uids.ranges[0].outside, 100000);
    ck_assert_uint_eq(launch.users.gids.ranges[0].count, 65536);
    ck_assert_int_eq(launch.users.owners, LAUNCH_OWNERS_SHIFTED);
}
END_TEST

START_TEST(layers_mounts_and_limits_reach_the_launcher)
{
    struct launch_request launch;

    ck_assert_int_eq(
        decode(PARTS(
            "\"layers\": [\"/low\", \"/high\"], \"writable\": 77, \"scratch\": \"/disk\", \"mounts\": ["
            "{\"type\": \"bind\", \"source\": \"/s\", \"target\": \"/t\"},"
            "{\"type\": \"bind\", \"source\": \"/s\", \"target\": \"/u\", \"read_only\": false,"
            " \"exec\": false},"
            "{\"type\": \"tmpfs\", \"target\": \"/v\"},"
            "{\"type\": \"tmpfs\", \"target\": \"/w\", \"read_only\": true, \"size\": 9, \"mode\": 448}],"
            "\"network\": {\"mode\": \"veth\", \"bridge\": \"br0\", \"addresses\": [\"10.0.0.2/24\"]},"
            "\"rlimits\": [{\"name\": \"nofile\", \"soft\": 5, \"hard\": 6}, {\"name\": \"core\"}]")),
        0);
    spawn_request_launch(&request, &launch);
    ck_assert_str_eq(launch.layers[1], "/high");
    ck_assert_ptr_null(launch.layers[2]);
    ck_assert_uint_eq(launch.writable_limit, 77);
    ck_assert_str_eq(launch.scratch, "/disk");
    ck_assert_ptr_null(launch.scratch_name);
    ck_assert_uint_eq(launch.n_mounts, 4);
    ck_assert_int_eq(launch.mounts[0].kind, LAUNCH_MOUNT_BIND);
    ck_assert_str_eq(launch.mounts[0].source, "/s");
    ck_assert_uint_eq(launch.mounts[0].attributes, LAUNCH_BIND_ATTRIBUTES);
    ck_assert_uint_eq(launch.mounts[1].attributes, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    ck_assert_int_eq(launch.mounts[2].kind, LAUNCH_MOUNT_TMPFS);
    ck_assert_uint_eq(launch.mounts[2].attributes, LAUNCH_TMPFS_ATTRIBUTES);
    ck_assert_uint_eq(launch.mounts[2].mode, 01777);
    ck_assert_uint_eq(launch.mounts[3].limit, 9);
    ck_assert_uint_eq(launch.mounts[3].mode, 0700);
    ck_assert_uint_eq(launch.mounts[3].attributes, LAUNCH_TMPFS_ATTRIBUTES | MOUNT_ATTR_RDONLY);
    ck_assert_int_eq(launch.network.kind, LAUNCH_NETWORK_VETH);
    ck_assert_uint_eq(launch.network.n_addresses, 1);
    ck_assert_str_eq(launch.network.addresses[0], "10.0.0.2/24");
    ck_assert_uint_eq(launch.n_rlimits, 2);
    ck_assert_int_eq(launch.rlimits[0].resource, RLIMIT_NOFILE);
    ck_assert_uint_eq(launch.rlimits[0].hard, 6);
    ck_assert_uint_eq(launch.rlimits[1].soft, RLIM_INFINITY);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("spawn_request");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_minimal_request_has_the_documented_defaults);
    tcase_add_loop_test(tests, a_bad_field_is_named, 0, (int)(sizeof(bad) / sizeof(*bad)));
    tcase_add_test(tests, who_a_container_is_reaches_the_launcher);
    tcase_add_test(tests, a_tier_that_is_none_is_told_apart_from_a_bad_field);
    tcase_add_test(tests, a_fingerprint_ignores_the_order_the_key_and_nulls);
    tcase_add_test(tests, a_fingerprint_tells_requests_apart);
    tcase_add_test(tests, the_environment_can_be_dropped_and_the_rest_stays);
    tcase_add_test(tests, users_reach_the_launcher);
    tcase_add_test(tests, users_that_were_not_found_yet_are_not_the_guests);
    tcase_add_test(tests, layers_mounts_and_limits_reach_the_launcher);
    tcase_add_test(tests, arguments_that_a_reply_could_not_repeat_are_refused);
    return guest_test_main(tests, "guest_spawn_request");
}
