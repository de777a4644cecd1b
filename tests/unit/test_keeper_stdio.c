/* SPDX-License-Identifier: Apache-2.0 */
/* What goes into a program and what comes out of it. */
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "tests/unit/keeper_run.h"

static struct keepers keepers;
static struct kept kept;

static void set_up(void)
{
    keepers_set_up(&keepers);
}

static void tear_down(void)
{
    kept_kill(&kept);
    keepers_tear_down(&keepers);
}

/* The lines that the probe prints, as one text. */
static void expect_lines(struct kept *program, int64_t bytes)
{
    static char buffer[100000];
    struct log_chunk chunk;
    char line[32];
    int64_t at = 0;
    int r;

    log_reader_seek(&program->reader, 0);
    while ((r = log_reader_read(&program->reader, program->run_dir, buffer, sizeof(buffer), &chunk)) == 1) {
        ck_assert_int_eq(chunk.offset, at);
        for (size_t i = 0; i < chunk.length; i++, at++) {
            if (i == 0 || at % 16 == 0)
                (void)snprintf(line, sizeof(line), "line %09d.\n", (int)(at / 16));
            if (buffer[i] != line[at % 16])
                ck_abort_msg("byte %lld is wrong", (long long)at);
        }
    }
    ck_assert_int_eq(r, 0);
    ck_assert_int_eq(at, bytes);
}

START_TEST(output_arrives_whole_and_in_order)
{
    kept_spawn(&kept, &keepers, "/keep", "print-64k");
    kept_start(&kept);
    kept_wait_gone(&kept);
    ck_assert_int_eq(kept.status.wait_status, 3);
    ck_assert_int_eq(kept.status.log_end, 65536);
    ck_assert_int_eq(kept.status.log_lost, 0);
    expect_lines(&kept, 65536);
}
END_TEST

START_TEST(output_arrives_at_once_whole_from_many_that_end_together)
{
    static struct kept many[8];

    for (int i = 0; i < 8; i++) {
        kept_spawn(&many[i], &keepers, "/keep", "print-64k");
        kept_send_start(&many[i]);
    }
    for (int i = 0; i < 8; i++) {
        kept_wait_gone(&many[i]);
        ck_assert_int_eq(many[i].status.wait_status, 3);
        expect_lines(&many[i], 65536);
        kept_kill(&many[i]);
    }
}
END_TEST

/* czoned has asked for news and then looks at none of it. */
START_TEST(a_reader_that_never_reads_does_not_stop_the_program)
{
    struct keeper_follow follow = { .header = { .kind = KEEPER_FOLLOW }, .wanted = 1 };
    struct keeper_record record;

    kept_spawn(&kept, &keepers, "/keep", "print-4m");
    kept_start(&kept);
    ck_assert_int_eq(keeper_send(kept.process.socket, &follow, sizeof(follow), NULL, 0), 0);
    kept_wait_readable(kept.pidfd);
    do {
        (void)usleep(1000);
        ck_assert_int_eq(keeper_record_read(kept.run_dir, &record), 0);
    } while (record.status.state != KEEPER_ENDED);
    ck_assert_int_eq(record.status.log_end, 4 << 20);
    expect_lines(&kept, 4 << 20);
    /* And what it has not read is little, and ends with the last word. */
    kept_wait_gone(&kept);
    ck_assert_uint_eq(kept.status.state, KEEPER_ENDED);
    ck_assert_int_eq(kept.status.log_end, 4 << 20);
}
END_TEST

START_TEST(the_log_keeps_its_bound_and_says_what_it_has_dropped)
{
    struct log_chunk chunk;
    char buffer[16];

    kept_spawn(&kept, &keepers, "/keep", "print-4m");
    kept.start.log_limit = 256 << 10;
    kept.start.log_segment = 128 << 10;
    kept_start(&kept);
    kept_wait_gone(&kept);
    ck_assert_int_eq(kept.status.log_end, 4 << 20);
    ck_assert_int_eq(kept.status.log_lost, 0);
    ck_assert_int_gt(kept.status.log_begin, (4 << 20) - (256 << 10));
    log_reader_seek(&kept.reader, 0);
    ck_assert_int_eq(log_reader_read(&kept.reader, kept.run_dir, buffer, sizeof(buffer), &chunk), 1);
    ck_assert_int_eq(chunk.offset, kept.status.log_begin);
    ck_assert_int_eq(kept_read_log(&kept), kept.status.log_end - kept.status.log_begin);
}
END_TEST

