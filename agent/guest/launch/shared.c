/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/shared.h"

#include <stdalign.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/cleanup.h"

/* A request comes in a message of 256 KiB; pointers to the words of a very long command line can take more
 * than the words. What is not used costs no memory. */
#define SIZE (2 << 20)

/* The structs, and some words. */
#define COMMON (12 << 10)
#define PAGE   4096

/* memory -EBADF: nobody's but the caller's and its children's. NULL: errno. */
static struct launch_shared *map(int memory)
{
    int flags = MAP_SHARED | MAP_NORESERVE | (memory < 0 ? MAP_ANONYMOUS : 0);
    void *shared = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, flags, memory, 0);

    return shared != MAP_FAILED ? shared : NULL;
}

int launch_shared_new(struct launch_shared **ret_shared)
{
    struct launch_shared *shared = map(-EBADF);

    if (!shared)
        return -errno;
    *ret_shared = shared;
    return 0;
}

int launch_shared_create(int *ret_memory, struct launch_shared **ret_shared)
{
    CLEANUP_FD int memory = memfd_create("czone-briefing", MFD_CLOEXEC);
    struct launch_shared *shared;

    if (memory < 0 || ftruncate(memory, SIZE) < 0)
        return -errno;
    shared = map(memory);
    if (!shared)
        return -errno;
    *ret_memory = take_fd(&memory);
    *ret_shared = shared;
    return 0;
}

int launch_shared_open(int memory, struct launch_shared **ret_shared)
{
    struct launch_shared *shared;
    struct stat st;

    if (fstat(memory, &st) < 0)
        return -errno;
    if (st.st_size != SIZE)
        return -EINVAL;
    shared = map(memory);
    if (!shared)
        return -errno;
    launch_shared_touch(shared);
    *ret_shared = shared;
    return 0;
}

void launch_shared_admit(struct launch_shared *shared)
{
    atomic_store(&shared->place, (uintptr_t)shared);
}

void launch_shared_touch(struct launch_shared *shared)
{
    for (size_t i = 0; i < COMMON; i += PAGE)
        (void)__atomic_fetch_or((char *)shared + i, 0, __ATOMIC_RELAXED);
}

struct launch_shared *launch_shared_free(struct launch_shared *shared)
{
    if (shared)
        (void)munmap(shared, SIZE);
    return NULL;
}

/* Where something here is for those who read it. */
static const void *there(const struct launch_shared *shared, const void *here)
{
    return here ? (const void *)(shared->place + (uintptr_t)((const char *)here - (const char *)shared))
                : NULL;
}

static void *take_room(struct launch_shared *shared, size_t size, size_t alignment)
{
    size_t used = (shared->used + alignment - 1) & ~(alignment - 1);

    if (used > SIZE - sizeof(*shared) || size > SIZE - sizeof(*shared) - used)
        return NULL;
    shared->used = used + size;
    return shared->room + used;
}

/* size 0: nothing, which is NULL. */
static int copy(struct launch_shared *shared, const void *from, size_t size, const void **ret)
{
    void *to = NULL;

    if (size > 0) {
        to = take_room(shared, size, alignof(max_align_t));
        if (!to)
            return -ENOBUFS;
        memcpy(to, from, size);
    }
    *ret = there(shared, to);
    return 0;
}

static int copy_text(struct launch_shared *shared, const char *from, const char **ret)
{
    char *to = NULL;

    if (from) {
        to = take_room(shared, strlen(from) + 1, 1);
        if (!to)
            return -ENOBUFS;
        memcpy(to, from, strlen(from) + 1);
    }
    *ret = there(shared, to);
    return 0;
}

static int copy_list(struct launch_shared *shared, const char *const *from, const char *const **ret)
{
    const char **to;
    size_t n = 0;

    *ret = NULL;
    if (!from)
        return 0;
    while (from[n])
        n++;
    to = take_room(shared, (n + 1) * sizeof(*to), alignof(const char *));
    if (!to)
        return -ENOBUFS;
    to[n] = NULL;
    for (size_t i = 0; i < n; i++)
        if (copy_text(shared, from[i], &to[i]) < 0)
            return -ENOBUFS;
    *ret = there(shared, to);
    return 0;
}

static int copy_mounts(struct launch_shared *shared, const struct launch_request *request)
{
    struct launch_extra_mount *to =
        take_room(shared, request->n_mounts * sizeof(*to), alignof(struct launch_extra_mount));
    int r = to ? 0 : -ENOBUFS;

    for (size_t i = 0; r == 0 && i < request->n_mounts; i++) {
        to[i] = request->mounts[i];
        r = copy_text(shared, request->mounts[i].source, &to[i].source);
        if (r == 0)
            r = copy_text(shared, request->mounts[i].target, &to[i].target);
    }
    shared->request.mounts = there(shared, to);
    return r;
}

static int copy_request(struct launch_shared *shared, const struct launch_request *from,
                        const struct czone_policy *policy)
{
    struct launch_request *to = &shared->request;
    const void *groups = NULL, *rlimits = NULL;
    int r;

    *to = *from;
    to->network = (struct launch_network){ 0 };
    to->users = (struct launch_users){ 0 };
    r = copy_list(shared, from->args, &to->args);
    if (r == 0)
        r = copy_list(shared, from->env, &to->env);
    if (r == 0)
        r = copy_list(shared, from->layers, &to->layers);
    if (r == 0)
        r = copy_text(shared, from->root, &to->root);
    if (r == 0)
        r = copy_text(shared, from->cwd, &to->cwd);
    if (r == 0)
        r = copy_text(shared, from->user, &to->user);
    if (r == 0)
        r = copy_text(shared, from->hostname, &to->hostname);
    if (r == 0)
        r = copy(shared, from->groups, from->n_groups * sizeof(*from->groups), &groups);
    if (r == 0)
        r = copy(shared, from->rlimits, from->n_rlimits * sizeof(*from->rlimits), &rlimits);
    if (r == 0)
        r = copy_mounts(shared, from);
    to->groups = groups;
    to->rlimits = rlimits;
    if (policy)
        shared->policy = *policy;
    to->policy = policy ? there(shared, &shared->policy) : NULL;
    return r;
}

/* What was looked up; not if it has to be looked up again. */
static int copy_findings(struct launch_shared *shared, const struct launch_plan *from)
{
    struct launch_plan *to = &shared->plan;
    const char *const *env = NULL;
    const char *program = NULL;
    int r;

    if (from->late)
        return 0;
    to->user = from->user;
    r = copy_text(shared, from->program, &program);
    if (r == 0)
        r = copy_list(shared, (const char *const *)from->env, &env);
    to->program = (char *)program;
    to->env = (char **)env;
    return r;
}

int launch_shared_write(struct launch_shared *shared, const struct launch_plan *plan,
                        const struct czone_policy *policy, const char *errand)
{
    struct launch_plan *to = &shared->plan;
    const char *cwd = NULL;
    int r;

    if (shared->place == 0)
        return -EAGAIN;
    shared->used = 0;
    *to = (struct launch_plan)LAUNCH_PLAN_INIT;
    to->request = there(shared, &shared->request);
    to->layers = plan->layers;
    to->sources = plan->sources;
    to->late = plan->late;
    r = copy_request(shared, plan->request, policy);
    if (r == 0)
        r = copy_findings(shared, plan);
    if (r == 0)
        r = copy_text(shared, plan->cwd, &cwd);
    if (r == 0)
        r = copy_text(shared, errand, &shared->errand);
    to->cwd = cwd;
    return r;
}
