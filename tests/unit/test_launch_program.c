/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <elf.h>
#include <errno.h>
#include <link.h>

#include "agent/guest/launch/program.h"
#include "tests/unit/launch_fixture.h"

/* What any executable that is neither ELF nor a script looks like to the launcher: binfmt_misc may know it.
 */
#define PROGRAM "\0binary"

static struct fixture fixture;
static struct launch_root root = LAUNCH_ROOT_INIT;
static struct launch_failure failure;
static char *path;

static void set_up(void)
{
    fixture_set_up(&fixture);
    fixture_dir(&fixture, "/bin");
    fixture_dir(&fixture, "/opt");
    fixture_bytes(&fixture, "/bin/sh", 0755, PROGRAM, sizeof(PROGRAM));
    fixture_file(&fixture, "/bin/data", 0644, "no program");
    ck_assert_int_eq(launch_root_open(&root, fixture.root, &failure), 0);
    path = NULL;
}

static void tear_down(void)
{
    free(path);
    launch_root_close(&root);
    fixture_tear_down(&fixture);
}

static int find(const char *name, const char *search)
{
    return launch_program_find(&root, name, search, "/opt", &path, &failure);
}

static void expect_refused(const char *name, int error, const char *part)
{
    ck_assert_int_eq(find(name, "/bin"), error);
    ck_assert_int_eq(failure.trouble, LAUNCH_NO_PROGRAM);
    ck_assert_str_eq(failure.parameter, "args");
    ck_assert_msg(strstr(failure.message, part) != NULL, "%s", failure.message);
    ck_assert_ptr_null(path);
}

START_TEST(a_name_is_looked_up_in_path)
{
    ck_assert_int_eq(find("sh", "/usr/bin:/bin"), 0);
    ck_assert_str_eq(path, "/bin/sh");
}
END_TEST

START_TEST(the_first_executable_in_path_wins)
{
    fixture_file(&fixture, "/opt/sh", 0644, "not executable");
    ck_assert_int_eq(find("sh", "/opt:/bin"), 0);
    ck_assert_str_eq(path, "/bin/sh");
}
END_TEST

START_TEST(relative_and_empty_elements_of_path_are_skipped)
{
    fixture_bytes(&fixture, "/opt/tool", 0755, PROGRAM, sizeof(PROGRAM));
    ck_assert_int_eq(find("tool", ":.::opt:"), -ENOENT);
    ck_assert_int_eq(find("tool", ""), -ENOENT);
}
END_TEST

START_TEST(a_relative_name_with_a_slash_begins_at_cwd)
{
    fixture_bytes(&fixture, "/opt/tool", 0755, PROGRAM, sizeof(PROGRAM));
    ck_assert_int_eq(find("./tool", "/bin"), 0);
    ck_assert_str_eq(path, "/opt/./tool");
}
END_TEST

START_TEST(a_missing_program_is_refused_with_its_path)
{
    expect_refused("nosuch", -ENOENT, "PATH is /bin");
    expect_refused("/bin/nosuch", -ENOENT, "/bin/nosuch");
    expect_refused("/bin/sh/x", -ENOTDIR, "/bin/sh/x");
}
END_TEST

START_TEST(what_is_not_an_executable_file_is_refused)
{
    ck_assert_int_eq(mkfifo(fixture_path(&fixture, "/bin/fifo"), 0755), 0);
    expect_refused("/bin/data", -EACCES, "not an executable");
    expect_refused("data", -EACCES, "not an executable");
    expect_refused("/bin", -EACCES, "not an executable");
    expect_refused("/bin/fifo", -EACCES, "not an executable");
}
END_TEST

START_TEST(a_program_is_not_found_outside_of_the_root)
{
    /* On the machine /bin/cat exists. */
    fixture_link(&fixture, "/outside", "../../../../../bin/cat");
    fixture_link(&fixture, "/usr", "/../..");
    expect_refused("/outside", -ENOENT, "/outside");
    expect_refused("/usr/bin/cat", -ENOENT, "/usr/bin/cat");
    ck_assert_int_eq(find("/usr/bin/sh", "/bin"), 0);
}
END_TEST

