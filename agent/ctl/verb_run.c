/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "agent/ctl/environment.h"
#include "agent/ctl/parts.h"
#include "agent/ctl/run.h"
#include "agent/ctl/verbs.h"
#include "proto/cleanup.h"

#define MEMORY_DEFAULT (INT64_C(128) << 20)

struct run_options {
    int64_t memory, pids, writable;
    json_t *env, *layers, *mounts, *tmpfs, *ulimits;
    const char *tier, *id, *env_file, *cwd, *user, *hostname, *root, *bundle, *runtime, *key, *network,
        *userns, *scratch;
    bool remove, detach, wait_returned, interactive, tty;
};

#define OF(member) offsetof(struct run_options, member)
static const struct option_row rows[] = {
    { "memory", 'm', OPTION_SIZE, OF(memory), "SIZE", "memory of its zone, rounded up to whole blocks (128M)",
      0, 0 },
    { "tier", 0, OPTION_TEXT, OF(tier), "TIER", "any, fast, slow or memory_tierN (any)", 0, 0 },
    { "id", 0, OPTION_TEXT, OF(id), "ID", "name of the container; made up when not given", 0, 0 },
    { "interactive", 'i', OPTION_FLAG, OF(interactive), NULL, "pass standard input on", 0, 0 },
    { "tty", 't', OPTION_FLAG, OF(tty), NULL, "give it a terminal", 0, 0 },
    { "rm", 0, OPTION_FLAG, OF(remove), NULL, "wait until its memory is back, then forget the container", 0,
      0 },
    { "detach", 'd', OPTION_FLAG, OF(detach), NULL,
      "print the id and return as soon as the guest has accepted", 0, 0 },
    { "wait-returned", 0, OPTION_FLAG, OF(wait_returned), NULL, "wait until its memory is back", 0, 0 },
    { "env", 'e', OPTION_LIST, OF(env), "NAME=VALUE",
      "set a variable; NAME alone takes it from here; repeatable", 0, 0 },
    { "env-file", 0, OPTION_TEXT, OF(env_file), "FILE", "read variables from lines of NAME=VALUE", 0, 0 },
    { "workdir", 'w', OPTION_TEXT, OF(cwd), "DIR", "working directory inside the root", 0, 0 },
    { "user", 'u', OPTION_TEXT, OF(user), "USER", "name, UID or UID:GID inside the root", 0, 0 },
    { "hostname", 0, OPTION_TEXT, OF(hostname), "NAME", "host name the container sees", 0, 0 },
    { "root", 0, OPTION_TEXT, OF(root), "DIR",
      "directory in the guest that becomes its root (the guest's, read-only)", 0, 0 },
    { "bundle", 'b', OPTION_TEXT, OF(bundle), "DIR",
      "run the OCI bundle in this directory of the guest: its config.json says all that options here do not",
      0, 0 },
    { "runtime", 0, OPTION_TEXT, OF(runtime), "NAME",
      "have the guest's crun or runc run the bundle, whatever it says (native)", 0, 0 },
    { "layer", 0, OPTION_LIST, OF(layers), "DIR",
      "instead of --root: read-only directory or image in the guest, lowest first; repeatable", 0, 0 },
    { "writable", 0, OPTION_SIZE, OF(writable), "SIZE",
      "most that may be written above layers (half of memory)", 0, 0 },
    { "scratch", 0, OPTION_TEXT, OF(scratch), "DIR",
      "write above layers to this directory on a disk of the guest, not to memory", 0, 0 },
    { "mount", 0, OPTION_LIST, OF(mounts), "SOURCE:TARGET[:OPTIONS]",
      "show a directory or file of the guest, read-only; options: rw, noexec, owners=kept; repeatable", 0,
      0 },
    { "tmpfs", 0, OPTION_LIST, OF(tmpfs), "TARGET[:OPTIONS]",
      "mount a tmpfs; options: size=SIZE, mode=OCTAL, ro, noexec; repeatable", 0, 0 },
    { "network", 0, OPTION_TEXT, OF(network), "NETWORK",
      "host, none or bridge=NAME,address=ADDRESS/PREFIX,gateway=ADDRESS (host)", 0, 0 },
    { "userns", 0, OPTION_TEXT, OF(userns), "USERS",
      "host, auto or uids=INSIDE:OUTSIDE:COUNT,gids=...: users of its own; also owners=kept (host)", 0, 0 },
    { "ulimit", 0, OPTION_LIST, OF(ulimits), "NAME=SOFT[:HARD]",
      "set a resource limit, such as nofile=4096; repeatable", 0, 0 },
    { "pids", 0, OPTION_NUMBER, OF(pids), "N", "the most processes it may have", 1, INT32_MAX },
    { "key", 0, OPTION_TEXT, OF(key), "KEY",
      "idempotency key: the same request with it is not done twice (random)", 0, 0 },
    { 0 },
};

