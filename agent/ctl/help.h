/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_HELP_H
#define CTL_HELP_H

/* Help and completion, printed from the verb table. */

#include <stdio.h>

#include "agent/ctl/verb.h"

void help_print(FILE *out);
void help_print_verb(FILE *out, const struct verb *verb);
/* A bash script. */
void help_print_completion(FILE *out);

#endif
