/*-------------------------------------------------------------------------
 *
 * sessions.c
 *	  What can be seen of guarded sessions, and of what was there before.
 *
 * Where the library is preloaded for the server, each guarded session keeps its mode
 * and the number of its refusals in a place of its own in shared memory.  Only the
 * session itself writes there, so no lock is needed: what a reader goes by, the process
 * and the number of refusals, is written last and read first.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "catalog/pg_authid.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "session_readonly.h"

PG_FUNCTION_INFO_V1(pg_session_readonly_sessions);
PG_FUNCTION_INFO_V1(pg_session_readonly_loaded_before);

/* A session's place, by the number of its process; pid is 0 where there is none. */
typedef struct SharedSession
{
	pg_atomic_uint32 pid;
	pg_atomic_uint32 mode;
	pg_atomic_uint32 role;
	pg_atomic_uint64 refusals;
	pg_atomic_uint64 last_refusal;
} SharedSession;

#define SESSIONS_SIZE mul_size(MaxBackends, sizeof(SharedSession))

static SharedSession *shared_sessions = NULL;
static SharedSession *my_place = NULL;

/* The libraries that were loaded before this one, or NULL if there were none. */
static char *loaded_before = NULL;

static shmem_request_hook_type prev_shmem_request = NULL;
static shmem_startup_hook_type prev_shmem_startup = NULL;

/*
 * shmem_request_hook
 */
static void
pgsr_shmem_request(void)
{
	if (prev_shmem_request)
		prev_shmem_request();
	RequestAddinShmemSpace(SESSIONS_SIZE);
}

/*
 * shmem_startup_hook
 */
static void
pgsr_shmem_startup(void)
{
	bool		found;

	if (prev_shmem_startup)
		prev_shmem_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared_sessions = ShmemInitStruct(PGSR_PREFIX, SESSIONS_SIZE, &found);
	for (int i = 0; i < MaxBackends && !found; i++)
	{
		pg_atomic_init_u32(&shared_sessions[i].pid, 0);
		pg_atomic_init_u32(&shared_sessions[i].mode, 0);
		pg_atomic_init_u32(&shared_sessions[i].role, 0);
		pg_atomic_init_u64(&shared_sessions[i].refusals, 0);
		pg_atomic_init_u64(&shared_sessions[i].last_refusal, 0);
	}
	LWLockRelease(AddinShmemInitLock);
}

/*
 * Ask for shared memory, as the server starts.
 */
void
pgsr_sessions_init(void)
{
	prev_shmem_request = shmem_request_hook;
	shmem_request_hook = pgsr_shmem_request;
	prev_shmem_startup = shmem_startup_hook;
	shmem_startup_hook = pgsr_shmem_startup;
}

/*
 * The session ends.
 */
static void
leave_place(int code, Datum arg)
{
	pg_atomic_write_u32(&my_place->pid, 0);
}

/*
 * Show the session's mode from here on.  Does nothing where the library was not
 * preloaded for the server.
 */
void
pgsr_sessions_show_mode(void)
{
	if (shared_sessions == NULL || IsParallelWorker())
		return;
	if (my_place == NULL)
	{
		my_place = &shared_sessions[PgsrProcNumber];
		pg_atomic_write_u64(&my_place->refusals, 0);
		pg_atomic_write_u64(&my_place->last_refusal, 0);
		pg_atomic_write_u32(&my_place->role, GetSessionUserId());
		before_shmem_exit(leave_place, 0);
	}
	pg_atomic_write_u32(&my_place->mode, pgsr_mode);
	pg_write_barrier();
	pg_atomic_write_u32(&my_place->pid, MyProcPid);
}

/*
 * Count a refusal that the client is told of.
 */
void
pgsr_sessions_count_refusal(void)
{
	if (my_place == NULL)
		return;
	pg_atomic_write_u64(&my_place->last_refusal, GetCurrentTimestamp());
	pg_write_barrier();
	pg_atomic_fetch_add_u64(&my_place->refusals, 1);
}

/*
 * pg_session_readonly_sessions(OUT pid integer, OUT mode text,
 *		OUT refusals bigint, OUT last_refusal timestamptz) returns setof record
 *
 * The sessions that are guarded, or were: of all roles for superusers and members of
 * pg_read_all_stats, of their own roles for others, as pg_stat_activity has it.
 * Fails where the library is not preloaded for the server.
 */
Datum
pg_session_readonly_sessions(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	if (shared_sessions == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("pg_session_readonly must be loaded via \"shared_preload_libraries\""),
				 errhint("Other sessions can be seen only where the library is preloaded for the server.")));

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < MaxBackends; i++)
	{
		SharedSession *place = &shared_sessions[i];
		uint32		pid = pg_atomic_read_u32(&place->pid);
		uint64		refusals;
		Datum		values[4];
		bool		nulls[4] = {false};

		pg_read_barrier();
		refusals = pg_atomic_read_u64(&place->refusals);
		pg_read_barrier();
		if (pid == 0 ||
			(!has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS) &&
			 !has_privs_of_role(GetUserId(), pg_atomic_read_u32(&place->role))))
			continue;
		values[0] = Int32GetDatum(pid);
		values[1] = CStringGetTextDatum(pgsr_mode_options[pg_atomic_read_u32(&place->mode)].name);
		values[2] = Int64GetDatum(refusals);
		values[3] = TimestampTzGetDatum(pg_atomic_read_u64(&place->last_refusal));
		nulls[3] = refusals == 0;
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/*
 * Note which libraries are loaded, without directory and suffix.  One that is being
 * loaded, as ours is, is not among them.
 */
void
pgsr_note_libraries(void)
{
	Size		size = EstimateLibraryStateSpace();
	char	   *paths = palloc(size);
	char	   *names = NULL;

	SerializeLibraryState(size, paths);
	for (char *path = paths; *path != '\0'; path += strlen(path) + 1)
	{
		char	   *name = pgsr_library_name(path);

		names = names ? psprintf("%s, %s", names, name) : name;
	}
	if (names != NULL)
		loaded_before = MemoryContextStrdup(TopMemoryContext, names);
}

/*
 * pg_session_readonly_loaded_before() returns text
 *
 * The libraries that were loaded before this one.  Transaction callbacks are called
 * latest first, so what theirs do as a transaction commits comes after the write
 * guard's last look.
 */
Datum
pg_session_readonly_loaded_before(PG_FUNCTION_ARGS)
{
	if (loaded_before == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(loaded_before));
}
