/* SPDX-License-Identifier: Apache-2.0 */
/* Who was killed, by what the kernel's log says; the records are of a 6.1 kernel, shortened. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/guest/container/oom_log.h"
#include "proto/fields.h"
#include "tests/unit/guest_test.h"

#define VICTIM                                                                                               \
    "6,912,51409001,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=web,mems_allowed=0-1,"     \
    "oom_memcg=/czone/web,task_memcg=/czone/web,task=tenant,pid=812,uid=0\n"
#define KILLED                                                                                               \
    "3,913,51409002,-;Memory cgroup out of memory: Killed process 812 (tenant) total-vm:264192kB, "          \
    "anon-rss:240000kB, file-rss:4kB, shmem-rss:0kB, UID:0 pgtables:520kB oom_score_adj:0\n"
#define GROUP "6,914,51409003,-;Tasks in /czone/web are going to be killed due to memory.oom.group set\n"

static bool is_cgroup(const struct oom_text *text, const char *path)
{
    return text->cgroup_length == strlen(path) && memcmp(text->cgroup, path, strlen(path)) == 0;
}

START_TEST(the_line_of_a_kill_names_process_and_cgroup)
{
    struct oom_text text = { 0 };

    ck_assert_int_eq(oom_text_parse(VICTIM, &text), OOM_TEXT_VICTIM);
    ck_assert_int_eq(text.pid, 812);
    ck_assert_str_eq(text.process, "tenant");
    ck_assert(is_cgroup(&text, "/czone/web"));
    ck_assert_int_eq(oom_text_parse(KILLED, &text), OOM_TEXT_KILLED);
    ck_assert_int_eq(text.pid, 812);
    ck_assert_str_eq(text.process, "tenant");
    ck_assert_int_eq(oom_text_parse(GROUP, &text), OOM_TEXT_GROUP);
    ck_assert(is_cgroup(&text, "/czone/web"));
}
END_TEST

START_TEST(a_program_cannot_choose_a_name_that_misleads)
{
    struct oom_text text = { 0 };

    ck_assert_int_eq(
        oom_text_parse("6,1,1,-;oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=/czone/a,task_memcg=/czone/a/"
                       "sub,task=,pid=1,uid=0,pid=99,uid=1000\n",
                       &text),
        OOM_TEXT_VICTIM);
    ck_assert_int_eq(text.pid, 99);
    ck_assert_str_eq(text.process, ",pid=1,uid=0");
    ck_assert(is_cgroup(&text, "/czone/a/sub"));
    ck_assert_int_eq(
        oom_text_parse(
            "3,1,1,-;Memory cgroup out of memory: Killed process 7 (a) total-vm:9) total-vm:264192kB, x\n",
            &text),
        OOM_TEXT_KILLED);
    ck_assert_int_eq(text.pid, 7);
    ck_assert_str_eq(text.process, "a) total-vm:9");
}
END_TEST

static const char too_long_a_name[] =
    "6,912,1,-;oom-kill:constraint=CONSTRAINT_MEMCG,task_memcg=/a,"
    "task=01234567890123456789012345678901234567890123456789012345678901234,pid=8,uid=0\n";

static const char *const others[] = {
    "",
    "6,912",
    "6,912,1,-;",
    "6,912,1,-;usb 1-1: new device",
    /* Written to /dev/kmsg by a program: facility 1 (user) and above. */
    "14,912,1,-;oom-kill:constraint=CONSTRAINT_MEMCG,task_memcg=/czone/web,task=tenant,pid=812,uid=0\n",
    "6,912,1,-;oom-kill:constraint=CONSTRAINT_MEMCG,task_memcg=/czone/web,task=tenant,uid=0\n",
    "6,912,1,-;oom-kill:constraint=CONSTRAINT_MEMCG,task=tenant,pid=812,uid=0\n",
    "6,912,1,-;oom-kill:constraint=CONSTRAINT_MEMCG,task_memcg=/czone/web,task=tenant,pid=x,uid=0\n",
    "6,912,1,-;oom-kill:constraint=CONSTRAINT_MEMCG,task_memcg=/a,task=tenant,pid=99999999999,uid=0\n",
    too_long_a_name,
    "3,913,1,-;Killed process 812 tenant total-vm:264192kB\n",
    "3,913,1,-;Killed process (tenant) total-vm:264192kB\n",
    "6,914,1,-;Tasks in /czone/web are going to lunch\n",
    "6,914,1,-;My Tasks in /czone/web are going to be killed due to memory.oom.group set\n",
};

