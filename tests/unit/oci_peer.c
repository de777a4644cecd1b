/* SPDX-License-Identifier: Apache-2.0 */
#include "oci_peer.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "proto/base64.h"
#include "proto/cleanup.h"

struct peer peer;
char root[96], bundle[96], pid_file[96];
struct script script;
char written[256];
size_t n_written;

static struct varlink_connection *waiting; /* for the end of the program */
static bool waiting_for_session;

/* What became of the program so far: members of a container, or of a session. */
static const char *with_key(const char *members)
{
    static char text[512];
    const char *key = json_string_value(json_object_get(peer_last(&peer, SPAWN), "key"));

    (void)snprintf(text, sizeof(text), ",'key':'%s'%s", script.foreign || key == NULL ? "other" : key,
                   members);
    return text;
}

static void reply_state(struct varlink_connection *connection, bool session, const char *state,
                        const char *members)
{
    json_t *answer =
        peer_json(peer_container("web", session ? "running" : state, with_key(session ? "" : members)));
    char text[512];

    (void)snprintf(text, sizeof(text),
                   "{'exec':'7','id':'web','state':'%s','args':['x'],'pid':5,'tty':false,'created':1%s}",
                   state, members);
    if (session)
        ck_assert_int_eq(json_object_set_new(answer, "exec", peer_json(text)), 0);
    ck_assert_int_eq(varlink_connection_reply(connection, answer), 0);
}

static void end_program(void)
{
    if (waiting == NULL || n_written < script.input ||
        (script.until != NULL && peer_count(&peer, script.until) == 0))
        return;
    reply_state(waiting, waiting_for_session, "exited", script.end);
    waiting = NULL;
}

static void on_wait(struct varlink_connection *connection, const json_t *parameters)
{
    const char *until = json_string_value(json_object_get(parameters, "until"));
    bool session = json_object_get(parameters, "exec") != NULL;

    if (script.failure != NULL) {
        reply_state(connection, session, "failed", script.failure);
    } else if (strcmp(until, "exited") != 0) {
        reply_state(connection, session, until, "");
    } else {
        waiting = connection;
        waiting_for_session = session;
        end_program();
    }
}

static void on_logs(struct varlink_connection *connection, const json_t *parameters)
{
    if (json_integer_value(json_object_get(parameters, "offset")) == 0)
        peer_continue(connection, "{'offset':0,'data':'Zm9vYmFy','pieces':[{'stream':1,'bytes':3,'time':1},"
                                  "{'stream':2,'bytes':3,'time':1}],'eof':false,'limit':1000}");
    peer_reply(connection, "{'offset':6,'data':'','pieces':[],'eof':true,'limit':1000}");
}

/* As czoned does: what it has already is not written again. */
static void on_write(const json_t *parameters)
{
    const json_t *given = json_object_get(parameters, "offset");
    size_t offset = given != NULL ? (size_t)json_integer_value(given) : n_written, length, known;
    CLEANUP_FREE unsigned char *data = NULL;

    ck_assert_int_eq(base64_decode(json_string_value(json_object_get(parameters, "data")), &data, &length),
                     0);
    ck_assert_uint_le(offset, n_written);
    ck_assert_uint_lt(offset + length, sizeof(written));
    known = n_written - offset;
    if (known >= length)
        return;
    memcpy(written + n_written, data + known, length - known);
    n_written += length - known;
}

static bool is_at(const char *point, const struct varlink_call *call)
{
    const char *until = json_string_value(json_object_get(call->parameters, "until"));
    size_t length = strlen(call->method);

    return point != NULL && strncmp(point, call->method, length) == 0 &&
           (point[length] == '\0' || (until != NULL && strcmp(point + length + 1, until) == 0));
}

/* Returns whether there was trouble instead of an answer. */
static bool make_trouble(struct varlink_connection *connection, const struct varlink_call *call)
{
    if (is_at(script.kill_at, call)) {
        (void)kill(peer.child, SIGKILL);
        return true;
    }
    if (script.times == 0)
        return false;
    if (is_at(script.break_at, call)) {
        /* The call was carried out: only its answer is lost. */
        if (strcmp(call->method, WRITE) == 0)
            on_write(call->parameters);
        peer.dropped = connection;
    } else if (is_at(script.error_at, call)) {
        peer_error(connection, script.error, "{'message':'no'}");
    } else if (is_at(script.odd_at, call)) {
        reply_state(connection, false, "unheard-of", "");
    } else {
        return false;
    }
    script.times--;
    return true;
}

