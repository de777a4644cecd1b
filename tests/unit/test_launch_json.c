/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <string.h>
#include <sys/resource.h>

#include "agent/guest/launch/json.h"

static void expect_strings(const char *const *a, const char *const *b)
{
    size_t i = 0;

    ck_assert_int_eq(a == NULL, b == NULL);
    for (; a != NULL && a[i] != NULL; i++)
        ck_assert_str_eq(a[i], b[i]);
    if (a != NULL)
        ck_assert_ptr_null(b[i]);
}

static void expect_ids(const struct launch_id_map *a, const struct launch_id_map *b)
{
    ck_assert_uint_eq(a->n, b->n);
    for (size_t i = 0; i < a->n; i++) {
        ck_assert_uint_eq(a->ranges[i].inside, b->ranges[i].inside);
        ck_assert_uint_eq(a->ranges[i].outside, b->ranges[i].outside);
        ck_assert_uint_eq(a->ranges[i].count, b->ranges[i].count);
    }
}

static void expect_same_parts(const struct launch_request *a, const struct launch_request *b)
{
    ck_assert_uint_eq(a->n_groups, b->n_groups);
    for (size_t i = 0; i < a->n_groups; i++)
        ck_assert_uint_eq(a->groups[i], b->groups[i]);
    ck_assert_uint_eq(a->n_rlimits, b->n_rlimits);
    for (size_t i = 0; i < a->n_rlimits; i++) {
        ck_assert_int_eq(a->rlimits[i].resource, b->rlimits[i].resource);
        ck_assert_uint_eq(a->rlimits[i].soft, b->rlimits[i].soft);
        ck_assert_uint_eq(a->rlimits[i].hard, b->rlimits[i].hard);
    }
    ck_assert_uint_eq(a->n_mounts, b->n_mounts);
    for (size_t i = 0; i < a->n_mounts; i++) {
        ck_assert_int_eq(a->mounts[i].kind, b->mounts[i].kind);
        ck_assert_pstr_eq(a->mounts[i].source, b->mounts[i].source);
        ck_assert_pstr_eq(a->mounts[i].target, b->mounts[i].target);
        ck_assert_uint_eq(a->mounts[i].attributes, b->mounts[i].attributes);
        ck_assert_uint_eq(a->mounts[i].limit, b->mounts[i].limit);
        ck_assert_uint_eq(a->mounts[i].mode, b->mounts[i].mode);
        ck_assert_int_eq(a->mounts[i].owners, b->mounts[i].owners);
    }
    expect_ids(&a->users.uids, &b->users.uids);
    expect_ids(&a->users.gids, &b->users.gids);
    ck_assert_int_eq(a->users.owners, b->users.owners);
    ck_assert_int_eq(a->network.kind, b->network.kind);
    ck_assert_pstr_eq(a->network.bridge, b->network.bridge);
    ck_assert_pstr_eq(a->network.gateway, b->network.gateway);
    ck_assert_uint_eq(a->network.n_addresses, b->network.n_addresses);
    for (size_t i = 0; i < a->network.n_addresses; i++)
        ck_assert_str_eq(a->network.addresses[i], b->network.addresses[i]);
}

static void expect_same(const struct launch_request *a, const struct launch_request *b)
{
    expect_strings(a->args, b->args);
    expect_strings(a->env, b->env);
    expect_strings(a->layers, b->layers);
    expect_same_parts(a, b);
    ck_assert_uint_eq(a->umask, b->umask);
    ck_assert_uint_eq(a->capabilities, b->capabilities);
    ck_assert_uint_eq(a->writable_limit, b->writable_limit);
    ck_assert_pstr_eq(a->scratch, b->scratch);
    ck_assert_pstr_eq(a->scratch_name, b->scratch_name);
    ck_assert_int_eq(a->read_only, b->read_only);
    ck_assert_int_eq(a->runtime, b->runtime);
    ck_assert_pstr_eq(a->cwd, b->cwd);
    ck_assert_pstr_eq(a->user, b->user);
    ck_assert_pstr_eq(a->hostname, b->hostname);
    ck_assert_pstr_eq(a->root, b->root);
    ck_assert_uint_eq(a->tmpfs_limit, b->tmpfs_limit);
    ck_assert_int_eq(a->input, b->input);
    ck_assert_int_eq(a->tty, b->tty);
    ck_assert_uint_eq(a->columns, b->columns);
    ck_assert_uint_eq(a->rows, b->rows);
}