static const struct run_options defaults = { 0 };

static int set_text(json_t *spawn, const char *name, const char *text)
{
    return text ? json_object_set_new(spawn, name, json_string(text)) : 0;
}

/* A bundle brings its program, and may bring its memory. */
static int set_program(json_t *spawn, const struct run_options *options, char **words, size_t n_words)
{
    CLEANUP_JSON json_t *args = json_array();
    int64_t memory = options->memory;
    int r = 0;

    if (!memory && !options->bundle)
        memory = MEMORY_DEFAULT;
    if (memory)
        r |= json_object_set_new(spawn, "memory", json_integer(memory));
    if (options->bundle)
        return r | set_text(spawn, "bundle", options->bundle);
    for (size_t i = 0; i < n_words; i++)
        r |= json_array_append_new(args, json_string(words[i]));
    return r | json_object_set(spawn, "args", args);
}

static enum exit_code add_parts(const struct ctl *ctl, const struct run_options *options, json_t *spawn)
{
    CLEANUP_JSON json_t *mounts = NULL, *rlimits = NULL, *network = NULL, *userns = NULL;
    enum exit_code code;
    int r = 0;

    code = parts_mounts(ctl, options->mounts, options->tmpfs, &mounts);
    if (!code)
        code = parts_rlimits(ctl, options->ulimits, &rlimits);
    if (!code)
        code = parts_network(ctl, options->network, &network);
    if (!code)
        code = parts_userns(ctl, options->userns, &userns);
    if (code)
        return code;
    if (network)
        r |= json_object_set(spawn, "network", network);
    if (userns)
        r |= json_object_set(spawn, "userns", userns);
    if (mounts)
        r |= json_object_set(spawn, "mounts", mounts);
    if (rlimits)
        r |= json_object_set(spawn, "rlimits", rlimits);
    if (options->layers)
        r |= json_object_set(spawn, "layers", options->layers);
    if (options->writable)
        r |= json_object_set_new(spawn, "writable", json_integer(options->writable));
    r |= set_text(spawn, "scratch", options->scratch);
    return r ? ctl_no_memory(ctl) : EXIT_OK;
}

static enum exit_code build(const struct ctl *ctl, const struct run_options *options, char **words,
                            size_t n_words, json_t **ret)
{
    CLEANUP_JSON json_t *spawn = json_object(), *env = NULL;
    enum exit_code code;
    int r;

    code = environment_collect(ctl, options->env_file, options->env, &env);
    if (code)
        return code;
    r = set_program(spawn, options, words, n_words);
    r |= set_text(spawn, "id", options->id);
    r |= set_text(spawn, "cwd", options->cwd);
    r |= set_text(spawn, "user", options->user);
    r |= set_text(spawn, "hostname", options->hostname);
    r |= set_text(spawn, "root", options->root);
    r |= set_text(spawn, "runtime", options->runtime);
    r |= set_text(spawn, "tier", options->tier);
    r |= set_text(spawn, "key", options->key);
    if (env)
        r |= json_object_set(spawn, "env", env);
    if (options->interactive)
        r |= json_object_set_new(spawn, "stdin", json_true());
    if (options->tty)
        r |= json_object_set_new(spawn, "tty", json_true()) | stdio_add_size(spawn);
    if (options->pids)
        r |= json_object_set_new(spawn, "pids", json_integer(options->pids));
    code = r ? ctl_no_memory(ctl) : add_parts(ctl, options, spawn);
    if (!code)
        *ret = TAKE(spawn);
    return code;
}