static void answer(struct varlink_connection *connection, const struct varlink_call *call)
{
    char text[64];

    if (strcmp(call->method, WAIT) == 0) {
        on_wait(connection, call->parameters);
    } else if (strcmp(call->method, LOGS) == 0) {
        on_logs(connection, call->parameters);
    } else if (strcmp(call->method, WRITE) == 0) {
        on_write(call->parameters);
        (void)snprintf(text, sizeof(text), "{'offset':%zu}", n_written);
        peer_reply(connection, text);
    } else if (strcmp(call->method, INSPECT) == 0 && script.forgotten) {
        peer_error(connection, GONE, "{'id':'web','message':'gone'}");
    } else if (strcmp(call->method, EXEC) == 0) {
        peer_reply(connection, "{'exec':{'exec':'7','id':'web','state':'starting','args':['x'],'pid':0,"
                               "'tty':false,'created':1}}");
    } else if (strcmp(call->method, KILL) == 0 || strcmp(call->method, REMOVE) == 0 ||
               strcmp(call->method, RESIZE) == 0) {
        peer_reply(connection, "{}");
    } else {
        reply_state(connection, false, script.state, "");
    }
}

static void play(struct peer *me, struct varlink_connection *connection, const struct varlink_call *call)
{
    (void)me;
    if (is_at(script.signal_at, call))
        (void)kill(peer.child, SIGTERM);
    if (make_trouble(connection, call))
        return;
    if (strcmp(call->method, SPAWN) == 0 && script.spawn_error != NULL)
        peer_error(connection, script.spawn_error, "{'message':'no such luck'}");
    else if (strcmp(call->method, REMOVE) == 0 && script.remove_error != NULL)
        peer_error(connection, script.remove_error, "{'message':'it stays'}");
    else
        answer(connection, call);
    end_program();
}

const char *oci_file(const char *name, const char *text)
{
    static char path[160];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", bundle, name);
    file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    (void)fputs(text, file);
    ck_assert_int_eq(fclose(file), 0);
    return path;
}

void oci_config(const char *text)
{
    (void)oci_file("config.json", text);
}

void oci_set_up(void)
{
    memset(&script, 0, sizeof(script));
    memset(written, 0, sizeof(written));
    n_written = 0;
    waiting = NULL;
    script.state = "running";
    script.end = ",'exit_status':42";
    peer_open(&peer, play);
    (void)snprintf(root, sizeof(root), "%s/root", peer.directory);
    (void)snprintf(bundle, sizeof(bundle), "%s/bundle", peer.directory);
    (void)snprintf(pid_file, sizeof(pid_file), "%s/pid", peer.directory);
    ck_assert_int_eq(mkdir(bundle, 0700), 0);
    oci_config("{\"ociVersion\": \"1.0.2\", \"annotations\": {\"a\": \"b\"}}");
    /* To be the parent of a stand-in, as conmon is. */
    ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
}

void oci_tear_down(void)
{
    char command[512];

    (void)snprintf(command, sizeof(command), "rm -rf '%s' '%s' '%s'", root, bundle, pid_file);
    ck_assert_int_eq(system(command), 0); /* NOLINT(cert-env33-c) */
    peer_close(&peer);
}

void oci_create(void)
{
    OCI("create", "--bundle", bundle, "--pid-file", pid_file, "web");
}

pid_t oci_pid(void)
{
    FILE *file = fopen(pid_file, "re");
    int pid = 0;

    ck_assert_msg(file != NULL, "no pid file: %s", peer.err);
    ck_assert_int_eq(fscanf(file, "%d", &pid), 1); /* NOLINT(cert-err34-c): checked */
    (void)fclose(file);
    return pid;
}

int oci_stand_in(void)
{
    pid_t pid = oci_pid();
    int status;

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return status;
}

void oci_complains(const char *words)
{
    ck_assert_msg(strstr(peer.err, words) != NULL, "'%s' is not in '%s'", words, peer.err);
    ck_assert_int_ne(peer.status, 0);
}

const json_t *sent(const char *method, const char *name)
{
    return json_object_get(peer_last(&peer, method), name);
}

int oci_test_main(TCase *tests, const char *name)
{
    Suite *suite = suite_create(name);
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tests, oci_set_up, oci_tear_down);
    tcase_set_timeout(tests, 30);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
