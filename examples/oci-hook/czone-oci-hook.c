/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An OCI hook pair in one program: createRuntime puts a container into a memory zone of its own, poststop
 * gives the zone back. The OCI state document on standard input says which of the two it is (runtime-spec,
 * config.md "POSIX-platform Hooks").
 */
#include "inject.h"

#include <czone/czone.h>

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Annotations of the container's config.json. */
#define ANNOTATION_MEMORY "io.czone.memory"
#define ANNOTATION_TIER   "io.czone.tier"

enum { STATE_MAX = 1 << 20, RELEASE_TIMEOUT_MS = 30000, KILL_TIMEOUT_MS = 10000 };

static int complain(const char *what, const struct czone_failure *failure, int r)
{
    fprintf(stderr, "czone-oci-hook: %s: %s\n", what,
            failure && failure->error < 0 ? failure->message : strerror(-r));
    return r;
}

static int read_state(json_t **ret_state)
{
    static char text[STATE_MAX];
    size_t n = fread(text, 1, sizeof(text), stdin);
    json_t *state = n < sizeof(text) ? json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL) : NULL;

    if (!state)
        return complain("the runtime passed no OCI state document on standard input", NULL, -EINVAL);
    *ret_state = state;
    return 0;
}

static const char *annotation(json_t *state, const char *name)
{
    return json_string_value(json_object_get(json_object_get(state, "annotations"), name));
}

static int parse_request(json_t *state, struct czone_zone_request *ret_request)
{
    const char *memory = annotation(state, ANNOTATION_MEMORY), *tier = annotation(state, ANNOTATION_TIER);
    char *end;

    *ret_request = (struct czone_zone_request)CZONE_ZONE_REQUEST_INIT;
    errno = 0;
    ret_request->bytes = strtoull(memory, &end, 10);
    if (errno != 0 || end == memory || *end != '\0' || *memory == '-')
        return complain("annotation " ANNOTATION_MEMORY " must be a number of bytes", NULL, -EINVAL);
    if (tier && czone_tier_choice_parse(tier, &ret_request->tier) < 0)
        return complain("annotation " ANNOTATION_TIER " must be any, fast, slow or memory_tierN", NULL,
                        -EINVAL);
    ret_request->name = json_string_value(json_object_get(state, "id"));
    return 0;
}

static int release(struct czone_zone *zone)
{
    struct czone_release_options options = CZONE_RELEASE_OPTIONS_INIT;
    struct czone_release account = CZONE_RELEASE_INIT;
    struct czone_failure failure = CZONE_FAILURE_INIT;

    options.timeout_ms = RELEASE_TIMEOUT_MS;
    int r = czone_zone_release(zone, &options, &account, &failure);
    if (r >= 0 && account.state != CZONE_ZONE_OFFLINE) {
        failure = account.failure;
        r = -EBUSY;
    }
    czone_release_done(&account);
    if (r >= 0)
        r = czone_zone_retire(zone);
    return r < 0 ? complain("the zone is not back", &failure, r) : 0;
}

static int enter(struct czone_zone *zone, struct czone_cgroup *cgroup, pid_t pid)
{
    struct czone_failure failure = CZONE_FAILURE_INIT;
    struct czone_policy policy;

    int r = czone_zone_bind(zone, cgroup, &failure);
    if (r < 0)
        return complain("cannot bind the container's cgroup to its zone", &failure, r);
    r = czone_zone_policy(zone, &policy);
    if (r >= 0)
        r = inject_policy(pid, &policy);
    return r < 0 ? complain("cannot give the container's first process its memory policy", NULL, r) : 0;
}

/*
 * Runtimes differ in whether poststop follows a createRuntime that failed, so a failure is undone here. A
 * zone whose cgroup has processes is not released; the container is lost anyway.
 */
static void undo(struct czone_zone *zone, struct czone_cgroup *cgroup, pid_t pid)
{
    kill(pid, SIGKILL);
    if (cgroup)
        czone_cgroup_wait_empty(cgroup, KILL_TIMEOUT_MS);
    release(zone);
}

static int create_runtime(struct czone_ctx *ctx, json_t *state)
{
    struct czone_failure failure = CZONE_FAILURE_INIT;
    struct czone_zone_request request;
    struct czone_zone *zone = NULL;
    struct czone_cgroup *cgroup = NULL;
    pid_t pid = (pid_t)json_integer_value(json_object_get(state, "pid"));

    if (pid <= 0)
        return complain("the OCI state has no pid: run this as a createRuntime hook", NULL, -EINVAL);
    int r = parse_request(state, &request);
    if (r < 0)
        return r;
    r = czone_zone_reserve(ctx, &request, &zone, &failure);
    if (r < 0)
        return complain("no zone for the container", &failure, r);
    r = czone_cgroup_open_pid(ctx, pid, &cgroup);
    if (r < 0)
        complain("cannot open the container's cgroup", NULL, r);
    else
        r = enter(zone, cgroup, pid);
    if (r < 0)
        undo(zone, cgroup, pid);
    czone_cgroup_unref(cgroup);
    czone_zone_unref(zone);
    return r;
}

static int post_stop(struct czone_ctx *ctx, json_t *state)
{
    struct czone_zone *zone = NULL;

    int r = czone_zone_open(ctx, json_string_value(json_object_get(state, "id")), &zone);
    if (r == -ENOENT) /* its creation failed, and was undone */
        return 0;
    if (r < 0)
        return complain("cannot open the container's zone", NULL, r);
    r = release(zone);
    czone_zone_unref(zone);
    return r;
}

int main(void)
{
    struct czone_failure failure = CZONE_FAILURE_INIT;
    struct czone_ctx *ctx = NULL;
    json_t *state = NULL;

    int r = read_state(&state);
    if (r >= 0 && !annotation(state, ANNOTATION_MEMORY)) {
        json_decref(state);
        return EXIT_SUCCESS;
    }
    const char *status = r >= 0 ? json_string_value(json_object_get(state, "status")) : NULL;
    if (r >= 0 && (!status || !json_is_string(json_object_get(state, "id"))))
        r = complain("the OCI state has no id or no status", NULL, -EINVAL);
    if (r >= 0) {
        r = czone_ctx_new(NULL, &ctx, &failure);
        if (r < 0)
            complain("cannot read this machine's memory", &failure, r);
    }
    if (r >= 0)
        r = strcmp(status, "stopped") == 0 ? post_stop(ctx, state) : create_runtime(ctx, state);
    czone_ctx_unref(ctx);
    json_decref(state);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
