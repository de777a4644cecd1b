/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/guest/log.h"
#include "tests/unit/guest_test.h"

static int reader;
static char text[65536];

/* Each test is a process of its own (check forks). */
static void set_up(void)
{
    int ends[2];

    ck_assert_int_eq(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    ck_assert_int_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    reader = ends[0];
    log_open();
}

static const char *written(void)
{
    ssize_t n = read(reader, text, sizeof(text) - 1);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

START_TEST(a_line_is_written_at_once)
{
    log_info("container %s", "a\nb");
    ck_assert_str_eq(written(), "czoned: container a?b\n");
}
END_TEST

START_TEST(lines_that_are_held_come_in_their_order_when_they_are_released)
{
    log_hold();
    log_info("one");
    log_debug("no");
    log_error("two");
    ck_assert_str_eq(written(), "");
    log_release();
    ck_assert_str_eq(written(), "czoned: one\nczoned: two\n");
    log_info("three");
    ck_assert_str_eq(written(), "czoned: three\n");
}
END_TEST

START_TEST(no_line_is_lost_for_want_of_room)
{
    int lines = 0;

    log_hold();
    for (int i = 0; i < 500; i++)
        log_info("line %d", i);
    log_release();
    for (const char *line = written(); *line != '\0'; line = strchr(line, '\n') + 1) {
        char wanted[64];

        (void)snprintf(wanted, sizeof(wanted), "czoned: line %d\n", lines++);
        ck_assert_int_eq(strncmp(line, wanted, strlen(wanted)), 0);
    }
    ck_assert_int_eq(lines, 500);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("log");

    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_add_test(tests, a_line_is_written_at_once);
    tcase_add_test(tests, lines_that_are_held_come_in_their_order_when_they_are_released);
    tcase_add_test(tests, no_line_is_lost_for_want_of_room);
    return guest_test_main(tests, "guest_log");
}
