/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEEPER_KEEPER_H
#define KEEPER_KEEPER_H

/*
 * Keeps one program, from START to the end of its output (README.md has the contract).
 *
 * socket: the first connection; taken. Returns 0 when all is done or nobody has use for it, or a negative
 * errno: of poll(2), which leaves nothing to do but end.
 */
int keeper_run(int socket);

#endif
