/*-------------------------------------------------------------------------
 *
 * pg_session_readonly.c
 *	  A connection that is made read-only and stays so.
 *
 * This file defines the settings, installs the hooks and asks the other files at
 * each of them.  It decides nothing itself.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "parser/analyze.h"
#include "tcop/pquery.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/inval.h"

#include "src/session_readonly.h"

PGSR_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

PG_FUNCTION_INFO_V1(pg_session_readonly_lock);
PG_FUNCTION_INFO_V1(pg_session_readonly_overtaken);

#define PROCESS_UTILITY_PARAMS \
	PlannedStmt *pstmt, const char *queryString, bool readOnlyTree, \
	ProcessUtilityContext context, ParamListInfo params, \
	QueryEnvironment *queryEnv, DestReceiver *dest, QueryCompletion *qc
#define PROCESS_UTILITY_ARGS \
	pstmt, queryString, readOnlyTree, context, params, queryEnv, dest, qc

static post_parse_analyze_hook_type prev_post_parse_analyze = NULL;
static ExecutorStart_hook_type prev_ExecutorStart = NULL;
static ExecutorRun_hook_type prev_ExecutorRun = NULL;
static ExecutorFinish_hook_type prev_ExecutorFinish = NULL;
static ProcessUtility_hook_type prev_definition_utility = NULL;
static ProcessUtility_hook_type prev_ProcessUtility = NULL;
static object_access_hook_type prev_object_access = NULL;
static needs_fmgr_hook_type prev_needs_fmgr = NULL;
static fmgr_hook_type prev_fmgr = NULL;

/* The mode has moved, and what may fail is still to follow it. */
static bool follow_pending = false;

/*
 * The locked roles or their members have changed; and the transaction of that moment is
 * over, so that the next hook is to see whether this session is one of theirs.
 */
static bool roles_changed = false;
static bool roles_pending = false;

/*
 * Our hooks see a function as it is looked up.  What was looked up before the session
 * was guarded is thrown away with the caches, as far as core does that: at once, and
 * again as the next statement begins, if its transaction has not failed, for an index
 * that a statement in progress has open keeps its own.  The type cache keeps what it
 * has, too (lookup_type_cache() in typcache.c).
 */
static bool flush_pending = false;
static bool flush_again = false;

/* Our hooks are there: this session is guarded, or was, or may be about to be. */
static bool guards_installed = false;

/* The library was loaded while this session began. */
static bool loaded_at_start = false;

/* An allowed function has been called in this session. */
static bool allowed_called = false;

static void install_guards(void);
static void remove_guards(void);

/*
 * Let what cannot fail follow the mode.  Called from an assign hook.
 */
static void
mode_moved(void)
{
	if (pgsr_mode > PGSR_OFF)
	{
		install_guards();
		flush_pending = IsNormalProcessingMode();
	}
	if (!IsParallelWorker())
	{
		pgsr_read_only_follow(pgsr_mode > PGSR_OFF);
		pgsr_policy_settings_follow(pgsr_mode);
	}
	pgsr_forget_verdicts();
	pgsr_sessions_show_mode();
	follow_pending = true;
}

/*
 * Let the rest follow the mode, from the first hook that runs after it has moved.
 * Whatever raises an error here is done anew at the next one.
 */
static pg_noinline void
follow_mode(void)
{
	if (IsParallelWorker())
	{
		/* it has the values of its leader's settings once it is initialized */
		if (InitializingParallelWorker)
			return;
		pgsr_policy_settings_follow(pgsr_mode);
	}
	else
	{
		if (!IsTransactionState() || IsInParallelMode())
			return;
		pgsr_mode_keep();
		if (pgsr_mode == PGSR_OFF)
			pgsr_read_only_release();
		else
			pgsr_read_only_announce();
		if (flush_pending)
		{
			InvalidateSystemCaches();
			flush_pending = false;
			flush_again = true;
		}
	}
	if (pgsr_mode == PGSR_LOCKED)
		pgsr_pin_settings(false, !IsNormalProcessingMode() && pgsr_locked_by_administrator());
	follow_pending = false;
}

/*
 * Note that the locked roles or their members have changed.  Called at any time: a
 * session that it may concern is asked by the first hook of its next transaction, not
 * in the midst of one, be it in a subtransaction that has failed.
 */
static void
note_roles(void)
{
	if (!pgsr_mode_concerns_roles())
		return;
	install_guards();
	roles_changed = true;
	roles_pending |= !IsTransactionState() && !IsSubTransaction();
}

