/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_GUEST_CGROUP_H
#define TESTS_GUEST_CGROUP_H

/* A container's cgroup made of files with a kernel's texts in them. Each test program has its own. */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/guest_machine.h"
#include "tests/unit/guest_test.h"

#define MIB (INT64_C(1) << 20)

static struct machine machine;
static struct czone_cgroup *cgroup;

static inline void put(const char *attribute, const char *text)
{
    char path[160];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/cgroup/czone/web/%s", machine.root, attribute);
    file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static inline void drop(const char *attribute)
{
    char path[160];

    (void)snprintf(path, sizeof(path), "%s/cgroup/czone/web/%s", machine.root, attribute);
    ck_assert_int_eq(unlink(path), 0);
}

static inline void set_up(void)
{
    struct czone_failure failure;

    machine_set_up(&machine, 3);
    ck_assert_int_eq(czone_cgroup_create(machine.manager->ctx, "web", &cgroup, &failure), 0);
    put("cpu.stat",
        "usage_usec 1839275\nuser_usec 1200000\nsystem_usec 639275\nnr_periods 12\nnr_throttled 3\n"
        "throttled_usec 180000\n");
    put("cpu.weight", "100\n");
    put("cpu.max", "max 100000\n");
    put("cpu.pressure", "some avg10=12.34 avg60=0.07 avg300=0.00 total=33224508\n"
                        "full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n");
    put("memory.current", "104857600\n");
    put("memory.peak", "125829120\n");
    put("memory.max", "251658240\n");
    put("memory.events", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n");
    put("memory.numa_stat", "anon N0=0 N1=83886080\nfile N0=0 N1=4096\nkernel_stack N0=16384 N1=0\n");
    put("memory.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
    put("pids.current", "3\n");
    put("pids.peak", "5\n");
    put("pids.max", "64\n");
    put("pids.events", "max 0\n");
    put("io.stat", "254:0 rbytes=1179648 wbytes=4096 rios=38 wios=1 dbytes=0 dios=0\n");
    put("io.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
}

static inline void tear_down(void)
{
    cgroup = czone_cgroup_unref(cgroup);
    machine_tear_down(&machine);
}

/* A number in an object, by a path such as "memory.nodes.0.anon". */
static inline json_int_t number(json_t *object, const char *path)
{
    char copy[128], *rest = copy;

    (void)snprintf(copy, sizeof(copy), "%s", path);
    for (char *name; (name = strsep(&rest, ".")) != NULL;)
        object = json_is_array(object) ? json_array_get(object, (size_t)atoi(name))
                                       : json_object_get(object, name);
    ck_assert_msg(json_is_integer(object), "%s is no number", path);
    return json_integer_value(object);
}

#endif
