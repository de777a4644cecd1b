/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/keeper_run.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "agent/guest/launch/launch.h"
#include "tests/unit/launch_cgroup.h"

void keepers_set_up(struct keepers *keepers)
{
    const char *probe = getenv("LAUNCH_PROBE"), *keep = getenv("KEEPER_PROBE"), *keeper = getenv("KEEPER");

    *keepers = (struct keepers){ .image = -EBADF, .filter = -EBADF };
    ck_assert_msg(geteuid() == 0, "run the keeper's tests as root: containers need it");
    ck_assert_msg(probe && keep && keeper, "LAUNCH_PROBE, KEEPER_PROBE and KEEPER must name programs");
    fixture_set_up(&keepers->fixture);
    fixture_copy(&keepers->fixture, "/probe", 0755, probe);
    fixture_copy(&keepers->fixture, "/keep", 0755, keep);
    fixture_set_up(&keepers->runs);
    fixture_dir(&keepers->runs, "/hall");
    keepers->hall = open(fixture_path(&keepers->runs, "/hall"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(keepers->hall, 0);
    ck_assert_int_eq(keeper_image_open(keeper, &keepers->image), 0);
    ck_assert_int_eq(launch_seccomp_compile(&keepers->filter), 0);
    ck_assert_int_eq(
        launch_seccomp_compile_standby(&keepers->standby_filters[0], &keepers->standby_filters[1]), 0);
}

void keepers_tear_down(struct keepers *keepers)
{
    (void)close(keepers->image);
    (void)close(keepers->filter);
    (void)close(keepers->hall);
    (void)close(keepers->standby_filters[0]);
    (void)close(keepers->standby_filters[1]);
    fixture_tear_down(&keepers->fixture);
    fixture_tear_down(&keepers->runs);
}

void kept_spawn(struct kept *kept, struct keepers *keepers, const char *program, const char *act)
{
    memset(kept, 0, sizeof(*kept));
    kept->keepers = keepers;
    kept->process = (struct keeper_process)KEEPER_PROCESS_INIT;
    kept->pidfd = -EBADF;
    kept->briefing = (struct launch_briefing)LAUNCH_BRIEFING_INIT;
    kept->reader = (struct log_reader)LOG_READER_INIT;
    kept->request = (struct launch_request)LAUNCH_REQUEST_INIT;
    kept->request.root = keepers->fixture.root;
    kept->args[0] = program;
    kept->args[1] = act;
    kept->request.args = kept->args;
    kept->start = (struct keeper_start){ .header = { .kind = KEEPER_START },
                                         .log_limit = LOG_LIMIT_DEFAULT,
                                         .log_segment = LOG_SEGMENT_DEFAULT };
    (void)snprintf(kept->run_path, sizeof(kept->run_path), "/%d", keepers->n_runs++);
    fixture_dir(&keepers->runs, kept->run_path);
    kept->run_dir = open(fixture_path(&keepers->runs, kept->run_path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(kept->run_dir, 0);
    ck_assert_int_eq(keeper_spawn(keepers->image, &kept->process), 0);
    if (getenv("KEEPER_PREPARED"))
        kept_send_prepare(kept);
}

void kept_kill(struct kept *kept)
{
    if (kept->process.pid <= 0)
        return;
    (void)kill(kept->process.pid, SIGKILL);
    (void)waitid(P_PIDFD, (id_t)kept->process.pidfd, &(siginfo_t){ 0 }, WEXITED);
    (void)close(kept->process.pidfd);
    (void)close(kept->process.socket);
    (void)close(kept->run_dir);
    launch_briefing_close(&kept->briefing);
    if (kept->pidfd >= 0)
        (void)close(kept->pidfd);
    log_reader_close(&kept->reader);
}

void kept_wait_readable(int fd)
{
    struct pollfd slot = { .fd = fd, .events = POLLIN };

    ck_assert_msg(poll(&slot, 1, KEPT_DEADLINE_MS) == 1, "nothing happened for %d ms", KEPT_DEADLINE_MS);
}

uint32_t kept_receive(struct kept *kept)
{
    static union keeper_message message;
    struct keeper_fds fds = KEEPER_FDS_INIT;
    size_t length;
    int r;

    kept_wait_readable(kept->process.socket);
    r = keeper_receive(kept->process.socket, &message, &length, &fds);
    if (r == 0 || r == -ECONNRESET)
        return 0;
    ck_assert_int_eq(r, 1);
    if (message.header.kind == KEEPER_FAILED) {
        keeper_failed_get(&message.failed, &kept->failure);
        /* It points into the message. */
        (void)snprintf(kept->parameter, sizeof(kept->parameter), "%s", message.failed.parameter);
        return KEEPER_FAILED;
    }
    ck_assert_uint_eq(message.header.kind, KEEPER_STATUS);
    kept->status = message.status;
    ck_assert_int_eq((message.status.flags & KEEPER_PIDFD) != 0, fds.fd[0] >= 0);
    if (fds.fd[0] >= 0) {
        if (kept->pidfd >= 0)
            (void)close(kept->pidfd);
        kept->pidfd = fds.fd[0];
        fds.fd[0] = -EBADF;
    }
    keeper_fds_close(&fds);
    return KEEPER_STATUS;
}

void kept_wait_state(struct kept *kept, enum keeper_state state)
{
    while (kept->status.state < (uint32_t)state)
        ck_assert_msg(kept_receive(kept) != 0, "the keeper has gone in state %u", kept->status.state);
}

int kept_memfd(const struct launch_request *request)
{
    json_t *object = launch_json_encode(request);
    char *text = json_dumps(object, JSON_COMPACT);
    int fd = memfd_create("request", MFD_CLOEXEC);

    ck_assert_ptr_nonnull(text);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    free(text);
    json_decref(object);
    return fd;
}

int kept_cgroup(void)
{
    char root[256];
    int fd;

    find_cgroup2(root, sizeof(root));
    fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    return fd;
}

void kept_send_prepare(struct kept *kept)
{
    struct keeper_prepare prepare = { .header = { .kind = KEEPER_PREPARE } };
    int fds[] = { kept_cgroup(),
                  -EBADF,
                  -EBADF,
                  kept->keepers->standby_filters[0],
                  kept->keepers->standby_filters[1],
                  kept->keepers->hall };

    ck_assert_int_eq(launch_briefing_open(&kept->briefing, &fds[1], &fds[2]), 0);
    ck_assert_int_eq(keeper_send(kept->process.socket, &prepare, sizeof(prepare), fds, 6), 0);
    for (int i = 0; i < 3; i++)
        (void)close(fds[i]);
}

int kept_brief(struct kept *kept)
{
    const struct czone_policy *policy = kept->start.flags & KEEPER_START_POLICY ? &kept->start.policy : NULL;
    struct launch_plan plan = LAUNCH_PLAN_INIT;
    int r = launch_check(&kept->request, &plan, &kept->failure);

    if (r == 0)
        while ((r = launch_briefing_tell(&kept->briefing, &plan, policy, NULL)) == -EAGAIN)
            (void)usleep(1000);
    kept->briefed = r == 0;
    launch_plan_clear(&plan);
    return r;
}

static bool use_standby(struct kept *kept)
{
    return kept->briefing.socket >= 0 && !kept->briefed && !kept->told_by_keeper &&
           launch_briefing_suits(&kept->request) && kept_brief(kept) == 0;
}

void kept_send_start(struct kept *kept)
{
    int cgroup = kept_cgroup();
    int request = kept_memfd(&kept->request);
    const int fds[] = { kept->run_dir, cgroup, request, kept->keepers->filter,
                        kept->told_by_keeper ? kept->briefing.socket : kept->request.target };
    size_t n = 4;

    if (use_standby(kept))
        kept->start.flags |= KEEPER_START_BRIEFED;
    if (kept->told_by_keeper)
        kept->start.flags |= KEEPER_START_TELL;
    if (kept->request.target >= 0)
        kept->start.flags |= KEEPER_START_JOIN;
    if (kept->start.flags & (KEEPER_START_BRIEFED | KEEPER_START_JOIN | KEEPER_START_TELL))
        n = kept->start.flags & KEEPER_START_BRIEFED ? 1 : 5;
    ck_assert_int_eq(keeper_send(kept->process.socket, &kept->start, sizeof(kept->start), fds, n), 0);
    (void)close(cgroup);
    (void)close(request);
}

void kept_start(struct kept *kept)
{
    kept_send_start(kept);
    kept_wait_state(kept, KEEPER_RUNNING);
    ck_assert_msg(kept->status.state != KEEPER_REFUSED, "%s", kept->failure.message);
}

void kept_wait_gone(struct kept *kept)
{
    siginfo_t end = { 0 };

    while (kept_receive(kept) != 0)
        ;
    kept_wait_readable(kept->process.pidfd);
    ck_assert_int_eq(waitid(P_PIDFD, (id_t)kept->process.pidfd, &end, WEXITED | WNOWAIT), 0);
    ck_assert_msg(end.si_code == CLD_EXITED && end.si_status == 0, "code %d, status %d", end.si_code,
                  end.si_status);
}

void kept_reconnect(struct kept *kept)
{
    (void)close(kept->process.socket);
    if (kept->pidfd >= 0)
        (void)close(kept->pidfd);
    kept->pidfd = -EBADF;
    memset(&kept->status, 0, sizeof(kept->status));
    ck_assert_int_eq(keeper_connect(kept->run_dir, &kept->process.socket), 0);
}

int64_t kept_read_log(struct kept *kept)
{
    static char buffer[100000];
    struct log_chunk chunk;
    int64_t total = 0;
    size_t used = 0;
    int r;

    log_reader_seek(&kept->reader, 0);
    memset(kept->log, 0, sizeof(kept->log));
    while ((r = log_reader_read(&kept->reader, kept->run_dir, buffer, sizeof(buffer), &chunk)) == 1) {
        size_t part =
            chunk.length < sizeof(kept->log) - 1 - used ? chunk.length : sizeof(kept->log) - 1 - used;

        memcpy(kept->log + used, buffer, part);
        used += part;
        total += (int64_t)chunk.length;
    }
    ck_assert_int_eq(r, 0);
    return total;
}

void kept_wait_log(struct kept *kept, const char *text)
{
    struct keeper_follow follow = { .header = { .kind = KEEPER_FOLLOW }, .wanted = 1 };

    ck_assert_int_eq(keeper_send(kept->process.socket, &follow, sizeof(follow), NULL, 0), 0);
    while (kept_read_log(kept) < (int64_t)strlen(text))
        ck_assert_msg(kept_receive(kept) != 0, "the keeper has gone; the log is: %s", kept->log);
    ck_assert_msg(strncmp(kept->log, text, strlen(text)) == 0, "the log is: %s", kept->log);
}

int keepers_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    char path[64];
    int failed, pid;
    FILE *children;

    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    (void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    children = fopen(path, "re");
    while (children && fscanf(children, "%d", &pid) == 1)
        (void)kill(pid, SIGKILL);
    if (children)
        (void)fclose(children);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

int kept_input(struct kept *kept, const char *data, size_t length)
{
    static struct keeper_input input;

    input.header.kind = KEEPER_INPUT;
    memcpy(input.data, data, length);
    return keeper_send(kept->process.socket, &input, KEEPER_INPUT_HEADER + length, NULL, 0);
}
