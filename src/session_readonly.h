/*-------------------------------------------------------------------------
 *
 * session_readonly.h
 *	  What the files of pg_session_readonly share: a section for each.
 *
 *-------------------------------------------------------------------------
 */
#ifndef SESSION_READONLY_H
#define SESSION_READONLY_H

#include "access/htup.h"
#include "access/xact.h"
#include "catalog/pg_proc.h"
#include "executor/execdesc.h"
#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"
#include "parser/parse_node.h"
#include "pgstat.h"
#include "tcop/dest.h"
#include "utils/guc.h"
#include "utils/syscache.h"

#include "compat.h"

/* Nobody else calls what is declared here; from 16 on PGXS says so itself. */
#pragma GCC visibility push(hidden)

#define PGSR_PREFIX					"pg_session_readonly"

/*
 * Our errors are known by their domain: nobody else's can have it, whatever words an
 * error raised by SQL may borrow.
 */
#undef TEXTDOMAIN
#define TEXTDOMAIN					PG_TEXTDOMAIN("pg_session_readonly")

#define PGSR_MODE_NAME				"pg_session_readonly.mode"
#define PGSR_DENIED_COMMANDS_NAME	"pg_session_readonly.denied_commands"
#define PGSR_DENIED_FUNCTIONS_NAME	"pg_session_readonly.denied_functions"
#define PGSR_ALLOWED_FUNCTIONS_NAME "pg_session_readonly.allowed_functions"
#define PGSR_PINNED_SETTINGS_NAME	"pg_session_readonly.pinned_settings"
#define PGSR_LOCKED_ROLES_NAME		"pg_session_readonly.locked_roles"

/*
 * list.c: the grammar of the settings that are lists
 */
extern char *pgsr_begin_list(const char *value);
extern char *pgsr_next_item(char **rest);
extern char *pgsr_next_name(char **rest, bool *plain);

/*
 * mode.c: the switch, its positions and who may move it
 */

/* The positions, in the one direction that is open to everybody. */
typedef enum PgsrMode
{
	PGSR_OFF,
	PGSR_ON,
	PGSR_LOCKED
} PgsrMode;

/* The position in force in this process, and whether it has been taken up. */
extern PgsrMode pgsr_mode;
extern bool pgsr_mode_settled;

/* A function is being created; what its SET clause says is only tried. */
extern bool pgsr_mode_validating;

/* What the setting's variable holds, and the words for it. */
extern int	pgsr_mode_setting;
extern const struct config_enum_entry pgsr_mode_options[];

extern PgsrMode pgsr_mode_at_load(void);
extern bool pgsr_mode_settle(void);
extern void pgsr_mode_keep(void);
extern bool pgsr_mode_check(int *newval, void **extra, GucSource source);
extern bool pgsr_mode_assign(int newval);
extern const char *pgsr_mode_show(void);
extern bool pgsr_locked_by_administrator(void);
extern bool pgsr_mode_concerns_roles(void);
extern void pgsr_mode_follow_roles(void);

/*
 * administered.c: what is stored for the session's role and database, and whether the
 * role is to be locked
 */
extern char *pgsr_locked_roles;

extern bool pgsr_locked_roles_check(char **newval, void **extra, GucSource source);
extern bool pgsr_in_locked_role(void);
extern char *pgsr_role_setting(const char *name, GucSource *source);
extern char *pgsr_library_name(const char *path);
extern bool pgsr_names_this_library(const char *libraries);

/*
 * read_only.c: core's two read-only settings
 */
extern bool pgsr_read_only_untold;
extern int	pgsr_allowed_calls;	/* write_guard.c */

extern void pgsr_read_only_init(void);
extern void pgsr_read_only_lift(void);
extern void pgsr_read_only_follow(bool guarded);
extern void pgsr_read_only_announce(void);
extern void pgsr_read_only_release(void);

/*
 * Make the current transaction read-only again if something undid that: the
 * end of a subtransaction brings back the value it found, for one.  While a function
 * runs that an administrator has allowed it may write.  The write guard counts on
 * track_counts.
 */
static inline void
pgsr_read_only_assert(void)
{
	XactReadOnly = true;
	if (unlikely(pgsr_allowed_calls > 0))
		pgsr_read_only_lift();
	pgstat_track_counts = true;
	if (unlikely(!DefaultXactReadOnly || pgsr_read_only_untold))
		pgsr_read_only_announce();
}

