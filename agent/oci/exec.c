/* SPDX-License-Identifier: Apache-2.0 */
/* exec: one more program in a container that runs. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/oci/console.h"
#include "agent/oci/container.h"
#include "agent/oci/oci.h"
#include "agent/oci/process.h"
#include "agent/oci/stand_in.h"
#include "proto/cleanup.h"

/* As runc has it: what a program can hardly end with, so that its own status is told apart. */
#define EXIT_EXEC 255

struct execution {
    const struct oci *oci;
    const char *id, *process, *pid_file, *console_socket;
    bool detach;
    json_t *request; /* parameters of Exec */
};

enum { OPTION_CWD = 256, OPTION_PID_FILE, OPTION_CONSOLE, OPTION_PRESERVE, OPTION_ACCEPTED };

static const struct option options[] = {
    { "process", required_argument, NULL, 'p' },
    { "tty", no_argument, NULL, 't' },
    { "detach", no_argument, NULL, 'd' },
    { "env", required_argument, NULL, 'e' },
    { "user", required_argument, NULL, 'u' },
    { "cwd", required_argument, NULL, OPTION_CWD },
    { "pid-file", required_argument, NULL, OPTION_PID_FILE },
    { "console-socket", required_argument, NULL, OPTION_CONSOLE },
    { "preserve-fds", required_argument, NULL, OPTION_PRESERVE },
    { "no-new-privs", no_argument, NULL, OPTION_ACCEPTED },
    { 0 },
};

static int usage(const struct oci *oci)
{
    return oci_error(oci,
                     "usage: czone-oci exec [--detach] [--tty] [--console-socket PATH] [--pid-file FILE] "
                     "[--process FILE] [--user USER] [--cwd DIR] [--env NAME=VALUE]... ID [PROGRAM "
                     "[ARGUMENT...]]");
}

static int add_variable(json_t *request, const char *text)
{
    json_t *env = json_object_get(request, "env");

    if (env == NULL) {
        env = json_array();
        if (json_object_set_new(request, "env", env) < 0)
            return -1;
    }
    return json_array_append_new(env, json_string(text));
}

/* Returns 0, or -1: without memory, or told what is wrong. */
static int read_option(struct execution *execution, int option)
{
    json_t *request = execution->request;

    switch (option) {
    case 'p':
        execution->process = optarg;
        return 0;
    case 't':
        return json_object_set_new(request, "tty", json_true());
    case 'd':
        execution->detach = true;
        return 0;
    case 'e':
        return add_variable(request, optarg);
    case 'u':
        return json_object_set_new(request, "user", json_string(optarg));
    case OPTION_CWD:
        return json_object_set_new(request, "cwd", json_string(optarg));
    case OPTION_PID_FILE:
        execution->pid_file = optarg;
        return 0;
    case OPTION_CONSOLE:
        execution->console_socket = optarg;
        return 0;
    case OPTION_PRESERVE:
        if (strcmp(optarg, "0") == 0)
            return 0;
        (void)oci_error(execution->oci, "--preserve-fds: a program of czoned gets no fds of its caller");
        return -1;
    case OPTION_ACCEPTED:
        return 0; /* no program of czoned gets new privileges, and a runtime of the guest has the bundle */
    default:
        return -1; /* getopt has told */
    }
}

static int read_words(struct execution *execution, int argc, char **argv)
{
    json_t *args = json_array();
    int option, r = json_object_set_new(execution->request, "args", args);

    while (r == 0 && (option = getopt_long(argc, argv, "+p:tde:u:", options, NULL)) != -1)
        r = read_option(execution, option);
    if (r < 0)
        return EXIT_FAILURE;
    if (argc - optind < 1 || (execution->process != NULL) != (argc - optind == 1))
        return usage(execution->oci);
    execution->id = argv[optind++];
    for (; r == 0 && optind < argc; optind++)
        r = json_array_append_new(args, json_string(argv[optind]));
    return r < 0 ? oci_error(execution->oci, "an argument is not UTF-8, or there is no memory")
                 : EXIT_SUCCESS;
}

static bool wants_terminal(const struct execution *execution)
{
    return json_is_true(json_object_get(execution->request, "tty"));
}

/* As whoever takes the terminal from the socket expects it: the caller returns, the stand-in has the slave.
 */
