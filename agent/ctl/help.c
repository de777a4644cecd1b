/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/help.h"

#include <string.h>

#include "agent/ctl/exit.h"

#define COLUMN 28

static void print_options(FILE *out, const struct option_row *rows)
{
    for (; rows && rows->name; rows++) {
        char spelling[64];
        int n;

        n = snprintf(spelling, sizeof(spelling), "%c%c%s --%s%s%s", rows->letter ? '-' : ' ',
                     rows->letter ? rows->letter : ' ', rows->letter ? "," : " ", rows->name,
                     rows->value ? " " : "", rows->value ? rows->value : "");
        if (n > COLUMN - 2)
            (void)fprintf(out, "  %s\n  %*s%s\n", spelling, COLUMN, "", rows->help);
        else
            (void)fprintf(out, "  %-*s%s\n", COLUMN, spelling, rows->help);
    }
}

void help_print(FILE *out)
{
    (void)fputs("Usage: czonectl [OPTION...] VERB [OPTION...] [ARGUMENT...]\n\n"
                "Runs containers in a guest, each in a memory zone of its own, and shows where the memory "
                "is.\n\nVerbs:\n",
                out);
    for (const struct verb *const *verb = verbs; *verb; verb++)
        (void)fprintf(out, "  %-12s%s\n", (*verb)->name, (*verb)->summary);
    (void)fputs("\nOptions of every verb:\n", out);
    print_options(out, common_options);
    (void)fputs("\nExit status:\n", out);
    for (int code = 0; exit_text(code); code++)
        (void)fprintf(out, "  %-4d%s\n", code, exit_text(code));
    (void)fprintf(out,
                  "  `run`, `exec` and `attach` exit with the program's status, or 128 + the signal that "
                  "killed it; their\n"
                  "  own failures are %d + the number above, and %d when detached.\n\n`czonectl help VERB` "
                  "tells more; so does "
                  "czonectl(1).\n",
                  EXIT_RUN_BASE, exit_of_run(EXIT_DETACHED));
}

void help_print_verb(FILE *out, const struct verb *verb)
{
    (void)fprintf(out, "Usage: czonectl %s%s%s%s\n\n%s.\n", verb->name, verb->options ? " [OPTION...]" : "",
                  *verb->synopsis ? " " : "", verb->synopsis, verb->summary);
    if (verb->details)
        (void)fprintf(out, "%s\n", verb->details);
    if (verb->options) {
        (void)fputs("\nOptions:\n", out);
        print_options(out, verb->options);
    }
    (void)fputs("\nOptions of every verb:\n", out);
    print_options(out, common_options);
}

static void print_words(FILE *out, const struct option_row *rows, bool valued_only)
{
    for (; rows && rows->name; rows++) {
        if (valued_only && rows->kind == OPTION_FLAG)
            continue;
        (void)fprintf(out, " --%s", rows->name);
        if (rows->letter)
            (void)fprintf(out, " -%c", rows->letter);
    }
}

/* What completion must know of one verb: its options, and which of them take the next word for themselves. */
static void print_verb_case(FILE *out, const struct verb *verb)
{
    if (!verb->options)
        return;
    (void)fprintf(out, "            %s)\n                options+='", verb->name);
    print_words(out, verb->options, false);
    (void)fputs("'\n                valued+='", out);
    print_words(out, verb->options, true);
    (void)fputs("'\n                ;;\n", out);
}

static void print_verbs_with(FILE *out, unsigned int flag)
{
    const char *separator = "";

    for (const struct verb *const *verb = verbs; *verb; verb++)
        if ((*verb)->flags & flag) {
            (void)fprintf(out, "%s%s", separator, (*verb)->name);
            separator = " | ";
        }
}

static void print_completion_words(FILE *out)
{
    (void)fputs("    local current=$2 verb='' things='' skip='' word\n    local verbs='", out);
    for (const struct verb *const *verb = verbs; *verb; verb++)
        (void)fprintf(out, "%s%s", verb == verbs ? "" : " ", (*verb)->name);
    (void)fputs("'\n    local options='", out);
    print_words(out, common_options, false);
    (void)fputs("'\n    local valued='", out);
    print_words(out, common_options, true);
    (void)fputs("'\n    local -a where=()\n\n", out);
}

void help_print_completion(FILE *out)
{
    (void)fputs("# bash completion of czonectl; printed by `czonectl completion`\n_czonectl() {\n", out);
    print_completion_words(out);
    (void)fputs("    for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
                "        if [[ -n $skip ]]; then\n            skip=''\n"
                "        elif [[ \" $valued \" == *\" $word \"* ]]; then\n            skip=yes\n"
                "        elif [[ -z $verb && \" $verbs \" == *\" $word \"* ]]; then\n"
                "            verb=$word\n            case $verb in\n",
                out);
    for (const struct verb *const *verb = verbs; *verb; verb++)
        print_verb_case(out, *verb);
    (void)fputs(
        "            esac\n        fi\n    done\n"
        /* bash splits words at ':', which addresses have: the address is taken from the whole line. */
        "    [[ $COMP_LINE =~ --vm[\\ =]+([^\\ ]+) ]] && where=(--vm \"${BASH_REMATCH[1]}\")\n"
        "    if [[ -n $skip ]]; then\n        mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n        "
        "return\n    fi\n"
        "    if [[ $current == -* ]]; then\n        things=$options\n"
        "    elif [[ -z $verb ]]; then\n        things=$verbs\n    else\n        case $verb in\n        ",
        out);
    print_verbs_with(out, VERB_CONTAINERS);
    (void)fputs(") things=$(timeout 2 czonectl \"${where[@]}\" ps --quiet 2>/dev/null) ;;\n        ", out);
    print_verbs_with(out, VERB_VERBS);
    (void)fputs(") things=$verbs ;;\n        esac\n    fi\n"
                /* Not `compgen -W`, which expands what it is given as a shell does: ids come from a guest. */
                "    COMPREPLY=()\n    while read -r word; do\n"
                "        [[ $word == \"$current\"* ]] && COMPREPLY+=(\"$word\")\n"
                "    done < <(tr -s ' ' '\\n' <<< \"$things\")\n}\n"
                "complete -o default -F _czonectl czonectl\n",
                out);
}
