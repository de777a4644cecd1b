/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/attend.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

#include "proto/cleanup.h"

#define WAIT "io.czone.Container.Wait"
#define KILL "io.czone.Container.Kill"

static const int forwarded[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };

bool attend_signal_ends(int signal)
{
    return signal != SIGUSR1 && signal != SIGUSR2;
}

int attend_signals(bool window, int *ret_fd)
{
    sigset_t signals;
    int fd;

    (void)sigemptyset(&signals);
    for (size_t i = 0; i < sizeof(forwarded) / sizeof(*forwarded); i++)
        (void)sigaddset(&signals, forwarded[i]);
    if (window)
        (void)sigaddset(&signals, SIGWINCH);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
        return -errno;
    fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    (void)signal(SIGPIPE, SIG_IGN);
    *ret_fd = fd;
    return 0;
}

static json_t *target(const struct attend *attend)
{
    if (attend->logs.exec)
        return json_pack("{s:s, s:s}", "id", attend->logs.id, "exec", attend->logs.exec);
    return json_pack("{s:s}", "id", attend->logs.id);
}

static json_t *wait_parameters(void *userdata)
{
    return target(userdata);
}

static enum exit_code on_ended(struct follow *follow, const struct varlink_reply *reply, void *userdata)
{
    struct attend *attend = userdata;

    (void)follow;
    if (reply->error)
        return ctl_error_reply(attend->ctl, reply->error, reply->parameters);
    attend->answer = json_incref(reply->parameters);
    return EXIT_OK;
}

static enum exit_code on_output(struct follow *follow, const struct varlink_reply *reply, void *userdata)
{
    struct attend *attend = userdata;
    enum exit_code code;

    if (reply->error)
        return ctl_error_reply(attend->ctl, reply->error, reply->parameters);
    code = logs_take(&attend->logs, reply->parameters);
    if (attend->logs.eof || attend->logs.closed)
        follow_done(follow);
    return code;
}

static json_t *output_parameters(void *userdata)
{
    struct attend *attend = userdata;

    return logs_parameters(&attend->logs);
}

static enum exit_code detach(struct attend *attend)
{
    ctl_note(attend->ctl, "detached: the program goes on; `czonectl attach %s` gets back to its container",
             attend->logs.id);
    return EXIT_DETACHED;
}

/* That it could not be passed on has been told; a second signal gets us out. */
static enum exit_code forward(struct attend *attend, int signal)
{
    json_t *parameters = target(attend);

    if (parameters && json_object_set_new(parameters, "signal", json_string(sigabbrev_np(signal))) < 0) {
        json_decref(parameters);
        parameters = NULL;
    }
    (void)ctl_call(attend->ctl, KILL, parameters, CTL_ANSWER_MS, NULL);
    return EXIT_OK;
}

static enum exit_code on_signal(int signal, void *userdata)
{
    struct attend *attend = userdata;

    if (signal == SIGWINCH)
        return stdio_on_resize(&attend->stdio);
    attend->signals += attend_signal_ends(signal);
    return attend->signals > 1 ? detach(attend) : forward(attend, signal);
}

static int input_fd(void *userdata)
{
    const struct attend *attend = userdata;

    return stdio_input_fd(&attend->stdio);
}

static enum exit_code on_input(void *userdata)
{
    struct attend *attend = userdata;
    enum exit_code code = stdio_on_input(&attend->stdio);

    return attend->stdio.detached ? detach(attend) : code;
}

static enum exit_code loop(struct attend *attend)
{
    struct loop loop = {
        .ctl = attend->ctl,
        .follows = { &attend->wait, &attend->logs.follow, &attend->stdio.write, &attend->stdio.resize },
        .n_follows = 4,
        .signal_fd = attend->signal_fd,
        .on_signal = on_signal,
        .input_fd = input_fd,
        .on_input = on_input,
        .userdata = attend,
    };
    enum exit_code code;

    code = follow_start(attend->ctl, &attend->logs.follow);
    if (!code)
        code = follow_start(attend->ctl, &attend->wait);
    if (!code)
        code = stdio_on_resize(&attend->stdio);
    return code ? code : loop_run(&loop);
}

enum exit_code attend_run(struct attend *attend)
{
    int64_t offset = attend->stdio.offset;
    enum exit_code code;
    int r;

    attend->signal_fd = -EBADF;
    r = attend_signals(attend->stdio.tty, &attend->signal_fd);
    if (r < 0) {
        ctl_error(attend->ctl, "signals: %s", strerror(-r));
        return EXIT_FAILED;
    }
    attend->logs.ctl = attend->stdio.ctl = attend->ctl;
    attend->stdio.id = attend->logs.id;
    attend->stdio.exec = attend->logs.exec;
    stdio_init(&attend->stdio);
    attend->stdio.offset = offset;
    logs_follow(&attend->logs);
    attend->logs.follow.parameters = output_parameters;
    attend->logs.follow.on_reply = on_output;
    attend->wait = (struct follow){ .method = WAIT, .parameters = wait_parameters, .on_reply = on_ended };
    attend->logs.follow.userdata = attend->wait.userdata = attend;
    code = stdio_begin(&attend->stdio);
    if (!code)
        code = loop(attend);
    stdio_end(&attend->stdio);
    return code;
}

void attend_done(struct attend *attend)
{
    follow_done(&attend->logs.follow);
    follow_done(&attend->wait);
    json_decref(attend->answer);
    attend->answer = NULL;
    cleanup_fd(&attend->signal_fd);
}
