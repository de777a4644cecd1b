/* SPDX-License-Identifier: Apache-2.0 */
#include "backend_test.h"

#include <fcntl.h>
#include <unistd.h>

#include "backend/attr.h"
#include "backend/provider.h"

static int root;

static void setup_root(void)
{
    fake_machine_make(&machine);
    root = open(machine.root, O_RDONLY | O_DIRECTORY);
    ck_assert_int_ge(root, 0);
}

static void teardown_root(void)
{
    (void)close(root);
    fake_machine_remove(&machine);
}

START_TEST(one_trailing_newline_is_cut)
{
    char text[16];

    fake_machine_write(&machine, "f", "ab\n");
    ck_assert_int_eq(attr_read(root, "f", text, sizeof(text)), 2);
    ck_assert_str_eq(text, "ab");
    fake_machine_write(&machine, "f", "ab\n\n");
    ck_assert_int_eq(attr_read(root, "f", text, sizeof(text)), 3);
    fake_machine_write(&machine, "f", "%s", "");
    ck_assert_int_eq(attr_read(root, "f", text, sizeof(text)), 0);
    ck_assert_str_eq(text, "");
}
END_TEST

/* The bug that libdaxctl has: a value that does not fit must be an error, never a cut or an empty value. */
START_TEST(value_that_does_not_fit_is_an_error)
{
    char text[4];

    fake_machine_write(&machine, "f", "abc");
    ck_assert_int_eq(attr_read(root, "f", text, sizeof(text)), 3);
    fake_machine_write(&machine, "f", "abcd");
    ck_assert_int_eq(attr_read(root, "f", text, sizeof(text)), -ENOBUFS);
    fake_machine_write(&machine, "f", "abcdefgh");
    ck_assert_int_eq(attr_read(root, "f", text, sizeof(text)), -ENOBUFS);
}
END_TEST

START_TEST(missing_file_says_so)
{
    uint64_t value;
    char *all;
    char text[8];

    ck_assert_int_eq(attr_read(root, "none", text, sizeof(text)), -ENOENT);
    ck_assert_int_eq(attr_read_all(root, "none", &all), -ENOENT);
    ck_assert_int_eq(attr_read_u64(root, "none", 10, &value), -ENOENT);
    ck_assert_int_eq(attr_write(root, "none", "1"), -ENOENT);
}
END_TEST

START_TEST(file_of_any_length_is_read_whole)
{
    char *all = NULL;

    for (int n = 4094; n <= 4098; n++) {
        fake_machine_write(&machine, "f", "%0*d", n, 7);
        ck_assert_int_eq(attr_read_all(root, "f", &all), n);
        ck_assert_uint_eq(strlen(all), (size_t)n);
        free(all);
    }
}
END_TEST

START_TEST(number_is_a_number_and_nothing_else)
{
    static const char *const bad[] = { "", "x", "12x", "-1", "1 2", "99999999999999999999" };
    uint64_t value = 0;

    fake_machine_write(&machine, "f", "8000000\n");
    ck_assert_int_eq(attr_read_u64(root, "f", 16, &value), 0);
    ck_assert_uint_eq(value, 0x8000000);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        fake_machine_write(&machine, "f", "%s\n", bad[i]);
        ck_assert_msg(attr_read_u64(root, "f", 10, &value) == -EINVAL, "\"%s\" was taken", bad[i]);
    }
}
END_TEST

START_TEST(path_is_built_without_stdio_and_never_cut)
{
    char path[16];

    ck_assert_int_eq(attr_path(path, sizeof(path), "memory", 120, "/state"), 0);
    ck_assert_str_eq(path, "memory120/state");
    ck_assert_int_eq(attr_path(path, sizeof(path), "memory", 1200, "/state"), -ENAMETOOLONG);
    ck_assert_int_eq(attr_path(path, sizeof(path), "m", 0, ""), 0);
    ck_assert_str_eq(path, "m0");
}
END_TEST

