/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_CLAIM_FILE_H
#define CZONE_CLAIM_FILE_H

#include <czone/zone.h>

/* Room for the longest claim as text. */
#define CLAIM_TEXT_MAX 1024

/* One claim as the text of its file. Returns the length or -ENOBUFS. Pure. */
int claim_format(const struct czone_zone_info *info, const char *boot_id, char *buffer, size_t size);

/*
 * Reads it back. Every key must be there exactly once and none besides. Returns 0, -ESTALE (it is of another
 * boot; nothing else of it was looked at) or -EBADMSG. Changes text. Pure.
 */
int claim_parse(char *text, const char *boot_id, struct czone_zone_info *ret_info);

#endif
