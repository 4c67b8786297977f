/*-------------------------------------------------------------------------
 *
 * mode.c
 *	  The switch: its positions and who may move it.
 *
 * The setting's variable is what GUC machinery works on; pgsr_mode is what is
 * in force.  The two part while a backend starts (the settings of the file,
 * the database, the role and the client replace one another, and only the one
 * that wins is taken up) and in processes that are never guarded.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "replication/origin.h"
#include "replication/walsender.h"
#include "tcop/cmdtag.h"
#include "tcop/pquery.h"
#include "utils/portal.h"

#include "session_readonly.h"

PgsrMode	pgsr_mode = PGSR_OFF;
bool		pgsr_mode_settled = false;
bool		pgsr_mode_validating = false;
int			pgsr_mode_setting = PGSR_OFF;

const struct config_enum_entry pgsr_mode_options[] = {
	{"off", PGSR_OFF, false},
	{"on", PGSR_ON, false},
	{"locked", PGSR_LOCKED, false},
	{NULL, 0, false}
};

/*
 * Was the library there before this backend began, and if so, what did the
 * configuration file say before the connection string spoke?
 */
static bool preloaded = false;
static PgsrMode mode_before_client = PGSR_OFF;
static bool client_spoke = false;

/* Where the mode came from before the session took it up. */
static GucSource mode_source = PGC_S_DEFAULT;

/*
 * Is this a process whose mode means anything?
 *
 * Settings for the server, a database or a role also reach autovacuum,
 * background and apply workers; to guard those would stop vacuuming or
 * replication.  The commands of the replication protocol pass no hook, so a
 * walsender cannot be guarded.  pg_upgrade restores databases and roles that are
 * to be locked.  A parallel worker follows its leader.
 */
static bool
mode_applies(void)
{
	if (am_walsender || IsBinaryUpgrade)
		return false;
	return MyBackendType == B_BACKEND ||
		!IsPostmasterEnvironment ||
		IsParallelWorker();
}

/*
 * What to say where the mode means nothing.
 */
static const char *
not_applicable(void)
{
	return am_walsender ? "cannot make a replication connection read-only" :
		"cannot make a background process read-only";
}

/*
 * Why the mode cannot go up just now, or NULL if it can.
 *
 * Work done under a transaction id that was taken before could still commit,
 * an open cursor runs a plan that was set up before the guard was there, and a
 * replication origin moves with whatever commits under an id.
 */
static const char *
mode_obstacle(const char **hint)
{
	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
	{
		*hint = "Commit or roll back the transaction first.";
		return "The current transaction has already written.";
	}
	if (IsSubTransaction())
	{
		*hint = "Set it outside savepoints and exception blocks.";
		return "A subtransaction is in progress.";
	}
	if (!ThereAreNoReadyPortals())
	{
		*hint = "Close all cursors first.";
		return "A cursor is open whose query was started before.";
	}
	if (SessionHasReplicationOrigin())
	{
		*hint = "Call pg_replication_origin_session_reset() first.";
		return "A replication origin is set up in this session.";
	}
	return NULL;
}

/*
 * Was the library loaded because somebody asked for it?
 *
 * Creating a C function loads its library, and so does calling one, as a statement
 * runs or is planned, in DO or by fastpath; none of these may make a session
 * read-only.  Nothing tells _PG_init() who called.  Only two are sure to have asked: a
 * preload setting, as the session begins, and a LOAD that is the statement itself.
 */
static bool
loaded_on_purpose(void)
{
	if (!IsNormalProcessingMode())
		return true;
	return ActivePortal != NULL && ActivePortal->commandTag == CMDTAG_LOAD;
}

/*
 * Read the word for a mode.
 */
static bool
parse_mode(const char *word, PgsrMode *mode)
{
	for (const struct config_enum_entry *entry = pgsr_mode_options; entry->name; entry++)
	{
		if (pg_strcasecmp(entry->name, word) == 0)
		{
			*mode = entry->val;
			return true;
		}
	}
	return false;
}

