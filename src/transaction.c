/*-------------------------------------------------------------------------
 *
 * transaction.c
 *	  Keeps transactions read-only, and the write guard.
 *
 * The first half holds core's two settings, default_transaction_read_only and
 * transaction_read_only, at "on".  The variables alone could be forced from
 * hooks, but too much runs where no hook is asked: plpgsql evaluates simple
 * expressions without the executor, and a COMMIT in a procedure starts a
 * transaction on its own.
 *
 * The second half is the last line of defence.  C code that writes a table or a
 * catalog takes a transaction id and uses a command id, whatever way it came
 * in.  So a transaction that has an id for which no statement had leave, or in
 * which a command id was used by a statement without leave, is not allowed to
 * go on and cannot commit.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/parallel.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "nodes/plannodes.h"
#include "refusal.h"
#include "settings.h"
#include "storage/ipc.h"
#include "transaction.h"
#include "utils/lsyscache.h"
#include "utils/pgstat_internal.h"
#include "utils/syscache.h"

#define DEFAULT_READ_ONLY	"default_transaction_read_only"
#define READ_ONLY			"transaction_read_only"
#define TRACK_COUNTS		"track_counts"

/* The check hooks that were there before ours. */
static GucBoolCheckHook prev_check_default_read_only = NULL;
static GucBoolCheckHook prev_check_read_only = NULL;

/* What the settings that we force were before the mode went up. */
static bool saved_default = false;
static bool saved_reset = false;
static bool saved_track_counts = false;

/*
 * The leave of the statement being run, in how many statements we are whose leave
 * will be dropped at their end, and how often leave was raised in the midst of
 * one.
 */
PgsrLeave	pgsr_current_leave = PGSR_NO_LEAVE;
int			pgsr_statements = 0;
static uint32 raises = 0;

/* Plans that call functions which the policy explicitly allows. */
typedef struct LeavePlan
{
	QueryDesc  *queryDesc;
	struct LeavePlan *next;
	MemoryContextCallback callback;
} LeavePlan;

static LeavePlan *leave_plans = NULL;
bool		pgsr_leave_remembered = false;

/*
 * What the current transaction has done with leave: that it took an id, which
 * command id it was at, and how many rows of tables that are not temporary it
 * wrote.
 */
static bool id_granted = false;
static CommandId accounted_cid = FirstCommandId;
static PgStat_Counter accounted_tuples = 0;

/*
 * Correct a value that would make the session writable.  Drivers and poolers
 * send such settings as a matter of course, so this is no error.
 */
static void
stay_read_only(bool *newval, GucSource source)
{
	if (pgsr_mode == PGSR_OFF || *newval || source == PGC_S_TEST)
		return;
	*newval = true;
	if (source >= PGC_S_INTERACTIVE && !InitializingParallelWorker)
		ereport(WARNING,
				(errmsg("session stays read-only"),
				 errdetail("pg_session_readonly keeps every transaction of this session read-only.")));
}

/* Check hook of default_transaction_read_only. */
static bool
check_default_read_only(bool *newval, void **extra, GucSource source)
{
	stay_read_only(newval, source);
	return prev_check_default_read_only ?
		prev_check_default_read_only(newval, extra, source) : true;
}

/* Check hook of transaction_read_only. */
static bool
check_read_only(bool *newval, void **extra, GucSource source)
{
	stay_read_only(newval, source);
	return prev_check_read_only ?
		prev_check_read_only(newval, extra, source) : true;
}

/*
 * Put our check hooks before those of core's two settings.
 */
void
pgsr_transaction_init(void)
{
	struct config_generic *record;

	record = pgsr_find_setting(DEFAULT_READ_ONLY);
	prev_check_default_read_only = SettingPart(record, bool)->check_hook;
	SettingPart(record, bool)->check_hook = check_default_read_only;

	record = pgsr_find_setting(READ_ONLY);
	prev_check_read_only = SettingPart(record, bool)->check_hook;
	SettingPart(record, bool)->check_hook = check_read_only;
}

/*
 * Make the session's transactions read-only as the mode leaves "off", this one
 * included, and give it back its default when it returns there.  The
 * transaction in which a superuser switches the mode off stays read-only.  The
 * write guard counts on track_counts.
 *
 * A parallel worker has the values of its leader and does not outlive them.
 */
