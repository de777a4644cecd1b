/* SPDX-License-Identifier: Apache-2.0 */
/* One whole life of a zone, with each call of the backend failing in turn: an error, never a crash, a hang or
 * a claim that the library denies. */
#include "backend_test.h"

#include <sys/wait.h>

static int n_calls; /* of the backend so far, in this process */
static int fail_at; /* which of them fails, from 1; 0: none */
static bool is_hit;

static bool must_fail(void)
{
    bool fails = ++n_calls == fail_at;

    is_hit |= fails;
    return fails;
}

#define real (czone_backend_linux())

static int f_open(const struct czone_ctx_options *options, struct czone_sys **ret_sys,
                  struct czone_failure *why)
{
    return must_fail() ? -EIO : real->open(options, ret_sys, why);
}

static int f_block_size(struct czone_sys *sys, uint64_t *ret)
{
    return must_fail() ? -EIO : real->block_size(sys, ret);
}

static int f_nodes(struct czone_sys *sys, struct czone_sys_node **ret, size_t *ret_n)
{
    return must_fail() ? -EIO : real->nodes(sys, ret, ret_n);
}

static int f_blocks(struct czone_sys *sys, struct czone_block **ret, size_t *ret_n)
{
    return must_fail() ? -EIO : real->blocks(sys, ret, ret_n);
}

static int f_block(struct czone_sys *sys, czone_block_id id, struct czone_block *ret)
{
    return must_fail() ? -EIO : real->block(sys, id, ret);
}

static int f_usage(struct czone_sys *sys, czone_node_id node, struct czone_sys_usage *ret)
{
    return must_fail() ? -EIO : real->usage(sys, node, ret);
}

static int f_capacity(struct czone_sys *sys, czone_node_id node, struct czone_sys_capacity *ret)
{
    return must_fail() ? -EIO : real->capacity(sys, node, ret);
}

static int f_migrated(struct czone_sys *sys, uint64_t *ret)
{
    return must_fail() ? -EIO : real->migrated(sys, ret);
}

static int f_boot_id(struct czone_sys *sys, char *buffer, size_t size)
{
    return must_fail() ? -EIO : real->boot_id(sys, buffer, size);
}

static pid_t f_fork(struct czone_sys *sys, const char *home, const int *keep, size_t n_keep, int *ret_pidfd)
{
    return must_fail() ? -EAGAIN : real->fork(sys, home, keep, n_keep, ret_pidfd);
}

static int f_cgroup_open(struct czone_sys *sys, const char *path)
{
    return must_fail() ? -EIO : real->cgroup_open(sys, path);
}

static int f_cgroup_create(struct czone_sys *sys, const char *name, char *path, size_t size)
{
    return must_fail() ? -EIO : real->cgroup_create(sys, name, path, size);
}

static int f_cgroup_write(struct czone_sys *sys, int fd, const char *attribute, const char *value)
{
    return must_fail() ? -EIO : real->cgroup_write(sys, fd, attribute, value);
}

static int f_cgroup_read(struct czone_sys *sys, int fd, const char *attribute, char *buffer, size_t size)
{
    return must_fail() ? -EIO : real->cgroup_read(sys, fd, attribute, buffer, size);
}

static int f_charges(struct czone_sys *sys, int fd, czone_node_id first, size_t n,
                     struct czone_sys_charge *ret)
{
    return must_fail() ? -EIO : real->cgroup_charges(sys, fd, first, n, ret);
}

static struct czone_backend backend;

static int live(struct czone_zone **zone, struct czone_cgroup **cgroup, struct czone_release *release)
{
    struct czone_zone_request request = request_of("a", 4);
    struct czone_verification verification;
    struct czone_policy policy;
    int r;

    r = czone_ctx_new_with(&backend, &machine.options, &ctx, &failure);
    if (r < 0)
        return r;
    r = czone_zone_reserve(ctx, &request, zone, &failure);
    if (r < 0)
        return r;
    fake_machine_settle(&machine);
    r = czone_cgroup_create(ctx, "a", cgroup, &failure);
    if (r < 0)
        return r;
    fake_machine_fill_cgroup(&machine, "czone/a");
    r = czone_zone_bind(*zone, *cgroup, &failure);
    if (r < 0)
        return r;
    r = czone_zone_policy(*zone, &policy);
    if (r < 0)
        return r;
    r = czone_zone_verify(*zone, &verification);
    if (r < 0)
        return r;
    r = czone_zone_release(*zone, NULL, release, &failure);
    if (r < 0)
        return r;
    ck_assert_int_eq(release->state, CZONE_ZONE_OFFLINE);
    return czone_zone_retire(*zone);
}

/* Whatever failed, another try with a backend that works brings the machine back to where it was. */
static void expect_recovery(void)
{
    struct czone_release release = CZONE_RELEASE_INIT;
    struct czone_zone_info *infos = NULL;
    struct czone_zone *zone;
    char text[64];
    int n;

    fake_machine_settle(&machine);
    open_ctx();
    n = czone_zone_list(ctx, &infos);
    ck_ok(n);
    for (int i = 0; i < n; i++) {
        ck_ok(czone_zone_open(ctx, infos[i].name, &zone));
        ck_ok(czone_zone_release(zone, NULL, &release, &failure));
        ck_assert_int_eq(release.state, CZONE_ZONE_OFFLINE);
        ck_ok(czone_zone_retire(zone));
        czone_zone_unref(zone);
    }
    free(infos);
    for (uint64_t block = 32; block < 36; block++)
        ck_assert_str_eq(block_file(block, text, sizeof(text)), "offline");
    ck_ok(czone_ctx_validate(ctx, &failure));
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG | __WALL), -1);
}

/* One life with the given call failing. Returns whether there was such a call. */
static bool live_with_fault(int number)
{
    struct czone_release release = CZONE_RELEASE_INIT;
    struct czone_cgroup *cgroup = NULL;
    struct czone_zone *zone = NULL;
    int r;

    fake_machine_make_usual(&machine);
    failure = (struct czone_failure)CZONE_FAILURE_INIT;
    n_calls = 0;
    fail_at = number;
    is_hit = false;
    r = live(&zone, &cgroup, &release);
    fail_at = 0;
    if (ctx)
        ck_ok(czone_ctx_validate(ctx, &failure));
    ck_assert_msg(is_hit || r == 0, "without a fault: %s (%s)", strerror(-r), failure.message);
    czone_release_done(&release);
    czone_cgroup_unref(cgroup);
    czone_zone_unref(zone);
    ctx = czone_ctx_unref(ctx);
    expect_recovery();
    teardown();
    return is_hit;
}

START_TEST(every_call_of_the_backend_may_fail)
{
    int n = 0;

    backend = *real;
    backend.open = f_open;
    backend.block_size = f_block_size;
    backend.nodes = f_nodes;
    backend.blocks = f_blocks;
    backend.block = f_block;
    backend.usage = f_usage;
    backend.capacity = f_capacity;
    backend.migrated = f_migrated;
    backend.boot_id = f_boot_id;
    backend.fork = f_fork;
    backend.cgroup_open = f_cgroup_open;
    backend.cgroup_create = f_cgroup_create;
    backend.cgroup_write = f_cgroup_write;
    backend.cgroup_read = f_cgroup_read;
    backend.cgroup_charges = f_charges;
    while (live_with_fault(n + 1))
        n++;
    ck_assert_int_ge(n, 20); /* as many as one life makes, at least */
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("fault");

    tcase_add_test(tests, every_call_of_the_backend_may_fail);
    return backend_test_main(tests, "backend_fault");
}
