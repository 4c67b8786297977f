/*-------------------------------------------------------------------------
 *
 * refusal.h
 *	  The one look of all refusals.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGSR_REFUSAL_H
#define PGSR_REFUSAL_H

#include "compat.h"

PGSR_NORETURN extern void pgsr_refuse(const char *action, const char *reason,
									  const char *hint);
PGSR_NORETURN extern void pgsr_refuse_at(const char *action, const char *reason,
										 const char *hint, ParseState *pstate,
										 int location);

#endif							/* PGSR_REFUSAL_H */
