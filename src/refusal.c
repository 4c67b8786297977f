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

#include "mb/pg_wchar.h"
#include "parser/scanner.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"

#include "session_readonly.h"

#define REFUSED_BY		"Refused by pg_session_readonly: "
#define USE_TEMPORARY	"Temporary tables may be created, indexed, filled, truncated, analyzed and dropped, where nothing permanent is tied to them."
#define ALLOW_FUNCTION	"An administrator can allow a function that writes, by its name in \"" PGSR_ALLOWED_FUNCTIONS_NAME "\"."

static emit_log_hook_type prev_emit_log = NULL;

/*
 * Refuse something with SQLSTATE 25006.
 *
 * "action" completes "cannot execute ... in a read-only session"; "reason" and
 * "hint" are sentences.  The reader may be an agent that does what a hint says: it tells
 * what an administrator can do, and no way around.
 */
void
pgsr_refuse(const char *action, const char *reason, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
			 errmsg("cannot execute %s in a read-only session", action),
			 errdetail(REFUSED_BY "%s", reason),
			 errhint("%s", hint ? hint : PGSR_STANDARD_HINT)));
}

/*
 * Does the token at "text" spell this name?
 */
static bool
is_name(const char *text, const char *name)
{
	size_t		length = strlen(name);

	if (*text == '"')
		return strncmp(text + 1, name, length) == 0 && text[length + 1] == '"';
	for (size_t i = 0; i < length; i++)
	{
		if (pg_tolower((unsigned char) text[i]) != (unsigned char) name[i])
			return false;
	}
	return !isalnum((unsigned char) text[length]) && text[length] != '_' &&
		text[length] != '$' && !IS_HIGHBIT_SET(text[length]);
}

/*
 * Where what the client has sent calls a function by its name: the offset in bytes, or
 * -1.  A statement before in the same message may have changed how literals are read:
 * then there is no position, but no other error.
 */
static int
find_call(const char *name)
{
	MemoryContext context = CurrentMemoryContext;
	volatile int found = -1;

	PG_TRY();
	{
		core_yy_extra_type extra;
		core_YYSTYPE value;
		YYLTYPE		location;
		core_yyscan_t scanner;
		int			token;
		int			name_at = -1;

		scanner = scanner_init(debug_query_string, &extra, &ScanKeywords, ScanKeywordTokens);
		ScannerWarnNot(&extra);
		while (found < 0 && (token = core_yylex(&value, &location, scanner)) != 0)
		{
			if (token == '(')
				found = name_at;
			name_at = is_name(debug_query_string + location, name) ? location : -1;
		}
		scanner_finish(scanner);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		FlushErrorState();
	}
	PG_END_TRY();
	return found;
}

/*
 * Refuse a call of a function; the error points at the call where the client's own
 * statement has it.  A function or another statement that is being run in between
 * would take the position for one in its own text, and has a line of CONTEXT.
 */
void
pgsr_refuse_call(const char *name, const char *reason, const char *hint)
{
	int			location = -1;

	if (debug_query_string != NULL && error_context_stack == NULL)
		location = find_call(name);
	ereport(ERROR,
			(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
			 errmsg("cannot execute %s() in a read-only session", name),
			 errdetail(REFUSED_BY "%s", reason),
			 errhint("%s", hint ? hint : PGSR_STANDARD_HINT),
			 location >= 0 ?
			 errposition(pg_mbstrlen_with_len(debug_query_string, location) + 1) : 0));
}

/*
 * emit_log_hook: core's own refusals are bare; give them the look of ours, and count what
 * comes by.  No other hook sees an error; core does not promise that what is changed here
 * reaches the client, and asks nobody about what log_min_messages keeps out of the log
 * (EmitErrorReport() in elog.c).  Others may raise errors with the same SQLSTATE and with
 * any words: those of core are known by their message's id, which is the text before
 * anything is put into it, and ours by their domain.
 */
static void
pgsr_emit_log(ErrorData *edata)
{
	if (pgsr_mode > PGSR_OFF && edata->elevel == ERROR &&
		edata->sqlerrcode == ERRCODE_READ_ONLY_SQL_TRANSACTION)
	{
		bool		core = edata->message_id != NULL &&
			strcmp(edata->message_id, "cannot execute %s in a read-only transaction") == 0;

		if (core && edata->detail == NULL)
		{
			edata->detail = MemoryContextStrdup(edata->assoc_context,
												REFUSED_BY "The session is read-only.");
			if (edata->hint == NULL)
				edata->hint = MemoryContextStrdup(edata->assoc_context,
												  pgsr_temporary_tables_allowed() ?
												  USE_TEMPORARY : ALLOW_FUNCTION);
		}
		if (core || strcmp(edata->domain, TEXTDOMAIN) == 0)
			pgsr_sessions_count_refusal();
	}
	if (prev_emit_log)
		prev_emit_log(edata);
}

/*
 * See all errors.
 */
void
pgsr_refusal_init(void)
{
	prev_emit_log = emit_log_hook;
	emit_log_hook = pgsr_emit_log;
}
