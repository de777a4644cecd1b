/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/exec_log.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/guest/container/container.h"
#include "agent/guest/log.h"
#include "agent/guest/run_dir.h"
#include "proto/cleanup.h"

struct folder {
    int fd;
    int64_t bytes;
};

static void add_file(void *data, const char *name)
{
    struct folder *folder = data;
    struct stat st;

    if (fstatat(folder->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        folder->bytes += st.st_size;
}

/* A program that never ran has no log. */
static int64_t measure(const struct exec_session *session)
{
    struct folder folder = { .fd = -EBADF };

    if (run_dir_open(session->dir_fd, LOG_FOLDER, &folder.fd) < 0)
        return 0;
    (void)run_dir_each(folder.fd, add_file, &folder);
    cleanup_fd(&folder.fd);
    return folder.bytes;
}

static void let_go(struct exec_session *session)
{
    int r = run_dir_remove(session->dir_fd, LOG_FOLDER);

    if (r < 0)
        log_warning("cannot remove the log of exec session %s of container %s: %s", session->name,
                    session->container->id, strerror(-r));
    session->log_bytes = 0;
}

static void trim(const struct exec_sessions *sessions)
{
    struct exec_session *session;
    int64_t total = 0;

    TAILQ_FOREACH(session, &sessions->list, link)
        total += session->log_bytes;
    TAILQ_FOREACH(session, &sessions->list, link) {
        if (total <= EXEC_LOGS_MAX)
            return;
        if (session->log_bytes == 0 || !TAILQ_EMPTY(&session->output.followers))
            continue;
        total -= session->log_bytes;
        let_go(session);
    }
}

void exec_log_check(struct exec_session *session)
{
    if (!session->output.ended || session->log_counted)
        return;
    session->log_counted = true;
    session->log_bytes = measure(session);
    trim(&session->container->execs);
}