static void go_around(const struct launch_request *request)
{
    struct launch_json json = LAUNCH_JSON_INIT;
    struct varlink_fault fault = { 0 };
    json_t *object = launch_json_encode(request);

    ck_assert_ptr_nonnull(object);
    ck_assert_msg(launch_json_decode(&json, object, &fault) == 0, "%s %s", fault.parameter,
                  fault.reason.text);
    json_decref(object); /* it keeps its own reference */
    expect_same(request, &json.request);
    ck_assert_int_lt(json.request.cgroup_fd, 0);
    ck_assert_int_lt(json.request.target, 0);
    ck_assert_ptr_null(json.request.policy);
    launch_json_clear(&json);
}

START_TEST(a_full_request_comes_back_as_it_was)
{
    const char *const args[] = { "/probe", "", "gr\xc3\xbc\xc3\x9f", "\"quoted\"\n", NULL };
    const char *const env[] = { "A=1", "B=", NULL };
    const char *const layers[] = { "/a", "/b", NULL };
    const gid_t groups[] = { 0, 5, 4294967294 };
    const struct launch_rlimit rlimits[] = { { RLIMIT_NOFILE, 1024, RLIM_INFINITY }, { RLIMIT_CPU, 0, 1 } };
    const struct launch_extra_mount mounts[] = {
        { .kind = LAUNCH_MOUNT_BIND,
          .source = "/data",
          .target = "/d",
          .attributes = LAUNCH_BIND_ATTRIBUTES,
          .owners = LAUNCH_OWNERS_KEPT },
        { .kind = LAUNCH_MOUNT_TMPFS, .target = "/t", .limit = UINT64_MAX, .mode = 01777 },
    };
    const struct launch_id_range ranges[] = { { 0, 100000, 65536 }, { 70000, 4294967294, 1 } };
    const struct launch_request request = {
        .layers = layers,
        .groups = groups,
        .n_groups = 3,
        .rlimits = rlimits,
        .n_rlimits = 2,
        .mounts = mounts,
        .n_mounts = 2,
        .network = { .kind = LAUNCH_NETWORK_VETH,
                     .bridge = "br0",
                     .addresses = { "10.0.0.2/24", "fd00::2/64" },
                     .n_addresses = 2,
                     .gateway = "10.0.0.1" },
        .users = { .uids = { ranges, 2 }, .gids = { ranges, 1 }, .owners = LAUNCH_OWNERS_KEPT },
        .umask = 077,
        .capabilities = UINT64_C(1) << 63,
        .writable_limit = 5,
        .scratch = "/disk",
        .scratch_name = "own",
        .read_only = true,
        .runtime = true,
        .args = args,
        .env = env,
        .cwd = "/var",
        .user = "joe",
        .hostname = "box",
        .root = "/srv/root",
        .tmpfs_limit = INT64_MAX,
        .input = true,
        .tty = true,
        .columns = 65535,
        .rows = 1,
    };

    go_around(&request);
}
END_TEST

START_TEST(what_is_not_asked_for_stays_so)
{
    const char *const args[] = { "/probe", NULL };
    struct launch_request request = LAUNCH_REQUEST_INIT;

    request.args = args;
    go_around(&request);
}
END_TEST

START_TEST(a_string_that_is_not_utf8_has_no_json)
{
    const char *const args[] = { "/probe", "\xff", NULL };
    struct launch_request request = LAUNCH_REQUEST_INIT;

    request.args = args;
    ck_assert_ptr_null(launch_json_encode(&request));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch_json");
    TCase *tests = tcase_create("json");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tests, a_full_request_comes_back_as_it_was);
    tcase_add_test(tests, what_is_not_asked_for_stays_so);
    tcase_add_test(tests, a_string_that_is_not_utf8_has_no_json);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