/*
 * write_guard.c: what slipped past everything else is not committed
 */
extern bool pgsr_xid_expected;

extern void pgsr_check_written(void);
extern void pgsr_expect_xid(void);
extern void pgsr_begin_allowed(bool temporary);
extern void pgsr_allow_written(bool temporary);
extern void pgsr_end_allowed(bool temporary);
extern void pgsr_begin_allowed_call(void);
extern void pgsr_end_allowed_call(void);
extern void pgsr_abort_allowed_call(void);
extern void pgsr_check_portal_of_call(void);
extern void pgsr_mark_plan(QueryDesc *queryDesc, uint64 passed_over);
extern void pgsr_check_whose_plan(QueryDesc *queryDesc);
extern void pgsr_write_guard_end_transaction(void);
extern bool pgsr_check_temporary(Oid relid, bool only_inserts);
extern void pgsr_check_plan_targets(PlannedStmt *stmt);

/*
 * The write guard's look at the end of a statement.  There is nothing to see
 * before the transaction has an id.
 */
static inline void
pgsr_write_guard_check(void)
{
	if (unlikely(TransactionIdIsValid(GetTopTransactionIdIfAny())))
		pgsr_check_written();
}

/*
 * Would running this plan need a transaction id?  As in standard_ExecutorStart().
 */
static inline bool
pgsr_plan_writes(PlannedStmt *stmt)
{
	return stmt->commandType != CMD_SELECT || stmt->hasModifyingCTE ||
		stmt->rowMarks != NIL;
}

/*
 * commands.c: the list of commands that are refused
 */

/* What the write guard has to do for a command that is not refused. */
typedef enum PgsrCommandNeeds
{
	PGSR_NEEDS_NOTHING,
	PGSR_NEEDS_XID,				/* takes a transaction id, writes no row */
	PGSR_NEEDS_WRITES,			/* may write what it writes */
	PGSR_NEEDS_TEMPORARY,		/* makes or changes temporary tables */
	PGSR_NEEDS_NO_RUN			/* is done already */
} PgsrCommandNeeds;

extern char *pgsr_denied_commands;

extern void pgsr_commands_init(void);
extern bool pgsr_denied_commands_check(char **newval, void **extra,
									   GucSource source);
extern void pgsr_denied_commands_assign(const char *newval, void *extra);
extern bool pgsr_temporary_tables_allowed(void);
extern PgsrCommandNeeds pgsr_check_command(Node *parsetree, bool subcommand);

/*
 * temporary_tables.c: what a command on temporary tables may be
 */
extern bool pgsr_temporary_running;

extern bool pgsr_is_temporary_command(Node *parsetree, bool subcommand);
extern void pgsr_temporary_command(bool running, const char *text);
extern void pgsr_check_new_relation(QueryDesc *query);
extern void pgsr_check_temporary_object(Oid relid);

/*
 * Refuse to run a plan whose rows go into a new relation, whoever asked for it.
 */
static inline void
pgsr_check_receiver(QueryDesc *query)
{
	if (unlikely(query->dest != NULL && (query->dest->mydest == DestIntoRel ||
										 query->dest->mydest == DestTransientRel)))
		pgsr_check_new_relation(query);
}

/*
 * function_lists.c: allowed_functions and denied_functions
 */
typedef struct PgsrFunctionName
{
	enum
	{
		PGSR_FUNCTION,
		PGSR_EXTENSION,
		PGSR_LANGUAGE
	}			kind;			/* what bears the name */
	char		schema[NAMEDATALEN];	/* of a function; empty if any */
	char		name[NAMEDATALEN];
} PgsrFunctionName;

typedef struct PgsrFunctionList
{
	bool		unreviewed;		/* all C functions that nobody has reviewed */
	bool		has_extension;
	int			length;
	PgsrFunctionName items[FLEXIBLE_ARRAY_MEMBER];
} PgsrFunctionList;

extern bool pgsr_denied_functions_check(char **newval, void **extra,
										GucSource source);
extern bool pgsr_allowed_functions_check(char **newval, void **extra,
										 GucSource source);
