/* SPDX-License-Identifier: Apache-2.0 */
/* Networks of containers. Each test that needs a bridge makes one, in a network namespace of its own. */
#include <arpa/inet.h>
#include <net/if.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>
#include <sched.h>
#include <sys/socket.h>

#include "tests/unit/launch_run.h"

#define BRIDGE "br-test"

static struct run run;

static void set_up(void)
{
    run_set_up(&run);
}

static void tear_down(void)
{
    run_tear_down(&run);
}

static void bring_up(struct nl_sock *socket, const char *name)
{
    struct rtnl_link *link, *change = rtnl_link_alloc();

    ck_assert_int_eq(rtnl_link_get_kernel(socket, 0, name, &link), 0);
    rtnl_link_set_flags(change, IFF_UP);
    ck_assert_int_eq(rtnl_link_change(socket, link, change, 0), 0);
    rtnl_link_put(link);
    rtnl_link_put(change);
}

static void make_bridge(void)
{
    struct nl_sock *socket;
    struct rtnl_link *bridge;
    struct rtnl_addr *address = rtnl_addr_alloc();
    struct nl_addr *local;

    ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
    socket = nl_socket_alloc();
    ck_assert_int_eq(nl_connect(socket, NETLINK_ROUTE), 0);
    bridge = rtnl_link_bridge_alloc();
    rtnl_link_set_name(bridge, BRIDGE);
    ck_assert_msg(rtnl_link_add(socket, bridge, NLM_F_CREATE) == 0, "this test needs bridges");
    rtnl_link_put(bridge);
    ck_assert_int_eq(nl_addr_parse("10.77.0.1/24", AF_INET, &local), 0);
    rtnl_addr_set_ifindex(address, (int)if_nametoindex(BRIDGE));
    ck_assert_int_eq(rtnl_addr_set_local(address, local), 0);
    ck_assert_int_eq(rtnl_addr_add(socket, address, 0), 0);
    bring_up(socket, BRIDGE);
    rtnl_addr_put(address);
    nl_addr_put(local);
    nl_socket_free(socket);
    run.request.network = (struct launch_network){ .kind = LAUNCH_NETWORK_VETH,
                                                   .bridge = BRIDGE,
                                                   .addresses = { "10.77.0.2/24", "fd77::2/64" },
                                                   .n_addresses = 2,
                                                   .gateway = "10.77.0.1" };
}

static size_t count_devices(void)
{
    struct if_nameindex *all = if_nameindex();
    size_t n = 0;

    ck_assert_ptr_nonnull(all);
    while (all[n].if_index)
        n++;
    if_freenameindex(all);
    return n;
}

/* The kernel takes network namespaces apart in its own time. */
static void expect_devices(size_t n)
{
    for (int i = 0; i < RUN_DEADLINE_MS / 10 && count_devices() != n; i++)
        (void)usleep(10000);
    ck_assert_uint_eq(count_devices(), n);
}

START_TEST(without_a_network_there_is_a_loopback_that_works)
{
    run.request.network.kind = LAUNCH_NETWORK_NONE;
    run_probe(&run, "loopback-only");
    launch_discard(&run.launch);
    run.request.user = "joe";
    run_probe(&run, "loopback-only");
}
END_TEST

START_TEST(the_guests_network_is_the_default)
{
    const char *const actions[] = { "l/proc/self/ns/net", NULL };
    char own[64] = "", output[80];

    ck_assert_int_gt(readlink("/proc/self/ns/net", own, sizeof(own) - 1), 0);
    (void)snprintf(output, sizeof(output), "%s\n", own);
    run_actions(&run, actions, output);
}
END_TEST

START_TEST(a_veth_reaches_the_bridge)
{
    const struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(7777) };
    int server, client;
    char text[8] = "";

    make_bridge();
    if (_i == 1) /* once more, with users of its own */
        run.request.users.uids = run.request.users.gids =
            (struct launch_id_map){ .ranges = &(const struct launch_id_range){ 0, 200000, 65536 }, .n = 1 };
    server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(server, (const struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(server, 1), 0);
    ck_assert_int_eq(run_check(&run), 0);
    run_probe(&run, "calls-its-gateway");
    client = accept4(server, NULL, NULL, SOCK_CLOEXEC);
    ck_assert_int_ge(client, 0);
    ck_assert_int_eq(read(client, text, sizeof(text)), 5);
    ck_assert_str_eq(text, "hello");
    (void)close(client);
    (void)close(server);
}
END_TEST

START_TEST(nothing_of_a_veth_is_left)
{
    make_bridge();
    run.args[1] = "stay";
    ck_assert_msg(run_start(&run) == 1, "%s", run.failure.message);
    ck_assert_uint_eq(count_devices(), 3);
    launch_discard(&run.launch);
    expect_devices(2);
}
END_TEST