static int check_terminal(const struct execution *execution)
{
    if (execution->console_socket != NULL && !(wants_terminal(execution) && execution->detach))
        return oci_error(execution->oci,
                         "--console-socket needs --detach, and --tty or process.terminal to be true");
    if (wants_terminal(execution) && execution->detach && execution->console_socket == NULL)
        return oci_error(execution->oci, "a terminal and --detach need --console-socket");
    return EXIT_SUCCESS;
}

/* Asks for it. Once: if the answer is lost nobody can tell whether there is a session. */
static int ask(const struct execution *execution, const char *container, json_t **ret_session)
{
    CLEANUP_JSON json_t *answer = NULL;
    int r = json_object_set_new(execution->request, "id", json_string(container)) |
            json_object_set_new(execution->request, "stdin", json_true());

    if (r < 0)
        return oci_error(execution->oci, "out of memory");
    r = oci_call(execution->oci, OCI_ONCE, "io.czone.Container.Exec", json_incref(execution->request),
                 OCI_ANSWER_MS, NULL, &answer);
    if (r == EXIT_SUCCESS)
        *ret_session = json_incref(json_object_get(json_object_get(answer, "exec"), "exec"));
    return r;
}

static int wait_running(const struct execution *execution, const struct stand_in_program *program)
{
    CLEANUP_JSON json_t *answer = NULL;
    int r = oci_call(
        execution->oci, OCI_REPEATS, "io.czone.Container.Wait",
        json_pack("{s:s, s:s, s:s}", "id", program->container, "exec", program->exec, "until", "running"), -1,
        NULL, &answer);

    return r == EXIT_SUCCESS ? oci_failure(execution->oci, json_object_get(answer, "exec")) : r;
}

/* Leaves a stand-in behind, or becomes it. */
static int stand_in(const struct execution *execution, const struct stand_in_program *program, int console)
{
    pid_t pid = getpid();
    int r = execution->detach ? stand_in_fork(execution->oci, program, console, &pid) : 0;

    if (r < 0)
        return oci_error(execution->oci, "cannot start the stand-in: %s", strerror(-r));
    r = oci_pid_file(execution->oci, execution->pid_file, pid);
    if (r == EXIT_SUCCESS && !execution->detach)
        stand_in_become(execution->oci, program);
    if (r != EXIT_SUCCESS && execution->detach)
        (void)kill(pid, SIGKILL);
    return r;
}

/* The session runs; if it can have no stand-in it shall not. */
static int attend(const struct execution *execution, const struct stand_in_program *program, int console)
{
    int r = wait_running(execution, program);

    if (r != EXIT_SUCCESS || stand_in(execution, program, console) == EXIT_SUCCESS)
        return r;
    (void)oci_call(execution->oci, OCI_REPEATS, "io.czone.Container.Kill",
                   json_pack("{s:s, s:s}", "id", program->container, "exec", program->exec), OCI_ANSWER_MS,
                   NULL, NULL);
    return EXIT_FAILURE;
}

static int start(const struct execution *execution, const json_t *record)
{
    struct stand_in_program program = { .container = container_name(record),
                                        .terminal = wants_terminal(execution) };
    CLEANUP_JSON json_t *session = NULL;
    CLEANUP_FD int console = -EBADF;
    int r = 0;

    if (execution->console_socket != NULL)
        r = console_open(execution->console_socket, &console);
    if (r < 0)
        return oci_error(execution->oci, "cannot hand a terminal to %s: %s", execution->console_socket,
                         strerror(-r));
    if (ask(execution, program.container, &session) != EXIT_SUCCESS)
        return EXIT_FAILURE;
    program.exec = json_string_value(session);
    return attend(execution, &program, console);
}

static int run(const struct execution *execution)
{
    CLEANUP_JSON json_t *record = NULL, *container = NULL;
    const struct oci *oci = execution->oci;

    if (container_get(oci, execution->id, &record, &container) != EXIT_SUCCESS)
        return EXIT_FAILURE;
    if (execution->process != NULL &&
        process_read(oci, execution->process, json_object_get(record, "process"), execution->request) !=
            EXIT_SUCCESS)
        return EXIT_FAILURE;
    return check_terminal(execution) == EXIT_SUCCESS ? start(execution, record) : EXIT_FAILURE;
}

int command_exec(const struct oci *oci, int argc, char **argv)
{
    struct execution execution = { .oci = oci, .request = json_object() };
    int r = read_words(&execution, argc, argv);

    if (r == EXIT_SUCCESS)
        r = run(&execution);
    json_decref(execution.request);
    return r == EXIT_SUCCESS ? EXIT_SUCCESS : EXIT_EXEC;
}
