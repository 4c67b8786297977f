/*-------------------------------------------------------------------------
 *
 * mode.c
 *	  The switch: its positions and who may move it.
 *
 *		from \ to	off						on			locked
 *		off			-						anyone		anyone
 *		on			a superuser, by a		-			anyone
 *					plain SET
 *		locked		nobody					nobody		-
 *
 * Up it goes only where nothing is in the way, see mode_obstacle().
 *
 * The setting's variable is what GUC machinery works on; pgsr_mode is what is in
 * force.  The two part while a backend starts (the settings of the file, the
 * database, the role and the client replace one another, and only the one that wins
 * is taken up) and in processes that are never guarded.  In the order of a session:
 *
 *		pgsr_mode_at_load	the library comes up: the setting's default, or an error
 *		pgsr_mode_check		a value is to be given to the setting, by whomever: may it?
 *		pgsr_mode_assign	core puts a value into force, checked or an older one
 *		pgsr_mode_settle	the session has begun, or LOAD ends: takes up what it came to
 *		pgsr_mode_keep		the mode has moved: RESET and ROLLBACK shall bring it back
 *		pgsr_mode_follow_roles	the locked roles have changed since the last transaction
 *		pgsr_mode_show		SHOW, pg_settings and the report to the client
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "miscadmin.h"
#include "replication/origin.h"
#include "replication/walsender.h"
#include "tcop/cmdtag.h"
#include "tcop/pquery.h"
#include "utils/builtins.h"
#include "utils/guc_tables.h"
#include "utils/portal.h"

#include "session_readonly.h"

PG_FUNCTION_INFO_V1(pg_session_readonly_mode_source);

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
 * Was the library there before this backend began, or at least before its first
 * statement?  What does the configuration file say, or the default, and where did the
 * session's mode come from?
 */
static bool preloaded = false;
static bool there_from_start = false;
static PgsrMode mode_in_file = PGSR_OFF;
static GucSource mode_source = PGC_S_DEFAULT;

/* From the locked roles: beside core's sources, and above them all. */
#define PGSR_S_LOCKED_ROLES ((GucSource) (PGC_S_SESSION + 1))

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
	return !am_walsender && !IsBinaryUpgrade &&
		(MyBackendType == B_BACKEND || !IsPostmasterEnvironment || IsParallelWorker());
}

/*
 * A mode is meant for a process where it means nothing.
 */
static void
refuse_process(int elevel)
{
	ereport(elevel,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg(am_walsender ? "cannot make a replication connection read-only" :
					"cannot make a background process read-only"),
			 elevel == FATAL ?
			 errdetail("The commands of the replication protocol cannot be checked.") : 0,
			 elevel == FATAL ?
			 errhint("Use an ordinary connection, or a role that is not to be read-only.") : 0));
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
 * Why the mode cannot move to "newval" just now, or NULL if it can.
 *
 * Work done under a transaction id that was taken before could still commit, the end of
 * a subtransaction brings settings back, an open cursor runs a plan that was set up
 * before the guard was there, and a replication origin moves with whatever commits
 * under an id.
 */
static const char *
mode_obstacle(PgsrMode newval, const char **hint)
{
	if (newval < pgsr_mode)
	{
		*hint = "End the transaction, and send SET " PGSR_MODE_NAME " = off by itself.";
		return is_plain_set() ? NULL :
			"A session becomes writable by SET as a statement of its own, outside a transaction block.";
	}
	if (newval == pgsr_mode || !IsTransactionState())
		return NULL;
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
 * Raise an error if there is such an obstacle.
 */
static void
check_obstacle(int elevel, PgsrMode newval)
{
	const char *hint;
	const char *obstacle = mode_obstacle(newval, &hint);

	if (obstacle != NULL)
		ereport(elevel,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("cannot set \"%s\" to \"%s\" now",
						PGSR_MODE_NAME, pgsr_mode_options[newval].name),
				 errdetail("%s", obstacle),
				 errhint("%s", hint)));
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
	return !IsNormalProcessingMode() ||
		(ActivePortal != NULL && ActivePortal->commandTag == CMDTAG_LOAD);
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
	const char *placeholder = pgsr_guc_placeholder(PGSR_MODE_NAME);
	PgsrMode	initial = PGSR_OFF;
	PgsrMode	wanted;

	preloaded = process_shared_preload_libraries_in_progress;
	there_from_start = !IsNormalProcessingMode();
	if (!preloaded && !IsParallelWorker() && (mode_applies() || am_walsender) &&
		loaded_on_purpose())
		initial = PGSR_ON;

	/*
	 * Core would only warn about a bad value that was given before the setting
	 * was known, and use the default.
	 */
	wanted = initial;
	if (placeholder != NULL && !parse_mode(placeholder, &wanted))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for parameter \"%s\": \"%s\"",
						PGSR_MODE_NAME, placeholder),
				 errhint("Available values: off, on, locked.")));
	if (wanted == PGSR_OFF || preloaded || IsParallelWorker() || IsBinaryUpgrade)
		return initial;

	if (mode_applies())
		check_obstacle(ERROR, wanted);
	else if (am_walsender || pgsr_guc_source(PGSR_MODE_NAME) >= PGC_S_INTERACTIVE)
		refuse_process(ERROR);
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
 * Does the session belong to one of the locked roles, and what is its mode then?  What
 * is stored for the role itself comes first.
 */
