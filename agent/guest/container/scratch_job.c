/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/scratch_job.h"

#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/guest/container/scratch_tree.h"
#include "agent/guest/log.h"
#include "agent/guest/manager.h"
#include "proto/cleanup.h"

struct scratch_job {
    TAILQ_ENTRY(scratch_job) link;
    struct manager *manager;
    struct event *event;
    int pidfd;
    enum scratch_work work;
    void (*done)(void *owner, int result);
    void *owner;
    char path[PATH_MAX];
};

/* Of a container of another boot: that one is no more, whoever's it was. */
static bool is_left_over(const char *name, const char *boot)
{
    size_t prefix = strlen(SCRATCH_NAME_PREFIX), length = strlen(boot);

    if (strncmp(name, SCRATCH_NAME_PREFIX, prefix) != 0 ||
        strlen(name) != prefix + length + 1 + SCRATCH_NUMBER_CHARS)
        return false;
    name += prefix;
    return strspn(name, "0123456789abcdef-") == length && name[length] == '.' &&
           strspn(name + length + 1, "0123456789abcdef") == SCRATCH_NUMBER_CHARS &&
           strncmp(name, boot, length) != 0;
}

static int clear(const char *place, const char *boot)
{
    DIR *dir = opendir(place);
    const struct dirent *entry;
    int result = 0;

    if (dir == NULL)
        return -errno;
    while ((entry = readdir(dir)) != NULL) {
        int r = is_left_over(entry->d_name, boot) ? scratch_tree_remove(dirfd(dir), entry->d_name) : 0;

        if (r < 0)
            result = r;
    }
    (void)closedir(dir);
    return result;
}

/* The scratch itself is the guest's, and may be behind a link; what is in it may not. */
static int remove_one(const char *path)
{
    CLEANUP_FREE char *parent = strdup(path);
    char *name = parent != NULL ? strrchr(parent, '/') : NULL;
    CLEANUP_FD int fd = -EBADF;

    if (name == NULL)
        return parent == NULL ? -ENOMEM : -EINVAL;
    *name++ = '\0';
    fd = open(parent[0] != '\0' ? parent : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    return scratch_tree_remove(fd, name);
}

static _Noreturn void run(const struct scratch_job *job, pid_t parent)
{
    int r;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EOWNERDEAD); /* it died before the line above */
    (void)prctl(PR_SET_NAME, "czone-helper");
    /* No peer of czoned waits for the helper's end to see a connection closed. */
    (void)syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0);
    r = job->work == SCRATCH_REMOVE ? remove_one(job->path) : clear(job->path, job->manager->store.boot_id);
    _exit(-r);
}

static int start(struct scratch_job *job)
{
    int pidfd = -EBADF;
    struct clone_args args = {
        .flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
        .pidfd = (uintptr_t)&pidfd,
        .exit_signal = SIGCHLD,
    };
    pid_t parent = getpid();
    long pid = syscall(SYS_clone3, &args, sizeof(args));

    if (pid == 0)
        run(job, parent);
    if (pid < 0)
        return -errno;
    job->pidfd = pidfd;
    return 0;
}

static void job_free(struct scratch_job *job)
{
    TAILQ_REMOVE(&job->manager->scratch_jobs, job, link);
    if (job->event != NULL)
        event_free(job->event);
    cleanup_fd(&job->pidfd);
    free(job);
}

static void on_end(evutil_socket_t fd, short what, void *data)
{
    struct scratch_job *job = data;
    void (*done)(void *, int) = job->done;
    void *owner = job->owner;
    siginfo_t end = { 0 };
    int r;

    (void)what;
    if (waitid(P_PIDFD, (id_t)fd, &end, WEXITED | WNOHANG) == 0 && end.si_pid == 0)
        return;
    r = end.si_code == CLD_EXITED ? -end.si_status : -EOWNERDEAD;
    if (r < 0)
        log_error("cannot remove all of %s%s: %s; what is left there is yours to remove", job->path,
                  job->work == SCRATCH_CLEAR ? "/" SCRATCH_NAME_PREFIX "*" : "", strerror(-r));
    job_free(job);
    if (done != NULL)
        done(owner, r);
}

int scratch_job_start(struct manager *manager, enum scratch_work work, const char *path,
                      void (*done)(void *owner, int result), void *owner, struct scratch_job **ret_job)
{
    struct scratch_job *job = calloc(1, sizeof(*job));
    int r;

    if (job == NULL)
        return -ENOMEM;
    *job = (struct scratch_job){
        .manager = manager, .pidfd = -EBADF, .work = work, .done = done, .owner = owner
    };
    TAILQ_INSERT_TAIL(&manager->scratch_jobs, job, link);
    r = snprintf(job->path, sizeof(job->path), "%s", path) < (int)sizeof(job->path) ? 0 : -ENAMETOOLONG;
    if (r == 0)
        r = start(job);
    if (r == 0)
        job->event = event_new(manager->base, job->pidfd, EV_READ | EV_PERSIST, on_end, job);
    if (r == 0 && (job->event == NULL || event_add(job->event, NULL) < 0))
        r = -ENOMEM;
    if (r < 0) {
        job_free(job);
        return r;
    }
    *ret_job = job;
    return 0;
}

void scratch_job_leave(struct scratch_job *job)
{
    if (job != NULL)
        job->done = NULL;
}

void scratch_jobs_done(struct manager *manager)
{
    while (!TAILQ_EMPTY(&manager->scratch_jobs)) {
        struct scratch_job *job = TAILQ_FIRST(&manager->scratch_jobs);

        (void)syscall(SYS_pidfd_send_signal, job->pidfd, SIGKILL, NULL, 0);
        job_free(job);
    }
}