/*
 * Assign hook of locked_roles.  A reload assigns what has not changed, too.
 */
static void
assign_locked_roles(const char *newval, void *extra)
{
	if (pgsr_locked_roles != NULL && strcmp(newval, pgsr_locked_roles) != 0)
		note_roles();
}

/*
 * Callback for changes of pg_authid and pg_auth_members
 */
static void
roles_callback(Datum arg, PgsrSysCacheId cache, uint32 hash)
{
	if (*pgsr_locked_roles != '\0')
		note_roles();
}

/*
 * See whether the session is to be locked, as soon as that can be done.  What changes
 * meanwhile is for the next transaction, and after an error this is done anew.
 */
static pg_noinline void
follow_roles(void)
{
	if (!IsTransactionState() || IsInParallelMode())
		return;
	roles_changed = false;
	pgsr_mode_follow_roles();
	roles_pending = false;
	if (pgsr_mode == PGSR_OFF && !follow_pending && !roles_changed)
		remove_guards();
}

/*
 * Begin a hook: let everything follow the mode, and make the transaction of a
 * guarded session read-only again, whatever was done to it since the last hook.
 * Returns whether the session is guarded.
 */
static inline bool
enter_hook(void)
{
	if (unlikely(roles_pending))
		follow_roles();
	if (unlikely(follow_pending))
		follow_mode();
	if (pgsr_mode == PGSR_OFF)
		return false;
	pgsr_mode_setting = pgsr_mode;
	pgsr_read_only_assert();
	return true;
}

/*
 * Assign hook of the mode.
 */
static void
assign_mode(int newval, void *extra)
{
	if (pgsr_mode_assign(newval))
		mode_moved();
}

/*
 * post_parse_analyze_hook: comes before planning, which may run functions.
 */
static void
pgsr_post_parse_analyze(POST_PARSE_ANALYZE_PARAMS)
{
	if (prev_post_parse_analyze)
		prev_post_parse_analyze(pstate, query, jstate);
	if (!enter_hook())
		return;
	if (unlikely(flush_again) && ActivePortal == NULL && IsTransactionState())
	{
		InvalidateSystemCaches();
		flush_again = false;
	}
}

/*
 * ExecutorStart_hook: sets up a plan, for EXPLAIN perhaps.
 */
static void
pgsr_ExecutorStart(QueryDesc *queryDesc, int eflags)
{
	bool		guarded = enter_hook();
	bool		allowed = pgsr_allowed_calls > 0;
	uint64		passed_over = pgsr_passed_over;

	if (unlikely(allowed))
		pgsr_check_portal_of_call();
	else if (guarded && !(eflags & EXEC_FLAG_EXPLAIN_ONLY))
	{
		pgsr_check_receiver(queryDesc);
		if (unlikely(pgsr_plan_writes(queryDesc->plannedstmt)))
			pgsr_check_plan_targets(queryDesc->plannedstmt);
	}
	if (prev_ExecutorStart)
		prev_ExecutorStart(queryDesc, eflags);
	else
		standard_ExecutorStart(queryDesc, eflags);
	if (unlikely(allowed))
		pgsr_mark_plan(queryDesc, passed_over);
}

/*
 * ExecutorRun_hook: a plan may have been set up long ago, in a subtransaction even
 * whose end undid the flag.
 */
static void
pgsr_ExecutorRun(EXECUTOR_RUN_PARAMS)
{
	if (enter_hook() && unlikely(allowed_called))
		pgsr_check_whose_plan(queryDesc);
	if (prev_ExecutorRun)
		prev_ExecutorRun(EXECUTOR_RUN_ARGS);
	else
		standard_ExecutorRun(EXECUTOR_RUN_ARGS);
}

/*
 * ExecutorFinish_hook: runs AFTER triggers, and ends the statement for the
 * write guard.
 */
static void
pgsr_ExecutorFinish(QueryDesc *queryDesc)
{
	(void) enter_hook();
	if (prev_ExecutorFinish)
		prev_ExecutorFinish(queryDesc);
	else
		standard_ExecutorFinish(queryDesc);
	if (enter_hook())
		pgsr_write_guard_check();
}

/*
 * Hand a utility statement on to whoever runs it.
 */
static inline void
next_ProcessUtility(ProcessUtility_hook_type next, PROCESS_UTILITY_PARAMS)
{
	if (next)
		next(PROCESS_UTILITY_ARGS);
	else
		standard_ProcessUtility(PROCESS_UTILITY_ARGS);
}

