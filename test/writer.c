/*-------------------------------------------------------------------------
 *
 * writer.c
 *	  C functions that nobody has reviewed, for the TAP tests.
 *
 * They stand for whatever an extension may do, behind the back of core.  The
 * test declares them as it likes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "catalog/pg_description.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "parser/analyze.h"
#include "postmaster/bgworker.h"
#include "storage/large_object.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/guc_tables.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

/* What is to be inserted before the transaction commits, into which table. */
static Oid	late_relation = InvalidOid;
static int32 late_value = 0;

/* Settings that come with the library: a superuser's, and anyone's. */
static char *command = NULL;
static char *note = NULL;
static char *acting = NULL;

/* The values that the superuser's setting has had since it was defined, in turn. */
static char told[1000];

/*
 * Assign hook of the superuser's setting: stands for one that acts as it is set.
 */
static void
assign_command(const char *newval, void *extra)
{
	strlcat(told, newval, sizeof(told));
	strlcat(told, " ", sizeof(told));
}

/*
 * Insert a row into a table of one integer column, without the executor.
 */
static void
insert_row(Oid relid, int32 value)
{
	Relation	rel = table_open(relid, RowExclusiveLock);
	Datum		values[1] = {Int32GetDatum(value)};
	bool		nulls[1] = {false};

	simple_heap_insert(rel, heap_form_tuple(RelationGetDescr(rel), values, nulls));
	table_close(rel, RowExclusiveLock);
}

/*
 * Transaction callback: stands for a library that writes what it has gathered as the
 * transaction commits.
 */
static void
write_late(XactEvent event, void *arg)
{
	Oid			relid = late_relation;

	late_relation = InvalidOid;
	if (OidIsValid(relid) &&
		(event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PRE_PREPARE))
		insert_row(relid, late_value);
}

/*
 * Module load callback
 *
 * Where writer.note asks for it, defines a setting that acts, fails, or makes a placeholder without a value under
 * the prefix of pg_session_readonly.
 */
void
_PG_init(void)
{
	DefineCustomStringVariable("writer.command", "What a superuser says.", NULL,
							   &command, "none", PGC_SUSET, 0, NULL, assign_command, NULL);
	DefineCustomStringVariable("writer.note", "What anyone says.", NULL,
							   &note, "none", PGC_USERSET, 0, NULL, NULL, NULL);
	if (strcmp(note, "acts") == 0)
		DefineCustomStringVariable("pljs.start_proc", "What acts, by its name.", NULL,
								   &acting, "none", PGC_USERSET, 0, NULL, assign_command, NULL);
	RegisterXactCallback(write_late, NULL);
	if (strcmp(note, "misspell") == 0)
		(void) set_config_option("pg_session_readonly.misspelt", NULL, PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_SET, true, 0, false);
	if (strcmp(note, "fail") == 0)
		ereport(ERROR, (errmsg("writer does not start")));
}

PG_FUNCTION_INFO_V1(writer_settings);
PG_FUNCTION_INFO_V1(writer_told);

/*
 * writer_settings() returns text
 *
 * The library's settings, as its code sees them.
 */
Datum
writer_settings(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%s %s", command, note)));
}

/*
 * writer_told() returns text
 *
 * What the library's hook was told since it was loaded.
 */
Datum
writer_told(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(told));
}

PG_FUNCTION_INFO_V1(writer_load);

/*
 * writer_load(library text) returns bool
 *
 * Loads a library, as some extensions do that need another.
 */
Datum
writer_load(PG_FUNCTION_ARGS)
{
	load_file(text_to_cstring(PG_GETARG_TEXT_PP(0)), false);
	PG_RETURN_BOOL(true);
}

PG_FUNCTION_INFO_V1(writer_given);

/*
 * writer_given(setting text) returns text
 *
 * What pg_settings does not show of a setting: in which context and by which role its
 * value was given, and the one that RESET brings back.  Core looks at these as it
 * hands settings to a parallel worker, or to a library that defines them.
 */
