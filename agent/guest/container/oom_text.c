/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/oom_text.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "proto/fields.h"

/* Priority and facility are one number; facility 0 is the kernel, which user space cannot claim to be. */
#define PRIORITIES 8

/* Digits only. Returns the byte behind them, or NULL. */
static const char *take_number(const char *at, int *ret_number)
{
    int number = 0;

    if (*at < '0' || *at > '9')
        return NULL;
    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(number, 10, &number) || __builtin_add_overflow(number, *at - '0', &number))
            return NULL;
    *ret_number = number;
    return at;
}

/* The text of a record of the kernel's own; NULL for others. */
static const char *kernel_text(const char *record)
{
    int prefix;
    const char *at = take_number(record, &prefix);

    if (at == NULL || *at != ',' || prefix >= PRIORITIES)
        return NULL;
    at = strchr(at, ';');
    return at != NULL ? at + 1 : NULL;
}

static const char *find(const char *from, const char *end, const char *words)
{
    size_t n = strlen(words);

    for (const char *at = from; at + n <= end; at++)
        if (memcmp(at, words, n) == 0)
            return at;
    return NULL;
}

static const char *find_last(const char *from, const char *end, const char *words)
{
    const char *last = NULL;

    for (const char *at = from; (at = find(at, end, words)) != NULL; at++)
        last = at;
    return last;
}

static bool set_process(struct oom_text *ret, const char *from, const char *end)
{
    size_t n = (size_t)(end - from);

    if (n > OOM_TEXT_PROCESS_MAX)
        return false;
    memcpy(ret->process, from, n);
    ret->process[n] = '\0';
    return true;
}

/*
 * "oom-kill:constraint=…,task_memcg=/czone/web,task=NAME,pid=812,uid=0". A program chooses its name, and the
 * name may look like what follows it: so the pid is looked for from the end.
 */
static bool parse_victim(const char *text, const char *end, struct oom_text *ret)
{
    static const char cgroup_key[] = ",task_memcg=", task_key[] = ",task=", pid_key[] = ",pid=";
    const char *cgroup = find(text, end, cgroup_key), *task, *pid;

    if (cgroup == NULL)
        return false;
    cgroup += strlen(cgroup_key);
    pid = find_last(cgroup, end, pid_key);
    if (pid == NULL || take_number(pid + strlen(pid_key), &ret->pid) == NULL)
        return false;
    /* A cgroup inside a container may be called anything, too. */
    task = find(cgroup, pid, task_key);
    while (task != NULL && !set_process(ret, task + strlen(task_key), pid))
        task = find(task + 1, pid, task_key);
    if (task == NULL)
        return false;
    ret->cgroup = cgroup;
    ret->cgroup_length = (size_t)(task - cgroup);
    return true;
}

/* "Memory cgroup out of memory: Killed process 812 (NAME) total-vm:…" */
static bool parse_killed(const char *text, const char *end, struct oom_text *ret)
{
    static const char killed[] = "Killed process ", after_name[] = ") total-vm:";
    const char *at = find(text, end, killed), *name_end = find_last(text, end, after_name);

    if (at == NULL || name_end == NULL)
        return false;
    at = take_number(at + strlen(killed), &ret->pid);
    return at != NULL && at + 2 <= name_end && at[0] == ' ' && at[1] == '(' &&
           set_process(ret, at + 2, name_end);
}

/* "Tasks in /czone/web are going to be killed due to memory.oom.group set" */
static bool parse_group(const char *text, const char *end, struct oom_text *ret)
{
    static const char before[] = "Tasks in ", after[] = " are going to be killed due to memory.oom.group set";
    const char *path_end = find_last(text, end, after);

    if (strncmp(text, before, strlen(before)) != 0 || path_end == NULL)
        return false;
    ret->cgroup = text + strlen(before);
    ret->cgroup_length = (size_t)(path_end - ret->cgroup);
    return true;
}

enum oom_text_kind oom_text_parse(const char *record, struct oom_text *ret)
{
    const char *text = kernel_text(record), *end;

    if (text == NULL)
        return OOM_TEXT_OTHER;
    end = text + strcspn(text, "\n");
    if (strncmp(text, "oom-kill:", 9) == 0)
        return parse_victim(text, end, ret) ? OOM_TEXT_VICTIM : OOM_TEXT_OTHER;
    if (parse_killed(text, end, ret))
        return OOM_TEXT_KILLED;
    return parse_group(text, end, ret) ? OOM_TEXT_GROUP : OOM_TEXT_OTHER;
}