START_TEST(a_program_below_a_mount_of_the_container_does_not_count)
{
    fixture_dir(&fixture, "/dev");
    fixture_bytes(&fixture, "/dev/tool", 0755, PROGRAM, sizeof(PROGRAM));
    fixture_link(&fixture, "/bin/tool", "../dev/tool");
    expect_refused("/dev/tool", -ENOENT, "/dev/tool");
    expect_refused("tool", -ENOENT, "tool");
}
END_TEST

START_TEST(a_script_needs_its_interpreter)
{
    fixture_file(&fixture, "/bin/good", 0755, "#! /bin/sh -e\nexit\n");
    fixture_file(&fixture, "/bin/bad", 0755, "#!/bin/python3\n");
    fixture_file(&fixture, "/bin/nested", 0755, "#!/bin/bad\n");
    fixture_file(&fixture, "/bin/itself", 0755, "#!/bin/itself\n");
    fixture_file(&fixture, "/bin/nothing", 0755, "#!\n");
    fixture_file(&fixture, "/bin/data-script", 0755, "#!/bin/data\n");
    ck_assert_int_eq(find("good", "/bin"), 0);
    free(path);
    path = NULL;
    expect_refused("bad", -ENOENT, "/bin/python3");
    expect_refused("nested", -ENOENT, "/bin/python3");
    expect_refused("itself", -ELOOP, "itself");
    expect_refused("nothing", -ENOEXEC, "nothing");
    expect_refused("data-script", -EACCES, "/bin/data");
}
END_TEST

START_TEST(an_image_cannot_start_the_daemons_own_binary)
{
    launch_root_close(&root);
    fixture_file(&fixture, "/bin/trap", 0755, "#!/proc/self/exe\n");
    fixture_link(&fixture, "/bin/link", "/proc/self/exe");
    ck_assert_int_eq(launch_root_open(&root, fixture.root, &failure), 0);
    expect_refused("trap", -ENOENT, "/proc/self/exe");
    expect_refused("link", -ENOENT, "link");
    launch_root_close(&root);
    ck_assert_int_eq(launch_root_open(&root, NULL, &failure), 0);
    expect_refused("/proc/self/exe", -ELOOP, "magic link");
}
END_TEST

struct elf_file {
    ElfW(Ehdr) header;
    ElfW(Phdr) segment;
    char loader[32];
};

static struct elf_file make_elf(const char *loader)
{
    struct elf_file elf = {
        .header = { .e_type = ET_DYN,
                    .e_phoff = offsetof(struct elf_file, segment),
                    .e_phentsize = sizeof(ElfW(Phdr)),
                    .e_phnum = 1 },
        .segment = { .p_type = PT_INTERP,
                     .p_offset = offsetof(struct elf_file, loader),
                     .p_filesz = strlen(loader) + 1 },
    };

    memcpy(elf.header.e_ident, ELFMAG, SELFMAG);
    elf.header.e_ident[EI_CLASS] = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
    memcpy(elf.loader, loader, strlen(loader) + 1);
    return elf;
}

static void put_elf(const char *name, const struct elf_file *elf, size_t size)
{
    fixture_bytes(&fixture, name, 0755, elf, size);
}

START_TEST(a_dynamic_program_needs_its_loader)
{
    struct elf_file elf = make_elf("/lib/ld.so");

    put_elf("/bin/dynamic", &elf, sizeof(elf));
    expect_refused("dynamic", -ENOENT, "/lib/ld.so");
    fixture_dir(&fixture, "/lib");
    fixture_bytes(&fixture, "/lib/ld.so", 0755, PROGRAM, sizeof(PROGRAM));
    ck_assert_int_eq(find("dynamic", "/bin"), 0);
}
END_TEST

START_TEST(a_static_program_needs_nothing)
{
    struct elf_file elf = make_elf("/lib/ld.so");

    elf.segment.p_type = PT_LOAD;
    put_elf("/bin/static", &elf, sizeof(elf));
    ck_assert_int_eq(find("static", "/bin"), 0);
}
END_TEST

