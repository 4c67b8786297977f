/*-------------------------------------------------------------------------
 *
 * read_only.c
 *	  Core's two read-only settings stay on.
 *
 * While the session is guarded, default_transaction_read_only and
 * transaction_read_only are on.  To force the variables from hooks is not enough:
 * plpgsql evaluates simple expressions without the executor, and a COMMIT in a
 * procedure starts a transaction on its own.  So the settings themselves do not
 * take another value.  And since RESET and the end of a transaction or subtransaction
 * bring back what was there without asking a check hook (CommitSubTransaction() in
 * xact.c, AtEOXact_GUC() in guc.c), each hook of ours asserts them as well.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xlog.h"

#include "session_readonly.h"

#define DEFAULT_READ_ONLY	"default_transaction_read_only"
#define READ_ONLY			"transaction_read_only"
#define TRACK_COUNTS		"track_counts"

/* The client has yet to be told of the default. */
bool		pgsr_read_only_untold = false;

/* The check hooks that were there before ours. */
static GucBoolCheckHook prev_check_default_read_only = NULL;
static GucBoolCheckHook prev_check_read_only = NULL;

/*
 * Correct a value that would make the session writable.  Drivers and poolers
 * send such settings as a matter of course, so this is no error, and no line in
 * the server log.  The configuration file says what RESET brings back.
 */
static void
stay_read_only(bool *newval, GucSource source)
{
	if (pgsr_mode == PGSR_OFF || *newval || source < PGC_S_INTERACTIVE ||
		source == PGC_S_TEST)
		return;
	*newval = true;
	if (!InitializingParallelWorker)
		ereport(WARNING_CLIENT_ONLY,
				(errmsg("session stays read-only"),
				 errdetail("pg_session_readonly keeps every transaction of this session read-only.")));
}

/* Check hook of default_transaction_read_only. */
static bool
check_default_read_only(bool *newval, void **extra, GucSource source)
{
	stay_read_only(newval, source);
	return !prev_check_default_read_only || prev_check_default_read_only(newval, extra, source);
}

/* Check hook of transaction_read_only. */
static bool
check_read_only(bool *newval, void **extra, GucSource source)
{
	stay_read_only(newval, source);
	return !prev_check_read_only || prev_check_read_only(newval, extra, source);
}

/*
 * Put our check hooks before those of core's two settings.
 */
void
pgsr_read_only_init(void)
{
	prev_check_default_read_only =
		pgsr_guc_wrap_check(DEFAULT_READ_ONLY, check_default_read_only);
	prev_check_read_only = pgsr_guc_wrap_check(READ_ONLY, check_read_only);
}

/*
 * Keep the session's transactions read-only, this one included, or no longer.  Does
 * nothing that can fail.
 */
void
pgsr_read_only_follow(bool guarded)
{
	pgsr_guc_set_context(TRACK_COUNTS, guarded ? PGC_SU_BACKEND : PGC_SUSET);
	if (guarded)
	{
		XactReadOnly = true;
		DefaultXactReadOnly = true;
	}
}

/*
 * Let the current transaction write, where it may: core has told other sessions that
 * a SERIALIZABLE one does not (GetSerializableTransactionSnapshot() in predicate.c).
 */
void
pgsr_read_only_lift(void)
{
	XactReadOnly = IsolationIsSerializable() || IsInParallelMode() || RecoveryInProgress();
}

/*
 * Keep the default, and have the client told of it, as soon as that can be done: not
 * by the statement that ends a failed transaction.
 */
void
pgsr_read_only_announce(void)
{
	DefaultXactReadOnly = true;
	if (IsParallelWorker())
		return;
	pgsr_read_only_untold = !IsTransactionState() || IsInParallelMode();
	if (!pgsr_read_only_untold)
		(void) set_config_option(DEFAULT_READ_ONLY, "on", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SET, true, WARNING, false);
}

/*
 * Give the session what RESET has.  The transaction in which that happens stays
 * read-only.
 */
void
pgsr_read_only_release(void)
{
	(void) set_config_option(DEFAULT_READ_ONLY, NULL, PGC_SUSET, PGC_S_SESSION,
							 GUC_ACTION_SET, true, WARNING, false);
	(void) set_config_option(TRACK_COUNTS, NULL, PGC_SUSET, PGC_S_SESSION,
							 GUC_ACTION_SET, true, WARNING, false);
}
