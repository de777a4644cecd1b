/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/run.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "proto/cleanup.h"
#include "proto/size.h"

#define SPAWN  "io.czone.Container.Spawn"
#define WAIT   "io.czone.Container.Wait"
#define REMOVE "io.czone.Container.Remove"

/* A random key: a repeat after a lost answer must be known as such, and nobody else's request taken for it.
 */
static int add_key(json_t *spawn)
{
    unsigned char bytes[16];
    char key[2 * sizeof(bytes) + 1];

    if (json_object_get(spawn, "key"))
        return 0;
    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        return -errno;
    for (size_t i = 0; i < sizeof(bytes); i++)
        (void)snprintf(key + 2 * i, 3, "%02x", bytes[i]);
    return json_object_set_new(spawn, "key", json_string(key)) < 0 ? -ENOMEM : 0;
}

/* What an event of our container means to who waits for it. */
static void show_event(struct run *run, const char *event, json_t *bytes)
{
    bool returning = run->until && !strcmp(run->until, "returned");
    char size[SIZE_TEXT_MAX];
    const char *id = run->container.id;

    /* Not while there may be output. */
    if (run->logs.offset > 0 && !returning)
        return;
    (void)size_format(json_is_integer(bytes) ? json_integer_value(bytes) : run->container.memory, size);
    if (!strcmp(event, "zone-wanted"))
        progress_set(&run->progress, "%s: the host plugs %s of memory", id, size);
    else if (!strcmp(event, "zone-plugged"))
        progress_set(&run->progress, "%s: memory is plugged, it goes online", id);
    else if (!strcmp(event, "zone-online") || !strcmp(event, "zone-bound"))
        progress_set(&run->progress, "%s: memory is online, the program starts", id);
    else if (!strcmp(event, "container-started"))
        progress_set(&run->progress, "%s", "");
    else if (returning && !strcmp(event, "zone-draining"))
        progress_set(&run->progress, "%s: its memory is emptied and goes offline", id);
    else if (returning && !strcmp(event, "zone-offline"))
        progress_set(&run->progress, "%s: memory is offline, the host takes it back", id);
}

static json_t *no_parameters(void *userdata)
{
    (void)userdata;
    return json_object();
}

/* Events of a zone need not name its container: until it is bound it has none. */
static bool is_ours(const struct run *run, json_t *event)
{
    const char *container = json_string_value(json_object_get(event, "container"));
    const char *zone = json_string_value(json_object_get(event, "zone"));
    const char *id = run->container.id, *own_zone = run->container.zone ? run->container.zone : id;

    if (!id)
        return false;
    return container ? !strcmp(container, id) : zone && !strcmp(zone, own_zone);
}

static enum exit_code on_event(struct follow *follow, const struct varlink_reply *reply, void *userdata)
{
    struct run *run = userdata;
    json_t *event = json_object_get(reply->parameters, "event");
    const char *name = json_string_value(json_object_get(event, "event"));

    if (reply->error)
        follow_done(follow);
    else if (name && is_ours(run, event))
        show_event(run, name, json_object_get(event, "bytes"));
    return EXIT_OK;
}

enum exit_code run_begin(struct ctl *ctl, json_t *spawn, struct run *ret)
{
    CLEANUP_JSON json_t *owned = spawn;
    struct run run = { .ctl = ctl, .signal_fd = -EBADF };
    int r;

    if (!owned)
        return ctl_no_memory(ctl);
    r = add_key(owned);
    if (r == 0)
        r = relay_block(true, &run.signal_fd);
    if (r < 0) {
        ctl_error(ctl, "signals and random key: %s", strerror(-r));
        return EXIT_FAILED;
    }
    run.progress.terminal = &ctl->err;
    run.spawn = TAKE(owned);
    run.events = (struct follow){
        .method = "io.czone.Monitor.Subscribe",
        .flags = VARLINK_MORE,
        .optional = true,
        .done = true,
        .parameters = no_parameters,
        .on_reply = on_event,
    };
    *ret = run;
    return EXIT_OK;
}

void run_done(struct run *run)
{
    progress_clear(&run->progress);
    follow_done(&run->events);
    logs_done(&run->logs);
    follow_done(&run->relay.kill);
    json_decref(run->spawn);
    json_decref(run->answer);
    cleanup_fd(&run->signal_fd);
}

static enum exit_code keep_container(struct run *run, const char *method, json_t *answer)
{
    struct container container;
    enum exit_code code = container_of_answer(run->ctl, method, answer, &container);

    if (code)
        return code;
    json_decref(run->answer);
    run->answer = json_incref(answer);
    run->container = container;
    run->relay.id = container.id;
    run->relay.gives_up = !container_ended(&container);
    return EXIT_OK;
}

static enum exit_code on_container(struct follow *follow, const struct varlink_reply *reply, void *userdata)
{
    struct run *run = userdata;
    enum exit_code code;

    progress_clear(&run->progress);
    if (reply->error)
        return ctl_error_reply(run->ctl, reply->error, reply->parameters);
    code = keep_container(run, follow->method, reply->parameters);
    /* It never ran, so there is no output to wait for. */
    if (!code && container_failed(&run->container))
        follow_done(&run->logs.follow);
    return code;
}

static enum exit_code detach(struct run *run)
{
    if (!terminal_listens(&run->ctl->err))
        return EXIT_DETACHED;
    progress_clear(&run->progress);
    if (!run->container.id) {
        ctl_note(
            run->ctl,
            "interrupted before the guest answered; it may have accepted the container: see `czonectl ps`");
        return EXIT_DETACHED;
    }
    if (run->attended)
        logs_end_line(&run->logs);
    ctl_note(run->ctl, "detached: container %s goes on", run->container.id);
    ctl_note(run->ctl, "`czonectl logs -f %s` shows its output, `czonectl rm -f %s` ends it",
             run->container.id, run->container.id);
    return EXIT_DETACHED;
}