static bool
is_locked_role(PgsrMode *mode, GucSource *source)
{
	char	   *stored;

	if (!there_from_start || !IsUnderPostmaster || *pgsr_locked_roles == '\0' ||
		!pgsr_in_locked_role())
		return false;
	stored = pgsr_role_setting(PGSR_MODE_NAME, source);
	if (stored == NULL || *source < PGC_S_USER || !parse_mode(stored, mode))
	{
		*mode = PGSR_LOCKED;
		*source = PGSR_S_LOCKED_ROLES;
	}
	return true;
}

/*
 * The mode that an administrator has given this session, which the connection string
 * does not bring down: stored for the role, said of a role that it is a member of,
 * stored for the database, in the configuration file, or the default.  Where it was an
 * administrator who had the library loaded for this session and the client speaks over
 * the file, the file's value is not known any more: then it is "locked", to be sure.  A
 * superuser's connection string may choose, unless the superuser was made a member.
 */
static PgsrMode
administered_mode(GucSource *source)
{
	char	   *stored;
	PgsrMode	mode;

	if (is_locked_role(&mode, source))
		return mode;
	*source = PGC_S_FILE;
	if (!IsPostmasterEnvironment || superuser_arg(GetAuthenticatedUserId()))
		return PGSR_OFF;
	stored = pgsr_role_setting(PGSR_MODE_NAME, source);
	if (stored != NULL && parse_mode(stored, &mode))
		return mode;
	if (preloaded)
		return mode_in_file;
	if (!pgsr_names_this_library(session_preload_libraries_string))
		return PGSR_OFF;
	return mode_source == PGC_S_CLIENT ? PGSR_LOCKED : mode_in_file;
}

/*
 * End a session that an administrator locks, if it has itself said what is refused, by
 * its connection string or by SET.
 */
static void
check_policy(GucSource last)
{
	const char *policy = pgsr_policy_given(last);

	if (policy != NULL && !superuser_arg(GetAuthenticatedUserId()))
		ereport(FATAL,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 last == PGC_S_CLIENT ?
				 errmsg("permission denied to set parameter \"%s\" in the connection string",
						policy) :
				 errmsg("permission denied to set parameter \"%s\"", policy),
				 errdetail("An administrator has made the sessions of this role read-only."),
				 errhint("Only a superuser may set it for them.")));
}

/*
 * Take up the mode that the settings of this backend came to.  Returns whether
 * the session is guarded from here on.
 *
 * A connection string does not undo what an administrator has decided, nor does it say
 * what is refused then.
 */
bool
pgsr_mode_settle(void)
{
	PgsrMode	wanted = pgsr_mode_setting;
	PgsrMode	administered = PGSR_OFF;
	GucSource	source = PGC_S_DEFAULT;

	pgsr_mode_settled = true;
	if (IsParallelWorker() || (!mode_applies() && !am_walsender))
		return false;
	if (preloaded && IsUnderPostmaster && !am_walsender)
		(void) pgsr_role_setting(NULL, NULL);

	mode_source = pgsr_guc_source(PGSR_MODE_NAME);
	if (mode_source == PGC_S_CLIENT || pgsr_policy_given(PGC_S_CLIENT) != NULL)
		administered = administered_mode(&source);
	else
		(void) is_locked_role(&administered, &source);

	/*
	 * A walsender's mode is refused if it is meant for it: given to its role, its
	 * database or by itself.  The configuration file's is not, as standbys must keep
	 * streaming.
	 */
	if (am_walsender)
	{
		if ((wanted > PGSR_OFF && mode_source >= PGC_S_DATABASE) ||
			(administered > PGSR_OFF && source >= PGC_S_DATABASE))
			refuse_process(FATAL);
		return false;
	}

	if (administered > PGSR_OFF)
		check_policy(PGC_S_CLIENT);
	if (administered > wanted)
	{
		if (mode_source == PGC_S_CLIENT)
			ereport(LOG,
					(errmsg("connection string cannot set \"%s\" to \"%s\"",
							PGSR_MODE_NAME, pgsr_mode_options[wanted].name),
					 errdetail("The session is made \"%s\".",
							   pgsr_mode_options[administered].name)));
		wanted = administered;
	}
	if (administered > PGSR_OFF && administered == wanted)
		mode_source = source;
	pgsr_mode = wanted;
	return pgsr_mode > PGSR_OFF;
}