START_TEST(two_containers_are_two_ports)
{
    struct launch first;

    make_bridge();
    run.args[1] = "stay";
    ck_assert_msg(run_start(&run) == 1, "%s", run.failure.message);
    first = run.launch;
    run.request.network.addresses[0] = "10.77.0.3/24";
    run.request.network.n_addresses = 1;
    ck_assert_msg(run_start(&run) == 1, "%s", run.failure.message);
    ck_assert_uint_eq(count_devices(), 4);
    launch_discard(&first);
    launch_discard(&run.launch);
    expect_devices(2);
}
END_TEST

START_TEST(nothing_is_left_of_a_set_up_that_fails)
{
    make_bridge();
    run.request.network.addresses[1] = run.request.network.addresses[0];
    run.args[1] = "true";
    ck_assert_int_eq(run_start(&run), -EEXIST);
    ck_assert_int_eq(run.failure.stage, LAUNCH_STAGE_NETWORK);
    ck_assert_ptr_nonnull(strstr(run.failure.message, "10.77.0.2/24"));
    launch_discard(&run.launch);
    expect_devices(2);
}
END_TEST

static void expect_refused(const struct launch_network *network, const char *part)
{
    memset(&run.failure, 0, sizeof(run.failure));
    run.request.network = *network;
    ck_assert_int_lt(run_check(&run), 0);
    ck_assert_int_eq(run.failure.trouble, LAUNCH_BAD_PARAMETER);
    ck_assert_str_eq(run.failure.parameter, "network");
    ck_assert_msg(strstr(run.failure.message, part) != NULL, "%s", run.failure.message);
}

START_TEST(a_bridge_that_is_none_is_refused)
{
    expect_refused(&(struct launch_network){ .kind = LAUNCH_NETWORK_VETH }, "name of a bridge");
    expect_refused(&(struct launch_network){ .kind = LAUNCH_NETWORK_VETH, .bridge = "" }, "name of a bridge");
    expect_refused(&(struct launch_network){ .kind = LAUNCH_NETWORK_VETH, .bridge = "sixteen-letters-" },
                   "name of a bridge");
    expect_refused(&(struct launch_network){ .kind = LAUNCH_NETWORK_VETH, .bridge = "br-none" },
                   "br-none is no network device");
    expect_refused(&(struct launch_network){ .kind = LAUNCH_NETWORK_VETH, .bridge = "lo" },
                   "lo is not a bridge");
    expect_refused(&(struct launch_network){ .kind = LAUNCH_NETWORK_NONE, .bridge = "lo" }, "are for a veth");
    expect_refused(&(struct launch_network){ .gateway = "10.0.0.1" }, "are for a veth");
}
END_TEST

static const char *const bad_addresses[] = {
    "",    "10.0.0.2",      "10.0.0.2/33", "10.0.0/x", "default",
    "/24", "10.0.0.2/24/1", "fd00::2/129", "eth0/24",  "300.0.0.1/8",
};

START_TEST(a_bad_address_is_refused)
{
    expect_refused(&(struct launch_network){ .kind = LAUNCH_NETWORK_VETH,
                                             .bridge = "lo",
                                             .addresses = { bad_addresses[_i] },
                                             .n_addresses = 1 },
                   "is not an address with its prefix");
}
END_TEST

static const char *const bad_gateways[] = { "", "10.0.0.1/24", "gateway", "10.0.1.1", "fd00::1", "default" };

START_TEST(a_bad_gateway_is_refused)
{
    expect_refused(&(struct launch_network){ .kind = LAUNCH_NETWORK_VETH,
                                             .bridge = "lo",
                                             .addresses = { "10.0.0.2/24" },
                                             .n_addresses = 1,
                                             .gateway = bad_gateways[_i] },
                   _i == 3 || _i == 4 ? "in the network of none" : "is not the address of a gateway");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch_network");
    TCase *tests = tcase_create("network");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, without_a_network_there_is_a_loopback_that_works);
    tcase_add_test(tests, the_guests_network_is_the_default);
    tcase_add_test(tests, a_veth_reaches_the_bridge);
    tcase_add_test(tests, nothing_of_a_veth_is_left);
    tcase_add_test(tests, two_containers_are_two_ports);
    tcase_add_test(tests, nothing_is_left_of_a_set_up_that_fails);
    tcase_add_test(tests, a_bridge_that_is_none_is_refused);
    tcase_add_loop_test(tests, a_bad_address_is_refused, 0, sizeof(bad_addresses) / sizeof(bad_addresses[0]));
    tcase_add_loop_test(tests, a_bad_gateway_is_refused, 0, sizeof(bad_gateways) / sizeof(bad_gateways[0]));
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
