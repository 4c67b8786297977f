/*-------------------------------------------------------------------------
 *
 * commands.h
 *	  The list of commands that a read-only session refuses.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGSR_COMMANDS_H
#define PGSR_COMMANDS_H

#include "nodes/nodes.h"
#include "tcop/dest.h"
#include "transaction.h"
#include "utils/guc.h"

extern char *pgsr_denied_commands;

extern void pgsr_commands_init(void);
extern bool pgsr_denied_commands_check(char **newval, void **extra,
									   GucSource source);
extern void pgsr_denied_commands_assign(const char *newval, void *extra);

extern PgsrLeave pgsr_command_check(Node *parsetree);
extern void pgsr_receiver_refuse(void);

/*
 * Refuse to run a plan whose rows go into a new relation, whoever asked for it.
 */
static inline void
pgsr_receiver_check(DestReceiver *dest)
{
	if (unlikely(dest != NULL && (dest->mydest == DestIntoRel ||
								  dest->mydest == DestTransientRel)))
		pgsr_receiver_refuse();
}

#endif							/* PGSR_COMMANDS_H */
