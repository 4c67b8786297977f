/*-------------------------------------------------------------------------
 *
 * pg_session_readonly.c
 *	  A connection that is made read-only and stays so.
 *
 * This file is the door: it defines the settings, installs the hooks and asks
 * the other files at each of them.  It decides nothing itself.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "catalog/objectaccess.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/plancache.h"

#include "src/commands.h"
#include "src/compat.h"
#include "src/functions.h"
#include "src/mode.h"
#include "src/settings.h"
#include "src/transaction.h"

PGSR_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

PG_FUNCTION_INFO_V1(pg_session_readonly_lock);

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
static ProcessUtility_hook_type prev_ProcessUtility = NULL;
static object_access_hook_type prev_object_access = NULL;
static needs_fmgr_hook_type prev_needs_fmgr = NULL;

/*
 * Let everything that depends on the mode follow it.
 *
 * plpgsql keeps what it has set up for its expressions until the transaction ends.
 * Have it set up anew, so that the hooks see the functions in there.
 */
static void
follow_mode(void)
{
	pgsr_transaction_follow_mode(pgsr_mode);
	pgsr_settings_follow_mode(pgsr_mode);
	if (pgsr_mode > PGSR_OFF)
		ResetPlanCache();
}

/*
 * Is the session to be kept from writing?  Also makes a backend take up its
 * mode when the first hook runs in it.
 */
static inline bool
guarded(void)
{
	if (unlikely(!pgsr_mode_settled) && pgsr_mode_settle())
		follow_mode();
	return pgsr_mode > PGSR_OFF;
}

/*
 * Assert what something may have undone since the last hook.
 */
static inline void
stay_guarded(void)
{
	pgsr_transaction_assert();
	if (unlikely(pgsr_settings_new))
		pgsr_settings_pin_new();
}

/*
 * Assign hook of the mode.
 */
static void
assign_mode(int newval, void *extra)
{
	if (pgsr_mode_assign(newval))
		follow_mode();
}

/*
 * post_parse_analyze_hook: comes before planning, which may run functions.
 */
static void
post_parse_analyze(POST_PARSE_ANALYZE_PARAMS)
{
	if (prev_post_parse_analyze)
		prev_post_parse_analyze(pstate, query, jstate);
	if (guarded())
	{
		stay_guarded();
		pgsr_transaction_end_stray_leave();
		pgsr_query_functions_check(pstate, query);
	}
}

/*
 * Hand a plan on to whoever sets it up.
 */
static void
next_ExecutorStart(QueryDesc *queryDesc, int eflags)
{
	if (prev_ExecutorStart)
		prev_ExecutorStart(queryDesc, eflags);
	else
		standard_ExecutorStart(queryDesc, eflags);
}

/*
 * Set up a plan that writes, or may call functions that the policy allows.
 */
static pg_noinline void
start_with_leave(QueryDesc *queryDesc, int eflags, bool writes)
{
	uint32		raises = pgsr_transaction_raises();
	PgsrLeave	previous = pgsr_transaction_push_leave(PGSR_NO_LEAVE);

	PG_TRY();
	{
		next_ExecutorStart(queryDesc, eflags);
		if (writes)
			pgsr_transaction_plan_started();
	}
	PG_FINALLY();
	{
		pgsr_transaction_drop_leave(previous);
	}
	PG_END_TRY();
	if (pgsr_transaction_raises() != raises)
		pgsr_plan_remember_leave(queryDesc);
}

/*
 * ExecutorStart_hook: sets up a plan, for EXPLAIN perhaps.
 */
static void
executor_start(QueryDesc *queryDesc, int eflags)
{
	bool		writes;

	if (!guarded())
	{
		next_ExecutorStart(queryDesc, eflags);
		return;
	}

	stay_guarded();
	if (!(eflags & EXEC_FLAG_EXPLAIN_ONLY))
	{
		pgsr_receiver_check(queryDesc->dest);
		(void) pgsr_plan_leave(queryDesc);
	}
	writes = pgsr_plan_writes(queryDesc->plannedstmt);
	if (unlikely(writes || pgsr_functions_allowed))
		start_with_leave(queryDesc, eflags, writes);
	else
		next_ExecutorStart(queryDesc, eflags);
}