/*
 * Was this session locked by an administrator, and not by its own connection string?
 * Asked while it begins.
 */
bool
pgsr_locked_by_administrator(void)
{
	return pgsr_mode == PGSR_LOCKED && mode_source != PGC_S_CLIENT &&
		!superuser_arg(GetAuthenticatedUserId());
}

/*
 * May a change of the locked roles, or of their members, concern this session?
 */
bool
pgsr_mode_concerns_roles(void)
{
	return there_from_start && pgsr_mode_settled && pgsr_mode < PGSR_LOCKED &&
		(am_walsender || (mode_applies() && !IsParallelWorker()));
}

/*
 * There has been such a change, and a transaction begins: lock the session if it has
 * become one of theirs.  It does not go on otherwise: where it cannot be locked, it
 * ends.  What it is no longer does not unlock it.
 */
void
pgsr_mode_follow_roles(void)
{
	PgsrMode	wanted;
	GucSource	source;

	if (!is_locked_role(&wanted, &source) || wanted <= pgsr_mode)
		return;
	if (am_walsender)
		refuse_process(FATAL);
	check_policy(PGC_S_SESSION);
	check_obstacle(FATAL, wanted);
	(void) set_config_option(PGSR_MODE_NAME, pgsr_mode_options[wanted].name,
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SET, true, 0, false);
	mode_source = source;
}

/*
 * Raise an error if the user may not move the switch to "newval" now.
 */
static void
check_move(PgsrMode newval)
{
	if (newval < pgsr_mode && pgsr_mode == PGSR_LOCKED)
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot unlock a read-only session"),
				 errdetail("Refused by pg_session_readonly: parameter \"%s\" stays \"locked\" until the session ends.",
						   PGSR_MODE_NAME),
				 errhint(PGSR_STANDARD_HINT)));
	if (newval < pgsr_mode &&
		(!IsTransactionState() || !superuser() || !superuser_arg(GetSessionUserId())))
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot make a read-only session writable"),
				 errdetail("Refused by pg_session_readonly: only a superuser may set \"%s\" back to \"%s\".",
						   PGSR_MODE_NAME, pgsr_mode_options[newval].name),
				 errhint(PGSR_STANDARD_HINT)));
	check_obstacle(ERROR, newval);
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

	if (IsParallelWorker())
	{
		/*
		 * What it inherits from the postmaster, or reads from the database's and
		 * role's settings as it starts, need not be what its leader has; what a
		 * leader enforces comes with a higher source.
		 */
		if (!InitializingParallelWorker)
			*newval = pgsr_mode;
		else if (source < PGC_S_OVERRIDE)
			*newval = PGSR_OFF;
	}
	else if (!mode_applies())
	{
		/*
		 * Values from elsewhere are not meant for these; one by SET is.  A walsender's
		 * are looked at as its session begins, and the postmaster hands the file's on.
		 */
		if (*newval > PGSR_OFF && source >= PGC_S_INTERACTIVE && !IsBinaryUpgrade)
			refuse_process(ERROR);
		if (IsBinaryUpgrade || (source >= PGC_S_DATABASE && !am_walsender))
			*newval = PGSR_OFF;
	}
	else if (pgsr_mode_settled)
	{
		if (source < PGC_S_INTERACTIVE || pgsr_mode_validating)
			*newval = pgsr_mode;
		else
			check_move(*newval);
	}
	if (!pgsr_mode_settled && source <= PGC_S_ARGV)
		mode_in_file = *newval;
	return true;
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

	if (newval == (int) pgsr_mode || pgsr_mode == PGSR_LOCKED)
		return false;
	if (!IsParallelWorker() &&
		(!pgsr_mode_settled || !mode_applies() || mode_obstacle(newval, &hint) != NULL))
		return false;
	pgsr_mode = newval;
	mode_source = PGC_S_SESSION;
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

/*
 * pg_session_readonly_mode_source() returns text
 *
 * Where the session's mode comes from, in the words of pg_settings.source, where the
 * locked roles have none.
 */
Datum
pg_session_readonly_mode_source(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(mode_source == PGSR_S_LOCKED_ROLES ?
									 "locked roles" : GucSource_Names[mode_source]));
}
