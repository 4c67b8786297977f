/*-------------------------------------------------------------------------
 *
 * commands.c
 *	  The list of commands that a read-only session refuses.
 *
 * Core refuses most commands that write in a read-only transaction, but not
 * those that it counts as maintenance, nor those whose effect lies outside the
 * transaction; see ClassifyUtilityCommandAsReadOnly() in utility.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands.h"
#include "commands/defrem.h"
#include "compat.h"
#include "nodes/parsenodes.h"
#include "refusal.h"
#include "settings.h"
#include "tcop/cmdtag.h"
#include "tcop/utility.h"
#include "utils/lsyscache.h"

/*
 * What the list is about: core's command tags, and behind them two of our own,
 * because COPY has one tag for all it can do.
 */
enum
{
#define PG_CMDTAG(tag, name, evtrgok, rwrok, rowcnt) ITEM_##tag,
#include "tcop/cmdtaglist.h"
#undef PG_CMDTAG
	ITEM_COPY_FILE,
	ITEM_COPY_PROGRAM,
	NUM_ITEMS
};

typedef struct CommandSet
{
	uint64		bits[(NUM_ITEMS + 63) / 64];
} CommandSet;

/*
 * The built-in list, with the reason of each refusal.  What a command that needs no
 * leave runs (a query by COPY, for one) gets none either.  A command that a version
 * does not have is passed over there.
 */
static const struct
{
	const char *name;
	bool		writes;			/* does it need leave of the write guard? */
	const char *reason;
}			builtin_commands[] =
{
	{"ALTER SYSTEM", false, "It rewrites the server's configuration."},
	{"ANALYZE", true, "It rewrites planner statistics."},
	{"CHECKPOINT", false, "It makes the server write out all its buffers."},
	{"CLUSTER", true, "It rewrites tables."},
	{"COMMIT PREPARED", false, "It makes another session's changes durable."},
	{"COPY FILE", false, "It reads or writes a file of the server as the server's own user."},
	{"COPY PROGRAM", false, "It runs a program as the server's own user."},
	{"LOAD", false, "It runs code of the loaded library in the server."},
	{"LOCK TABLE", true, "A lock stronger than ACCESS SHARE stops other sessions."},
	{"NOTIFY", false, "It sends a message to other sessions."},
	{"PREPARE TRANSACTION", true, "It leaves a transaction behind that outlives the session."},
	{"REINDEX", true, "It rebuilds indexes."},
	{"REPACK", true, "It rewrites tables."},
	{"ROLLBACK PREPARED", false, "It throws another session's changes away."},
	{"VACUUM", true, "It removes dead rows and rewrites table files."},
};

/*
 * Tags that no utility command bears, and those of transaction control, without
 * which a session could not even end a failed transaction.
 */
static const char *const unlistable[] = {
	"???", "ALTER ACCESS METHOD", "ALTER CAST", "ALTER CONSTRAINT",
	"ALTER TRANSFORM", "BEGIN", "COMMIT", "COPY FROM", "CREATE CONSTRAINT",
	"CREATE ROUTINE", "DELETE", "DROP CONSTRAINT", "INSERT", "LOGIN", "MERGE",
	"RELEASE", "ROLLBACK", "SAVEPOINT", "SELECT", "SELECT FOR KEY SHARE",
	"SELECT FOR NO KEY UPDATE", "SELECT FOR SHARE", "SELECT FOR UPDATE",
	"START TRANSACTION", "UPDATE",
};

char	   *pgsr_denied_commands = NULL;

/* What the setting says, what it says by default, and what needs leave. */
static const CommandSet *denied = NULL;
static CommandSet builtin;
static CommandSet writers;

/*
 * The number that stands for an item of the list, or -1 if there is no such
 * command.
 */