/*
 * Hand a plan on to whoever runs it.
 */
static void
next_ExecutorRun(EXECUTOR_RUN_PARAMS)
{
	if (prev_ExecutorRun)
		prev_ExecutorRun(EXECUTOR_RUN_ARGS);
	else
		standard_ExecutorRun(EXECUTOR_RUN_ARGS);
}

/*
 * Run a plan that has leave, or may be given it.
 */
static pg_noinline void
run_with_leave(PgsrLeave leave, EXECUTOR_RUN_PARAMS)
{
	PgsrLeave	previous = pgsr_transaction_push_leave(leave);

	PG_TRY();
	{
		next_ExecutorRun(EXECUTOR_RUN_ARGS);
		pgsr_transaction_account();
	}
	PG_FINALLY();
	{
		pgsr_transaction_drop_leave(previous);
	}
	PG_END_TRY();
}

/*
 * ExecutorRun_hook: a plan has its leave while it runs, not between two fetches
 * from a cursor.
 */
static void
executor_run(EXECUTOR_RUN_PARAMS)
{
	PgsrLeave	leave;

	if (guarded())
	{
		leave = pgsr_plan_leave(queryDesc);
		if (unlikely(leave != PGSR_NO_LEAVE || pgsr_functions_allowed))
		{
			run_with_leave(leave, EXECUTOR_RUN_ARGS);
			return;
		}
	}
	next_ExecutorRun(EXECUTOR_RUN_ARGS);
}

/*
 * Hand a plan on to whoever finishes it.
 */
static void
next_ExecutorFinish(QueryDesc *queryDesc)
{
	if (prev_ExecutorFinish)
		prev_ExecutorFinish(queryDesc);
	else
		standard_ExecutorFinish(queryDesc);
}

/*
 * Finish a plan that has leave, or may be given it.
 */
static pg_noinline void
finish_with_leave(PgsrLeave leave, QueryDesc *queryDesc)
{
	PgsrLeave	previous = pgsr_transaction_push_leave(leave);

	PG_TRY();
	{
		next_ExecutorFinish(queryDesc);
		pgsr_transaction_account();
	}
	PG_FINALLY();
	{
		pgsr_transaction_drop_leave(previous);
	}
	PG_END_TRY();
}

/*
 * ExecutorFinish_hook: runs AFTER triggers, and ends the statement for the
 * write guard.
 */
static void
executor_finish(QueryDesc *queryDesc)
{
	PgsrLeave	leave;

	if (!guarded())
	{
		next_ExecutorFinish(queryDesc);
		return;
	}
	leave = pgsr_plan_leave(queryDesc);
	if (unlikely(leave != PGSR_NO_LEAVE || pgsr_functions_allowed))
		finish_with_leave(leave, queryDesc);
	else
	{
		next_ExecutorFinish(queryDesc);
		pgsr_transaction_account();
	}
}

/*
 * Hand a utility statement on to whoever runs it.
 */
static void
next_ProcessUtility(PROCESS_UTILITY_PARAMS)
{
	if (prev_ProcessUtility)
		prev_ProcessUtility(PROCESS_UTILITY_ARGS);
	else
		standard_ProcessUtility(PROCESS_UTILITY_ARGS);
}

/*
 * Run a utility statement in a session that may write.
 */
static void
process_unguarded(PROCESS_UTILITY_PARAMS)
{
	Node	   *utility = pstmt->utilityStmt;
	bool		was_trying = pgsr_mode_trying;
	bool		trying = IsA(utility, CreateFunctionStmt);
	bool		stores = IsA(utility, AlterRoleSetStmt) ||
		IsA(utility, AlterDatabaseSetStmt);

	if (likely(trying == was_trying && !stores))
	{
		next_ProcessUtility(PROCESS_UTILITY_ARGS);
		return;
	}

	if (stores)
		pgsr_settings_store(true);
	pgsr_mode_trying = trying;
	PG_TRY();
	{
		next_ProcessUtility(PROCESS_UTILITY_ARGS);
	}
	PG_FINALLY();
	{
		if (stores)
			pgsr_settings_store(false);
		pgsr_mode_trying = was_trying;
	}
	PG_END_TRY();
}