static enum exit_code on_signal(int signal, void *userdata)
{
    struct run *run = userdata;

    if (signal == SIGWINCH)
        return run->attended ? stdio_on_resize(&run->stdio) : EXIT_OK;
    if (!run->container.id && !relay_ends(signal))
        return EXIT_OK; /* there is nobody yet who could want it */
    run->signals += relay_ends(signal);
    if (!run->container.id || run->signals > 1)
        return detach(run);
    if (run->ctl->err.tty && relay_ends(signal) && terminal_listens(&run->ctl->err)) {
        progress_clear(&run->progress);
        ctl_note(run->ctl, "SIG%s is passed on to container %s; once more detaches from it",
                 sigabbrev_np(signal), run->container.id);
    }
    return relay_signal(&run->relay, signal);
}

static int input_fd(void *userdata)
{
    const struct run *run = userdata;

    return stdio_input_fd(&run->stdio);
}

static enum exit_code on_input(void *userdata)
{
    struct run *run = userdata;
    enum exit_code code = stdio_on_input(&run->stdio);

    return run->stdio.detached ? detach(run) : code;
}

static enum exit_code run_loop(struct run *run, struct follow *first, struct follow *second)
{
    struct loop loop = {
        .ctl = run->ctl,
        .progress = &run->progress,
        .follows = { first },
        .n_follows = 1,
        .signal_fd = run->signal_fd,
        .on_signal = on_signal,
        .userdata = run,
    };

    if (second)
        loop.follows[loop.n_follows++] = second;
    if (run->attended) {
        loop.follows[loop.n_follows++] = &run->stdio.write;
        loop.follows[loop.n_follows++] = &run->stdio.resize;
        loop.input_fd = input_fd;
        loop.on_input = on_input;
    }
    loop.follows[loop.n_follows++] = &run->relay.kill;
    loop.follows[loop.n_follows++] = &run->events;
    /* Not earlier: the struct has moved since run_begin(). */
    run->events.userdata = run;
    return loop_run(&loop);
}

static json_t *spawn_parameters(void *userdata)
{
    const struct run *run = userdata;

    return json_incref(run->spawn);
}

enum exit_code run_spawn(struct run *run)
{
    struct follow spawn = {
        .method = SPAWN,
        .answer_ms = CTL_ANSWER_MS,
        .parameters = spawn_parameters,
        .on_reply = on_container,
        .userdata = run,
    };
    char size[SIZE_TEXT_MAX];
    enum exit_code code;

    run->relay.ctl = run->ctl;
    relay_init(&run->relay);
    if (run->ctl->err.redraw) {
        run->events.userdata = run;
        run->events.done = false;
        code = follow_start(run->ctl, &run->events);
        if (code)
            return code;
    }
    code = follow_start(run->ctl, &spawn);
    if (!code)
        code = run_loop(run, &spawn, NULL);
    follow_done(&spawn);
    if (!code && !strcmp(run->container.state, "wanted"))
        progress_set(&run->progress, "%s: waits for %s of memory", run->container.id,
                     size_format(run->container.memory, size));
    return code;
}

static json_t *wait_parameters(void *userdata)
{
    const struct run *run = userdata;

    return json_pack("{s:s, s:s}", "id", run->container.id, "until", run->until);
}

static enum exit_code wait_until(struct run *run, const char *until, struct follow *beside)
{
    struct follow wait = {
        .method = WAIT,
        .parameters = wait_parameters,
        .on_reply = on_container,
        .userdata = run,
    };
    enum exit_code code;

    run->until = until;
    follow_resume(run->ctl, &wait);
    if (beside)
        follow_resume(run->ctl, beside);
    code = run_loop(run, &wait, beside);
    follow_done(&wait);
    return code;
}

/* Nobody reads the output any more: a program on this machine would get SIGPIPE and die of it. */
static enum exit_code output_closed(void *userdata)
{
    struct run *run = userdata;

    ctl_note(run->ctl,
             "standard output is closed: container %s is killed, as a local program would be by SIGPIPE",
             run->container.id);
    return relay_signal(&run->relay, SIGKILL);
}

enum exit_code run_attend(struct run *run)
{
    enum exit_code code;
    CLEANUP_FREE char *id = strdup(run->container.id);

    if (!id)
        return ctl_no_memory(run->ctl);
    run->logs = (struct logs){
        .ctl = run->ctl,
        .progress = &run->progress,
        .id = id,
        .beside_wait = true,
        .on_closed = output_closed,
        .userdata = run,
    };
    logs_follow(&run->logs);
    run->stdio.ctl = run->ctl;
    run->stdio.id = id;
    stdio_init(&run->stdio);
    run->stdio.offset = 0; /* nobody else has written to it */
    code = stdio_begin(&run->stdio);
    run->attended = true;
    /* It may have been changed since the request was made. */
    if (!code)
        code = stdio_on_resize(&run->stdio);
    if (!code)
        code = wait_until(run, "exited", &run->logs.follow);
    run->attended = false;
    stdio_end(&run->stdio);
    run->logs.id = NULL;
    return code;
}

enum exit_code run_wait_returned(struct run *run)
{
    /* Progress must not overwrite the unfinished last line of the output. */
    if (run->ctl->err.redraw)
        logs_end_line(&run->logs);
    progress_set(&run->progress, "%s: its memory goes back", run->container.id);
    return wait_until(run, "returned", NULL);
}

enum exit_code run_remove(struct run *run)
{
    return ctl_call(run->ctl, REMOVE, json_pack("{s:s}", "id", run->container.id), CTL_ANSWER_MS, NULL);
}