/* It never ran: says why, and leaves nothing behind if that was asked. */
static enum exit_code failed(struct run *run, const struct run_options *options)
{
    enum exit_code code = container_tell_failure(run->ctl, &run->container);

    if (options->remove)
        (void)run_remove(run);
    return code;
}

static int attend(struct run *run, const struct run_options *options)
{
    enum exit_code code;
    int status;

    run->stdio.input = options->interactive;
    run->stdio.tty = options->tty;
    code = run_attend(run);
    if (!code && container_failed(&run->container))
        code = failed(run, options);
    else if (code && code != EXIT_DETACHED && code != EXIT_NOT_FOUND)
        ctl_note(run->ctl,
                 "container %s is left as it is: `czonectl attach %s` gets back to it, `czonectl rm -f %s` "
                 "ends it",
                 run->container.id, run->container.id, run->container.id);
    if (code)
        return exit_of_run(code);
    container_tell_end(run->ctl, &run->container);
    status = container_status(&run->container);
    if (options->remove || options->wait_returned)
        code = run_wait_returned(run);
    if (!code && options->remove)
        code = run_remove(run);
    return code ? exit_of_run(code) : status;
}

static enum exit_code print_started(const struct run *run)
{
    if (run->ctl->options.json)
        return ctl_print_json(run->ctl, json_object_get(run->answer, "container"));
    (void)fprintf(run->ctl->out.file, "%s\n", run->container.id);
    return EXIT_OK;
}

static enum exit_code check(const struct ctl *ctl, const struct run_options *options, size_t n_arguments)
{
    const char *wrong = NULL;

    if (options->detach && (options->remove || options->wait_returned))
        wrong = "--detach returns at once; it does not go with --rm or --wait-returned";
    else if (ctl->options.json && !options->detach)
        wrong = "--json needs --detach: otherwise standard output is the container's own";
    else if (options->bundle && n_arguments)
        wrong = "--bundle runs the program that the bundle's config.json names; it takes no PROGRAM";
    else if (options->runtime && !options->bundle)
        wrong = "--runtime runs a bundle; give one with --bundle";
    else if (!options->bundle && !n_arguments)
        wrong = "needs a PROGRAM, or --bundle";
    if (wrong) {
        ctl_error(ctl, "%s", wrong);
        ctl_hint(ctl, "`czonectl help run` tells more");
        return EXIT_USAGE;
    }
    return options->detach ? EXIT_OK : stdio_check(ctl, options->interactive, options->tty);
}

static int run_verb(struct ctl *ctl, const void *data, char **arguments, size_t n_arguments)
{
    const struct run_options *options = data;
    struct run run;
    json_t *spawn = NULL;
    enum exit_code code;
    int status;

    code = check(ctl, options, n_arguments);
    if (!code)
        code = build(ctl, options, arguments, n_arguments, &spawn);
    if (!code)
        code = run_begin(ctl, spawn, &run);
    if (code)
        return exit_of_run(code);
    code = run_spawn(&run);
    if (!code && container_failed(&run.container))
        code = failed(&run, options);
    else if (!code && options->detach)
        code = print_started(&run);
    status = code || options->detach ? exit_of_run(code) : attend(&run, options);
    run_done(&run);
    return status;
}

const struct verb verb_run = {
    .name = "run",
    .synopsis = "[--] [PROGRAM [ARGUMENT...]]",
    .summary = "Run a program in a container with a memory zone of its own",
    .details = "Shows the program's output and exits with its status (128 + N if signal N killed it).\n"
               "SIGINT, SIGTERM, SIGHUP and SIGQUIT are passed on; a second one detaches, and so does Ctrl-P "
               "Ctrl-Q\n"
               "at the terminal of --interactive --tty. SIGUSR1 and SIGUSR2 are passed on, however many.",
    .min = 0,
    .max = UNLIMITED_ARGUMENTS,
    .flags = VERB_COMMAND | VERB_STATUS,
    .options = rows,
    .options_size = sizeof(struct run_options),
    .defaults = &defaults,
    .function = run_verb,
};
