/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/attend.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "proto/cleanup.h"

#define WAIT "io.czone.Container.Wait"

static json_t *wait_parameters(void *userdata)
{
    const struct attend *attend = userdata;

    if (attend->logs.exec)
        return json_pack("{s:s, s:s}", "id", attend->logs.id, "exec", attend->logs.exec);
    return json_pack("{s:s}", "id", attend->logs.id);
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

static enum exit_code detach(struct attend *attend)
{
    if (!terminal_listens(&attend->ctl->err))
        return EXIT_DETACHED;
    logs_end_line(&attend->logs);
    ctl_note(attend->ctl, "detached: the program goes on; `czonectl attach %s` gets back to its container",
             attend->logs.id);
    return EXIT_DETACHED;
}

static enum exit_code on_signal(int signal, void *userdata)
{
    struct attend *attend = userdata;

    if (signal == SIGWINCH)
        return stdio_on_resize(&attend->stdio);
    attend->signals += relay_ends(signal);
    return attend->signals > 1 ? detach(attend) : relay_signal(&attend->relay, signal);
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
        .follows = { &attend->wait, &attend->logs.follow, &attend->stdio.write, &attend->stdio.resize,
                     &attend->relay.kill },
        .n_follows = 5,
        .signal_fd = attend->signal_fd,
        .on_signal = on_signal,
        .input_fd = input_fd,
        .on_input = on_input,
        .userdata = attend,
    };
    enum exit_code code = stdio_on_resize(&attend->stdio);

    follow_resume(attend->ctl, &attend->logs.follow);
    follow_resume(attend->ctl, &attend->wait);
    return code ? code : loop_run(&loop);
}

enum exit_code attend_run(struct attend *attend)
{
    int64_t offset = attend->stdio.offset;
    enum exit_code code;
    int r;

    attend->signal_fd = -EBADF;
    r = relay_block(attend->stdio.tty, &attend->signal_fd);
    if (r < 0) {
        ctl_error(attend->ctl, "signals: %s", strerror(-r));
        return EXIT_FAILED;
    }
    attend->relay.ctl = attend->logs.ctl = attend->stdio.ctl = attend->ctl;
    attend->stdio.id = attend->relay.id = attend->logs.id;
    attend->stdio.exec = attend->relay.exec = attend->logs.exec;
    stdio_init(&attend->stdio);
    attend->stdio.offset = offset;
    relay_init(&attend->relay);
    logs_follow(&attend->logs);
    attend->wait = (struct follow){
        .method = WAIT, .parameters = wait_parameters, .on_reply = on_ended, .userdata = attend
    };
    code = stdio_begin(&attend->stdio);
    if (!code)
        code = loop(attend);
    stdio_end(&attend->stdio);
    return code;
}

void attend_done(struct attend *attend)
{
    logs_done(&attend->logs);
    follow_done(&attend->relay.kill);
    follow_done(&attend->wait);
    json_decref(attend->answer);
    attend->answer = NULL;
    cleanup_fd(&attend->signal_fd);
}
