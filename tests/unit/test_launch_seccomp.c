/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
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

/* What a filter answers to a call. */
static uint32_t run(const struct sock_fprog *program, const struct seccomp_data *call)
{
    uint32_t a = 0;

    for (size_t i = 0; i < program->len; i++) {
        const struct sock_filter *op = &program->filter[i];
        bool yes = false;

        switch (op->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            memcpy(&a, (const char *)call + op->k, sizeof(a));
            continue;
        case BPF_ALU | BPF_AND | BPF_K:
            a &= op->k;
            continue;
        case BPF_RET | BPF_K:
            return op->k;
        case BPF_JMP | BPF_JA:
            i += op->k;
            continue;
        case BPF_JMP | BPF_JEQ | BPF_K:
            yes = a == op->k;
            break;
        case BPF_JMP | BPF_JGT | BPF_K:
            yes = a > op->k;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            yes = a >= op->k;
            break;
        case BPF_JMP | BPF_JSET | BPF_K:
            yes = (a & op->k) != 0;
            break;
        default:
            ck_abort_msg("no filter has an instruction 0x%x", op->code);
        }
        i += yes ? op->jt : op->jf;
    }
    ck_abort_msg("the filter has no end");
}

/* Of two filters on one process the stricter counts; ours that differ only deny what the other allows. */
static uint32_t run_both(const struct sock_fprog *first, const struct sock_fprog *second,
                         const struct seccomp_data *call)
{
    uint32_t answer = run(first, call);

    return answer == SECCOMP_RET_ALLOW ? run(second, call) : answer;
}

static struct sock_fprog read_filter(int filter)
{
    struct sock_fprog program = { 0 };

    ck_assert_int_eq(launch_filter_read(filter, &program), 0);
    (void)close(filter);
    return program;
}

START_TEST(two_parts_of_the_filter_answer_as_the_whole)
{
    static const uint32_t arches[] = { SCMP_ARCH_X86_64, SCMP_ARCH_X86, SCMP_ARCH_AARCH64 };
    static const uint64_t arguments[] = { 0,          1,          2,           16,
                                          AF_VSOCK,   0x80,       0x20000,     0x02000000,
                                          0x10000000, 0x40000000, 0x7c020000,  UINT32_MAX,
                                          UINT64_MAX, 1ULL << 32, 0x100000028, CLONE_VM };
    struct sock_fprog whole = compile(launch_seccomp_compile), setting_up, running;
    int first = -EBADF, second = -EBADF;

    ck_assert_int_eq(launch_seccomp_compile_standby(&first, &second), 0);
    setting_up = read_filter(first);
    running = read_filter(second);
    for (size_t arch = 0; arch < sizeof(arches) / sizeof(arches[0]); arch++)
        for (int number = -1; number < 1024; number++)
            for (size_t i = 0; i < sizeof(arguments) / sizeof(arguments[0]); i++) {
                struct seccomp_data call = { .nr = number, .arch = arches[arch], .args = { arguments[i] } };

                ck_assert_msg(run(&whole, &call) == run_both(&setting_up, &running, &call),
                              "call %d of %x with %llx", number, call.arch, (unsigned long long)arguments[i]);
            }
    ck_assert_uint_lt(running.len, setting_up.len / 10);
    free(whole.filter);
    free(setting_up.filter);
    free(running.filter);
}
END_TEST

START_TEST(a_standby_can_set_up_a_root_and_a_policy_until_it_runs)
{
    int first = -EBADF, second = -EBADF;
    struct sock_fprog setting_up, running;

    ck_assert_int_eq(launch_seccomp_compile_standby(&first, &second), 0);
    setting_up = read_filter(first);
    running = read_filter(second);
    ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    ck_assert_int_eq(launch_filter_apply(&setting_up), 0);
    ck_assert_int_eq(syscall(SYS_set_mempolicy, 0, NULL, 0), 0);
    ck_assert_int_lt(syscall(SYS_mbind, 0, 0, 0, NULL, 0, 0), 0);
    ck_assert_int_eq(errno, EPERM);
    ck_assert_int_eq(launch_filter_apply(&running), 0);
    ck_assert_int_lt(syscall(SYS_set_mempolicy, 0, NULL, 0), 0);
    ck_assert_int_eq(errno, EPERM);
    free(setting_up.filter);
    free(running.filter);
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
    tcase_add_test(tests, two_parts_of_the_filter_answer_as_the_whole);
    tcase_add_test(tests, a_standby_can_set_up_a_root_and_a_policy_until_it_runs);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
