/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/network.h"

#include <fcntl.h>
#include <linux/if_addr.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <string.h>

#include "proto/cleanup.h"

/* The kernel gives every network namespace its loopback first. */
#define LOOPBACK_INDEX 1
/* The kernel counts on from there; the guest sees the other end of each container's eth0 so. */
#define PORT_NAME "czone%d"
#define INSIDE    "eth0"

/* libnl's errors are its own; those that say something have an errno. */
static int to_errno(int error)
{
    static const struct {
        int nl, error;
    } known[] = {
        { NLE_NOMEM, -ENOMEM },        { NLE_EXIST, -EEXIST },
        { NLE_PERM, -EPERM },          { NLE_NODEV, -ENODEV },
        { NLE_OBJ_NOTFOUND, -ENODEV }, { NLE_OPNOTSUPP, -EOPNOTSUPP },
        { NLE_INVAL, -EINVAL },        { NLE_BUSY, -EBUSY },
        { NLE_RANGE, -ERANGE },        { NLE_AF_NOSUPPORT, -EAFNOSUPPORT },
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (error == -known[i].nl)
            return known[i].error;
    return error < 0 ? -EIO : 0;
}

static void free_socket(struct nl_sock **socket)
{
    nl_socket_free(*socket);
}

static void put_link(struct rtnl_link **link)
{
    rtnl_link_put(*link);
}

static void put_address(struct nl_addr **address)
{
    nl_addr_put(*address);
}

static void put_interface_address(struct rtnl_addr **address)
{
    rtnl_addr_put(*address);
}

static void put_route(struct rtnl_route **route)
{
    rtnl_route_put(*route);
}

static int open_socket(struct nl_sock **ret)
{
    CLEANUP(free_socket) struct nl_sock *socket = nl_socket_alloc();
    int r;

    if (!socket)
        return -ENOMEM;
    r = nl_connect(socket, NETLINK_ROUTE);
    if (r < 0)
        return to_errno(r);
    *ret = TAKE(socket);
    return 0;
}

static int bad_network(struct launch_failure *failure, int error, const char *what, const char *why)
{
    return launch_failure_set(failure, LAUNCH_BAD_PARAMETER, LAUNCH_STAGE_NETWORK, error, "network",
                              "network: %s%s", what, why);
}

/* libnl takes a prefix that is too long, and anything behind its digits. */
static bool prefix_fits(const char *prefix, const struct nl_addr *address)
{
    size_t length = strspn(prefix, "0123456789");

    return length > 0 && length <= 3 && prefix[length] == '\0' &&
           strtoul(prefix, NULL, 10) <= 8UL * nl_addr_get_len(address);
}

/* An address as text. A prefix must be there, or must not. */
static int parse_address(const char *text, bool prefix, struct nl_addr **ret)
{
    CLEANUP(put_address) struct nl_addr *address = NULL;
    const char *slash = strchr(text, '/');
    int family;

    /* "default" and numbers of other families are addresses to libnl. */
    if (!strpbrk(text, ".:") || !slash == prefix || nl_addr_parse(text, AF_UNSPEC, &address) < 0)
        return -EINVAL;
    family = nl_addr_get_family(address);
    if ((family != AF_INET && family != AF_INET6) || (slash && !prefix_fits(slash + 1, address)))
        return -EINVAL;
    *ret = TAKE(address);
    return 0;
}

static int check_addresses(const struct launch_network *network, struct launch_failure *failure)
{
    CLEANUP(put_address) struct nl_addr *gateway = NULL;
    bool reachable = false;

    if (network->n_addresses > LAUNCH_ADDRESSES_MAX)
        return bad_network(failure, -E2BIG, "there are too many addresses", "");
    if (network->gateway && parse_address(network->gateway, false, &gateway) < 0)
        return bad_network(failure, -EINVAL, network->gateway, " is not the address of a gateway");
    for (size_t i = 0; i < network->n_addresses; i++) {
        CLEANUP(put_address) struct nl_addr *address = NULL;

        if (parse_address(network->addresses[i], true, &address) < 0)
            return bad_network(failure, -EINVAL, network->addresses[i],
                               " is not an address with its prefix, such as 10.0.0.2/24");
        if (gateway && nl_addr_get_family(address) == nl_addr_get_family(gateway))
            reachable = reachable || nl_addr_cmp_prefix(address, gateway) == 0;
    }
    if (gateway && !reachable)
        return bad_network(failure, -EINVAL, network->gateway, " is in the network of none of the addresses");
    return 0;
}

/* The index of the bridge, or a negative errno: -ENODEV, -ENOTBLK for a device of another kind. */
static int find_bridge(struct nl_sock *socket, const char *name)
{
    CLEANUP(put_link) struct rtnl_link *link = NULL;
    const char *type;
    int r = rtnl_link_get_kernel(socket, 0, name, &link);

    if (r < 0)
        return to_errno(r);
    type = rtnl_link_get_type(link);
    return type && strcmp(type, "bridge") == 0 ? rtnl_link_get_ifindex(link) : -EMEDIUMTYPE;
}

int launch_uplink_open(struct launch_uplink *uplink, const struct launch_network *network,
                       struct launch_failure *failure)
{
    const char *bridge = network->bridge;
    int r;

    if (network->kind != LAUNCH_NETWORK_VETH)
        return bridge || network->n_addresses > 0 || network->gateway
                   ? bad_network(failure, -EINVAL, "bridge, addresses and gateway are for a veth", "")
                   : 0;
    if (!bridge || !bridge[0] || strlen(bridge) >= IF_NAMESIZE)
        return bad_network(failure, -EINVAL, "a veth needs the name of a bridge of the guest", "");
    r = check_addresses(network, failure);
    if (r < 0)
        return r;
    r = open_socket(&uplink->socket);
    if (r < 0)
        return launch_failure_set(failure, LAUNCH_SYSTEM, LAUNCH_STAGE_NETWORK, r, NULL,
                                  "cannot open a netlink socket: %s", strerror(-r));
    r = find_bridge(uplink->socket, bridge);
    if (r == -ENODEV)
        return bad_network(failure, r, bridge, " is no network device of the guest");
    if (r == -EMEDIUMTYPE)
        return bad_network(failure, r, bridge, " is not a bridge");
    if (r < 0)
        return bad_network(failure, r, bridge, " can't be looked at");
    return 0;
}

void launch_uplink_close(struct launch_uplink *uplink)
{
    nl_socket_free(uplink->socket);
    uplink->socket = NULL;
}

int launch_uplink_fd(const struct launch_uplink *uplink)
{
    return uplink->socket ? nl_socket_get_fd(uplink->socket) : -EBADF;
}

static int set_up(struct nl_sock *socket, int index)
{
    CLEANUP(put_link) struct rtnl_link *link = rtnl_link_alloc(), *change = rtnl_link_alloc();

    if (!link || !change)
        return -ENOMEM;
    rtnl_link_set_ifindex(link, index);
    rtnl_link_set_flags(change, IFF_UP);
    return to_errno(rtnl_link_change(socket, link, change, 0));
}

/* Both ends at once: one a port of the bridge, the other here, so that there is no moment in which something
 * would have to be cleaned up. */
static int make_pair(const struct launch_uplink *uplink, const struct launch_network *network)
{
    CLEANUP(put_link) struct rtnl_link *port = NULL;
    CLEANUP_FD int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    struct rtnl_link *inside;
    int bridge;

    if (here < 0)
        return -errno;
    bridge = find_bridge(uplink->socket, network->bridge);
    if (bridge < 0)
        return bridge;
    port = rtnl_link_veth_alloc();
    if (!port)
        return -ENOMEM;
    rtnl_link_set_name(port, PORT_NAME);
    rtnl_link_set_master(port, bridge);
    rtnl_link_set_flags(port, IFF_UP);
    inside = rtnl_link_veth_get_peer(port);
    rtnl_link_set_name(inside, INSIDE);
    rtnl_link_set_ns_fd(inside, here);
    return to_errno(rtnl_link_add(uplink->socket, port, NLM_F_CREATE | NLM_F_EXCL));
}

static int add_address(struct nl_sock *socket, int index, const char *text)
{
    CLEANUP(put_address) struct nl_addr *local = NULL;
    CLEANUP(put_interface_address) struct rtnl_addr *address = rtnl_addr_alloc();
    int r = address ? parse_address(text, true, &local) : -ENOMEM;

    if (r < 0)
        return r;
    rtnl_addr_set_ifindex(address, index);
    /* The caller knows that nobody else has it; waiting for that to be probed would take a second. */
    if (nl_addr_get_family(local) == AF_INET6)
        rtnl_addr_set_flags(address, IFA_F_NODAD);
    r = rtnl_addr_set_local(address, local);
    return to_errno(r < 0 ? r : rtnl_addr_add(socket, address, 0));
}

static int add_default_route(struct nl_sock *socket, int index, const char *text)
{
    CLEANUP(put_address) struct nl_addr *gateway = NULL, *all = NULL;
    CLEANUP(put_route) struct rtnl_route *route = rtnl_route_alloc();
    struct rtnl_nexthop *hop;
    int r = route ? parse_address(text, false, &gateway) : -ENOMEM;

    if (r < 0)
        return r;
    r = nl_addr_parse("default", nl_addr_get_family(gateway), &all);
    if (r == 0)
        r = rtnl_route_set_dst(route, all);
    if (r < 0)
        return to_errno(r);
    hop = rtnl_route_nh_alloc();
    if (!hop)
        return -ENOMEM;
    rtnl_route_nh_set_ifindex(hop, index);
    rtnl_route_nh_set_gateway(hop, gateway);
    rtnl_route_add_nexthop(route, hop); /* owned by the route from here on */
    return to_errno(rtnl_route_add(socket, route, NLM_F_CREATE));
}

static int find_inside(struct nl_sock *socket)
{
    CLEANUP(put_link) struct rtnl_link *link = NULL;
    int r = rtnl_link_get_kernel(socket, 0, INSIDE, &link);

    return r < 0 ? to_errno(r) : rtnl_link_get_ifindex(link);
}

static int connect_to_bridge(const struct launch_uplink *uplink, const struct launch_network *network,
                             struct nl_sock *socket, struct launch_step *step)
{
    int index, r;

    launch_step_set(step, LAUNCH_STAGE_NETWORK, "connect it to bridge", network->bridge);
    r = make_pair(uplink, network);
    index = r < 0 ? r : find_inside(socket);
    if (index < 0)
        return index;
    for (size_t i = 0; i < network->n_addresses; i++) {
        launch_step_set(step, LAUNCH_STAGE_NETWORK, "give it the address", network->addresses[i]);
        r = add_address(socket, index, network->addresses[i]);
        if (r < 0)
            return r;
    }
    launch_step_set(step, LAUNCH_STAGE_NETWORK, "bring up", INSIDE);
    r = set_up(socket, index);
    if (r < 0 || !network->gateway)
        return r;
    launch_step_set(step, LAUNCH_STAGE_NETWORK, "set the default route to", network->gateway);
    return add_default_route(socket, index, network->gateway);
}

int launch_network_enter(const struct launch_uplink *uplink, const struct launch_network *network,
                         struct launch_step *step)
{
    CLEANUP(free_socket) struct nl_sock *socket = NULL;
    int r;

    if (network->kind == LAUNCH_NETWORK_HOST)
        return 0;
    launch_step_set(step, LAUNCH_STAGE_NETWORK, "bring up", "the loopback device");
    r = open_socket(&socket);
    if (r == 0)
        r = set_up(socket, LOOPBACK_INDEX);
    return r < 0 || network->kind != LAUNCH_NETWORK_VETH ? r
                                                         : connect_to_bridge(uplink, network, socket, step);
}