/*
 * Run a utility statement that defines a function or stores settings, or one in the
 * midst of that (an event trigger's), in a session that may write.
 */
static pg_noinline void
run_definition(PROCESS_UTILITY_PARAMS)
{
	Node	   *utility = pstmt->utilityStmt;
	bool		was_validating = pgsr_mode_validating;
	bool		stores = IsA(utility, AlterRoleSetStmt) ||
		IsA(utility, AlterDatabaseSetStmt);

	if (stores)
		pgsr_policy_settings_store(true);
	pgsr_mode_validating = IsA(utility, CreateFunctionStmt);
	PG_TRY();
	{
		next_ProcessUtility(prev_definition_utility, PROCESS_UTILITY_ARGS);
	}
	PG_FINALLY();
	{
		if (stores && pgsr_mode == PGSR_OFF)
			pgsr_policy_settings_store(false);
		pgsr_mode_validating = was_validating;
	}
	PG_END_TRY();
}

/*
 * ProcessUtility_hook of every session: some definitions are about other sessions, and
 * must not be taken for this one.  A statement may have moved the mode.
 */
static void
pgsr_ProcessUtility_definition(PROCESS_UTILITY_PARAMS)
{
	Node	   *utility = pstmt->utilityStmt;

	if (pgsr_mode == PGSR_OFF &&
		(pgsr_mode_validating || IsA(utility, CreateFunctionStmt) ||
		 IsA(utility, AlterRoleSetStmt) || IsA(utility, AlterDatabaseSetStmt)))
		run_definition(PROCESS_UTILITY_ARGS);
	else
		next_ProcessUtility(prev_definition_utility, PROCESS_UTILITY_ARGS);
	if (unlikely(follow_pending))
		follow_mode();
}

/*
 * Run a utility statement that may write what it writes; or one on temporary tables,
 * which may be a part of another.
 */
static pg_noinline void
process_allowed(bool temporary, PROCESS_UTILITY_PARAMS)
{
	volatile bool part = temporary && pgsr_temporary_running;

	if (!part)
		pgsr_begin_allowed(temporary);
	if (IsA(pstmt->utilityStmt, DiscardStmt) && pgsr_mode == PGSR_LOCKED)
		pgsr_pinned_discard(true);
	PG_TRY();
	{
		if (temporary)
			pgsr_temporary_command(true, queryString);
		next_ProcessUtility(prev_ProcessUtility, PROCESS_UTILITY_ARGS);
		if (!part)
			pgsr_allow_written(temporary);
	}
	PG_FINALLY();
	{
		if (pgsr_mode == PGSR_LOCKED)
			pgsr_pinned_discard(false);
		if (temporary)
			pgsr_temporary_command(part, NULL);
		if (!part)
			pgsr_end_allowed(temporary);
	}
	PG_END_TRY();
}

/*
 * ProcessUtility_hook of a guarded session
 *
 * A statement that ends a transaction has its own look at the write guard, or
 * always succeeds.  What it is must be asked before it runs: it may free its own
 * parse tree (CALL of a procedure that rolls back).  EXPLAIN looks at functions and may
 * not run them: without an id by its end, none is expected that was not before.
 */
static void
pgsr_ProcessUtility(PROCESS_UTILITY_PARAMS)
{
	Node	   *utility = pstmt->utilityStmt;
	bool		ends_transaction = IsA(utility, TransactionStmt);
	bool		explains = IsA(utility, ExplainStmt);
	bool		was_expected = pgsr_xid_expected;
	PgsrCommandNeeds needs = PGSR_NEEDS_NOTHING;

	if (enter_hook())
	{
		if (likely(pgsr_allowed_calls == 0))
		{
			needs = pgsr_check_command(utility, context == PROCESS_UTILITY_SUBCOMMAND);
			if (IsA(utility, DoStmt))
				pgsr_check_do((DoStmt *) utility);
		}
		else
			pgsr_check_portal_of_call();
		if (IsA(utility, LoadStmt) && needs != PGSR_NEEDS_NO_RUN &&
			pgsr_mode == PGSR_LOCKED)
			pgsr_load_library(((LoadStmt *) utility)->filename, NULL);
	}

	if (needs == PGSR_NEEDS_XID)
		pgsr_expect_xid();
	if (needs == PGSR_NEEDS_WRITES || needs == PGSR_NEEDS_TEMPORARY)
		process_allowed(needs == PGSR_NEEDS_TEMPORARY, PROCESS_UTILITY_ARGS);
	else if (needs != PGSR_NEEDS_NO_RUN)
		next_ProcessUtility(prev_ProcessUtility, PROCESS_UTILITY_ARGS);
	if (explains && !TransactionIdIsValid(GetTopTransactionIdIfAny()))
		pgsr_xid_expected = was_expected;
	if (enter_hook() && !ends_transaction)
		pgsr_write_guard_check();
}