/*
 * The mode a session starts with when the library is loaded into it, for use as
 * the setting's default.
 *
 * Called before anything is defined or hooked, so that an error leaves the
 * session as it was; while a backend starts, any error ends it.
 */
PgsrMode
pgsr_mode_at_load(void)
{
	PgsrMode	initial = PGSR_OFF;
	PgsrMode	wanted;
	const char *placeholder;
	const char *hint;
	const char *obstacle;

	preloaded = process_shared_preload_libraries_in_progress;
	if (!preloaded && !IsParallelWorker() && (mode_applies() || am_walsender) &&
		loaded_on_purpose())
		initial = PGSR_ON;

	/*
	 * Core would only warn about a bad value that was given before the setting
	 * was known, and use the default.
	 */
	wanted = initial;
	placeholder = pgsr_guc_placeholder(PGSR_MODE_NAME);
	if (placeholder != NULL && !parse_mode(placeholder, &wanted))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for parameter \"%s\": \"%s\"",
						PGSR_MODE_NAME, placeholder),
				 errhint("Available values: off, on, locked.")));
	if (wanted == PGSR_OFF || preloaded || IsParallelWorker() || IsBinaryUpgrade)
		return initial;

	if (!mode_applies())
	{
		if (am_walsender ||
			pgsr_guc_source(PGSR_MODE_NAME) >= PGC_S_INTERACTIVE)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("%s", not_applicable())));
		return initial;
	}
	obstacle = mode_obstacle(&hint);
	if (obstacle)
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("cannot make the session read-only now"),
				 errdetail("%s", obstacle),
				 errhint("%s", hint)));
	return initial;
}

/*
 * Have core keep the mode in force as the value that RESET and the end of a
 * transaction bring back.  A parallel worker knows by this source that its leader
 * enforces it, see pgsr_mode_check().
 */
void
pgsr_mode_keep(void)
{
	SetConfigOption(PGSR_MODE_NAME, pgsr_mode_options[pgsr_mode].name,
					PGC_USERSET, PGC_S_OVERRIDE);
}

/*
 * The mode that an administrator has given this session, which the connection
 * string of an ordinary user cannot bring down: stored for the role or database,
 * or in the configuration file, or the default.  Where it was an administrator who
 * had the library loaded for this session and the client speaks over the file, the
 * file's value is not known any more: then it was "locked".  A superuser's
 * connection string may choose.
 */
static PgsrMode
administered_mode(void)
{
	char	   *stored;
	PgsrMode	mode;

	if (!IsPostmasterEnvironment || superuser_arg(GetSessionUserId()))
		return PGSR_OFF;
	stored = pgsr_role_setting(PGSR_MODE_NAME);
	if (stored != NULL && parse_mode(stored, &mode))
		return mode;
	if (preloaded)
		return client_spoke ? mode_before_client : (PgsrMode) pgsr_mode_setting;
	if (pgsr_names_this_library(session_preload_libraries_string))
		return mode_source == PGC_S_CLIENT ? PGSR_LOCKED :
			(PgsrMode) pgsr_mode_setting;
	return PGSR_OFF;
}

/*
 * A walsender's mode is refused if it is meant for it: given to its role, its
 * database or by itself.  The configuration file's is not meant for replication,
 * as standbys must keep streaming.  A connection string does not undo what is
 * stored.
 */
static void
check_walsender(void)
{
	PgsrMode	wanted = pgsr_mode_setting;
	GucSource	source = pgsr_guc_source(PGSR_MODE_NAME);
	PgsrMode	stored_mode;
	char	   *stored;

	if (source == PGC_S_CLIENT && OidIsValid(MyDatabaseId) &&
		!superuser_arg(GetSessionUserId()))
	{
		stored = pgsr_role_setting(PGSR_MODE_NAME);
		if (stored != NULL && parse_mode(stored, &stored_mode))
			wanted = Max(wanted, stored_mode);
	}
	if (wanted > PGSR_OFF && source >= PGC_S_DATABASE)
		ereport(FATAL,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s", not_applicable()),
				 errdetail("The commands of the replication protocol cannot be checked."),
				 errhint("Use an ordinary connection, or reset parameter \"%s\" for this role and database.",
						 PGSR_MODE_NAME)));
}