void
pgsr_transaction_follow_mode(PgsrMode mode)
{
	struct config_generic *record = pgsr_find_setting(DEFAULT_READ_ONLY);
	struct config_generic *read_only = pgsr_find_setting(READ_ONLY);
	struct config_generic *track_counts = pgsr_find_setting(TRACK_COUNTS);
	static bool forced = false;

	if (IsParallelWorker() || forced == (mode > PGSR_OFF))
		return;
	forced = mode > PGSR_OFF;

	if (forced)
	{
		saved_default = DefaultXactReadOnly;
		saved_track_counts = pgstat_track_counts;
		saved_reset = SettingPart(record, bool)->reset_val;
		pgsr_transaction_assert();
		pgsr_setting_pin(record, record->source);
		pgsr_setting_pin(read_only, read_only->source);
		pgstat_track_counts = true;
		pgsr_setting_pin(track_counts, track_counts->source);
		track_counts->context = PGC_SU_BACKEND;
	}
	else
	{
		DefaultXactReadOnly = saved_default;
		SettingPart(record, bool)->reset_val = saved_reset;
		pgstat_track_counts = saved_track_counts;
		SettingPart(track_counts, bool)->reset_val = saved_track_counts;
		track_counts->context = PGC_SUSET;
	}

	/*
	 * The client is told of this setting; let core notice the change, which it
	 * ignores if it comes from a lower source than the present value.
	 */
	record->source = Min(record->source, PGC_S_OVERRIDE);
	if (!IsInParallelMode())
		SetConfigOption(DEFAULT_READ_ONLY,
						DefaultXactReadOnly ? "on" : "off",
						PGC_USERSET, PGC_S_OVERRIDE);
}

/*
 * How many rows of tables that are not temporary has the current transaction
 * written?  The statistics machinery counts them on the way.
 */
static PgStat_Counter
permanent_tuples(void)
{
	PgStat_Counter total = 0;
	PgStat_SubXactStatus *level;

	level = pgstat_get_xact_stack_level(GetCurrentTransactionNestLevel());
	for (; level != NULL; level = level->prev)
	{
		for (PgStat_TableXactStatus *rel = level->first; rel; rel = rel->next)
		{
			PgStat_Counter n = rel->tuples_inserted + rel->tuples_updated +
				rel->tuples_deleted;
			HeapTuple	tuple;

			if (n == 0)
				continue;
			tuple = SearchSysCache1(RELOID,
									ObjectIdGetDatum(PgStatTableOid(rel->parent)));
			if (!HeapTupleIsValid(tuple))
				continue;		/* a temporary table, dropped since */
			if (((Form_pg_class) GETSTRUCT(tuple))->relpersistence != RELPERSISTENCE_TEMP)
				total += n;
			ReleaseSysCache(tuple);
		}
	}
	return total;
}

/*
 * Refuse a write that nothing else has stopped.
 */
static void
refuse_write(void)
{
	pgsr_refuse("a statement that writes",
				"The transaction has changed the database and cannot commit.",
				NULL);
}

/*
 * Account for what was done since the last call, under the leave in force, in a
 * transaction that has an id.
 *
 * A used command id shows only when the next one begins, so begin it; core does
 * the same after each statement.
 */
void
pgsr_transaction_do_account(void)
{
	CommandId	cid;
	PgStat_Counter tuples;

	/*
	 * A superuser may have switched the mode off just now.  An aborted
	 * transaction can do no harm, and the removal of the session's temporary
	 * tables at exit is a transaction of its own.  A parallel worker cannot
	 * write.
	 */
	if (pgsr_mode == PGSR_OFF || !IsTransactionState() ||
		proc_exit_inprogress || IsParallelWorker())
		return;

	if (!id_granted)
	{
		if (pgsr_current_leave == PGSR_NO_LEAVE)
			refuse_write();
		id_granted = true;
	}

	if (IsInParallelMode())
		return;
	CommandCounterIncrement();
	cid = GetCurrentCommandId(false);
	if (cid != accounted_cid)
	{
		if (pgsr_current_leave == PGSR_NO_LEAVE)
			refuse_write();
		accounted_cid = cid;
	}

	tuples = permanent_tuples();
	if (tuples > accounted_tuples && pgsr_current_leave != PGSR_LEAVE_POLICY)
		refuse_write();
	accounted_tuples = tuples;
}

/*
 * Begin a statement that has leave; returns the leave of the one around it.
 */
PgsrLeave
pgsr_transaction_push_leave(PgsrLeave leave)
{
	PgsrLeave	previous;

	pgsr_transaction_account();
	previous = pgsr_current_leave;
	pgsr_statements++;
	pgsr_current_leave = Max(pgsr_current_leave, leave);
	return previous;
}

/*
 * End a statement that had leave, by an error perhaps.  One that succeeded
 * calls pgsr_transaction_account() before.
 */
void
pgsr_transaction_drop_leave(PgsrLeave previous)
{
	pgsr_statements--;
	pgsr_current_leave = previous;
}

/*
 * A function that the policy explicitly allows is about to run: from here on the
 * statement has leave.
 *
 * plpgsql sets up a simple expression once a transaction, so its second run in a
 * later statement of the same transaction is not seen here, and what it writes is
 * refused.
 */
void
pgsr_transaction_raise_leave(void)
{
	raises++;
	if (pgsr_current_leave == PGSR_LEAVE_POLICY)
		return;
	pgsr_transaction_account();
	pgsr_current_leave = PGSR_LEAVE_POLICY;
}

/*
 * How often was leave raised?
 */
uint32
pgsr_transaction_raises(void)
{
	return raises;
}

/*
 * The transaction is about to take an id and write nothing, by txid_current() or
 * an allowed PREPARE TRANSACTION.  Take the id here: leave that is used up at once
 * cannot serve anybody else.
 */