static int
item_number(const char *name)
{
	CommandTag	tag;

	if (pg_strcasecmp(name, "COPY FILE") == 0)
		return ITEM_COPY_FILE;
	if (pg_strcasecmp(name, "COPY PROGRAM") == 0)
		return ITEM_COPY_PROGRAM;
	tag = GetCommandTagEnum(name);
	return tag == CMDTAG_UNKNOWN ? -1 : (int) tag;
}

/*
 * Put an item into a set, or take it out.
 */
static void
set_item(CommandSet *set, int item, bool present)
{
	uint64		bit = UINT64CONST(1) << (item % 64);

	if (present)
		set->bits[item / 64] |= bit;
	else
		set->bits[item / 64] &= ~bit;
}

/*
 * Is an item in a set?
 */
static inline bool
has_item(const CommandSet *set, int item)
{
	return (set->bits[item / 64] >> (item % 64)) & 1;
}

/*
 * Make a set of the built-in list.  Called before the setting is defined.
 */
void
pgsr_commands_init(void)
{
	for (int i = 0; i < (int) lengthof(builtin_commands); i++)
	{
		int			item = item_number(builtin_commands[i].name);

		if (item < 0)
			continue;
		set_item(&builtin, item, true);
		set_item(&writers, item, builtin_commands[i].writes);
	}
}

/*
 * Apply one item of the list, without the white space around it.  Returns what
 * is wrong with it, or NULL.
 */
static const char *
apply_item(CommandSet *set, const char *name)
{
	bool		present = true;
	int			item;

	if (name[0] == '\0')
		return "Empty item in the list";
	if (pg_strcasecmp(name, "default") == 0)
	{
		for (int i = 0; i < (int) lengthof(set->bits); i++)
			set->bits[i] |= builtin.bits[i];
		return NULL;
	}

	if (name[0] == '-')
	{
		present = false;
		for (name++; isspace((unsigned char) *name); name++)
			;
	}
	item = item_number(name);
	if (item < 0)
	{
		for (int i = 0; i < (int) lengthof(builtin_commands); i++)
		{
			/* a newer server has it */
			if (pg_strcasecmp(name, builtin_commands[i].name) == 0)
				return NULL;
		}
		return "Unrecognized command";
	}
	for (int i = 0; i < (int) lengthof(unlistable); i++)
	{
		if (pg_strcasecmp(name, unlistable[i]) == 0)
			return "Not a command that can be listed";
	}
	set_item(set, item, present);
	return NULL;
}

/*
 * Check hook: parse the list once, into a set of bits.  An empty list denies
 * nothing.
 */
bool
pgsr_denied_commands_check(char **newval, void **extra, GucSource source)
{
	CommandSet *set = pgsr_guc_malloc(sizeof(CommandSet));
	char	   *copy = pstrdup(*newval);
	char	   *rest = pgsr_first_item(copy);
	char	   *item;
	const char *error = NULL;

	if (set == NULL)
		return false;
	memset(set, 0, sizeof(*set));
	while (error == NULL && (item = pgsr_next_item(&rest)) != NULL)
	{
		error = apply_item(set, item);
		if (error)
			GUC_check_errdetail("%s: \"%s\".", error, item);
	}
	pfree(copy);
	if (error)
	{
		pgsr_guc_free(set);
		return false;
	}
	*extra = set;
	return true;
}

/*
 * Assign hook.
 */
void
pgsr_denied_commands_assign(const char *newval, void *extra)
{
	denied = extra;
}

/*
 * Does an EXPLAIN run the statement it explains?  As in ExplainQuery(), the
 * last mention counts.
 */
static bool
explain_analyzes(ExplainStmt *stmt)
{
	bool		analyze = false;
	ListCell   *lc;

	foreach(lc, stmt->options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "analyze") == 0)
			analyze = defGetBoolean(option);
	}
	return analyze;
}

/*
 * Refuse what would create a relation from a query.
 */
static void
refuse_relation(const char *action)
{
	pgsr_refuse(action, "It creates a relation and fills it.", NULL);
}

