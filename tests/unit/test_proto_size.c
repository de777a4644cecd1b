/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/size.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

static void reads(const char *text, int64_t expected)
{
    int64_t size = -1;

    ck_assert_msg(size_parse(text, &size) == 0, "%s is refused", text);
    ck_assert_msg(size == expected, "%s is read as %lld", text, (long long)size);
}

static void refuses(const char *text, int error)
{
    int64_t size = 4711;
    int r = size_parse(text, &size);

    ck_assert_msg(r == error, "'%s' gives %d", text, r);
    ck_assert_int_eq(size, 4711);
}

START_TEST(a_size_is_read_in_every_usual_spelling)
{
    reads("0", 0);
    reads("134217728", INT64_C(1) << 27);
    reads("5B", 5);
    reads("128M", INT64_C(1) << 27);
    reads("128m", INT64_C(1) << 27);
    reads("128MiB", INT64_C(1) << 27);
    reads("128 mib", INT64_C(1) << 27);
    reads("64K", INT64_C(1) << 16);
    reads("3G", INT64_C(3) << 30);
    reads("2T", INT64_C(2) << 40);
    reads("9223372036854775807", INT64_MAX);
}
END_TEST

START_TEST(what_is_no_size_is_refused)
{
    refuses("", -EINVAL);
    refuses("M", -EINVAL);
    refuses("-1M", -EINVAL);
    refuses("+1M", -EINVAL);
    refuses("1.5G", -EINVAL);
    refuses("0x10", -EINVAL);
    refuses("1Q", -EINVAL);
    refuses("1Mi", -EINVAL);
    refuses("1MiBs", -EINVAL);
    refuses(" 1M", -EINVAL);
}
END_TEST

START_TEST(megabytes_are_refused_because_half_of_us_mean_a_million)
{
    refuses("128MB", -EINVAL);
    refuses("1GB", -EINVAL);
}
END_TEST

START_TEST(a_size_the_protocol_cannot_carry_is_out_of_range)
{
    refuses("9223372036854775808", -ERANGE);
    refuses("99999999999999999999999999", -ERANGE);
    refuses("8388608T", -ERANGE);
    reads("8388607T", INT64_C(8388607) << 40);
}
END_TEST

static void prints(int64_t bytes, const char *expected)
{
    char buffer[SIZE_TEXT_MAX];

    ck_assert_str_eq(size_format(bytes, buffer), expected);
}

START_TEST(a_size_is_printed_with_the_unit_that_suits_it)
{
    prints(0, "0 B");
    prints(1023, "1023 B");
    prints(1024, "1 KiB");
    prints(1536, "1.5 KiB");
    prints(INT64_C(1) << 27, "128 MiB");
    prints(INT64_C(3) << 29, "1.5 GiB");
    prints(INT64_C(2) << 40, "2 TiB");
    prints(INT64_MAX, "8388607.9 TiB");
}
END_TEST

START_TEST(nothing_is_printed_as_more_than_it_is)
{
    prints((INT64_C(1) << 30) - 1, "1023.9 MiB");
    prints((INT64_C(1) << 27) + 1, "128 MiB");
}
END_TEST

START_TEST(negative_differences_keep_their_sign)
{
    prints(-4096, "-4 KiB");
    prints(INT64_MIN, "-8388608 TiB");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("proto/size");
    TCase *tcase = tcase_create("size");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, a_size_is_read_in_every_usual_spelling);
    tcase_add_test(tcase, what_is_no_size_is_refused);
    tcase_add_test(tcase, megabytes_are_refused_because_half_of_us_mean_a_million);
    tcase_add_test(tcase, a_size_the_protocol_cannot_carry_is_out_of_range);
    tcase_add_test(tcase, a_size_is_printed_with_the_unit_that_suits_it);
    tcase_add_test(tcase, nothing_is_printed_as_more_than_it_is);
    tcase_add_test(tcase, negative_differences_keep_their_sign);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