/*
 * Take up the mode that the settings of this backend came to.  Returns whether
 * the session is guarded from here on.
 */
bool
pgsr_mode_settle(void)
{
	PgsrMode	wanted = pgsr_mode_setting;
	const char *policy;

	if (!mode_applies() || IsParallelWorker())
	{
		pgsr_mode_settled = true;
		if (am_walsender)
			check_walsender();
		return false;
	}

	/* what is stored cannot be read before */
	if (!IsTransactionState() || !OidIsValid(MyDatabaseId))
		return false;
	pgsr_mode_settled = true;
	if (preloaded && IsUnderPostmaster)
		pgsr_check_role_settings();

	policy = pgsr_policy_from_client();
	mode_source = pgsr_guc_source(PGSR_MODE_NAME);
	if (policy != NULL || mode_source == PGC_S_CLIENT)
	{
		PgsrMode	administered = administered_mode();

		if (policy != NULL && administered > PGSR_OFF)
			ereport(FATAL,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("permission denied to set parameter \"%s\" in the connection string",
							policy),
					 errdetail("An administrator has made the sessions of this role read-only."),
					 errhint("Only a superuser's connection string may set it.")));
		if (administered > wanted)
			ereport(LOG,
					(errmsg("connection string cannot set \"%s\" to \"%s\"",
							PGSR_MODE_NAME, pgsr_mode_options[wanted].name),
					 errdetail("An administrator has made it \"%s\".",
							   pgsr_mode_options[administered].name)));
		wanted = Max(wanted, administered);
	}

	if (wanted == PGSR_OFF)
		return false;
	pgsr_mode = wanted;
	return true;
}

/*
 * Was this session locked by an administrator as it began, rather than by its own
 * connection string?  Asked while it begins.
 */
bool
pgsr_locked_by_administrator(void)
{
	return administered_mode() == PGSR_LOCKED;
}

/*
 * Is SET, in no transaction block and not for its length alone, the statement in
 * progress?  Nothing that it does can be undone by others, and nobody else's code runs
 * in it.
 */
static bool
is_plain_set(void)
{
	Node	   *utility;

	if (ActivePortal == NULL || ActivePortal->commandTag != CMDTAG_SET ||
		IsTransactionBlock())
		return false;
	utility = linitial_node(PlannedStmt, ActivePortal->stmts)->utilityStmt;
	return IsA(utility, VariableSetStmt) &&
		((VariableSetStmt *) utility)->kind == VAR_SET_VALUE &&
		!((VariableSetStmt *) utility)->is_local;
}

/*
 * May a user move the switch to "newval"?  Raises or sets up the error if not.
 */
static bool
may_move(PgsrMode newval)
{
	const char *obstacle;
	const char *hint;

	if (newval < pgsr_mode)
	{
		if (pgsr_mode == PGSR_LOCKED)
			ereport(ERROR,
					(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
					 errmsg("cannot unlock a read-only session"),
					 errdetail("Refused by pg_session_readonly: parameter \"%s\" stays \"locked\" until the session ends.",
							   PGSR_MODE_NAME),
					 errhint(PGSR_STANDARD_HINT)));
		if (!IsTransactionState() || !superuser() ||
			!superuser_arg(GetSessionUserId()))
			ereport(ERROR,
					(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
					 errmsg("cannot make a read-only session writable"),
					 errdetail("Refused by pg_session_readonly: only a superuser may set \"%s\" back to \"%s\".",
							   PGSR_MODE_NAME, pgsr_mode_options[newval].name),
					 errhint(PGSR_STANDARD_HINT)));
		if (!is_plain_set())
			ereport(ERROR,
					(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
					 errmsg("cannot set \"%s\" to \"%s\" now",
							PGSR_MODE_NAME, pgsr_mode_options[newval].name),
					 errdetail("A session becomes writable by SET as a statement of its own, outside a transaction block."),
					 errhint("End the transaction, and send SET %s = %s by itself.",
							 PGSR_MODE_NAME, pgsr_mode_options[newval].name)));
		return true;
	}

	obstacle = newval > pgsr_mode ? mode_obstacle(&hint) : NULL;
	if (obstacle != NULL)
	{
		GUC_check_errcode(ERRCODE_ACTIVE_SQL_TRANSACTION);
		GUC_check_errmsg("cannot set \"%s\" to \"%s\" now",
						 PGSR_MODE_NAME, pgsr_mode_options[newval].name);
		GUC_check_errdetail("%s", obstacle);
		GUC_check_errhint("%s", hint);
		return false;
	}
	return true;
}

