/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/stdio.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "agent/guest/launch/mount.h"
#include "agent/guest/launch/report.h"
#include "agent/guest/launch/users.h"
#include "proto/cleanup.h"

/* *ret_ours does not block; the program's end does, as programs expect. */
static int make_pipe(int *ret_ours, int *ret_theirs, bool we_write)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    *ret_ours = ends[we_write ? 1 : 0];
    *ret_theirs = ends[we_write ? 0 : 1];
    return fcntl(*ret_ours, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

int launch_stdio_open(bool input, struct launch_stdio *stdio, struct launch *launch)
{
    int r = 0;

    if (input)
        r = make_pipe(&launch->stdin_fd, &stdio->in, true);
    if (r == 0)
        r = make_pipe(&launch->stdout_fd, &stdio->out, false);
    return r < 0 ? r : make_pipe(&launch->stderr_fd, &stdio->err, false);
}

void launch_stdio_close(struct launch_stdio *stdio)
{
    cleanup_fd(&stdio->in);
    cleanup_fd(&stdio->out);
    cleanup_fd(&stdio->err);
    *stdio = (struct launch_stdio)LAUNCH_STDIO_INIT;
}

/* Opens a device of the container's /dev, in which the programs of a container that is joined may have put
 * something else: no link is followed, nothing is waited for, and it is looked at before it is used. */
static int open_device(const char *path, int flags)
{
    struct open_how how = {
        .flags = (unsigned)(flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK),
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));

    return fd < 0 ? -errno : fd;
}

static int connect_null(struct launch_step *step)
{
    CLEANUP_FD int null = -EBADF;
    struct stat st;

    launch_step_set(step, LAUNCH_STAGE_STDIO, "open", "/dev/null");
    null = open_device("/dev/null", O_RDWR);
    if (null < 0)
        return null;
    if (fstat(null, &st) < 0)
        return -errno;
    if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
        return -ENODEV;
    if (fcntl(null, F_SETFL, 0) < 0)
        return -errno;
    return dup2(null, STDIN_FILENO) < 0 ? -errno : 0;
}

/* Of a container's user, as the guest knows it. */
static uid_t owner_of(const struct launch_request *request, const struct launch_user *user)
{
    return launch_id_outside(&request->users.uids, user->uid);
}

static int connect_pipes(const struct launch_request *request, const struct launch_stdio *stdio,
                         const struct launch_user *user, struct launch_step *step)
{
    const int ends[] = { request->input ? stdio->in : -EBADF, stdio->out, stdio->err };
    uid_t uid = owner_of(request, user);
    gid_t gid = launch_id_outside(&request->users.gids, user->gid);
    bool given = uid == 0 && gid == 0; /* they are root's already */
    int r = request->input ? 0 : connect_null(step);

    if (r < 0)
        return r;
    launch_step_set(step, LAUNCH_STAGE_STDIO, "connect", "stdin, stdout and stderr");
    for (int i = 0; i <= 2; i++)
        if (ends[i] >= 0 && ((!given && fchown(ends[i], uid, gid) < 0) || dup2(ends[i], i) < 0))
            return -errno;
    return 0;
}

static int open_pty(const struct launch_request *request, int *ret_master)
{
    CLEANUP_FD int master = open_device("/dev/pts/ptmx", O_RDWR);
    const struct winsize size = { .ws_col = request->columns, .ws_row = request->rows };
    struct statfs fs;
    int zero = 0, slave;

    if (master < 0)
        return master;
    if (fstatfs(master, &fs) < 0)
        return -errno;
    if (fs.f_type != DEVPTS_SUPER_MAGIC)
        return -ENODEV;
    if (ioctl(master, TIOCSPTLCK, &zero) < 0 || ioctl(master, TIOCSWINSZ, &size) < 0)
        return -errno;
    /* Not by its path, which could be another file by now. */
    slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0)
        return -errno;
    *ret_master = take_fd(&master);
    return slave;
}

/* runtime-spec: with a terminal, /dev/console is that terminal. Nobody but us is in this /dev yet. */
static int mount_console(int slave)
{
    CLEANUP_FD int target = open("/dev/console", O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    CLEANUP_FD int mount = -EBADF;

    if (target < 0)
        return -errno;
    mount = launch_mount_copy(slave, "", 0);
    return mount < 0 ? mount : launch_mount_attach(mount, target);
}

static int connect_pty(const struct launch_request *request, const struct launch_user *user, int result,
                       struct launch_step *step)
{
    CLEANUP_FD int master = -EBADF, slave = -EBADF;
    int r;

    launch_step_set(step, LAUNCH_STAGE_STDIO, "open a terminal of", "/dev/pts");
    slave = open_pty(request, &master);
    if (slave < 0)
        return slave;
    if (request->target < 0 && !request->runtime) {
        launch_step_set(step, LAUNCH_STAGE_STDIO, "mount the terminal on", "/dev/console");
        r = mount_console(slave);
        if (r < 0)
            return r;
    }
    launch_step_set(step, LAUNCH_STAGE_STDIO, "connect", "the terminal");
    if (fchown(slave, owner_of(request, user), (gid_t)-1) < 0 || ioctl(slave, TIOCSCTTY, 0) < 0)
        return -errno;
    for (int i = 0; i <= 2; i++)
        if (dup2(slave, i) < 0)
            return -errno;
    return launch_report_send(result, step, 0, master);
}

int launch_stdio_connect(const struct launch_request *request, const struct launch_stdio *stdio,
                         const struct launch_user *user, int result, struct launch_step *step)
{
    if (request->tty)
        return connect_pty(request, user, result, step);
    return connect_pipes(request, stdio, user, step);
}
