/*-------------------------------------------------------------------------
 *
 * refusal.c
 *	  The one look of all refusals.
 *
 * The reader of a refusal may see nothing else of the server: the primary
 * message says what was refused, DETAIL why, HINT who can do it and how.
 * DETAIL always begins with the same words, so that refusals can be counted in
 * a server log.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "refusal.h"

/*
 * Refuse something with SQLSTATE 25006.
 *
 * "action" completes "cannot execute ... in a read-only session"; "reason" and
 * "hint" are sentences.  Without a hint the reader is sent to another
 * connection.
 */
void
pgsr_refuse(const char *action, const char *reason, const char *hint)
{
	pgsr_refuse_at(action, reason, hint, NULL, -1);
}

/*
 * Likewise, pointing at a place in the statement's text.
 */
void
pgsr_refuse_at(const char *action, const char *reason, const char *hint,
			   ParseState *pstate, int location)
{
	ereport(ERROR,
			(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
			 errmsg("cannot execute %s in a read-only session", action),
			 errdetail("Refused by pg_session_readonly: %s", reason),
			 errhint("%s", hint ? hint :
					 "Use a connection that is not read-only."),
			 parser_errposition(pstate, location)));
}
