/* SPDX-License-Identifier: Apache-2.0 */

/* What options of `czonectl run` with a notation of their own become on the wire. */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_peer.h"

#define SPAWN "io.czone.Container.Spawn"

static struct peer peer;

/* What was sent is all that matters. */
static void refuse(struct peer *me, struct varlink_connection *connection, const struct varlink_call *call)
{
    (void)me;
    (void)call;
    peer_error(connection, "io.czone.Container.TooMany", "{'message':'no more'}");
}

static void set_up(void)
{
    peer_open(&peer, refuse);
}

static void tear_down(void)
{
    peer_close(&peer);
}

static json_t *sent(const char *name)
{
    return json_object_get(peer_last(&peer, SPAWN), name);
}

static void complains(int status, const char *words)
{
    ck_assert_msg(strstr(peer.err, words) != NULL, "'%s' is not in '%s'", words, peer.err);
    ck_assert_int_eq(peer.status, status);
}

START_TEST(layers_mounts_and_limits_reach_the_guest)
{
    json_t *expected = json_loads(
        "[{\"type\": \"bind\", \"source\": \"/s\", \"target\": \"/t\"},"
        " {\"type\": \"tmpfs\", \"target\": \"/w\", \"size\": 65536, \"mode\": 448, \"read_only\": true},"
        " {\"type\": \"bind\", \"source\": \"/s\", \"target\": \"/w/in\", \"read_only\": false, \"exec\": "
        "false}]",
        0, NULL);
    json_t *limits = json_loads("[{\"name\": \"nofile\", \"soft\": 10, \"hard\": 20},"
                                " {\"name\": \"core\"}, {\"name\": \"nproc\", \"soft\": 5, \"hard\": 5}]",
                                0, NULL);

    ck_assert(expected != NULL && limits != NULL);
    peer_run(&peer, "run", "--layer", "/low", "--layer", "/high", "--writable", "1M", "--scratch", "/disk",
             "--mount", "/s:/w/in:rw,noexec", "--mount", "/s:/t", "--tmpfs", "/w:size=64K,mode=700,ro",
             "--ulimit", "nofile=10:20", "--ulimit", "core=unlimited", "--ulimit", "nproc=5", "prog", NULL);
    ck_assert_str_eq(json_string_value(json_array_get(sent("layers"), 1)), "/high");
    ck_assert_int_eq(json_integer_value(sent("writable")), 1 << 20);
    ck_assert_str_eq(json_string_value(sent("scratch")), "/disk");
    ck_assert(json_equal(sent("mounts"), expected));
    ck_assert(json_equal(sent("rlimits"), limits));
    json_decref(expected);
    json_decref(limits);
}
END_TEST

/* Options, and what of Spawn they become. */
static const struct {
    const char *text, *expected;
} users[] = {
    { "auto", "{\"mode\": \"auto\"}" },
    { "host", "{\"mode\": \"host\"}" },
    { "auto,owners=kept", "{\"mode\": \"auto\", \"owners\": \"kept\"}" },
    { "uids=0:100000:65536",
      "{\"mode\": \"map\", \"uids\": [{\"inside\": 0, \"outside\": 100000, \"count\": 65536}],"
      " \"gids\": [{\"inside\": 0, \"outside\": 100000, \"count\": 65536}]}" },
    { "uids=0:7:1,uids=1:9:2,gids=0:5:1,owners=shifted",
      "{\"mode\": \"map\", \"owners\": \"shifted\", \"uids\": [{\"inside\": 0, \"outside\": 7, \"count\": 1},"
      " {\"inside\": 1, \"outside\": 9, \"count\": 2}],"
      " \"gids\": [{\"inside\": 0, \"outside\": 5, \"count\": 1}]}" },
};

START_TEST(users_reach_the_guest)
{
    json_t *expected = json_loads(users[_i].expected, 0, NULL);

    ck_assert_ptr_nonnull(expected);
    peer_run(&peer, "run", "--userns", users[_i].text, "prog", NULL);
    ck_assert(json_equal(sent("userns"), expected));
    json_decref(expected);
}
END_TEST

static const char *const bad_users[] = {
    "",         "keep-id",      "auto,host",  "auto,uids=0:1:1", "gids=0:1:1", "owners=kept",
    "uids=0:1", "uids=0:1:1:1", "uids=a:1:1", "uids=-1:1:1",
};

START_TEST(users_that_make_no_sense_are_refused_here)
{
    peer_run(&peer, "run", "--userns", bad_users[_i], "prog", NULL);
    complains(122, "--userns takes");
    ck_assert_ptr_null(peer_last(&peer, SPAWN));
}
END_TEST

START_TEST(a_network_reaches_the_guest)
{
    json_t *expected = json_loads(
        "{\"mode\": \"veth\", \"bridge\": \"br0\", \"addresses\": [\"10.0.0.2/24\", \"fd00::2/64\"],"
        " \"gateway\": \"10.0.0.1\"}",
        0, NULL);

    ck_assert_ptr_nonnull(expected);
    peer_run(&peer, "run", "--network", "bridge=br0,address=10.0.0.2/24,address=fd00::2/64,gateway=10.0.0.1",
             "prog", NULL);
    ck_assert(json_equal(sent("network"), expected));
    json_decref(expected);
    peer_run(&peer, "run", "--network", "none", "prog", NULL);
    expected = json_pack("{s:s}", "mode", "none");
    ck_assert(json_equal(sent("network"), expected));
    json_decref(expected);
}
END_TEST

static const struct {
    const char *option, *value, *complaint;
} malformed[] = {
    { "--network", "wifi", "--network takes host, none or" },
    { "--network", "", "--network takes host, none or" },
    { "--network", "address=10.0.0.2/24", "--network takes host, none or" },
    { "--mount", "/s", "--mount takes SOURCE:TARGET" },
    { "--mount", ":/t", "--mount takes SOURCE:TARGET" },
    { "--mount", "/s:", "--mount takes SOURCE:TARGET" },
    { "--mount", "/s:/t:size=1M", "'size=1M' is none of ro, rw, noexec and owners=OWNERS" },
    { "--tmpfs", "/t:mode=9", "'mode=9' is none of" },
    { "--tmpfs", "/t:mode=10000", "'mode=10000' is none of" },
    { "--tmpfs", "/t:size=0", "'size=0' is none of" },
    { "--ulimit", "nofile", "--ulimit takes NAME=SOFT" },
    { "--ulimit", "=1", "--ulimit takes NAME=SOFT" },
    { "--ulimit", "nofile=1:", "--ulimit takes NAME=SOFT" },
    { "--ulimit", "nofile=-1", "--ulimit takes NAME=SOFT" },
};

START_TEST(a_malformed_part_is_refused_before_anything_happens)
{
    peer_run(&peer, "run", malformed[_i].option, malformed[_i].value, "prog", NULL);
    complains(122, malformed[_i].complaint);
    ck_assert_uint_eq(peer.n_calls, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl_parts");
    TCase *tests = tcase_create("parts");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, layers_mounts_and_limits_reach_the_guest);
    tcase_add_test(tests, a_network_reaches_the_guest);
    tcase_add_loop_test(tests, users_reach_the_guest, 0, (int)(sizeof(users) / sizeof(users[0])));
    tcase_add_loop_test(tests, users_that_make_no_sense_are_refused_here, 0,
                        (int)(sizeof(bad_users) / sizeof(bad_users[0])));
    tcase_add_loop_test(tests, a_malformed_part_is_refused_before_anything_happens, 0,
                        sizeof(malformed) / sizeof(*malformed));
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