extern bool pgsr_list_has(const PgsrFunctionList *list, Form_pg_proc proc,
						  const char *language);

/*
 * function_policy.c: the verdict on a function
 */
typedef enum PgsrVerdict
{
	PGSR_READS,					/* it, or what it does inside, is checked */
	PGSR_TAKES_XID,				/* takes a transaction id and writes nothing */
	PGSR_ALLOWED_BY_SETTING,
	PGSR_DENIED_BY_SETTING,
	PGSR_DENIED_WRITES,			/* built in; only a function around it can be allowed */
	PGSR_DENIED_REVIEWED,
	PGSR_DENIED_UNREVIEWED,
	PGSR_DENIED_LANGUAGE
} PgsrVerdict;

/* Functions of core whose verdict is to let them run without further ado. */
extern bool pgsr_known_to_read[];

/*
 * How many refusals an allowed function was spared, but for those that its plans
 * remember.
 */
extern uint64 pgsr_passed_over;

extern char *pgsr_denied_functions;
extern char *pgsr_allowed_functions;

extern void pgsr_denied_functions_assign(const char *newval, void *extra);
extern void pgsr_allowed_functions_assign(const char *newval, void *extra);
extern void pgsr_function_policy_init(void);
extern void pgsr_forget_verdicts(void);
extern bool pgsr_check_function_verdict(Oid function);
extern void pgsr_check_do(DoStmt *stmt);

/*
 * Refuse a function that is about to run, if it may not.  Returns whether an
 * administrator has allowed it to write.
 */
static inline bool
pgsr_check_function(Oid function)
{
	if (likely(function < FirstGenbkiObjectId && pgsr_known_to_read[function]))
		return false;
	return pgsr_check_function_verdict(function);
}

/*
 * guc_record.c: what core has written down of a setting
 */

/* The context of a setting that nobody can SET in a session that runs. */
#define PGSR_NOBODY		PGC_SU_BACKEND

/* Is this setting wanted? */
typedef bool (*PgsrGucFilter) (const char *name, GucContext context);

extern const char *pgsr_guc_name(const char *name);
extern GucSource pgsr_guc_source(const char *name);
extern const char *pgsr_guc_placeholder(const char *name);
extern const char *pgsr_guc_find_placeholder(PgsrGucFilter filter);
extern GucBoolCheckHook pgsr_guc_wrap_check(const char *name,
											GucBoolCheckHook hook);
extern void pgsr_guc_set_context(const char *name, GucContext context);
extern void pgsr_guc_restrict(const char *name, GucContext context);
extern List *pgsr_guc_pin_all(PgsrGucFilter filter, bool late);
extern void pgsr_guc_keep_list(bool begins);
extern void pgsr_guc_demote_placeholders(PgsrGucFilter filter);

/*
 * pinned_settings.c: which settings are pinned
 */
extern char *pgsr_pinned_settings;

extern bool pgsr_pinned_settings_check(char **newval, void **extra,
									   GucSource source);
extern void pgsr_pinned_settings_assign(const char *newval, void *extra);
extern void pgsr_check_setting_names(void);
extern void pgsr_check_setting_at_load(const char *name, GucContext context,
									   GucStringCheckHook check);
extern const char *pgsr_policy_given(GucSource last);
extern void pgsr_policy_settings_follow(PgsrMode mode);
extern void pgsr_pin_settings(bool late, bool administered);
extern void pgsr_pinned_discard(bool begins);
extern void pgsr_policy_settings_store(bool begins);
extern void pgsr_load_library(const char *filename, const char *symbol);

/*
 * sessions.c: what other sessions can see of the guarded ones
 */
extern void pgsr_note_libraries(void);
extern void pgsr_sessions_init(void);
extern void pgsr_sessions_show_mode(void);
extern void pgsr_sessions_count_refusal(void);

/*
 * refusal.c: what a refused client reads
 */
#define PGSR_STANDARD_HINT	"The session is read-only by decision of its host or an administrator."

extern void pgsr_refusal_init(void);
PGSR_NORETURN extern void pgsr_refuse(const char *action, const char *reason,
									  const char *hint);
PGSR_NORETURN extern void pgsr_refuse_call(const char *name, const char *reason,
										   const char *hint);

#pragma GCC visibility pop

#endif							/* SESSION_READONLY_H */