/*
 * object_access_hook: sees every function about to be executed, fastpath calls
 * and plpgsql's expressions among them; and every relation that is made, changed or
 * dropped.
 */
static void
pgsr_object_access(ObjectAccessType access, Oid classId, Oid objectId, int subId,
				   void *arg)
{
	if (prev_object_access)
		prev_object_access(access, classId, objectId, subId, arg);
	if (access == OAT_FUNCTION_EXECUTE)
	{
		if (enter_hook())
			(void) pgsr_check_function(objectId);
	}
	else if (unlikely(pgsr_temporary_running) && classId == RelationRelationId &&
			 enter_hook() && pgsr_allowed_calls == 0)
		pgsr_check_temporary_object(objectId);
}

/*
 * needs_fmgr_hook: asked whenever a function that is not built in is looked up,
 * whoever is going to call it: type input and output, index support, triggers.  One
 * that is allowed is not inlined, and each of its calls passes pgsr_fmgr(); and so do
 * those of one that an allowed function alone may call, for the look-up may be kept.
 */
static bool
pgsr_needs_fmgr(Oid function)
{
	bool		needed = prev_needs_fmgr ? prev_needs_fmgr(function) : false;

	if (enter_hook())
		needed |= pgsr_check_function(function);
	return needed;
}

/*
 * fmgr_hook: needs_fmgr_hook is not asked for a function that is SECURITY DEFINER or
 * has a SET clause (fmgr_info_cxt_security() in fmgr.c).  Those come by here, at
 * each call, and so do the allowed ones, as they begin and end.
 *
 * Nothing of core's comes after an error of whoever is asked behind us as a call
 * begins: so we are asked last then, and first as it ends.  The end of a SET clause
 * may have brought back the flag.
 */
static void
pgsr_fmgr(FmgrHookEventType event, FmgrInfo *flinfo, Datum *arg)
{
	if (unlikely(pgsr_allowed_calls > 0))
	{
		if (event == FHET_END)
			pgsr_end_allowed_call();
		else if (event == FHET_ABORT)
			pgsr_abort_allowed_call();
	}
	if (prev_fmgr)
		prev_fmgr(event, flinfo, arg);
	if (event != FHET_ABORT && enter_hook() && event == FHET_START &&
		(pgsr_check_function(flinfo->fn_oid) || pgsr_allowed_calls > 0))
	{
		allowed_called = true;
		pgsr_begin_allowed_call();
	}
}

/*
 * Take up the mode that the session's settings came to.
 *
 * As a session begins, the check of names comes here instead of _PG_init(), and so
 * shares the list of settings with the lock.
 */
static void
take_up_mode(void)
{
	if (loaded_at_start)
	{
		pgsr_guc_keep_list(true);
		pgsr_check_setting_names();
		MarkGUCPrefixReserved(PGSR_PREFIX);
	}
	if (pgsr_mode_settle())
	{
		mode_moved();
		follow_mode();
	}
	if (loaded_at_start)
		pgsr_guc_keep_list(false);
}

/*
 * Transaction callback.  The transaction in which a backend starts ends when it
 * has read all its settings and loaded all its libraries: then it takes up its mode.
 * The write guard's last look comes before anything is made durable.
 */
static void
pgsr_xact_callback(XactEvent event, void *arg)
{
	if (unlikely(!pgsr_mode_settled) && event == XACT_EVENT_PRE_COMMIT)
		take_up_mode();
	if (!guards_installed)
		return;

	/*
	 * No hook has come by since the mode has moved, and core is about to bring back
	 * what was SET.  What does not look at catalogs is done after an error as well.
	 */
	if (unlikely(follow_pending) && event == XACT_EVENT_PRE_COMMIT)
		follow_mode();
	if (unlikely(follow_pending) && event == XACT_EVENT_ABORT &&
		pgsr_mode == PGSR_LOCKED && !IsParallelWorker())
		pgsr_pin_settings(false, false);

	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			pgsr_write_guard_check();
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PREPARE:
		case XACT_EVENT_ABORT:
			pgsr_write_guard_end_transaction();
			roles_pending |= roles_changed;
			break;
		default:
			break;
	}
}