/*
 * A utility statement has run.
 *
 * The end of a transaction is not accounted for here: a rollback always
 * succeeds, and a commit has its own look at the write guard.
 */
static void
after_utility(Node *utility)
{
	if (!guarded())
		return;					/* switched off just now */
	if (IsA(utility, LoadStmt))
		pgsr_settings_expect(InvalidOid);
	stay_guarded();
	if (!IsA(utility, TransactionStmt))
		pgsr_transaction_account();
}

/*
 * Run a utility statement that has leave, or may be given it.
 */
static pg_noinline void
process_with_leave(PgsrLeave leave, PROCESS_UTILITY_PARAMS)
{
	Node	   *utility = pstmt->utilityStmt;
	PgsrLeave	previous = pgsr_transaction_push_leave(leave);

	if (IsA(utility, DiscardStmt))
		pgsr_settings_discard(true);
	PG_TRY();
	{
		next_ProcessUtility(PROCESS_UTILITY_ARGS);
		after_utility(utility);
	}
	PG_FINALLY();
	{
		if (IsA(utility, DiscardStmt))
			pgsr_settings_discard(false);
		pgsr_transaction_drop_leave(previous);
	}
	PG_END_TRY();
}

/*
 * ProcessUtility_hook
 */
static void
process_utility(PROCESS_UTILITY_PARAMS)
{
	Node	   *utility = pstmt->utilityStmt;
	PgsrLeave	leave;

	if (!guarded())
	{
		process_unguarded(PROCESS_UTILITY_ARGS);
		return;
	}

	stay_guarded();
	leave = pgsr_command_check(utility);
	if (IsA(utility, DoStmt) && pgsr_do_check((DoStmt *) utility))
		leave = PGSR_LEAVE_POLICY;
	if (leave != PGSR_NO_LEAVE || pgsr_functions_allowed)
		process_with_leave(leave, PROCESS_UTILITY_ARGS);
	else
	{
		next_ProcessUtility(PROCESS_UTILITY_ARGS);
		after_utility(utility);
	}
}

/*
 * A function is about to run.  If it is the one whose library may bring settings,
 * that has not been loaded yet.
 */
static inline void
check_function(Oid function)
{
	pgsr_transaction_assert();
	if (unlikely(pgsr_settings_new && pgsr_settings_new_by != function))
		pgsr_settings_pin_new();
	pgsr_transaction_end_stray_leave();
	if (unlikely(pgsr_function_check(function)))
		pgsr_transaction_raise_leave();
}

/*
 * object_access_hook: sees every function about to be executed, fastpath calls
 * and plpgsql's expressions among them.
 */
static void
object_access(ObjectAccessType access, Oid classId, Oid objectId, int subId,
			  void *arg)
{
	if (prev_object_access)
		prev_object_access(access, classId, objectId, subId, arg);
	if (access != OAT_FUNCTION_EXECUTE || !guarded())
		return;

	check_function(objectId);
	if (objectId == F_TXID_CURRENT || objectId == F_PG_CURRENT_XACT_ID)
		pgsr_transaction_taking_id();
}

/*
 * needs_fmgr_hook: asked whenever a function that is not built in is looked up,
 * whoever is going to call it: type input and output, index support, triggers.
 */
static bool
needs_fmgr(Oid function)
{
	if (guarded())
		check_function(function);
	return prev_needs_fmgr ? prev_needs_fmgr(function) : false;
}

/*
 * Transaction callback.  The transaction in which a backend starts ends when it
 * has read all its settings: then it takes up its mode.
 */
static void
xact_event(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_PRE_COMMIT)
		(void) guarded();
	if (pgsr_mode > PGSR_OFF)
		pgsr_transaction_event(event);
}

/*
 * Subtransaction callback.
 */
static void
subxact_event(SubXactEvent event, SubTransactionId mySubid,
			  SubTransactionId parentSubid, void *arg)
{
	if (pgsr_mode > PGSR_OFF)
		pgsr_transaction_sub_event(event);
}

/*
 * Module load callback
 */