START_TEST(a_full_disk_loses_output_visibly_and_nothing_else)
{
    int64_t kept_bytes;

    kept_spawn(&kept, &keepers, "/keep", "print-4m");
    ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
    ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    ck_assert_int_eq(
        mount("tmpfs", fixture_path(&keepers.runs, kept.run_path), "tmpfs", 0, "size=256k,mode=700"), 0);
    (void)close(kept.run_dir);
    kept.run_dir = open(fixture_path(&keepers.runs, kept.run_path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    kept_start(&kept);
    kept_wait_gone(&kept);
    ck_assert_uint_eq(kept.status.state, KEEPER_ENDED);
    ck_assert_int_eq(kept.status.wait_status, 0);
    ck_assert_int_eq(kept.status.log_end, 4 << 20);
    ck_assert_int_gt(kept.status.log_lost, 3 << 20);
    kept_bytes = kept_read_log(&kept);
    ck_assert_int_gt(kept_bytes, 100 << 10);
    ck_assert_int_eq(kept_bytes, kept.status.log_end - kept.status.log_lost);
    (void)close(kept.run_dir);
    kept.run_dir = -1;
    log_reader_close(&kept.reader);
    ck_assert_int_eq(umount2(fixture_path(&keepers.runs, kept.run_path), MNT_DETACH), 0);
}
END_TEST

/* How they are mixed is a matter of when the keeper comes to read; each is whole and in order. */
START_TEST(the_two_streams_are_told_apart)
{
    char texts[2][64] = { "", "" }, buffer[64];
    int64_t last = 0, at = 0;
    struct log_chunk chunk;

    kept_spawn(&kept, &keepers, "/keep", "interleave");
    kept_start(&kept);
    kept_wait_gone(&kept);
    while (log_reader_read(&kept.reader, kept.run_dir, buffer, sizeof(buffer), &chunk) == 1) {
        ck_assert_int_eq(chunk.offset, at);
        ck_assert(chunk.stream == LOG_STDOUT || chunk.stream == LOG_STDERR);
        (void)strncat(texts[chunk.stream == LOG_STDERR], buffer, chunk.length);
        ck_assert_int_ge(chunk.time_ns, last);
        last = chunk.time_ns;
        at += (int64_t)chunk.length;
        ck_assert_int_le(at, 24);
    }
    ck_assert_int_eq(at, 24);
    ck_assert_str_eq(texts[0], "out\nout\nout\n");
    ck_assert_str_eq(texts[1], "err\nerr\nerr\n");
}
END_TEST

START_TEST(input_arrives_and_ends)
{
    kept_spawn(&kept, &keepers, "/keep", "copy");
    kept.request.input = true;
    kept_start(&kept);
    ck_assert_uint_ne(kept.status.flags & KEEPER_INPUT_OPEN, 0);
    ck_assert_int_eq(kept_input(&kept, "one\n", 4), 0);
    kept_wait_log(&kept, "one\n");
    ck_assert_int_eq(kept_input(&kept, "two\n", 4), 0);
    ck_assert_int_eq(kept_input(&kept, "", 0), 0);
    kept_wait_gone(&kept);
    ck_assert_int_eq(kept.status.wait_status, 0);
    ck_assert_int_eq(kept.status.input_received, 8);
    ck_assert_int_eq(kept.status.input_written, 8);
    ck_assert_uint_eq(kept.status.flags & KEEPER_INPUT_OPEN, 0);
    ck_assert_int_eq(kept_read_log(&kept), 8);
    ck_assert_str_eq(kept.log, "one\ntwo\n");
}
END_TEST

/* Sends as fast as the rule allows, much more than pipe and keeper hold. */
START_TEST(much_input_goes_through_by_the_counts_of_the_status)
{
    static char block[20000];
    const int64_t all = 1000000;
    int64_t sent = 0;

    memset(block, 'x', sizeof(block));
    kept_spawn(&kept, &keepers, "/keep", "copy");
    kept.request.input = true;
    kept_start(&kept);
    while (sent < all) {
        if (KEEPER_INPUT_MAX - (sent - kept.status.input_written) < (int64_t)sizeof(block)) {
            ck_assert_uint_eq(kept_receive(&kept), KEEPER_STATUS);
            continue;
        }
        ck_assert_int_eq(kept_input(&kept, block, sizeof(block)), 0);
        sent += (int64_t)sizeof(block);
    }
    ck_assert_int_eq(kept_input(&kept, "", 0), 0);
    kept_wait_gone(&kept);
    ck_assert_int_eq(kept.status.log_end, all);
    ck_assert_int_eq(kept.status.input_written, all);
}
END_TEST

START_TEST(input_for_a_program_without_stdin_is_dropped_and_counted)
{
    kept_spawn(&kept, &keepers, "/probe", "stay");
    kept_start(&kept);
    ck_assert_uint_eq(kept.status.flags & KEEPER_INPUT_OPEN, 0);
    ck_assert_int_eq(kept_input(&kept, "nobody reads this", 17), 0);
    while (kept.status.input_received == 0)
        ck_assert_uint_eq(kept_receive(&kept), KEEPER_STATUS);
    ck_assert_int_eq(kept.status.input_written, 17);
    ck_assert_uint_eq(kept.status.state, KEEPER_RUNNING);
}
END_TEST

START_TEST(a_program_has_a_terminal_of_its_own_that_changes_its_size)
{
    struct keeper_resize resize = { .header = { .kind = KEEPER_RESIZE }, .columns = 132, .rows = 50 };

    kept_spawn(&kept, &keepers, "/keep", "terminal");
    kept.request.tty = true;
    kept.request.columns = 80;
    kept.request.rows = 24;
    kept_start(&kept);
    ck_assert_uint_ne(kept.status.flags & KEEPER_TTY, 0);
    kept_wait_log(&kept, "80x24\r\n");
    ck_assert_int_eq(keeper_send(kept.process.socket, &resize, sizeof(resize), NULL, 0), 0);
    kept_wait_gone(&kept);
    ck_assert_msg(kept.status.wait_status == 0, "%d: %s", kept.status.wait_status, kept.log);
    (void)kept_read_log(&kept);
    ck_assert_str_eq(kept.log, "80x24\r\n132x50\r\n");
}
END_TEST

START_TEST(a_size_that_is_told_before_there_is_a_terminal_is_kept)
{
    struct keeper_resize resize = { .header = { .kind = KEEPER_RESIZE }, .columns = 132, .rows = 50 };

    kept_spawn(&kept, &keepers, "/keep", "sized");
    kept.request.tty = true;
    kept.request.columns = 80;
    kept.request.rows = 24;
    kept_send_start(&kept);
    ck_assert_int_eq(keeper_send(kept.process.socket, &resize, sizeof(resize), NULL, 0), 0);
    kept_wait_gone(&kept);
    (void)kept_read_log(&kept);
    ck_assert_str_eq(kept.log, "132x50\r\n");
}
END_TEST

START_TEST(a_terminal_echoes_its_input_and_its_end_can_be_typed)
{
    kept_spawn(&kept, &keepers, "/keep", "copy");
    kept.request.tty = true;
    kept_start(&kept);
    ck_assert_int_eq(kept_input(&kept, "typed\n", 6), 0);
    kept_wait_log(&kept, "typed\r\ntyped\r\n");
    ck_assert_int_eq(kept_input(&kept, "rest", 4), 0);
    ck_assert_int_eq(kept_input(&kept, "", 0), 0);
    kept_wait_gone(&kept);
    ck_assert_int_eq(kept.status.wait_status, 0);
    (void)kept_read_log(&kept);
    ck_assert_str_eq(kept.log, "typed\r\ntyped\r\nrestrest");
}
END_TEST

START_TEST(a_terminals_last_output_arrives_whole)
{
    kept_spawn(&kept, &keepers, "/keep", "print-64k");
    kept.request.tty = true;
    kept_start(&kept);
    kept_wait_gone(&kept);
    ck_assert_int_eq(kept.status.wait_status, 3);
    ck_assert_uint_ne(kept.status.flags & KEEPER_LOG_ENDED, 0);
    /* A terminal makes two characters of the end of a line. */
    ck_assert_int_eq(kept.status.log_end, 65536 + 4096);
}
END_TEST

START_TEST(the_console_is_the_terminal)
{
    kept_spawn(&kept, &keepers, "/keep", "console");
    kept.request.tty = true;
    kept_start(&kept);
    kept_wait_gone(&kept);
    (void)kept_read_log(&kept);
    ck_assert_str_eq(kept.log, "to the console\r\n");
}
END_TEST

START_TEST(resize_without_a_terminal_changes_nothing)
{
    struct keeper_resize resize = { .header = { .kind = KEEPER_RESIZE }, .columns = 132, .rows = 50 };

    kept_spawn(&kept, &keepers, "/probe", "stay");
    kept_start(&kept);
    ck_assert_int_eq(keeper_send(kept.process.socket, &resize, sizeof(resize), NULL, 0), 0);
    kept_wait_log(&kept, "ready\n");
    ck_assert_uint_eq(kept.status.state, KEEPER_RUNNING);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("keeper_stdio");
    TCase *tests = tcase_create("stdio");

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, output_arrives_whole_and_in_order);
    tcase_add_test(tests, output_arrives_at_once_whole_from_many_that_end_together);
    tcase_add_test(tests, a_reader_that_never_reads_does_not_stop_the_program);
    tcase_add_test(tests, the_log_keeps_its_bound_and_says_what_it_has_dropped);
    tcase_add_test(tests, a_full_disk_loses_output_visibly_and_nothing_else);
    tcase_add_test(tests, the_two_streams_are_told_apart);
    tcase_add_test(tests, input_arrives_and_ends);
    tcase_add_test(tests, much_input_goes_through_by_the_counts_of_the_status);
    tcase_add_test(tests, input_for_a_program_without_stdin_is_dropped_and_counted);
    tcase_add_test(tests, a_program_has_a_terminal_of_its_own_that_changes_its_size);
    tcase_add_test(tests, a_size_that_is_told_before_there_is_a_terminal_is_kept);
    tcase_add_test(tests, a_terminal_echoes_its_input_and_its_end_can_be_typed);
    tcase_add_test(tests, a_terminals_last_output_arrives_whole);
    tcase_add_test(tests, the_console_is_the_terminal);
    tcase_add_test(tests, resize_without_a_terminal_changes_nothing);
    suite_add_tcase(suite, tests);
    return keepers_run(suite);
}