/*
 * Install what a session needs that is guarded, as its mode goes up for the first
 * time: one that never is pays for nothing, and our hooks are asked before those of
 * all libraries loaded so far.  This may come in the midst of a statement, so each
 * hook may see an end whose beginning it has not seen.
 */
static void
install_guards(void)
{
	static bool installed_before = false;

	if (guards_installed)
		return;
	guards_installed = true;
	if (!installed_before)
	{
		pgsr_read_only_init();
		pgsr_refusal_init();
		installed_before = true;
	}

	prev_post_parse_analyze = post_parse_analyze_hook;
	post_parse_analyze_hook = pgsr_post_parse_analyze;
	prev_ExecutorStart = ExecutorStart_hook;
	ExecutorStart_hook = pgsr_ExecutorStart;
	prev_ExecutorRun = ExecutorRun_hook;
	ExecutorRun_hook = pgsr_ExecutorRun;
	prev_ExecutorFinish = ExecutorFinish_hook;
	ExecutorFinish_hook = pgsr_ExecutorFinish;
	prev_ProcessUtility = ProcessUtility_hook;
	ProcessUtility_hook = pgsr_ProcessUtility;
	prev_object_access = object_access_hook;
	object_access_hook = pgsr_object_access;
	prev_needs_fmgr = needs_fmgr_hook;
	needs_fmgr_hook = pgsr_needs_fmgr;
	prev_fmgr = fmgr_hook;
	fmgr_hook = pgsr_fmgr;
}

/*
 * Is there one of another library before ours, which need not ask us?
 */
static bool
is_overtaken(void)
{
	return post_parse_analyze_hook != pgsr_post_parse_analyze ||
		ExecutorStart_hook != pgsr_ExecutorStart ||
		ExecutorRun_hook != pgsr_ExecutorRun ||
		ExecutorFinish_hook != pgsr_ExecutorFinish ||
		ProcessUtility_hook != pgsr_ProcessUtility ||
		object_access_hook != pgsr_object_access ||
		needs_fmgr_hook != pgsr_needs_fmgr ||
		fmgr_hook != pgsr_fmgr;
}

/*
 * Take the hooks out again, where that can be done: a session that a change did not
 * concern pays for nothing, and a library that comes later is asked after us.
 */
static void
remove_guards(void)
{
	if (is_overtaken())
		return;
	post_parse_analyze_hook = prev_post_parse_analyze;
	ExecutorStart_hook = prev_ExecutorStart;
	ExecutorRun_hook = prev_ExecutorRun;
	ExecutorFinish_hook = prev_ExecutorFinish;
	ProcessUtility_hook = prev_ProcessUtility;
	object_access_hook = prev_object_access;
	needs_fmgr_hook = prev_needs_fmgr;
	fmgr_hook = prev_fmgr;
	guards_installed = false;
}

/* The settings that are lists. */
static const struct
{
	const char *name;
	const char *what;
	const char *how;
	char	  **variable;
	const char *boot_value;
	GucContext	context;
	GucStringCheckHook check;
	GucStringAssignHook assign;
}			list_settings[] =
{
	{PGSR_DENIED_COMMANDS_NAME,
		"Commands that a read-only session refuses.",
		"A list of command tags; \"default\" stands for the built-in list, and \"-\" before a tag takes it out.",
	&pgsr_denied_commands, "default", PGC_USERSET, pgsr_denied_commands_check, pgsr_denied_commands_assign},
	{PGSR_DENIED_FUNCTIONS_NAME,
		"Functions that a read-only session refuses.",
		"A list of names, with or without schema; \"extension:\" and \"language:\" before a name stand for all its functions, \"unreviewed\" for all C functions that nobody has reviewed.",
	&pgsr_denied_functions, "", PGC_USERSET, pgsr_denied_functions_check, pgsr_denied_functions_assign},
	{PGSR_ALLOWED_FUNCTIONS_NAME,
		"Functions that a read-only session runs whatever they do.",
		"A list like that of denied functions, which comes first.",
	&pgsr_allowed_functions, "", PGC_USERSET, pgsr_allowed_functions_check, pgsr_allowed_functions_assign},
	{PGSR_PINNED_SETTINGS_NAME,
		"Settings that a locked session cannot change.",
		"A list of names; \"superuser\" stands for all settings that only a superuser may change.",
	&pgsr_pinned_settings, "superuser", PGC_USERSET, pgsr_pinned_settings_check, pgsr_pinned_settings_assign},
	{PGSR_LOCKED_ROLES_NAME,
		"Roles whose sessions, and those of their members, are locked.",
		"A list of names.",
	&pgsr_locked_roles, "", PGC_SIGHUP, pgsr_locked_roles_check, assign_locked_roles},
};

