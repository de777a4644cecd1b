/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/launch_probe.h"

/* A connection to ourselves. */
int probe_loopback_only(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(address);
    struct if_nameindex *all = if_nameindex();
    int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);

    EXPECT(all != NULL && all[0].if_index == 1 && strcmp(all[0].if_name, "lo") == 0 && all[1].if_index == 0);
    EXPECT(bind(server, (struct sockaddr *)&address, size) == 0 && listen(server, 1) == 0);
    EXPECT(getsockname(server, (struct sockaddr *)&address, &size) == 0);
    EXPECT(connect(client, (struct sockaddr *)&address, size) == 0);
    EXPECT(accept(server, NULL, NULL) >= 0);
    return 0;
}

int probe_calls_its_gateway(void)
{
    const struct sockaddr_in far = { .sin_family = AF_INET,
                                     .sin_port = htons(9),
                                     .sin_addr.s_addr = htonl(0xc0000201) /* 192.0.2.1 */ };
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(7777),
                                   .sin_addr.s_addr = htonl(0x0a4d0001) };
    struct sockaddr_in6 own = { .sin6_family = AF_INET6 };
    int client = socket(AF_INET, SOCK_STREAM, 0), six = socket(AF_INET6, SOCK_STREAM, 0);

    EXPECT(connect(client, (struct sockaddr *)&address, sizeof(address)) == 0);
    EXPECT(write(client, "hello", 5) == 5);
    EXPECT(inet_pton(AF_INET6, "fd77::2", &own.sin6_addr) == 1);
    EXPECT(bind(six, (struct sockaddr *)&own, sizeof(own)) == 0);
    /* There is a route. */
    EXPECT(connect(socket(AF_INET, SOCK_DGRAM, 0), (const struct sockaddr *)&far, sizeof(far)) == 0);
    DENIED(EPERM, socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
    return 0;
}
