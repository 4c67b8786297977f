/*-------------------------------------------------------------------------
 *
 * transaction.h
 *	  Keeps transactions read-only, and the write guard.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGSR_TRANSACTION_H
#define PGSR_TRANSACTION_H

#include "access/xact.h"
#include "executor/execdesc.h"
#include "mode.h"
#include "nodes/plannodes.h"

/* What a statement may do that the write guard would refuse. */
typedef enum PgsrLeave
{
	PGSR_NO_LEAVE,
	PGSR_LEAVE_TEMPORARY,		/* write this session's temporary tables */
	PGSR_LEAVE_POLICY			/* whatever an explicitly allowed command or
								 * function does */
} PgsrLeave;

extern void pgsr_transaction_init(void);
extern void pgsr_transaction_follow_mode(PgsrMode mode);

/* The leave of the statement being run; see transaction.c. */
extern PgsrLeave pgsr_current_leave;
extern int	pgsr_statements;
extern bool pgsr_leave_remembered;

extern void pgsr_transaction_do_account(void);
extern void pgsr_transaction_taking_id(void);
extern PgsrLeave pgsr_transaction_push_leave(PgsrLeave leave);
extern void pgsr_transaction_drop_leave(PgsrLeave previous);
extern void pgsr_transaction_raise_leave(void);
extern uint32 pgsr_transaction_raises(void);
extern void pgsr_transaction_plan_started(void);
extern void pgsr_transaction_event(XactEvent event);
extern void pgsr_transaction_sub_event(SubXactEvent event);

extern bool pgsr_relation_is_temporary(Oid relid);
extern PgsrLeave pgsr_plan_find_leave(QueryDesc *queryDesc);
extern void pgsr_plan_remember_leave(QueryDesc *queryDesc);

/*
 * Make the current transaction read-only again if something undid that: the
 * end of a subtransaction brings back the value it found, for one.
 */
static inline void
pgsr_transaction_assert(void)
{
	DefaultXactReadOnly = true;
	XactReadOnly = true;
}

/*
 * The write guard.  There is nothing to account for before the transaction has
 * an id.  Leave that was given outside of any statement, to a fastpath call, ends
 * here.
 */
static inline void
pgsr_transaction_account(void)
{
	if (unlikely(TransactionIdIsValid(GetTopTransactionIdIfAny())))
		pgsr_transaction_do_account();
	if (pgsr_statements == 0)
		pgsr_current_leave = PGSR_NO_LEAVE;
}

/*
 * Something begins that the leave of a fastpath call is not for.
 */
static inline void
pgsr_transaction_end_stray_leave(void)
{
	if (unlikely(pgsr_current_leave != PGSR_NO_LEAVE && pgsr_statements == 0))
		pgsr_transaction_account();
}

/*
 * Would running this plan use a command id?  As in standard_ExecutorStart().
 */
static inline bool
pgsr_plan_writes(PlannedStmt *stmt)
{
	return stmt->commandType != CMD_SELECT || stmt->hasModifyingCTE ||
		stmt->rowMarks != NIL;
}

/*
 * The leave of a plan that is going to be run.
 */
static inline PgsrLeave
pgsr_plan_leave(QueryDesc *queryDesc)
{
	if (likely(!pgsr_plan_writes(queryDesc->plannedstmt) && !pgsr_leave_remembered))
		return PGSR_NO_LEAVE;
	return pgsr_plan_find_leave(queryDesc);
}

#endif							/* PGSR_TRANSACTION_H */
