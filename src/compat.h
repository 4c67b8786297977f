/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  What differs between the supported major versions.
 *
 * Every conditional on PG_VERSION_NUM lives in this file.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGSR_COMPAT_H
#define PGSR_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "pg_session_readonly needs PostgreSQL 15 or later"
#endif

/* 18 lets a module tell its name and version. */
#if PG_VERSION_NUM >= 180000
#define PGSR_MODULE_MAGIC \
	PG_MODULE_MAGIC_EXT(.name = "pg_session_readonly", .version = PGSR_VERSION)
#else
#define PGSR_MODULE_MAGIC PG_MODULE_MAGIC
#endif

/* 18 marks functions that do not return before their type, not behind. */
#if PG_VERSION_NUM >= 180000
#define PGSR_NORETURN pg_noreturn
#else
#define PGSR_NORETURN pg_attribute_noreturn()
#endif

/* 18 took execute_once out of ExecutorRun(). */
#if PG_VERSION_NUM >= 180000
#define EXECUTOR_RUN_PARAMS \
	QueryDesc *queryDesc, ScanDirection direction, uint64 count
#define EXECUTOR_RUN_ARGS queryDesc, direction, count
#else
#define EXECUTOR_RUN_PARAMS \
	QueryDesc *queryDesc, ScanDirection direction, uint64 count, \
	bool execute_once
#define EXECUTOR_RUN_ARGS queryDesc, direction, count, execute_once
#endif

/* 19 made the jumble state constant. */
#if PG_VERSION_NUM >= 190000
#define POST_PARSE_ANALYZE_PARAMS \
	ParseState *pstate, Query *query, const JumbleState *jstate
#else
#define POST_PARSE_ANALYZE_PARAMS \
	ParseState *pstate, Query *query, JumbleState *jstate
#endif

/* 16 put settings into memory of their own; before, it was malloc'd. */
#if PG_VERSION_NUM >= 160000
#define pgsr_guc_malloc(size) guc_malloc(LOG, size)
#define pgsr_guc_free(chunk) guc_free(chunk)
#else
#define pgsr_guc_malloc(size) malloc(size)
#define pgsr_guc_free(chunk) free(chunk)
#endif

/* 19 gave the identifiers of system caches a type. */
#if PG_VERSION_NUM >= 190000
typedef SysCacheIdentifier PgsrSysCacheId;
#else
typedef int PgsrSysCacheId;
#endif

/* 16 renamed the fields of the per-table statistics. */
#if PG_VERSION_NUM >= 160000
#define PgStatTableOid(status) ((status)->id)
#else
#define PgStatTableOid(status) ((status)->t_id)
#endif

/*
 * The relations that a planned statement names and the privileges it needs on
 * them: 16 moved these from the range table into a list of their own.
 */
#if PG_VERSION_NUM >= 160000
#define PlannedPermissions(stmt) ((stmt)->permInfos)
#define PermissionsNode RTEPermissionInfo
#else
#define PlannedPermissions(stmt) ((stmt)->rtable)
#define PermissionsNode RangeTblEntry
#endif

/* 17 gave the number of a process a name. */
#if PG_VERSION_NUM >= 170000
#define PgsrProcNumber MyProcNumber
#else
#define PgsrProcNumber (MyProc->pgprocno)
#endif

/*
 * Let core's scanner read a statement a second time without warning of backslashes
 * in its literals.  19 has no such warning.
 */
#if PG_VERSION_NUM >= 190000
#define ScannerWarnNot(extra) ((void) (extra))
#else
#define ScannerWarnNot(extra) ((extra)->escape_string_warning = false)
#endif

/*
 * Does a setting's name begin so, and is it that name?  As guc_name_compare() has it,
 * which 15 keeps to itself: letters of ASCII are folded, and no others, whatever the
 * locale.
 */
static inline bool
pgsr_setting_begins(const char *name, const char *prefix)
{
	while (*prefix &&
		   pg_ascii_tolower((unsigned char) *name) == pg_ascii_tolower((unsigned char) *prefix))
		name++, prefix++;
	return *prefix == '\0';
}

static inline bool
pgsr_same_setting(const char *a, const char *b)
{
	return strlen(a) == strlen(b) && pgsr_setting_begins(a, b);
}

/* Is a replication origin set up?  19 put what is known of it into a struct. */
#if PG_VERSION_NUM >= 190000
#define SessionHasReplicationOrigin() \
	(replorigin_xact_state.origin != InvalidReplOriginId)
#else
#define SessionHasReplicationOrigin() \
	(replorigin_session_origin != InvalidRepOriginId)
#endif

/* For those who read the records of settings, utils/guc_tables.h. */
#ifdef GUC_TABLES_H

/*
 * The typed part of a setting's record: up to 18 the record begins with the
 * generic part, from 19 on it is a member of a union inside it.  So is the
 * "extra" of the reset value.
 */
#if PG_VERSION_NUM >= 190000
#define SettingPart(record, type) (&(record)->_##type)
#define SettingResetExtra(record, type) ((record)->reset_extra)
#else
#define SettingPart(record, type) ((struct config_##type *) (record))
#define SettingResetExtra(record, type) \
	(((struct config_##type *) (record))->reset_extra)
#endif

/*
 * A list of all settings, in the current memory context, and in *n how many there are.
 * From 16 on core makes one at each call, sorted anew; 15's own moves as settings come.
 */
static inline struct config_generic **
pgsr_all_settings(int *n)
{
#if PG_VERSION_NUM >= 160000
	return get_guc_variables(n);
#else
	struct config_generic **settings;

	*n = GetNumConfigOptions();
	settings = palloc(*n * sizeof(*settings));
	memcpy(settings, get_guc_variables(), *n * sizeof(*settings));
	return settings;
#endif
}

/*
 * Find the record of a setting, or NULL.  15 keeps find_option() to itself; there
 * every record is looked at, and old names of settings stand for nothing.
 */
static inline struct config_generic *
pgsr_find_setting(const char *name)
{
#if PG_VERSION_NUM >= 160000
	return find_option(name, false, true, 0);
#else
	struct config_generic **settings = get_guc_variables();

	for (int i = 0; i < GetNumConfigOptions(); i++)
	{
		if (pgsr_same_setting(settings[i]->name, name))
			return settings[i];
	}
	return NULL;
#endif
}

#endif							/* GUC_TABLES_H */

#endif							/* PGSR_COMPAT_H */
