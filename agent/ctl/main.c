/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ctl/ctl.h"
#include "agent/ctl/help.h"
#include "agent/ctl/options.h"
#include "agent/ctl/verbs.h"
#include "proto/text.h"

static enum exit_code usage(const struct ctl *ctl, const char *text)
{
    ctl_error(ctl, "%s", text);
    if (ctl->verb)
        (void)fprintf(ctl->err.file, "  hint: `czonectl help %s` tells more\n", ctl->verb->name);
    else
        (void)fprintf(ctl->err.file, "  hint: `czonectl help` lists verbs and options\n");
    return EXIT_USAGE;
}

/* All that is said goes into JSON. */
static enum exit_code check_words(const struct ctl *ctl, char **words, size_t n_words)
{
    for (size_t i = 0; i < n_words; i++)
        if (varlink_text_check(words[i], strlen(words[i]), NULL) == -EILSEQ) {
            ctl_error(ctl, "'%s' is not UTF-8, which the protocol requires", words[i]);
            return EXIT_USAGE;
        }
    return EXIT_OK;
}

static enum exit_code print_version(const struct ctl *ctl)
{
    (void)fprintf(ctl->out.file, "czonectl %s\n", CZONE_VERSION);
    return EXIT_OK;
}

/* Reads what stands behind the verb. *ret_count stays 0 and *ret_go false if there is nothing left to do. */
static enum exit_code read_words(struct ctl *ctl, void *options, char **words, size_t n_words,
                                 size_t *ret_count, bool *ret_go)
{
    const struct verb *verb = ctl->verb;
    const struct option_table tables[] = { { verb->options, options }, { common_options, &ctl->options } };
    struct reason reason = { 0 };
    size_t count;
    char text[96];

    if (options_parse(tables, 2, words, n_words, verb->flags & VERB_COMMAND, &count, &reason) < 0)
        return usage(ctl, reason.text);
    if (ctl->options.version)
        return print_version(ctl);
    if (ctl->options.help) {
        help_print_verb(ctl->out.file, verb);
        return EXIT_OK;
    }
    if (count < verb->min || count > verb->max) {
        (void)snprintf(text, sizeof(text), "usage: czonectl %s%s%s", verb->name,
                       verb->options ? " [OPTION...] " : " ",
                       verb->max ? verb->synopsis : "(takes no argument)");
        return usage(ctl, text);
    }
    if (ctl->options.json && verb->flags & VERB_NO_JSON)
        return usage(ctl, "it prints nothing that --json could change");
    *ret_count = count;
    *ret_go = true;
    return ctl_prepare(ctl);
}

static int run_verb(struct ctl *ctl, const struct verb *verb, char **words, size_t n_words)
{
    void *options = calloc(1, verb->options_size ? verb->options_size : 1);
    size_t count = 0;
    bool go = false;
    int status;

    if (!options)
        return ctl_no_memory(ctl);
    ctl->verb = verb;
    if (verb->defaults)
        memcpy(options, verb->defaults, verb->options_size);
    status = read_words(ctl, options, words, n_words, &count, &go);
    if (status == EXIT_OK && go)
        status = verb->function(ctl, options, words, count);
    else if (verb->flags & VERB_STATUS)
        status = exit_of_run((enum exit_code)status);
    options_free(verb->options, options);
    free(options);
    return status;
}

static int run_words(struct ctl *ctl, char **words, size_t n_words)
{
    const struct verb *verb;
    const struct option_table table = { common_options, &ctl->options };
    struct reason reason = { 0 };
    enum exit_code code;
    size_t count;

    code = check_words(ctl, words, n_words);
    if (code)
        return code;
    if (options_parse(&table, 1, words, n_words, true, &count, &reason) < 0)
        return usage(ctl, reason.text);
    if (ctl->options.version)
        return print_version(ctl);
    if (ctl->options.help && !count) {
        help_print(ctl->out.file);
        return EXIT_OK;
    }
    if (!count)
        return usage(ctl, "say what to do: run, ps, zones...");
    verb = verb_find(words[0]);
    if (!verb) {
        ctl_error(ctl, "there is no verb '%s'", words[0]);
        ctl_hint(ctl, "`czonectl help` lists verbs and options");
        return EXIT_USAGE;
    }
    return run_verb(ctl, verb, words + 1, count - 1);
}

/* Is this the name by which systemd's varlink clients execute a bridge:
 * /usr/lib/systemd/varlink-bridges/czone? */
static bool called_as_bridge(const char *program)
{
    const char *slash = strrchr(program, '/');

    return !strcmp(slash ? slash + 1 : program, "czone");
}

int main(int argc, char **argv)
{
    struct ctl ctl = { 0 };
    int status;

    (void)setlocale(LC_CTYPE, "");
    terminal_open(&ctl.out, stdout, COLOUR_AUTO);
    terminal_open(&ctl.err, stderr, COLOUR_AUTO);
    if (argc > 0 && called_as_bridge(argv[0]))
        status = run_verb(&ctl, &verb_bridge, argv + 1, (size_t)argc - 1);
    else
        status = run_words(&ctl, argv + 1, argc > 0 ? (size_t)argc - 1 : 0);
    ctl_done(&ctl);
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == EXIT_OK) {
        ctl_error(&ctl, "standard output: %s", strerror(errno));
        status = EXIT_FAILED;
    }
    return status;
}
