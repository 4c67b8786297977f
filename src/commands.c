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

#include "access/xlog.h"
#include "catalog/namespace.h"
#include "tcop/cmdtag.h"
#include "tcop/utility.h"

#include "session_readonly.h"

/*
 * What the list is about: core's command tags, and behind them three of our own,
 * because COPY has one tag for all it can do, and no tag tells of temporary tables.
 */
enum
{
#define PG_CMDTAG(tag, name, evtrgok, rwrok, rowcnt) ITEM_##tag,
#include "tcop/cmdtaglist.h"
#undef PG_CMDTAG
	ITEM_COPY_FILE,
	ITEM_COPY_PROGRAM,
	ITEM_TEMPORARY_TABLES,
	NUM_ITEMS
};

/*
 * The built-in list, with what an administrator who takes a command out of it
 * grants the command, and the reason of each refusal.  A command that a version
 * does not have is passed over there.
 */
typedef struct BuiltinCommand
{
	const char *name;
	PgsrCommandNeeds needs;
	const char *reason;
} BuiltinCommand;

static const BuiltinCommand builtin_commands[] =
{
	{"ALTER SYSTEM", PGSR_NEEDS_NOTHING, "It rewrites the server's configuration."},
	{"ANALYZE", PGSR_NEEDS_WRITES, "It rewrites planner statistics."},
	{"CHECKPOINT", PGSR_NEEDS_NOTHING, "It makes the server write out all its buffers."},
	{"CLUSTER", PGSR_NEEDS_WRITES, "It rewrites tables."},
	{"COMMIT PREPARED", PGSR_NEEDS_NOTHING, "It makes another session's changes durable."},
	{"COPY FILE", PGSR_NEEDS_NOTHING, "It reads or writes a file of the server as the server's own user."},
	{"COPY PROGRAM", PGSR_NEEDS_NOTHING, "It runs a program as the server's own user."},
	{"LOAD", PGSR_NEEDS_NOTHING, "It runs code of the loaded library in the server."},
	{"LOCK TABLE", PGSR_NEEDS_XID, "A lock stronger than ACCESS SHARE stops other sessions."},
	{"NOTIFY", PGSR_NEEDS_NOTHING, "It sends a message to other sessions."},
	{"PREPARE TRANSACTION", PGSR_NEEDS_XID, "It leaves a transaction behind that outlives the session."},
	{"REINDEX", PGSR_NEEDS_WRITES, "It rebuilds indexes."},
	{"REPACK", PGSR_NEEDS_WRITES, "It rewrites tables."},
	{"ROLLBACK PREPARED", PGSR_NEEDS_NOTHING, "It throws another session's changes away."},
	{"TEMPORARY TABLES", PGSR_NEEDS_NOTHING, "It writes rows of the system catalogs."},
	{"VACUUM", PGSR_NEEDS_WRITES, "It removes dead rows and rewrites table files."},
};

/*
 * Tags that no utility command bears, and those of transaction control, without
 * which a session could not even end a failed transaction.
 */
static const char *const unlistable[] = {
	"ALTER ACCESS METHOD", "ALTER CAST", "ALTER CONSTRAINT",
	"ALTER TRANSFORM", "BEGIN", "COMMIT", "COPY FROM", "CREATE CONSTRAINT",
	"CREATE ROUTINE", "DELETE", "DROP CONSTRAINT", "INSERT", "LOGIN", "MERGE",
	"RELEASE", "ROLLBACK", "SAVEPOINT", "SELECT", "SELECT FOR KEY SHARE",
	"SELECT FOR NO KEY UPDATE", "SELECT FOR SHARE", "SELECT FOR UPDATE",
	"START TRANSACTION", "UPDATE",
};

char	   *pgsr_denied_commands = NULL;

/* What the setting says, and the built-in list, both by number. */
static const bool *denied = NULL;
static const BuiltinCommand *builtin[NUM_ITEMS];

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
	if (pg_strcasecmp(name, "TEMPORARY TABLES") == 0)
		return ITEM_TEMPORARY_TABLES;
	tag = GetCommandTagEnum(name);
	return tag == CMDTAG_UNKNOWN ? -1 : (int) tag;
}

/*
 * Number the built-in list.  Called before the setting is defined.
 */
void
pgsr_commands_init(void)
{
	for (int i = 0; i < (int) lengthof(builtin_commands); i++)
	{
		int			item = item_number(builtin_commands[i].name);

		if (item >= 0)
			builtin[item] = &builtin_commands[i];
	}
}

/*
 * Apply one item of the list.  Says what is wrong with it, if it is none.
 */
static bool
apply_item(bool *set, const char *item)
{
	const char *name = item;
	bool		present = true;
	int			number;

	if (pg_strcasecmp(name, "default") == 0)
	{
		for (int i = 0; i < NUM_ITEMS; i++)
			set[i] |= builtin[i] != NULL;
		return true;
	}

	if (name[0] == '-')
	{
		present = false;
		for (name++; isspace((unsigned char) *name); name++)
			;
	}
	number = item_number(name);
	if (number < 0)
	{
		for (int i = 0; i < (int) lengthof(builtin_commands); i++)
		{
			/* a newer server has it */
			if (pg_strcasecmp(name, builtin_commands[i].name) == 0)
				return true;
		}
		if (item[0] == '\0')
			GUC_check_errdetail("Empty item in the list: \"%s\".", item);
		else
			GUC_check_errdetail("Unrecognized command: \"%s\".", item);
		return false;
	}
	for (int i = 0; i < (int) lengthof(unlistable); i++)
	{
		if (pg_strcasecmp(name, unlistable[i]) == 0)
		{
			GUC_check_errdetail("Not a command that can be listed: \"%s\".", item);
			return false;
		}
	}
	set[number] = present;
	return true;
}