/*
 * Core checks CREATE TABLE AS where it is a statement of its own, but not where
 * EXPLAIN ANALYZE runs it.
 */
static void
check_explain(ExplainStmt *stmt)
{
	Node	   *explained = stmt->query;

	if (IsA(explained, Query))
		explained = ((Query *) explained)->utilityStmt;
	if (explained != NULL && IsA(explained, CreateTableAsStmt) &&
		explain_analyzes(stmt))
		refuse_relation(psprintf("EXPLAIN ANALYZE of %s",
								 CreateCommandName(explained)));
}

/*
 * What of the list is a statement about?  -1 if it is a kind of its command
 * that only reads.
 */
static int
statement_item(Node *parsetree)
{
	CommandTag	tag = CreateCommandTag(parsetree);

	if (IsA(parsetree, LockStmt) &&
		((LockStmt *) parsetree)->mode == AccessShareLock)
		return -1;
	if (IsA(parsetree, CopyStmt))
	{
		CopyStmt   *copy = (CopyStmt *) parsetree;

		if (copy->is_program && !has_item(denied, tag))
			return ITEM_COPY_PROGRAM;
		if (copy->filename != NULL && !has_item(denied, tag))
			return ITEM_COPY_FILE;
	}
	return tag;
}

/*
 * The leave of a command that works on the session's temporary objects.
 */
static PgsrLeave
temporary_leave(Node *parsetree)
{
	if (IsA(parsetree, DiscardStmt))
	{
		DiscardMode target = ((DiscardStmt *) parsetree)->target;

		if (target == DISCARD_ALL || target == DISCARD_TEMP)
			return PGSR_LEAVE_POLICY;	/* deletes catalog entries */
	}
	else if (IsA(parsetree, CopyStmt))
	{
		CopyStmt   *copy = (CopyStmt *) parsetree;

		if (copy->is_from)
		{
			Oid			relid = RangeVarGetRelid(copy->relation, NoLock, true);

			/* into a view means that its triggers do what they do */
			if (OidIsValid(relid) &&
				(pgsr_relation_is_temporary(relid) ||
				 get_rel_relkind(relid) == RELKIND_VIEW))
				return PGSR_LEAVE_TEMPORARY;
		}
	}
	return PGSR_NO_LEAVE;
}

/*
 * Refuse what the list denies.
 */
static void
refuse_command(int item)
{
	const char *name = NULL;
	const char *reason = "It is listed in \"" PGSR_DENIED_COMMANDS_NAME "\".";

	for (int i = 0; i < (int) lengthof(builtin_commands); i++)
	{
		if (item_number(builtin_commands[i].name) == item)
		{
			name = builtin_commands[i].name;
			reason = builtin_commands[i].reason;
		}
	}
	if (name == NULL)
		name = GetCommandTagName(item);

	pgsr_refuse(name, reason,
				psprintf("Use a connection that is not read-only, or have an administrator take %s out of \"%s\" before the session is locked.",
						 name, PGSR_DENIED_COMMANDS_NAME));
}

/*
 * Refuse a utility statement if the list denies it; otherwise return its leave.
 *
 * A command of the built-in list that is not denied is one that an
 * administrator has allowed, and so may do what it does.
 */
PgsrLeave
pgsr_command_check(Node *parsetree)
{
	int			item = statement_item(parsetree);

	if (IsA(parsetree, ExplainStmt))
		check_explain((ExplainStmt *) parsetree);
	if (item < 0)
		return PGSR_NO_LEAVE;
	if (has_item(denied, item))
		refuse_command(item);

	/* PrepareTransaction() takes an id before anybody is asked */
	if (item == CMDTAG_PREPARE_TRANSACTION)
		pgsr_transaction_taking_id();
	return has_item(&writers, item) ? PGSR_LEAVE_POLICY :
		temporary_leave(parsetree);
}

/*
 * Refuse to put rows into a new relation.
 */
void
pgsr_receiver_refuse(void)
{
	refuse_relation("a query into a relation");
}
