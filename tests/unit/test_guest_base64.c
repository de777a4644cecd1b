/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "agent/guest/base64.h"
#include "tests/unit/guest_test.h"

static void expect(const char *data, size_t length, const char *text)
{
    char out[64];

    memset(out, 0, sizeof(out));
    base64_encode(data, length, out);
    ck_assert_str_eq(out, text);
    ck_assert_uint_eq(BASE64_LENGTH(length), strlen(text));
}

START_TEST(the_vectors_of_rfc_4648)
{
    expect("", 0, "");
    expect("f", 1, "Zg==");
    expect("fo", 2, "Zm8=");
    expect("foo", 3, "Zm9v");
    expect("foob", 4, "Zm9vYg==");
    expect("fooba", 5, "Zm9vYmE=");
    expect("foobar", 6, "Zm9vYmFy");
}
END_TEST

START_TEST(bytes_with_the_high_bit_and_nul)
{
    expect("\x00\xff\xfe\x80", 4, "AP/+gA==");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("base64");

    tcase_add_test(tests, the_vectors_of_rfc_4648);
    tcase_add_test(tests, bytes_with_the_high_bit_and_nul);
    return guest_test_main(tests, "guest_base64");
}