/*
 * Check hook of the mode.
 *
 * Only an assignment by SET, set_config() or a function's SET clause moves the
 * switch of a running session; a reload of the configuration file counts for
 * later sessions only.  PGC_S_TEST is mere validation: that value is for another
 * session.  CREATE FUNCTION validates its SET clause so, and then puts it into
 * force while the function's body is validated (see ProcedureCreate()).
 */
bool
pgsr_mode_check(int *newval, void **extra, GucSource source)
{
	if (source == PGC_S_TEST)
		return true;

	/*
	 * What a parallel worker inherits from the postmaster, or reads from the
	 * database's and role's settings as it starts, need not be what its leader
	 * has; what a leader enforces comes with a higher source.
	 */
	if (IsParallelWorker())
	{
		if (!InitializingParallelWorker)
			*newval = pgsr_mode;
		else if (source < PGC_S_OVERRIDE)
			*newval = PGSR_OFF;
		return true;
	}

	/* Values from elsewhere are not meant for these; one by SET is. */
	if (!mode_applies() && !IsBinaryUpgrade)
	{
		if (*newval > PGSR_OFF && source >= PGC_S_INTERACTIVE)
		{
			GUC_check_errcode(ERRCODE_FEATURE_NOT_SUPPORTED);
			GUC_check_errmsg("%s", not_applicable());
			return false;
		}
		if (source >= PGC_S_DATABASE && !am_walsender)
			*newval = PGSR_OFF;
		return true;
	}
	if (IsBinaryUpgrade)
	{
		*newval = PGSR_OFF;
		return true;
	}
	if (!pgsr_mode_settled)
	{
		if (source == PGC_S_CLIENT && preloaded && !client_spoke)
		{
			client_spoke = true;
			mode_before_client = pgsr_mode_setting;
		}
		return true;
	}
	if (source < PGC_S_INTERACTIVE || pgsr_mode_validating)
	{
		*newval = pgsr_mode;
		return true;
	}
	return may_move(*newval);
}

/*
 * Take up an assigned mode.  Returns whether that moved the switch.
 *
 * Core also brings back older values (RESET, the end of a transaction, subtransaction
 * or function), and asks no check hook: these may raise the mode and no more, and RESET
 * only where SET might.
 */
bool
pgsr_mode_assign(int newval)
{
	const char *hint;

	if (!IsParallelWorker() && (!pgsr_mode_settled || !mode_applies()))
		return false;
	if (newval == (int) pgsr_mode || pgsr_mode == PGSR_LOCKED)
		return false;
	if (newval < (int) pgsr_mode && !IsParallelWorker() && !is_plain_set())
		return false;
	if (newval > (int) pgsr_mode && !IsParallelWorker() && IsTransactionState() &&
		mode_obstacle(&hint) != NULL)
		return false;
	pgsr_mode = newval;
	return true;
}

/*
 * Show hook of the mode: what is in force, once that is known.
 */
const char *
pgsr_mode_show(void)
{
	return pgsr_mode_options[pgsr_mode_settled || IsParallelWorker() ? (int) pgsr_mode :
							 pgsr_mode_setting].name;
}
