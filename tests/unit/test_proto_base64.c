/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/base64.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void encodes(const char *bytes, size_t length, const char *text)
{
    char out[64] = "";

    base64_encode(bytes, length, out);
    ck_assert_str_eq(out, text);
    ck_assert_uint_eq(BASE64_LENGTH(length), strlen(text));
}

static void decodes(const char *text, const char *bytes, size_t length)
{
    unsigned char *out = NULL;
    size_t n = 0;

    ck_assert_int_eq(base64_decode(text, &out, &n), 0);
    ck_assert_uint_eq(n, length);
    ck_assert_mem_eq(out, bytes, length);
    free(out);
}

static void refuses(const char *text)
{
    unsigned char *out = NULL;
    size_t n;

    ck_assert_msg(base64_decode(text, &out, &n) == -EBADMSG, "'%s' is taken", text);
    ck_assert_ptr_null(out);
}

START_TEST(the_vectors_of_rfc_4648_decode)
{
    decodes("", "", 0);
    decodes("Zg==", "f", 1);
    decodes("Zm8=", "fo", 2);
    decodes("Zm9v", "foo", 3);
    decodes("Zm9vYg==", "foob", 4);
    decodes("Zm9vYmE=", "fooba", 5);
    decodes("Zm9vYmFy", "foobar", 6);
    decodes("AP/+", "\0\xff\xfe", 3);
}
END_TEST

START_TEST(the_vectors_of_rfc_4648_encode)
{
    encodes("", 0, "");
    encodes("f", 1, "Zg==");
    encodes("fo", 2, "Zm8=");
    encodes("foo", 3, "Zm9v");
    encodes("foob", 4, "Zm9vYg==");
    encodes("fooba", 5, "Zm9vYmE=");
    encodes("foobar", 6, "Zm9vYmFy");
    encodes("\x00\xff\xfe\x80", 4, "AP/+gA==");
}
END_TEST

START_TEST(what_is_not_base64_is_refused)
{
    refuses("Z");
    refuses("Zm9");
    refuses("Zm9v\n");
    refuses("Z===");
    refuses("====");
    refuses("Zm=v");
    refuses("Zg==Zg==");
    refuses("Zm9-");
}
END_TEST

START_TEST(one_value_has_one_text)
{
    refuses("Zh==");
    refuses("Zm9=");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("proto/base64");
    TCase *tcase = tcase_create("base64");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, the_vectors_of_rfc_4648_decode);
    tcase_add_test(tcase, the_vectors_of_rfc_4648_encode);
    tcase_add_test(tcase, what_is_not_base64_is_refused);
    tcase_add_test(tcase, one_value_has_one_text);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
