/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "agent/ctl/attend.h"
#include "agent/ctl/environment.h"
#include "agent/ctl/verbs.h"
#include "proto/cleanup.h"
#include "proto/fields.h"

#define EXEC "io.czone.Container.Exec"

struct exec_options {
    bool interactive, tty, detach;
    const char *env_file, *cwd, *user;
    json_t *env;
};

#define OF(member) offsetof(struct exec_options, member)
static const struct option_row rows[] = {
    { "interactive", 'i', OPTION_FLAG, OF(interactive), NULL, "pass standard input on", 0, 0 },
    { "tty", 't', OPTION_FLAG, OF(tty), NULL, "give it a terminal", 0, 0 },
    { "detach", 'd', OPTION_FLAG, OF(detach), NULL, "print the session's name and return", 0, 0 },
    { "env", 'e', OPTION_LIST, OF(env), "NAME=VALUE",
      "set a variable; NAME alone takes it from here; repeatable", 0, 0 },
    { "env-file", 0, OPTION_TEXT, OF(env_file), "FILE", "read variables from lines of NAME=VALUE", 0, 0 },
    { "workdir", 'w', OPTION_TEXT, OF(cwd), "DIR", "working directory inside the root", 0, 0 },
    { "user", 'u', OPTION_TEXT, OF(user), "USER", "name, UID or UID:GID inside the root", 0, 0 },
    { 0 },
};

static enum exit_code build(const struct ctl *ctl, const struct exec_options *options, char **words,
                            size_t n_words, json_t **ret)
{
    CLEANUP_JSON json_t *exec = json_object(), *env = NULL, *args = json_array();
    enum exit_code code;
    int r = 0;

    code = environment_collect(ctl, options->env_file, options->env, &env);
    if (code)
        return code;
    for (size_t i = 1; i < n_words; i++)
        r |= json_array_append_new(args, json_string(words[i]));
    r |= json_object_set_new(exec, "id", json_string(words[0]));
    r |= json_object_set(exec, "args", args);
    r |= json_object_set_new(exec, "stdin", json_boolean(options->interactive));
    r |= json_object_set_new(exec, "tty", json_boolean(options->tty));
    if (options->cwd)
        r |= json_object_set_new(exec, "cwd", json_string(options->cwd));
    if (options->user)
        r |= json_object_set_new(exec, "user", json_string(options->user));
    if (env)
        r |= json_object_set(exec, "env", env);
    if (options->tty)
        r |= stdio_add_size(exec);
    if (r)
        return ctl_no_memory(ctl);
    *ret = TAKE(exec);
    return EXIT_OK;
}

struct session {
    const char *exec, *state;
    int64_t exit_status, exit_signal;
    bool keeper_lost;
    json_t *failure;
};

static const struct varlink_field session_fields[] = {
    VARLINK_FIELD(VARLINK_STRING, struct session, exec, .flags = VARLINK_REQUIRED, .min = 1, .max = 11),
    VARLINK_FIELD(VARLINK_STRING, struct session, state, .flags = VARLINK_REQUIRED, .min = 1, .max = 16),
    VARLINK_FIELD(VARLINK_INT, struct session, exit_status, .min = 0, .max = 255),
    VARLINK_FIELD(VARLINK_INT, struct session, exit_signal, .min = 0, .max = 127),
    VARLINK_FIELD(VARLINK_BOOL, struct session, keeper_lost, .flags = 0),
    VARLINK_FIELD(VARLINK_OBJECT, struct session, failure, .flags = 0),
};

static enum exit_code read_session(const struct ctl *ctl, const char *method, json_t *answer,
                                   struct session *ret)
{
    struct varlink_fault fault;
    struct session session = { 0 };

    if (varlink_fields_decode(json_object_get(answer, "exec"), session_fields, ELEMENTS(session_fields),
                              VARLINK_IGNORE_UNKNOWN, &session, &fault) < 0)
        return ctl_bad_reply(ctl, method, fault.parameter, fault.reason.text);
    *ret = session;
    return EXIT_OK;
}

static enum exit_code tell_failure(const struct ctl *ctl, const struct session *session)
{
    const char *id = json_string_value(json_object_get(session->failure, "id"));

    return id ? ctl_error_reply(ctl, id, session->failure)
              : ctl_bad_reply(ctl, "io.czone.Container.Wait", "failure", "has no id");
}

