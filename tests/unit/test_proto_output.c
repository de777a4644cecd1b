/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/output.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int ends[2];

/* Each send is a packet of its own, as on vsock. */
static void setup(void)
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
}

static void teardown(void)
{
    (void)close(ends[0]);
    (void)close(ends[1]);
}

START_TEST(a_long_message_goes_out_in_packets_that_every_transport_takes)
{
    static char sent[5 * OUTPUT_SEND_MAX + 1], seen[sizeof(sent) + OUTPUT_SEND_MAX];
    struct output output = { 0 };
    size_t n = 0;

    for (size_t i = 0; i < sizeof(sent); i++)
        sent[i] = (char)(i / 251);
    ck_assert_int_eq(output_append(&output, sent, sizeof(sent)), 0);
    while (n < sizeof(sent)) {
        ssize_t length;

        ck_assert_int_eq(output_flush(&output, ends[0]), 0);
        length = recv(ends[1], seen + n, sizeof(seen) - n, 0);
        ck_assert_int_gt(length, 0);
        ck_assert_int_le(length, (ssize_t)OUTPUT_SEND_MAX);
        n += (size_t)length;
    }
    ck_assert_uint_eq(n, sizeof(sent));
    ck_assert_mem_eq(seen, sent, sizeof(sent));
    ck_assert_uint_eq(output_pending(&output), 0);
    output_done(&output);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("proto/output");
    TCase *tcase = tcase_create("output");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_long_message_goes_out_in_packets_that_every_transport_takes);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
