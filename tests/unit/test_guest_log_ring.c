/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "agent/guest/log_ring.h"
#include "tests/unit/guest_test.h"

static struct log_ring ring;
static char buffer[LOG_RING_LIMIT + 1];

static void set_up(void)
{
    ring = (struct log_ring)LOG_RING_INIT;
}

static void tear_down(void)
{
    log_ring_done(&ring);
}

static char byte_at(uint64_t offset)
{
    return (char)(offset * 31 % 251);
}

static void write_bytes(size_t length)
{
    char chunk[5000];

    while (length > 0) {
        size_t n = length < sizeof(chunk) ? length : sizeof(chunk);

        for (size_t i = 0; i < n; i++)
            chunk[i] = byte_at(ring.end + i);
        log_ring_write(&ring, chunk, n);
        length -= n;
    }
}

static void expect_kept(uint64_t offset, size_t length)
{
    uint64_t at = offset;
    size_t wrong = 0;

    ck_assert_uint_eq(log_ring_read(&ring, &at, buffer, length), length);
    ck_assert_uint_eq(at, offset);
    for (size_t i = 0; i < length; i++)
        wrong += buffer[i] != byte_at(offset + i);
    ck_assert_uint_eq(wrong, 0);
}

START_TEST(an_empty_ring_has_nothing_and_takes_no_memory)
{
    uint64_t offset = 7;

    ck_assert_uint_eq(log_ring_read(&ring, &offset, buffer, sizeof(buffer)), 0);
    ck_assert_uint_eq(offset, 0);
    ck_assert_ptr_null(ring.data);
}
END_TEST

START_TEST(what_was_written_is_read_from_any_offset)
{
    write_bytes(10000);
    expect_kept(0, 10000);
    expect_kept(9999, 1);
    expect_kept(4097, 5000);
}
END_TEST

START_TEST(memory_grows_with_what_is_written_and_not_beyond_the_limit)
{
    write_bytes(100);
    ck_assert_uint_eq(ring.size, 4096);
    write_bytes(10000);
    ck_assert_uint_eq(ring.size, 16384);
    write_bytes(4 * LOG_RING_LIMIT);
    ck_assert_uint_eq(ring.size, LOG_RING_LIMIT);
}
END_TEST

START_TEST(the_oldest_bytes_fall_out_and_a_reader_is_moved_up)
{
    uint64_t offset = 10;

    write_bytes(LOG_RING_LIMIT + 12345);
    ck_assert_uint_eq(ring.begin, 12345);
    ck_assert_uint_eq(log_ring_read(&ring, &offset, buffer, 1), 1);
    ck_assert_uint_eq(offset, 12345);
    expect_kept(12345, LOG_RING_LIMIT);
}
END_TEST

START_TEST(one_write_larger_than_the_ring_leaves_its_end)
{
    char *large = malloc(LOG_RING_LIMIT * 2);

    ck_assert_ptr_nonnull(large);
    write_bytes(77);
    for (size_t i = 0; i < LOG_RING_LIMIT * 2; i++)
        large[i] = byte_at(77 + i);
    log_ring_write(&ring, large, LOG_RING_LIMIT * 2);
    free(large);
    ck_assert_uint_eq(ring.end, 77 + LOG_RING_LIMIT * 2);
    expect_kept(ring.end - LOG_RING_LIMIT, LOG_RING_LIMIT);
}
END_TEST

START_TEST(growing_keeps_what_wrapped_around)
{
    /* The limit is no power of two times the first step: growth happens at odd places. */
    ring.limit = 10000;
    for (int i = 0; i < 500; i++) {
        write_bytes(1 + (size_t)i % 97);
        expect_kept(ring.begin, (size_t)(ring.end - ring.begin));
    }
    ck_assert_uint_eq(ring.size, 10000);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("log_ring");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, an_empty_ring_has_nothing_and_takes_no_memory);
    tcase_add_test(tests, what_was_written_is_read_from_any_offset);
    tcase_add_test(tests, memory_grows_with_what_is_written_and_not_beyond_the_limit);
    tcase_add_test(tests, the_oldest_bytes_fall_out_and_a_reader_is_moved_up);
    tcase_add_test(tests, one_write_larger_than_the_ring_leaves_its_end);
    tcase_add_test(tests, growing_keeps_what_wrapped_around);
    return guest_test_main(tests, "guest_log_ring");
}
