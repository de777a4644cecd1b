/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/guest/launch/filter.h"
#include "agent/guest/launch/seccomp.h"

/* Of containers, and of OCI runtimes. */
static int (*const compilers[])(int *ret_filter) = { launch_seccomp_compile, launch_seccomp_compile_runtime };
#define N_COMPILERS 2

static struct sock_fprog compile(int (*compiler)(int *ret_filter))
{
    struct sock_fprog program = { 0 };
    int filter = -EBADF;

    ck_assert_int_eq(compiler(&filter), 0);
    ck_assert_int_eq(launch_filter_read(filter, &program), 0);
    (void)close(filter);
    return program;
}

/* Each test is a process of its own (check forks), so the filter ends with it. */
static void load(int (*compiler)(int *ret_filter))
{
    struct sock_fprog program = compile(compiler);

    ck_assert_uint_gt(program.len, 0);
    ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    ck_assert_int_eq(launch_filter_apply(&program), 0);
    free(program.filter);
}

START_TEST(a_memory_policy_can_be_set_until_the_filter_is_loaded)
{
    ck_assert_int_eq(syscall(SYS_set_mempolicy, 0, NULL, 0), 0);
    load(compilers[_i]);
    ck_assert_int_lt(syscall(SYS_set_mempolicy, 0, NULL, 0), 0);
    ck_assert_int_eq(errno, EPERM);
}
END_TEST

START_TEST(a_vsock_is_an_unknown_family_and_others_work)
{
    int fd;

    load(compilers[_i]);
    ck_assert_int_lt(socket(AF_VSOCK, SOCK_STREAM, 0), 0);
    ck_assert_int_eq(errno, EAFNOSUPPORT);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_ge(fd, 0);
    (void)close(fd);
}
END_TEST

START_TEST(a_runtime_may_do_what_it_needs)
{
    load(launch_seccomp_compile_runtime);
    ck_assert_int_eq(unshare(CLONE_FS), 0);
    ck_assert_int_eq(syscall(SYS_mount, NULL, NULL, NULL, 0, NULL), -1);
    ck_assert_int_eq(errno, EFAULT); /* the kernel's answer, not the filter's */
}
END_TEST

START_TEST(the_filter_is_short_enough_for_every_system_call)
{
    struct sock_fprog program = compile(compilers[_i]);

    ck_assert_uint_le(program.len, BPF_MAXINSNS);
    free(program.filter);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch_seccomp");
    TCase *tests = tcase_create("seccomp");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(tests, a_memory_policy_can_be_set_until_the_filter_is_loaded, 0, N_COMPILERS);
    tcase_add_loop_test(tests, a_vsock_is_an_unknown_family_and_others_work, 0, N_COMPILERS);
    tcase_add_loop_test(tests, the_filter_is_short_enough_for_every_system_call, 0, N_COMPILERS);
    tcase_add_test(tests, a_runtime_may_do_what_it_needs);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
