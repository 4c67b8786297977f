/*-------------------------------------------------------------------------
 *
 * functions.h
 *	  Which functions a read-only session may run.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGSR_FUNCTIONS_H
#define PGSR_FUNCTIONS_H

#include "access/htup.h"
#include "nodes/parsenodes.h"
#include "parser/parse_node.h"
#include "utils/guc.h"

extern char *pgsr_denied_functions;
extern char *pgsr_allowed_functions;

/* Does the policy explicitly allow any function? */
extern bool pgsr_functions_allowed;

/* What is known of a function, and why. */
typedef enum PgsrVerdict
{
	PGSR_READS,					/* it, or what it does inside, is checked */
	PGSR_ALLOWED_BY_SETTING,
	PGSR_DENIED_BY_SETTING,
	PGSR_DENIED_REVIEWED,
	PGSR_DENIED_UNREVIEWED,
	PGSR_DENIED_LANGUAGE
} PgsrVerdict;

extern void pgsr_functions_init(void);
extern bool pgsr_functions_check(char **newval, void **extra, GucSource source);
extern void pgsr_denied_functions_assign(const char *newval, void *extra);
extern void pgsr_allowed_functions_assign(const char *newval, void *extra);

extern bool pgsr_function_check(Oid function);
extern void pgsr_query_functions_check(ParseState *pstate, Query *query);
extern bool pgsr_do_check(DoStmt *stmt);
extern PgsrVerdict pgsr_function_verdict(HeapTuple proctup, const char **detail);

#endif							/* PGSR_FUNCTIONS_H */