void
_PG_init(void)
{
	bool		settle_now;
	PgsrMode	initial;

	/* First whatever may fail: after an error nothing must be left behind. */
	pgsr_commands_init();
	pgsr_settings_check_names();
	pgsr_setting_at_load(PGSR_DENIED_COMMANDS_NAME, pgsr_denied_commands_check);
	pgsr_setting_at_load(PGSR_DENIED_FUNCTIONS_NAME, pgsr_functions_check);
	pgsr_setting_at_load(PGSR_ALLOWED_FUNCTIONS_NAME, pgsr_functions_check);
	pgsr_setting_at_load(PGSR_PINNED_SETTINGS_NAME, pgsr_pinned_settings_check);
	initial = pgsr_mode_at_load(&settle_now);

	DefineCustomStringVariable(PGSR_DENIED_COMMANDS_NAME,
							   "Commands that a read-only session refuses.",
							   "A list of command tags; \"default\" stands for the built-in list, and \"-\" before a tag takes it out.",
							   &pgsr_denied_commands,
							   "default",
							   PGC_USERSET,
							   GUC_LIST_INPUT,
							   pgsr_denied_commands_check,
							   pgsr_denied_commands_assign,
							   NULL);

	DefineCustomStringVariable(PGSR_DENIED_FUNCTIONS_NAME,
							   "Functions that a read-only session refuses.",
							   "A list of names, with or without schema; \"extension:\" and \"language:\" before a name stand for all its functions.",
							   &pgsr_denied_functions,
							   "",
							   PGC_USERSET,
							   GUC_LIST_INPUT,
							   pgsr_functions_check,
							   pgsr_denied_functions_assign,
							   NULL);

	DefineCustomStringVariable(PGSR_ALLOWED_FUNCTIONS_NAME,
							   "Functions that a read-only session runs whatever they do.",
							   "A list like that of denied functions, which comes first.",
							   &pgsr_allowed_functions,
							   "",
							   PGC_USERSET,
							   GUC_LIST_INPUT,
							   pgsr_functions_check,
							   pgsr_allowed_functions_assign,
							   NULL);

	DefineCustomStringVariable(PGSR_PINNED_SETTINGS_NAME,
							   "Settings that a locked session cannot change.",
							   "A list of names; \"superuser\" stands for all settings that only a superuser may change.",
							   &pgsr_pinned_settings,
							   "superuser",
							   PGC_USERSET,
							   GUC_LIST_INPUT,
							   pgsr_pinned_settings_check,
							   pgsr_pinned_settings_assign,
							   NULL);

	/* The mode comes last: it freezes the others. */
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

	MarkGUCPrefixReserved(PGSR_PREFIX);

	pgsr_transaction_init();
	pgsr_functions_init();

	prev_post_parse_analyze = post_parse_analyze_hook;
	post_parse_analyze_hook = post_parse_analyze;
	prev_ExecutorStart = ExecutorStart_hook;
	ExecutorStart_hook = executor_start;
	prev_ExecutorRun = ExecutorRun_hook;
	ExecutorRun_hook = executor_run;
	prev_ExecutorFinish = ExecutorFinish_hook;
	ExecutorFinish_hook = executor_finish;
	prev_ProcessUtility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
	prev_object_access = object_access_hook;
	object_access_hook = object_access;
	prev_needs_fmgr = needs_fmgr_hook;
	needs_fmgr_hook = needs_fmgr;
	RegisterXactCallback(xact_event, NULL);
	RegisterSubXactCallback(subxact_event, NULL);

	if (settle_now)
		(void) guarded();
}

/*
 * pg_session_readonly_lock() returns text
 *
 * Locks the session, for clients that speak nothing but SQL; to call it loads
 * the library.  Returns the mode.  Fails like SET would: in a transaction that
 * has written, or while a cursor is open.
 */
Datum
pg_session_readonly_lock(PG_FUNCTION_ARGS)
{
	(void) guarded();
	(void) set_config_option(PGSR_MODE_NAME,
							 pgsr_mode_options[PGSR_LOCKED].name,
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SET,
							 true, 0, false);
	PG_RETURN_TEXT_P(cstring_to_text(pgsr_mode_show()));
}