START_TEST(a_damaged_program_is_refused)
{
    struct elf_file elf = make_elf("/lib/ld.so");

    put_elf("/bin/cut-header", &elf, 20);
    put_elf("/bin/cut-segments", &elf, sizeof(elf.header) + 8);
    put_elf("/bin/cut-loader", &elf, offsetof(struct elf_file, loader) + 3);
    elf.loader[strlen("/lib/ld.so")] = 'x';
    put_elf("/bin/open-loader", &elf, sizeof(elf));
    elf = make_elf("/lib/ld.so");
    elf.segment.p_filesz = (size_t)1 << 40;
    put_elf("/bin/huge-loader", &elf, sizeof(elf));
    elf = make_elf("/lib/ld.so");
    elf.segment.p_offset = UINT64_MAX - 4;
    put_elf("/bin/far-loader", &elf, sizeof(elf));
    elf = make_elf("/lib/ld.so");
    elf.header.e_phoff = (size_t)INT64_MAX;
    put_elf("/bin/far-segments", &elf, sizeof(elf));
    elf = make_elf("/lib/ld.so");
    elf.header.e_phnum = UINT16_MAX;
    put_elf("/bin/many-segments", &elf, sizeof(elf));
    elf = make_elf("/lib/ld.so");
    elf.header.e_ident[EI_CLASS] = sizeof(void *) == 8 ? ELFCLASS32 : ELFCLASS64;
    put_elf("/bin/other-class", &elf, sizeof(elf));
    expect_refused("cut-header", -ENOEXEC, "damaged");
    expect_refused("cut-segments", -ENOEXEC, "damaged");
    expect_refused("cut-loader", -ENOEXEC, "damaged");
    expect_refused("open-loader", -ENOEXEC, "damaged");
    expect_refused("huge-loader", -ENOEXEC, "damaged");
    expect_refused("far-loader", -ENOEXEC, "damaged");
    expect_refused("far-segments", -ENOEXEC, "damaged");
    expect_refused("many-segments", -ENOEXEC, "damaged");
    expect_refused("other-class", -ENOEXEC, "another kind of machine");
}
END_TEST

static const struct {
    const char *line;
    int result;
    const char *interpreter;
} lines[] = {
    { "", 0, NULL },
    { "#", 0, NULL },
    { "echo", 0, NULL },
    { "#!/bin/sh\n", 1, "/bin/sh" },
    { "#!/bin/sh", 1, "/bin/sh" },
    { "#! \t/bin/sh\t-x\n", 1, "/bin/sh" },
    { "#!sh\n", 1, "sh" },
    { "#!", -ENOEXEC, NULL },
    { "#!  \n/bin/sh\n", -ENOEXEC, NULL },
};

START_TEST(the_first_line_of_a_script_is_read)
{
    const char *interpreter = NULL;
    char head[256] = "";

    memcpy(head, lines[_i].line, strlen(lines[_i].line));
    ck_assert_int_eq(launch_script_parse(head, strlen(lines[_i].line), &interpreter), lines[_i].result);
    if (lines[_i].result > 0)
        ck_assert_str_eq(interpreter, lines[_i].interpreter);
}
END_TEST

START_TEST(a_first_line_that_does_not_fit_is_refused)
{
    const char *interpreter;
    char head[256];

    memset(head, 'x', sizeof(head));
    head[0] = '#';
    head[1] = '!';
    ck_assert_int_eq(launch_script_parse(head, sizeof(head), &interpreter), -ENOEXEC);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch_program");
    TCase *tests = tcase_create("program");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_name_is_looked_up_in_path);
    tcase_add_test(tests, the_first_executable_in_path_wins);
    tcase_add_test(tests, relative_and_empty_elements_of_path_are_skipped);
    tcase_add_test(tests, a_relative_name_with_a_slash_begins_at_cwd);
    tcase_add_test(tests, a_missing_program_is_refused_with_its_path);
    tcase_add_test(tests, what_is_not_an_executable_file_is_refused);
    tcase_add_test(tests, a_program_is_not_found_outside_of_the_root);
    tcase_add_test(tests, a_program_below_a_mount_of_the_container_does_not_count);
    tcase_add_test(tests, a_script_needs_its_interpreter);
    tcase_add_test(tests, an_image_cannot_start_the_daemons_own_binary);
    tcase_add_test(tests, a_dynamic_program_needs_its_loader);
    tcase_add_test(tests, a_static_program_needs_nothing);
    tcase_add_test(tests, a_damaged_program_is_refused);
    tcase_add_loop_test(tests, the_first_line_of_a_script_is_read, 0, sizeof(lines) / sizeof(lines[0]));
    tcase_add_test(tests, a_first_line_that_does_not_fit_is_refused);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