Datum
writer_given(PG_FUNCTION_ARGS)
{
	struct config_generic *record = pgsr_find_setting(text_to_cstring(PG_GETARG_TEXT_PP(0)));

	if (record == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%d by %u, reset %d by %u from %d, flags %d",
											  record->scontext, record->srole,
											  record->reset_scontext, record->reset_srole,
											  record->reset_source, record->flags)));
}

PG_FUNCTION_INFO_V1(writer_insert);
PG_FUNCTION_INFO_V1(writer_take_id);

/*
 * writer_insert(rel regclass, value int) returns int
 *
 * Inserts a row into a table of one integer column, without the executor.
 */
Datum
writer_insert(PG_FUNCTION_ARGS)
{
	insert_row(PG_GETARG_OID(0), PG_GETARG_INT32(1));
	PG_RETURN_INT32(PG_GETARG_INT32(1));
}

PG_FUNCTION_INFO_V1(writer_insert_late);

/*
 * writer_insert_late(rel regclass, value int) returns int
 *
 * Likewise, but not before the transaction commits.
 */
Datum
writer_insert_late(PG_FUNCTION_ARGS)
{
	late_relation = PG_GETARG_OID(0);
	late_value = PG_GETARG_INT32(1);
	PG_RETURN_INT32(late_value);
}

/*
 * writer_take_id() returns int
 *
 * Takes a transaction id, as whatever writes WAL of its own does.
 */
Datum
writer_take_id(PG_FUNCTION_ARGS)
{
	(void) GetCurrentTransactionId();
	PG_RETURN_INT32(1);
}

PG_FUNCTION_INFO_V1(writer_commits);

/*
 * writer_commits(statement text), a procedure
 *
 * Runs a statement with a parameter, commits, and runs it once more.
 */