START_TEST(what_is_no_kill_of_the_kernel_s_is_passed_over)
{
    struct oom_text text = { 0 };

    ck_assert_int_eq(oom_text_parse(others[_i], &text), OOM_TEXT_OTHER);
}
END_TEST

struct seen {
    int n, pid;
    char cgroup[64];
};

static void see(void *data, const struct oom_text *victim)
{
    struct seen *seen = data;

    seen->n++;
    seen->pid = victim->pid;
    (void)snprintf(seen->cgroup, sizeof(seen->cgroup), "%.*s", (int)victim->cgroup_length, victim->cgroup);
}

/* A log like the kernel's: one record for each read(), and none is an error. */
static void open_log(struct oom_log *log, int *ret_fd)
{
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    *log = (struct oom_log){ .fd = fds[0] };
    *ret_fd = fds[1];
}

static void say(int fd, const char *record)
{
    ck_assert_int_eq(write(fd, record, strlen(record)), (ssize_t)strlen(record));
}

START_TEST(victims_are_found_among_other_messages)
{
    struct seen seen = { 0 };
    struct oom_log log;
    int fd;

    open_log(&log, &fd);
    oom_log_read(&log, see, &seen);
    ck_assert_int_eq(seen.n, 0);
    say(fd, "6,1,1,-;eth0: link up\n");
    say(fd, VICTIM);
    say(fd, "6,2,1,-;eth0: link down\n");
    oom_log_read(&log, see, &seen);
    ck_assert_int_eq(seen.n, 1);
    ck_assert_int_eq(seen.pid, 812);
    ck_assert_str_eq(seen.cgroup, "/czone/web");
    oom_log_close(&log);
    (void)close(fd);
}
END_TEST

START_TEST(a_victim_is_found_when_the_kernel_has_left_its_report_out)
{
    struct seen seen = { 0 };
    struct oom_log log;
    int fd;

    open_log(&log, &fd);
    /* Of an earlier group: its victim, and one that went with it. */
    say(fd, "3,1,1,-;Memory cgroup out of memory: Killed process 5 (old) total-vm:1kB, \n");
    say(fd, KILLED);
    say(fd, GROUP);
    say(fd, "3,1,1,-;Memory cgroup out of memory: Killed process 813 (child) total-vm:1kB, \n");
    oom_log_read(&log, see, &seen);
    ck_assert_int_eq(seen.n, 1);
    ck_assert_int_eq(seen.pid, 812);
    ck_assert_str_eq(seen.cgroup, "/czone/web");
    oom_log_close(&log);
    (void)close(fd);
}
END_TEST

START_TEST(a_log_that_cannot_be_opened_names_nobody)
{
    struct seen seen = { 0 };
    struct oom_log log;

    ck_assert_int_eq(oom_log_open(&log, "/no/such/log"), -ENOENT);
    oom_log_read(&log, see, &seen);
    oom_log_close(&log);
    ck_assert_int_eq(seen.n, 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("oom");

    tcase_add_test(tests, the_line_of_a_kill_names_process_and_cgroup);
    tcase_add_test(tests, a_program_cannot_choose_a_name_that_misleads);
    tcase_add_loop_test(tests, what_is_no_kill_of_the_kernel_s_is_passed_over, 0, (int)ELEMENTS(others));
    tcase_add_test(tests, victims_are_found_among_other_messages);
    tcase_add_test(tests, a_victim_is_found_when_the_kernel_has_left_its_report_out);
    tcase_add_test(tests, a_log_that_cannot_be_opened_names_nobody);
    return guest_test_main(tests, "guest/oom");
}