/*
 * Check hook: parse the list once, into a set.  An empty list denies
 * nothing.
 */
bool
pgsr_denied_commands_check(char **newval, void **extra, GucSource source)
{
	bool	   *set = pgsr_guc_malloc(NUM_ITEMS * sizeof(bool));
	char	   *rest = pgsr_begin_list(*newval);
	char	   *item;

	if (set == NULL)
		return false;
	memset(set, 0, NUM_ITEMS * sizeof(bool));
	while ((item = pgsr_next_item(&rest)) != NULL)
	{
		if (!apply_item(set, item))
		{
			pgsr_guc_free(set);
			return false;
		}
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

		if (copy->is_program && !denied[tag])
			return ITEM_COPY_PROGRAM;
		if (copy->filename != NULL && !denied[tag])
			return ITEM_COPY_FILE;
	}
	return tag;
}

/*
 * Is this the LOAD of this very library?  A host may send it to a session that an
 * administrator has guarded already.  No other path: one could lead elsewhere.
 */
static bool
loads_ourselves(Node *parsetree)
{
	const char *filename;

	if (!IsA(parsetree, LoadStmt))
		return false;
	filename = ((LoadStmt *) parsetree)->filename;
	return strcmp(filename, PGSR_PREFIX) == 0 ||
		strcmp(filename, "$libdir/" PGSR_PREFIX) == 0 ||
		strcmp(filename, "$libdir/plugins/" PGSR_PREFIX) == 0;
}

/*
 * Refuse a command, because of what the list denies.
 */
static void
refuse_command(const char *name, int item)
{
	const BuiltinCommand *command = builtin[item];
	const char *listed = command ? command->name : GetCommandTagName(item);
	const char *reason = command ? command->reason :
		"It is listed in \"" PGSR_DENIED_COMMANDS_NAME "\".";

	pgsr_refuse(name ? name : listed, reason,
				psprintf("An administrator can take %s out of \"%s\" for sessions to come.",
						 listed, PGSR_DENIED_COMMANDS_NAME));
}

/*
 * May the session make temporary tables?  None can on a standby.
 */
bool
pgsr_temporary_tables_allowed(void)
{
	return !denied[ITEM_TEMPORARY_TABLES] && !RecoveryInProgress();
}

/*
 * What a command needs that works on the session's temporary objects.  Most commands
 * do not, and are done here with one look.
 */
static inline PgsrCommandNeeds
temporary_needs(Node *parsetree, int item, bool subcommand)
{
	switch (nodeTag(parsetree))
	{
		case T_DiscardStmt:
			{
				DiscardMode target = ((DiscardStmt *) parsetree)->target;

				/* deletes catalog entries */
				if (target == DISCARD_ALL || target == DISCARD_TEMP)
					return PGSR_NEEDS_WRITES;
				break;
			}
		case T_CopyStmt:
			if (((CopyStmt *) parsetree)->is_from)
			{
				Oid			relid = RangeVarGetRelid(((CopyStmt *) parsetree)->relation,
													 NoLock, true);

				if (OidIsValid(relid) && pgsr_check_temporary(relid, true))
					return PGSR_NEEDS_XID;
			}
			break;
		case T_AlterSeqStmt:
		case T_AlterTableStmt:
		case T_CreateSeqStmt:
		case T_CreateStmt:
		case T_CreateTableAsStmt:
		case T_DropStmt:
		case T_IndexStmt:
		case T_TruncateStmt:
		case T_ViewStmt:
			if (RecoveryInProgress() || !pgsr_is_temporary_command(parsetree, subcommand))
				break;
			if (denied[ITEM_TEMPORARY_TABLES])
				refuse_command(GetCommandTagName(item), ITEM_TEMPORARY_TABLES);
			return PGSR_NEEDS_TEMPORARY;
		default:
			break;
	}
	return PGSR_NEEDS_NOTHING;
}

/*
 * Refuse a utility statement if the list denies it; otherwise return what it needs.
 *
 * A command of the built-in list that is not denied is one that an administrator
 * has allowed, and so may do what it does.  A subcommand is a part of another
 * statement, as core makes them of a column of type serial.
 */
PgsrCommandNeeds
pgsr_check_command(Node *parsetree, bool subcommand)
{
	int			item = statement_item(parsetree);
	const BuiltinCommand *command;

	if (item < 0)
		return PGSR_NEEDS_NOTHING;
	if (denied[item])
	{
		if (loads_ourselves(parsetree))
			return PGSR_NEEDS_NO_RUN;
		/* ANALYZE of nothing but temporary tables */
		if (item != CMDTAG_ANALYZE || !pgsr_temporary_tables_allowed() ||
			!pgsr_is_temporary_command(parsetree, subcommand))
			refuse_command(NULL, item);
		return PGSR_NEEDS_TEMPORARY;
	}
	command = builtin[item];
	if (command != NULL && command->needs != PGSR_NEEDS_NOTHING)
		return command->needs;
	return temporary_needs(parsetree, item, subcommand);
}
