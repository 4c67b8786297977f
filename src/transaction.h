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

/* What a statement may do that the write guard would refuse. */
typedef enum PgsrLeave
{
	PGSR_NO_LEAVE,
	PGSR_LEAVE_TEMPORARY,		/* write this session's temporary tables */
	PGSR_LEAVE_POLICY			/* whatever an explicitly allowed command does */
} PgsrLeave;

extern void pgsr_transaction_init(void);
extern void pgsr_transaction_follow_mode(PgsrMode mode);

extern void pgsr_transaction_taking_id(void);
extern void pgsr_transaction_account(void);
extern PgsrLeave pgsr_transaction_push_leave(PgsrLeave leave);
extern void pgsr_transaction_drop_leave(PgsrLeave previous);
extern void pgsr_transaction_plan_started(void);
extern void pgsr_transaction_event(XactEvent event);

extern bool pgsr_relation_is_temporary(Oid relid);
extern bool pgsr_plan_writes(PlannedStmt *stmt);
extern PgsrLeave pgsr_plan_leave(PlannedStmt *stmt);

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

#endif							/* PGSR_TRANSACTION_H */