void
pgsr_transaction_taking_id(void)
{
	if (TransactionIdIsValid(GetTopTransactionIdIfAny()) ||
		!IsTransactionState() || IsInParallelMode() || RecoveryInProgress())
		return;
	(void) GetTopTransactionId();
	id_granted = true;
	CommandCounterIncrement();
	accounted_cid = GetCurrentCommandId(false);
}

/*
 * A plan that would write has just been set up: this used a command id, and has
 * written nothing yet.  (If a function that pruning evaluated has, its rows tell.)
 * For EXPLAIN it never will; a cursor's may be run much later.  The caller has
 * accounted for what came before.
 */
void
pgsr_transaction_plan_started(void)
{
	if (!id_granted || IsInParallelMode())
		return;
	CommandCounterIncrement();
	accounted_cid = GetCurrentCommandId(false);
}

/*
 * Follow the transaction's life: the guard's last look comes before anything is
 * made durable, and each transaction is accounted for on its own.
 */
void
pgsr_transaction_event(XactEvent event)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			pgsr_transaction_account();
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			id_granted = false;
			accounted_cid = FirstCommandId;
			accounted_tuples = 0;
			if (pgsr_statements == 0)
				pgsr_current_leave = PGSR_NO_LEAVE;
			break;
		default:
			break;
	}
}

/*
 * Follow a subtransaction's life.  Its end brings back the flag it found.
 *
 * The rows of an aborted one are no longer counted, and which of those accounted
 * for were its own is not known any more: count on none.
 */
void
pgsr_transaction_sub_event(SubXactEvent event)
{
	pgsr_transaction_assert();
	if (event == SUBXACT_EVENT_ABORT_SUB)
		accounted_tuples = 0;
}

/*
 * Is this relation storage of this session alone?  Refuses a foreign table in
 * the temporary schema: core takes it for temporary, but what is written to it
 * goes elsewhere, also by way of a partitioned or inherited table.
 */
bool
pgsr_relation_is_temporary(Oid relid)
{
	List	   *members;
	ListCell   *lc;

	if (!isTempNamespace(get_rel_namespace(relid)))
		return false;

	members = find_all_inheritors(relid, NoLock, NULL);
	foreach(lc, members)
	{
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_FOREIGN_TABLE)
			pgsr_refuse("a write to a foreign table",
						"A foreign table in the temporary schema is not temporary storage.",
						NULL);
	}
	return get_rel_relkind(relid) != RELKIND_VIEW;
}

/*
 * The leave of a plan that is going to be run: to write temporary tables, if it
 * writes or locks rows of nothing else.  The relations are those that
 * ExecCheckXactReadOnly() looks at, in execMain.c; it has refused all others
 * unless they are read.  A view among them has been replaced by its tables, or
 * has triggers whose statements are looked at when they run.
 */
PgsrLeave
pgsr_plan_find_leave(QueryDesc *queryDesc)
{
	PlannedStmt *stmt = queryDesc->plannedstmt;
	PgsrLeave	leave = PGSR_NO_LEAVE;
	ListCell   *lc;

	for (LeavePlan *plan = leave_plans; plan != NULL; plan = plan->next)
	{
		if (plan->queryDesc == queryDesc)
			return PGSR_LEAVE_POLICY;
	}

	if (!pgsr_plan_writes(stmt))
		return PGSR_NO_LEAVE;

	foreach(lc, PlannedPermissions(stmt))
	{
		PermissionsNode *perms = lfirst_node(PermissionsNode, lc);

		if (!OidIsValid(perms->relid) ||
			(perms->requiredPerms & ~((AclMode) ACL_SELECT)) == 0)
			continue;
		if (pgsr_relation_is_temporary(perms->relid))
			leave = PGSR_LEAVE_TEMPORARY;
		else if (get_rel_relkind(perms->relid) != RELKIND_VIEW)
			return PGSR_NO_LEAVE;
	}
	return leave;
}

/*
 * Callback of a plan's memory: forget its leave.
 */
static void
forget_leave(void *arg)
{
	for (LeavePlan **link = &leave_plans; *link != NULL; link = &(*link)->next)
	{
		if (*link == arg)
		{
			*link = (*link)->next;
			break;
		}
	}
	pgsr_leave_remembered = leave_plans != NULL;
}

/*
 * A plan that has been set up calls a function which the policy explicitly
 * allows: it has leave whenever it runs.
 */
void
pgsr_plan_remember_leave(QueryDesc *queryDesc)
{
	MemoryContext memory = queryDesc->estate->es_query_cxt;
	LeavePlan  *plan = MemoryContextAlloc(memory, sizeof(LeavePlan));

	plan->queryDesc = queryDesc;
	plan->next = leave_plans;
	leave_plans = plan;
	pgsr_leave_remembered = true;
	plan->callback.func = forget_leave;
	plan->callback.arg = plan;
	MemoryContextRegisterResetCallback(memory, &plan->callback);
}