START_TEST(number_in_a_name_is_all_of_the_rest)
{
    uint64_t number;

    ck_assert_int_eq(attr_number("memory32", "memory", &number), 0);
    ck_assert_uint_eq(number, 32);
    ck_assert_int_eq(attr_number("memory", "memory", &number), -EINVAL);
    ck_assert_int_eq(attr_number("memory_failure", "memory", &number), -EINVAL);
    ck_assert_int_eq(attr_number("memory3x", "memory", &number), -EINVAL);
    ck_assert_int_eq(attr_number("memory99999999999999999999", "memory", &number), -EINVAL);
    ck_assert_int_eq(attr_number("node1", "memory", &number), -EINVAL);
}
END_TEST

/* As a 6.1 guest with a virtio-mem device and a dimm shows it. */
static const char iomem[] = "00001000-0009fbff : System RAM\n"
                            "000a0000-000bffff : PCI Bus 0000:00\n"
                            "00100000-1ffdffff : System RAM\n"
                            "  0ce00000-0dc01ef1 : Kernel code\n"
                            "100000000-11fffffff : virtio0\n"
                            "  100000000-11fffffff : System RAM (virtio_mem)\n"
                            "160000000-17fffffff : System RAM\n"
                            "200000000-23fffffff : dax0.0\n"
                            "  200000000-23fffffff : System RAM (kmem)\n";

static enum czone_provider provider_at(const struct providers *providers, uint64_t block)
{
    return providers_find(providers, block * FAKE_BLOCK_SIZE, FAKE_BLOCK_SIZE);
}

START_TEST(resource_tree_tells_who_brought_a_block)
{
    struct providers providers = { 0 };
    int proc;

    fake_machine_write(&machine, "proc/iomem", "%s", iomem);
    proc = openat(root, "proc", O_RDONLY | O_DIRECTORY);
    ck_assert_int_eq(providers_read(&providers, proc), 0);
    ck_assert_int_eq(provider_at(&providers, 0), CZONE_PROVIDER_BOOT); /* begins with a hole */
    ck_assert_int_eq(provider_at(&providers, 3), CZONE_PROVIDER_BOOT); /* ends with one */
    ck_assert_int_eq(provider_at(&providers, 4), CZONE_PROVIDER_UNKNOWN);
    ck_assert_int_eq(provider_at(&providers, 31), CZONE_PROVIDER_UNKNOWN);
    ck_assert_int_eq(provider_at(&providers, 32), CZONE_PROVIDER_VIRTIO_MEM);
    ck_assert_int_eq(provider_at(&providers, 35), CZONE_PROVIDER_VIRTIO_MEM);
    ck_assert_int_eq(provider_at(&providers, 36), CZONE_PROVIDER_UNKNOWN);
    ck_assert_int_eq(provider_at(&providers, 44), CZONE_PROVIDER_BOOT); /* the dimm: told by firmware_node */
    ck_assert_int_eq(provider_at(&providers, 64), CZONE_PROVIDER_DAX);
    providers_done(&providers);
    (void)close(proc);
}
END_TEST

START_TEST(resource_tree_that_hides_its_addresses_tells_nothing)
{
    struct providers providers = { 0 };
    int proc;

    fake_machine_write(&machine, "proc/iomem",
                       "00000000-00000000 : System RAM\n"
                       "  00000000-00000000 : System RAM (virtio_mem)\n");
    proc = openat(root, "proc", O_RDONLY | O_DIRECTORY);
    ck_assert_int_eq(providers_read(&providers, proc), 0);
    ck_assert_uint_eq(providers.n, 0);
    providers_done(&providers);
    (void)close(proc);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("attr");

    tcase_add_checked_fixture(tests, setup_root, teardown_root);
    tcase_add_test(tests, one_trailing_newline_is_cut);
    tcase_add_test(tests, value_that_does_not_fit_is_an_error);
    tcase_add_test(tests, missing_file_says_so);
    tcase_add_test(tests, file_of_any_length_is_read_whole);
    tcase_add_test(tests, number_is_a_number_and_nothing_else);
    tcase_add_test(tests, path_is_built_without_stdio_and_never_cut);
    tcase_add_test(tests, number_in_a_name_is_all_of_the_rest);
    tcase_add_test(tests, resource_tree_tells_who_brought_a_block);
    tcase_add_test(tests, resource_tree_that_hides_its_addresses_tells_nothing);
    return backend_test_main(tests, "backend_attr");
}