/*
 * Module load callback
 */
void
_PG_init(void)
{
	PgsrMode	initial;
	void	  **loaded = find_rendezvous_variable("pg_session_readonly");

	/*
	 * To core a file is another library if its inode is another one.  It is, by the
	 * other of our two paths, once a new release has taken the place of the file
	 * that this session, or the server, has loaded.
	 */
	if (*loaded != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("pg_session_readonly is already loaded from another file"),
				 errdetail("Its file has been replaced or copied since it was loaded. The library that is loaded stays in force."),
				 errhint("Connect anew. Where the library is preloaded for the server, restart the server.")));

	/* First whatever may fail: after an error nothing must be left behind. */
	pgsr_commands_init();
	loaded_at_start = !IsNormalProcessingMode() && !IsParallelWorker() &&
		!process_shared_preload_libraries_in_progress;
	if (!loaded_at_start && !IsParallelWorker())
		pgsr_check_setting_names();
	for (int i = 0; i < (int) lengthof(list_settings); i++)
		pgsr_check_setting_at_load(list_settings[i].name, list_settings[i].context,
								   list_settings[i].check);
	initial = pgsr_mode_at_load();

	pgsr_note_libraries();

	/* A cancelled LOAD has loaded nothing, or all. */
	HOLD_INTERRUPTS();
	*loaded = loaded;

	for (int i = 0; i < (int) lengthof(list_settings); i++)
		DefineCustomStringVariable(list_settings[i].name,
								   list_settings[i].what, list_settings[i].how,
								   list_settings[i].variable, list_settings[i].boot_value,
								   list_settings[i].context, GUC_LIST_INPUT,
								   list_settings[i].check, list_settings[i].assign, NULL);

	/* The mode comes last: it freezes the others. */
	pgsr_mode_setting = initial;
	DefineCustomEnumVariable(PGSR_MODE_NAME,
							 "Whether the session may write, and whether that can change.",
							 "\"on\" makes the session read-only, \"locked\" does so until it ends.",
							 &pgsr_mode_setting,
							 initial,
							 pgsr_mode_options,
							 PGC_USERSET,
							 GUC_REPORT,
							 pgsr_mode_check,
							 assign_mode,
							 pgsr_mode_show);

	pgsr_function_policy_init();
	if (process_shared_preload_libraries_in_progress)
		pgsr_sessions_init();
	prev_definition_utility = ProcessUtility_hook;
	ProcessUtility_hook = pgsr_ProcessUtility_definition;
	RegisterXactCallback(pgsr_xact_callback, NULL);
	CacheRegisterSyscacheCallback(AUTHOID, roles_callback, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, roles_callback, (Datum) 0);

	if (!loaded_at_start)
	{
		MarkGUCPrefixReserved(PGSR_PREFIX);
		if (IsNormalProcessingMode() && !IsParallelWorker())
			take_up_mode();
	}
	RESUME_INTERRUPTS();
}

/*
 * pg_session_readonly_lock() returns text
 *
 * Locks the session, for clients that speak nothing but SQL; to call it loads
 * the library.  Returns the mode.  Fails like SET would: in a transaction that
 * has written or a savepoint, while a cursor is open, or with a replication origin
 * set up; and while a function is being created, as a lock is only tried then.
 */
Datum
pg_session_readonly_lock(PG_FUNCTION_ARGS)
{
	(void) set_config_option(PGSR_MODE_NAME,
							 pgsr_mode_options[PGSR_LOCKED].name,
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SET,
							 true, 0, false);
	if (pgsr_mode != PGSR_LOCKED)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot lock the session now"),
				 errdetail("A function is being created.")));
	PG_RETURN_TEXT_P(cstring_to_text(pgsr_mode_show()));
}

/*
 * pg_session_readonly_overtaken() returns boolean
 *
 * Does a hook of another library stand before ours, so that it is asked first and
 * need not ask us?  One that was loaded after the mode went up may.  NULL where
 * the mode never went up.
 */
Datum
pg_session_readonly_overtaken(PG_FUNCTION_ARGS)
{
	if (!guards_installed)
		PG_RETURN_NULL();
	PG_RETURN_BOOL(is_overtaken());
}