/* With our stdio, until it ends. Returns an exit status. */
static int attend(struct ctl *ctl, const struct exec_options *options, const char *id, const char *name)
{
    struct attend attend = { .ctl = ctl, .signal_fd = -EBADF };
    struct session session = { 0 };
    enum exit_code code;
    int status;

    attend.logs.id = id;
    attend.logs.exec = name;
    attend.stdio.tty = options->tty;
    attend.stdio.input = options->interactive;
    code = attend_run(&attend);
    if (!code)
        code = read_session(ctl, "io.czone.Container.Wait", attend.answer, &session);
    if (!code && session.keeper_lost)
        ctl_note(ctl,
                 "the program did not end by itself: somebody killed its keeper (czone-keeper) in the guest");
    if (!code && session.failure)
        code = tell_failure(ctl, &session);
    status = code ? exit_of_run(code) : exit_of_process((int)session.exit_status, (int)session.exit_signal);
    attend_done(&attend);
    return status;
}

/* Is the container about to run? One that is held is not: its Start may never come. */
static bool will_run(const struct varlink_reply *reply)
{
    const char *state = json_string_value(json_object_get(reply->parameters, "state"));

    return reply->error && !strcmp(reply->error, "io.czone.Container.WrongState") && state &&
           (!strcmp(state, "wanted") || !strcmp(state, "starting"));
}

/* Who has just had a container started need not know that its memory takes a moment. */
static enum exit_code call_exec(struct ctl *ctl, json_t *parameters, const char *id, json_t **ret)
{
    struct varlink_reply reply = VARLINK_REPLY_INIT;
    enum exit_code code = ctl_exchange(ctl, EXEC, json_incref(parameters), CTL_ANSWER_MS, &reply);
    bool wait = !code && will_run(&reply);

    if (!code && !wait && reply.error)
        code = ctl_error_reply(ctl, reply.error, reply.parameters);
    else if (!code && !wait)
        *ret = json_incref(reply.parameters);
    varlink_reply_done(&reply);
    if (!wait)
        return code;
    code = ctl_call(ctl, "io.czone.Container.Wait", json_pack("{s:s, s:s}", "id", id, "until", "running"), -1,
                    NULL);
    return code ? code : ctl_call(ctl, EXEC, json_incref(parameters), CTL_ANSWER_MS, ret);
}

static int exec(struct ctl *ctl, const void *data, char **arguments, size_t n_arguments)
{
    const struct exec_options *options = data;
    CLEANUP_JSON json_t *answer = NULL, *parameters = NULL;
    struct session session = { 0 };
    enum exit_code code;

    /* Options end at ID; who ends them once more means no program of that name. */
    if (!strcmp(arguments[1], "--")) {
        arguments[1] = arguments[0];
        arguments++;
        n_arguments--;
    }
    if (n_arguments < 2) {
        ctl_error(ctl, "needs a PROGRAM");
        return exit_of_run(EXIT_USAGE);
    }
    code = options->detach ? EXIT_OK : stdio_check(ctl, options->interactive, options->tty);
    if (!code)
        code = build(ctl, options, arguments, n_arguments, &parameters);
    if (!code)
        code = call_exec(ctl, parameters, arguments[0], &answer);
    if (!code)
        code = read_session(ctl, EXEC, answer, &session);
    if (code)
        return exit_of_run(code);
    if (!options->detach)
        return attend(ctl, options, arguments[0], session.exec);
    (void)fprintf(ctl->out.file, "%s\n", session.exec);
    return EXIT_OK;
}

const struct verb verb_exec = {
    .name = "exec",
    .synopsis = "ID [--] PROGRAM [ARGUMENT...]",
    .summary = "Run one more program in a container that runs",
    .details = "One that waits for its memory is waited for. Shows the program's output and exits with its "
               "status (128 + N if signal N killed it).\n"
               "SIGINT, SIGTERM, SIGHUP and SIGQUIT are passed on; a second one, or Ctrl-P Ctrl-Q, detaches.",
    .min = 2,
    .max = UNLIMITED_ARGUMENTS,
    .flags = VERB_COMMAND | VERB_CONTAINERS | VERB_NO_JSON | VERB_STATUS,
    .options = rows,
    .options_size = sizeof(struct exec_options),
    .function = exec,
};