Datum
writer_commits(PG_FUNCTION_ARGS)
{
	char	   *statement = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Oid			types[1] = {TEXTOID};
	Datum		one[1] = {CStringGetTextDatum("one")};
	Datum		two[1] = {CStringGetTextDatum("two")};

	SPI_connect_ext(SPI_OPT_NONATOMIC);
	SPI_execute_with_args(statement, 1, types, one, NULL, false, 0);
	SPI_commit();
	SPI_execute_with_args(statement, 1, types, two, NULL, false, 0);
	SPI_finish();
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(writer_multi_insert);
PG_FUNCTION_INFO_V1(writer_update);
PG_FUNCTION_INFO_V1(writer_delete);
PG_FUNCTION_INFO_V1(writer_comment);
PG_FUNCTION_INFO_V1(writer_large_object);

/*
 * writer_multi_insert(rel regclass, value int) returns int
 *
 * Likewise, by the call that COPY uses.
 */
Datum
writer_multi_insert(PG_FUNCTION_ARGS)
{
	Relation	rel = table_open(PG_GETARG_OID(0), RowExclusiveLock);
	TupleTableSlot *slots[2];

	for (int i = 0; i < 2; i++)
	{
		slots[i] = MakeSingleTupleTableSlot(RelationGetDescr(rel), table_slot_callbacks(rel));
		ExecClearTuple(slots[i]);
		slots[i]->tts_values[0] = PG_GETARG_DATUM(1);
		slots[i]->tts_isnull[0] = false;
		ExecStoreVirtualTuple(slots[i]);
	}
	heap_multi_insert(rel, slots, 2, GetCurrentCommandId(true), 0, NULL);
	for (int i = 0; i < 2; i++)
		ExecDropSingleTupleTableSlot(slots[i]);
	table_close(rel, RowExclusiveLock);
	PG_RETURN_INT32(PG_GETARG_INT32(1));
}

/*
 * writer_update(rel regclass, value int) returns int
 *
 * Updates the first row that is not as wanted.
 */
Datum
writer_update(PG_FUNCTION_ARGS)
{
	Relation	rel = table_open(PG_GETARG_OID(0), RowExclusiveLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	Datum		values[1] = {PG_GETARG_DATUM(1)};
	bool		nulls[1] = {false};
	HeapTuple	tuple;
	bool		isnull;

	while ((tuple = systable_getnext(scan)) != NULL)
	{
		HeapTuple	new;
#if PG_VERSION_NUM >= 160000
		TU_UpdateIndexes update_indexes;
#endif

		if (heap_getattr(tuple, 1, RelationGetDescr(rel), &isnull) == values[0])
			continue;
		new = heap_form_tuple(RelationGetDescr(rel), values, nulls);
#if PG_VERSION_NUM >= 160000
		simple_heap_update(rel, &tuple->t_self, new, &update_indexes);
#else
		simple_heap_update(rel, &tuple->t_self, new);
#endif
		break;
	}
	systable_endscan(scan);
	table_close(rel, RowExclusiveLock);
	PG_RETURN_INT32(PG_GETARG_INT32(1));
}

/*
 * writer_delete(rel regclass, value int) returns int
 *
 * Deletes the first row.
 */
Datum
writer_delete(PG_FUNCTION_ARGS)
{
	Relation	rel = table_open(PG_GETARG_OID(0), RowExclusiveLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple = systable_getnext(scan);

	if (tuple != NULL)
		simple_heap_delete(rel, &tuple->t_self);
	systable_endscan(scan);
	table_close(rel, RowExclusiveLock);
	PG_RETURN_INT32(PG_GETARG_INT32(1));
}

/*
 * writer_comment(rel regclass, value int) returns int
 *
 * Inserts a row into a catalog, with its index: a comment on the relation's column
 * "value", wherever there is none.
 */
Datum
writer_comment(PG_FUNCTION_ARGS)
{
	Relation	catalog = table_open(DescriptionRelationId, RowExclusiveLock);
	Datum		values[Natts_pg_description];
	bool		nulls[Natts_pg_description] = {false};

	values[Anum_pg_description_objoid - 1] = PG_GETARG_DATUM(0);
	values[Anum_pg_description_classoid - 1] = ObjectIdGetDatum(RelationRelationId);
	values[Anum_pg_description_objsubid - 1] = PG_GETARG_DATUM(1);
	values[Anum_pg_description_description - 1] = CStringGetTextDatum("sneaked in");
	CatalogTupleInsert(catalog, heap_form_tuple(RelationGetDescr(catalog), values, nulls));
	table_close(catalog, RowExclusiveLock);
	PG_RETURN_INT32(PG_GETARG_INT32(1));
}

/*
 * writer_large_object(rel regclass, value int) returns int
 *
 * Creates a large object, without the function that SQL has for it.
 */
Datum
writer_large_object(PG_FUNCTION_ARGS)
{
	(void) inv_create(InvalidOid);
	PG_RETURN_INT32(PG_GETARG_INT32(1));
}

PG_FUNCTION_INFO_V1(writer_drop);

/*
 * writer_drop(regclass, int) returns int
 *
 * Drops a relation.
 */
Datum
writer_drop(PG_FUNCTION_ARGS)
{
	ObjectAddress object;

	ObjectAddressSet(object, RelationRelationId, PG_GETARG_OID(0));
	performDeletion(&object, DROP_CASCADE, 0);
	PG_RETURN_INT32(1);
}

PG_FUNCTION_INFO_V1(unreviewed_in);
PG_FUNCTION_INFO_V1(unreviewed_out);
PG_FUNCTION_INFO_V1(unreviewed_compare);
PG_FUNCTION_INFO_V1(unreviewed_hash);
PG_FUNCTION_INFO_V1(unreviewed_trigger);

/* How often has one of the following run in this session? */
static int	calls = 0;

/*
 * Functions that do no harm, for t/004_functions.pl and others to declare
 * volatile: input and output of a type like int4, its comparison and hash, a
 * trigger, and one that returns what it is given.
 */
Datum
unreviewed_in(PG_FUNCTION_ARGS)
{
	calls++;
	PG_RETURN_INT32(atoi(PG_GETARG_CSTRING(0)));
}

Datum
unreviewed_out(PG_FUNCTION_ARGS)
{
	calls++;
	PG_RETURN_CSTRING(psprintf("%d", PG_GETARG_INT32(0)));
}

Datum
unreviewed_compare(PG_FUNCTION_ARGS)
{
	calls++;
	PG_RETURN_INT32((PG_GETARG_INT32(0) > PG_GETARG_INT32(1)) -
					(PG_GETARG_INT32(0) < PG_GETARG_INT32(1)));
}

Datum
unreviewed_hash(PG_FUNCTION_ARGS)
{
	calls++;
	PG_RETURN_INT32(PG_GETARG_INT32(0));
}

Datum
unreviewed_trigger(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;

	calls++;
	return PointerGetDatum(data->tg_trigtuple);
}

PG_FUNCTION_INFO_V1(unreviewed_echo);
PG_FUNCTION_INFO_V1(unreviewed_calls);

Datum
unreviewed_echo(PG_FUNCTION_ARGS)
{
	calls++;
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

/*
 * unreviewed_calls() returns int
 */
Datum
unreviewed_calls(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(calls);
}

PG_FUNCTION_INFO_V1(writer_background);
PGDLLEXPORT void writer_background_main(Datum main_arg);

/*
 * writer_background(statement text) returns bool
 *
 * Has a background worker run a statement in this database, as extensions do that
 * run jobs.  Returns whether the worker ran, which it does also if the statement
 * fails.  The server finds this library by the name "writer".
 */
Datum
writer_background(PG_FUNCTION_ARGS)
{
	char	   *statement = text_to_cstring(PG_GETARG_TEXT_PP(0));
	BackgroundWorker worker;
	BackgroundWorkerHandle *handle;

	if (strlen(statement) >= BGW_EXTRALEN)
		ereport(ERROR, (errmsg("statement is too long")));

	memset(&worker, 0, sizeof(worker));
	strcpy(worker.bgw_name, "writer");
	strcpy(worker.bgw_type, "writer");
	strcpy(worker.bgw_library_name, "writer");
	strcpy(worker.bgw_function_name, "writer_background_main");
	strcpy(worker.bgw_extra, statement);
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_main_arg = ObjectIdGetDatum(MyDatabaseId);
	worker.bgw_notify_pid = MyProcPid;
	if (!RegisterDynamicBackgroundWorker(&worker, &handle))
		PG_RETURN_BOOL(false);
	PG_RETURN_BOOL(WaitForBackgroundWorkerShutdown(handle) == BGWH_STOPPED);
}

/*
 * What the worker does.
 */
void
writer_background_main(Datum main_arg)
{
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(main_arg), InvalidOid, 0);
	StartTransactionCommand();
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_execute(MyBgworkerEntry->bgw_extra, false, 0);
	PopActiveSnapshot();
	SPI_finish();
	CommitTransactionCommand();
}

PG_FUNCTION_INFO_V1(writer_watch);
PG_FUNCTION_INFO_V1(writer_watched);

/* The hooks that were asked since somebody wanted to know, by their names. */
static StringInfoData asked;

static post_parse_analyze_hook_type prev_post_parse_analyze = NULL;
static ExecutorStart_hook_type prev_ExecutorStart = NULL;
static ExecutorRun_hook_type prev_ExecutorRun = NULL;
static ExecutorFinish_hook_type prev_ExecutorFinish = NULL;
static ProcessUtility_hook_type prev_ProcessUtility = NULL;
static object_access_hook_type prev_object_access = NULL;
static needs_fmgr_hook_type prev_needs_fmgr = NULL;
static fmgr_hook_type prev_fmgr = NULL;
static emit_log_hook_type prev_emit_log = NULL;

/*
 * Note that a hook was asked.  Each is told once.
 */
static void
note_asked(const char *name)
{
	if (strstr(asked.data, name) == NULL)
	{
		appendStringInfoString(&asked, name);
		appendStringInfoChar(&asked, ' ');
	}
}

static void
watch_post_parse_analyze(POST_PARSE_ANALYZE_PARAMS)
{
	note_asked("post_parse_analyze");
	if (prev_post_parse_analyze)
		prev_post_parse_analyze(pstate, query, jstate);
}

static void
watch_ExecutorStart(QueryDesc *queryDesc, int eflags)
{
	note_asked("ExecutorStart");
	if (prev_ExecutorStart)
		prev_ExecutorStart(queryDesc, eflags);
	else
		standard_ExecutorStart(queryDesc, eflags);
}

static void
watch_ExecutorRun(EXECUTOR_RUN_PARAMS)
{
	note_asked("ExecutorRun");
	if (prev_ExecutorRun)
		prev_ExecutorRun(EXECUTOR_RUN_ARGS);
	else
		standard_ExecutorRun(EXECUTOR_RUN_ARGS);
}

static void
watch_ExecutorFinish(QueryDesc *queryDesc)
{
	note_asked("ExecutorFinish");
	if (prev_ExecutorFinish)
		prev_ExecutorFinish(queryDesc);
	else
		standard_ExecutorFinish(queryDesc);
}

static void
watch_ProcessUtility(PlannedStmt *pstmt, const char *queryString, bool readOnlyTree,
					 ProcessUtilityContext context, ParamListInfo params,
					 QueryEnvironment *queryEnv, DestReceiver *dest, QueryCompletion *qc)
{
	note_asked("ProcessUtility");
	if (prev_ProcessUtility)
		prev_ProcessUtility(pstmt, queryString, readOnlyTree, context, params, queryEnv, dest, qc);
	else
		standard_ProcessUtility(pstmt, queryString, readOnlyTree, context, params, queryEnv, dest, qc);
}

static void
watch_object_access(ObjectAccessType access, Oid classId, Oid objectId, int subId, void *arg)
{
	if (access == OAT_FUNCTION_EXECUTE)
		note_asked("object_access");
	if (prev_object_access)
		prev_object_access(access, classId, objectId, subId, arg);
}

static bool
watch_needs_fmgr(Oid function)
{
	note_asked("needs_fmgr");
	if (prev_needs_fmgr)
		(void) prev_needs_fmgr(function);
	return true;
}

static void
watch_fmgr(FmgrHookEventType event, FmgrInfo *flinfo, Datum *arg)
{
	note_asked(event == FHET_START ? "fmgr" : event == FHET_END ? "FMGR" : "Fmgr");
	if (prev_fmgr)
		prev_fmgr(event, flinfo, arg);
}

static void
watch_emit_log(ErrorData *edata)
{
	note_asked("emit_log");
	if (prev_emit_log)
		prev_emit_log(edata);
}

/*
 * writer_watch(hook text) returns bool
 *
 * Stands for a library that has just been loaded: puts itself before one hook, or
 * before all if it is NULL, and notes which of them are asked from here on.  Each
 * function call is to pass fmgr_hook.
 */
Datum
writer_watch(PG_FUNCTION_ARGS)
{
	const char *hook = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	initStringInfo(&asked);
	MemoryContextSwitchTo(old);
#define WATCH(name) \
	if (hook == NULL || strcmp(hook, #name) == 0) \
	{ \
		prev_##name = name##_hook; \
		name##_hook = watch_##name; \
	}
	WATCH(post_parse_analyze);
	WATCH(ExecutorStart);
	WATCH(ExecutorRun);
	WATCH(ExecutorFinish);
	WATCH(ProcessUtility);
	WATCH(object_access);
	WATCH(needs_fmgr);
	WATCH(fmgr);
	WATCH(emit_log);
#undef WATCH
	PG_RETURN_BOOL(true);
}

/*
 * writer_watched() returns text
 *
 * The hooks that were asked since the last call, this query's own among them.
 */
Datum
writer_watched(PG_FUNCTION_ARGS)
{
	text	   *result = cstring_to_text(asked.data);

	resetStringInfo(&asked);
	PG_RETURN_TEXT_P(result);
}
