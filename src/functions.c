/*-------------------------------------------------------------------------
 *
 * functions.c
 *	  Which functions a read-only session may run.
 *
 * Core checks almost no function in a read-only transaction.  A function in SQL,
 * plpgsql or another trusted language needs no check of its own: what it does
 * inside is checked.  C code does what it likes, so each C function is looked up
 * by library and symbol (names prove nothing, anyone may have made an alias) in a
 * table of reviewed ones; a volatile one that nobody has reviewed is refused.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "common/hashfn.h"
#include "compat.h"
#include "fmgr.h"
#include "funcapi.h"
#include "functions.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "refusal.h"
#include "settings.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(pg_session_readonly_denied_functions);

/* A row of the reviewed table. */
typedef struct ReviewedFunction
{
	const char *library;		/* without directory, version and suffix */
	const char *symbol;
	bool		denied;
	const char *reason;
} ReviewedFunction;

#define ALLOW	false
#define DENY	true
#define FUNCTION(library, symbol, verdict, reason) \
	{library, symbol, verdict, reason},
static const ReviewedFunction reviewed_functions[] = {
#include "function_table.h"
};
#undef FUNCTION
#undef ALLOW
#undef DENY

/* The kinds of item in denied_functions and allowed_functions. */
typedef enum ItemKind
{
	ITEM_FUNCTION,
	ITEM_EXTENSION,
	ITEM_LANGUAGE
} ItemKind;

typedef struct ListItem
{
	ItemKind	kind;
	char		schema[NAMEDATALEN];	/* of a function; empty if any */
	char		name[NAMEDATALEN];
} ListItem;

typedef struct FunctionList
{
	int			length;
	ListItem	items[FLEXIBLE_ARRAY_MEMBER];
} FunctionList;

char	   *pgsr_denied_functions = NULL;
char	   *pgsr_allowed_functions = NULL;
bool		pgsr_functions_allowed = false;

static const FunctionList *denied_list = NULL;
static const FunctionList *allowed_list = NULL;

/*
 * The verdicts found so far, by function.  The whole cache is forgotten when
 * anything that a verdict hangs on has changed.
 */
typedef struct CachedVerdict
{
	Oid			function;
	char		status;			/* simplehash's own */
	bool		ran;			/* not only seen in a query's text */
	PgsrVerdict verdict;
} CachedVerdict;

#define SH_PREFIX verdicts
#define SH_ELEMENT_TYPE CachedVerdict
#define SH_KEY_TYPE Oid
#define SH_KEY function
#define SH_HASH_KEY(tb, key) murmurhash32(key)
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

static verdicts_hash *cache = NULL;
static bool cache_stale = false;

/*
 * Most calls are of core's own functions, whose numbers are small: those that are
 * known to read have a place of their own, which saves the hash.
 */
static bool known_to_read[FirstGenbkiObjectId];

/*
 * Invalidation callback: allocates nothing, so it only leaves a note.
 */
static void
forget_verdicts(Datum arg, PgsrSysCacheId cacheid, uint32 hashvalue)
{
	cache_stale = true;
}

/*
 * Have the cache invalidated.
 */
void
pgsr_functions_init(void)
{
	CacheRegisterSyscacheCallback(PROCOID, forget_verdicts, (Datum) 0);
	CacheRegisterSyscacheCallback(LANGOID, forget_verdicts, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, forget_verdicts, (Datum) 0);
}

/*
 * Read an identifier as SQL would: folded to lower case unless it is in double
 * quotes.  Returns what follows it, or NULL if there is none here.
 */
static const char *
read_identifier(const char *in, char *name)
{
	int			length = 0;
	bool		quoted = *in == '"';

	if (quoted)
		in++;
	for (;; in++)
	{
		unsigned char ch = *in;

		if (quoted && ch == '"')
		{
			if (in[1] != '"')
				break;
			in++;
		}
		else if (quoted ? ch == '\0' :
				 !(isalnum(ch) || ch == '_' || ch == '$' || IS_HIGHBIT_SET(ch) ||
				   ch == '-'))
			break;
		if (length == NAMEDATALEN - 1)
			return NULL;
		name[length++] = quoted ? ch : pg_tolower(ch);
	}
	name[length] = '\0';
	if (length == 0 || (quoted && *in != '"'))
		return NULL;
	return quoted ? in + 1 : in;
}

/*
 * Read one item of a list.  Returns what follows it, or NULL if it is no item.
 */
static const char *
read_item(const char *in, ListItem *item)
{
	static const struct
	{
		const char *prefix;
		ItemKind	kind;
	}			kinds[] =
	{
		{"extension:", ITEM_EXTENSION},
		{"language:", ITEM_LANGUAGE},
	};

	memset(item, 0, sizeof(*item));
	item->kind = ITEM_FUNCTION;
	for (int i = 0; i < (int) lengthof(kinds); i++)
	{
		size_t		length = strlen(kinds[i].prefix);

		if (pg_strncasecmp(in, kinds[i].prefix, length) == 0)
		{
			item->kind = kinds[i].kind;
			in += length;
		}
	}
	in = read_identifier(in, item->name);
	if (in != NULL && *in == '.' && item->kind == ITEM_FUNCTION)
	{
		strcpy(item->schema, item->name);
		in = read_identifier(in + 1, item->name);
	}
	return in;
}

/*
 * Parse a list of functions into *list, which has room for as many items as the
 * string has commas, and one.  Returns NULL, or where the first bad item begins.
 */
static const char *
parse_list(const char *in, FunctionList *list)
{
	list->length = 0;
	while (isspace((unsigned char) *in))
		in++;
	if (*in == '\0')
		return NULL;
	for (;;)
	{
		const char *start = in;

		in = read_item(in, &list->items[list->length++]);
		if (in == NULL)
			return start;
		while (isspace((unsigned char) *in))
			in++;
		if (*in == '\0')
			return NULL;
		if (*in != ',')
			return start;
		in++;
		while (isspace((unsigned char) *in))
			in++;
	}
}

/*
 * The room that a list needs.
 */
static size_t
list_size(const char *in)
{
	int			items = 1;

	for (; *in; in++)
		items += *in == ',';
	return offsetof(FunctionList, items) + items * sizeof(ListItem);
}

/*
 * Check hook of both lists.  Whether the functions exist is not asked: a list is
 * good for more than one database.
 */
bool
pgsr_functions_check(char **newval, void **extra, GucSource source)
{
	FunctionList *list = pgsr_guc_malloc(list_size(*newval));
	const char *bad;

	if (list == NULL)
		return false;
	*extra = list;
	bad = parse_list(*newval, list);
	if (bad == NULL)
		return true;
	pgsr_guc_free(list);
	GUC_check_errdetail("Not the name of a function, \"extension:\" or \"language:\": \"%.*s\".",
						(int) strcspn(bad, ","), bad);
	return false;
}

/* Assign hooks. */
void
pgsr_denied_functions_assign(const char *newval, void *extra)
{
	denied_list = extra;
	cache_stale = true;
}

void
pgsr_allowed_functions_assign(const char *newval, void *extra)
{
	allowed_list = extra;
	pgsr_functions_allowed = allowed_list != NULL && allowed_list->length > 0;
	cache_stale = true;
}

/*
 * Is a language named in a list?
 */
static bool
list_has_language(const FunctionList *list, const char *language)
{
	for (int i = 0; i < list->length; i++)
	{
		if (list->items[i].kind == ITEM_LANGUAGE &&
			strcmp(list->items[i].name, language) == 0)
			return true;
	}
	return false;
}

/*
 * Is a function named in a list, in any of the ways?
 */
static bool
list_has_function(const FunctionList *list, Form_pg_proc proc, const char *language)
{
	char	   *extension = NULL;
	bool		know_extension = false;

	if (list->length == 0)
		return false;
	if (list_has_language(list, language))
		return true;

	for (int i = 0; i < list->length; i++)
	{
		const ListItem *item = &list->items[i];

		if (item->kind == ITEM_FUNCTION &&
			strcmp(item->name, NameStr(proc->proname)) == 0)
		{
			char	   *schema;

			if (item->schema[0] == '\0')
				return true;
			schema = get_namespace_name(proc->pronamespace);
			if (schema != NULL && strcmp(item->schema, schema) == 0)
				return true;
		}
		else if (item->kind == ITEM_EXTENSION)
		{
			if (!know_extension)
			{
				Oid			id = getExtensionOfObject(ProcedureRelationId, proc->oid);

				extension = OidIsValid(id) ? get_extension_name(id) : NULL;
				know_extension = true;
			}
			if (extension != NULL && strcmp(item->name, extension) == 0)
				return true;
		}
	}
	return false;
}

/*
 * The name under which a library stands in the reviewed table: without its
 * directory, the suffix of libraries, and a version that some extensions put
 * into the name (postgis-3).
 */
static char *
library_name(const char *probin)
{
	const char *slash = strrchr(probin, '/');
	char	   *name = pstrdup(slash ? slash + 1 : probin);
	size_t		length = strlen(name);
	size_t		suffix = strlen(DLSUFFIX);
	char	   *dash;

	if (length > suffix && strcmp(name + length - suffix, DLSUFFIX) == 0)
		name[length - suffix] = '\0';
	dash = strrchr(name, '-');
	if (dash != NULL && isdigit((unsigned char) dash[1]) &&
		strspn(dash + 1, "0123456789.") == strlen(dash + 1))
		*dash = '\0';
	return name;
}

/*
 * Comparison of two rows for bsearch().
 */
static int
compare_reviewed(const void *a, const void *b)
{
	const ReviewedFunction *ra = a;
	const ReviewedFunction *rb = b;
	int			result = strcmp(ra->library, rb->library);

	return result ? result : strcmp(ra->symbol, rb->symbol);
}

/*
 * The row of the reviewed table about a C or built-in function, or NULL.
 */
static const ReviewedFunction *
find_reviewed(HeapTuple proctup)
{
	Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(proctup);
	ReviewedFunction key = {.library = ""};
	Datum		datum;
	bool		isnull;

	datum = SysCacheGetAttr(PROCOID, proctup, Anum_pg_proc_prosrc, &isnull);
	if (isnull)
		return NULL;
	key.symbol = TextDatumGetCString(datum);
	if (proc->prolang == ClanguageId)
	{
		datum = SysCacheGetAttr(PROCOID, proctup, Anum_pg_proc_probin, &isnull);
		if (isnull)
			return NULL;
		key.library = library_name(TextDatumGetCString(datum));
	}
	return bsearch(&key, reviewed_functions, lengthof(reviewed_functions),
				   sizeof(ReviewedFunction), compare_reviewed);
}

/*
 * Does a function only hand out a table of routines?  What those do is checked
 * where they are used, or is what an administrator made of a foreign table.
 */
static bool
is_handler(Oid rettype)
{
	return rettype == FDW_HANDLEROID || rettype == INDEX_AM_HANDLEROID ||
		rettype == TABLE_AM_HANDLEROID || rettype == TSM_HANDLEROID ||
		rettype == LANGUAGE_HANDLEROID;
}

/*
 * Find the verdict on a function, and in *detail why it is refused, or what the
 * review says of it.
 */
PgsrVerdict
pgsr_function_verdict(HeapTuple proctup, const char **detail)
{
	Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(proctup);
	const ReviewedFunction *row;
	HeapTuple	langtup;
	char	   *language;
	bool		trusted;

	*detail = NULL;
	langtup = SearchSysCache1(LANGOID, ObjectIdGetDatum(proc->prolang));
	if (!HeapTupleIsValid(langtup))
		elog(ERROR, "cache lookup failed for language %u", proc->prolang);
	language = pstrdup(NameStr(((Form_pg_language) GETSTRUCT(langtup))->lanname));
	trusted = ((Form_pg_language) GETSTRUCT(langtup))->lanpltrusted;
	ReleaseSysCache(langtup);

	if (list_has_function(denied_list, proc, language))
	{
		*detail = "It is listed in \"" PGSR_DENIED_FUNCTIONS_NAME "\".";
		return PGSR_DENIED_BY_SETTING;
	}
	if (list_has_function(allowed_list, proc, language))
		return PGSR_ALLOWED_BY_SETTING;

	if (proc->prolang == INTERNALlanguageId || proc->prolang == ClanguageId)
	{
		row = find_reviewed(proctup);
		if (row != NULL)
		{
			*detail = row->reason;
			return row->denied ? PGSR_DENIED_REVIEWED : PGSR_READS;
		}
		if (proc->provolatile != PROVOLATILE_VOLATILE || is_handler(proc->prorettype))
			return PGSR_READS;
		*detail = "It is a volatile C function, and nobody has reviewed what it does.";
		return PGSR_DENIED_UNREVIEWED;
	}

	if (!trusted)
	{
		*detail = psprintf("Language \"%s\" is not trusted: its code can do all that the server can.",
						   language);
		return PGSR_DENIED_LANGUAGE;
	}
	return PGSR_READS;
}

/*
 * Refuse a function.  The verdict is found once more, for the words that were
 * not worth caching.
 */
static void
refuse_function(Oid function, ParseState *pstate, int location)
{
	HeapTuple	proctup = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	const char *detail;
	const char *name;
	const char *hint;

	if (!HeapTupleIsValid(proctup))
		elog(ERROR, "cache lookup failed for function %u", function);
	name = pstrdup(NameStr(((Form_pg_proc) GETSTRUCT(proctup))->proname));
	hint = "Use a connection that is not read-only.";
	if (pgsr_function_verdict(proctup, &detail) != PGSR_DENIED_BY_SETTING)
		hint = psprintf("Use a connection that is not read-only, or have an administrator add %s to \"%s\" before the session is locked.",
						quote_qualified_identifier(get_namespace_name(((Form_pg_proc) GETSTRUCT(proctup))->pronamespace),
												   name),
						PGSR_ALLOWED_FUNCTIONS_NAME);
	ReleaseSysCache(proctup);

	/* without words if it was replaced just now by one that may run */
	pgsr_refuse_at(psprintf("%s()", name), detail ? detail : "It was changed.",
				   hint, pstate, location);
}

/*
 * Look up a verdict in the hash, or find and cache it.  If the function is about
 * to run for the first time, its library is loaded right after this, and may
 * bring settings.
 */
static PgsrVerdict
find_verdict(Oid function, bool runs)
{
	CachedVerdict *entry;
	bool		found;
	HeapTuple	proctup;
	MemoryContext work;
	MemoryContext old;
	const char *detail;
	PgsrVerdict verdict;

	if (cache == NULL)
		cache = verdicts_create(TopMemoryContext, 256, NULL);
	if (cache_stale)
	{
		verdicts_reset(cache);
		memset(known_to_read, 0, sizeof(known_to_read));
		cache_stale = false;
	}

	entry = verdicts_lookup(cache, function);
	if (entry != NULL)
	{
		if (runs && !entry->ran)
		{
			entry->ran = true;
			pgsr_settings_expect(function);
		}
		return entry->verdict;
	}

	proctup = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(proctup))
		return PGSR_READS;		/* core is about to say so */
	work = AllocSetContextCreate(CurrentMemoryContext, "pg_session_readonly verdict",
								 ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(work);
	verdict = pgsr_function_verdict(proctup, &detail);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(work);
	ReleaseSysCache(proctup);

	entry = verdicts_insert(cache, function, &found);
	entry->verdict = verdict;
	entry->ran = runs || function < FirstGenbkiObjectId;
	if (function < FirstGenbkiObjectId)
		known_to_read[function] = verdict == PGSR_READS;
	else if (runs)
		pgsr_settings_expect(function);
	return verdict;
}

/*
 * The verdict on a function.
 */
static inline PgsrVerdict
get_verdict(Oid function, bool runs)
{
	if (likely(function < FirstGenbkiObjectId && known_to_read[function] &&
			   !cache_stale))
		return PGSR_READS;
	return find_verdict(function, runs);
}

/*
 * Refuse a function that is about to run, if it may not.  Returns whether the
 * policy explicitly allows it, so that what it does needs leave.
 */
bool
pgsr_function_check(Oid function)
{
	PgsrVerdict verdict = get_verdict(function, true);

	if (verdict > PGSR_ALLOWED_BY_SETTING)
		refuse_function(function, NULL, -1);
	return verdict == PGSR_ALLOWED_BY_SETTING;
}

/* What the walk over a query needs. */
typedef struct WalkContext
{
	ParseState *pstate;
	Node	   *node;
} WalkContext;

static bool check_calls(Node *node, void *arg);
static bool check_query(Query *query, WalkContext *context);

/*
 * Callback of check_functions_in_node(): refuse a call where it stands.
 */
static bool
check_call(Oid function, void *arg)
{
	WalkContext *context = arg;

	if (get_verdict(function, false) > PGSR_ALLOWED_BY_SETTING)
		refuse_function(function, context->pstate, exprLocation(context->node));
	return false;
}

/*
 * Does an expression call nothing, as can be seen at once?
 */
static inline bool
is_leaf(Node *node)
{
	return IsA(node, Var) || IsA(node, Const) || IsA(node, Param) ||
		IsA(node, RangeTblRef);
}

/*
 * Walk over a list, stepping over what calls nothing.
 */
static inline void
check_list(List *list, WalkContext *context)
{
	ListCell   *lc;

	foreach(lc, list)
	{
		Node	   *node = lfirst(lc);

		if (node != NULL && IsA(node, TargetEntry))
			node = (Node *) ((TargetEntry *) node)->expr;
		if (node != NULL && !is_leaf(node))
			(void) check_calls(node, context);
	}
}

/*
 * Walk over a query and all below it.
 *
 * The walk is done for every query, so the nodes that most queries are made of
 * are looked at here; core's walkers do the rest.
 */
static bool
check_calls(Node *node, void *arg)
{
	WalkContext *context = arg;

	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_OpExpr:
			if (!OidIsValid(((OpExpr *) node)->opfuncid))
				set_opfuncid((OpExpr *) node);
			context->node = node;
			(void) check_call(((OpExpr *) node)->opfuncid, context);
			check_list(((OpExpr *) node)->args, context);
			return false;
		case T_FuncExpr:
			context->node = node;
			(void) check_call(((FuncExpr *) node)->funcid, context);
			check_list(((FuncExpr *) node)->args, context);
			return false;
		case T_List:
			check_list((List *) node, context);
			return false;
		case T_Query:
			return check_query((Query *) node, context);
		default:
			context->node = node;
			(void) check_functions_in_node(node, check_call, arg);
			return expression_tree_walker(node, check_calls, arg);
	}
}

/*
 * Likewise, over a query with all its clauses.
 */
static bool
check_query(Query *query, WalkContext *context)
{
	ListCell   *lc;

	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind != RTE_RELATION || rte->tablesample != NULL)
			return query_tree_walker(query, check_calls, context, 0);
	}
	if (query->commandType != CMD_SELECT || query->cteList != NIL ||
		query->setOperations != NULL || query->windowClause != NIL)
		return query_tree_walker(query, check_calls, context, 0);

	check_list(query->targetList, context);
	check_list(query->jointree->fromlist, context);
	if (query->jointree->quals != NULL)
		(void) check_calls(query->jointree->quals, context);
	if (query->havingQual != NULL)
		(void) check_calls(query->havingQual, context);
	if (query->limitOffset != NULL)
		(void) check_calls(query->limitOffset, context);
	if (query->limitCount != NULL)
		(void) check_calls(query->limitCount, context);
	return false;
}

/*
 * Refuse a query whose own text calls a function that may not run, so that the
 * error points at the call.  Those in views and other functions are refused when
 * they run.
 */
void
pgsr_query_functions_check(ParseState *pstate, Query *query)
{
	WalkContext context = {.pstate = pstate};
	Node	   *utility = query->utilityStmt;

	if (likely(utility == NULL))
		(void) check_query(query, &context);
	else if (IsA(utility, ExplainStmt))
		(void) check_calls(((ExplainStmt *) utility)->query, &context);
	else if (IsA(utility, DeclareCursorStmt))
		(void) check_calls(((DeclareCursorStmt *) utility)->query, &context);
	else if (IsA(utility, CallStmt))
		(void) check_calls((Node *) ((CallStmt *) utility)->funcexpr, &context);
}

/*
 * Refuse a DO block in a language that may not run.  Returns whether the policy
 * explicitly allows the language.
 */
bool
pgsr_do_check(DoStmt *stmt)
{
	const char *language = "plpgsql";
	HeapTuple	langtup;
	bool		trusted;
	ListCell   *lc;

	foreach(lc, stmt->args)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "language") == 0)
			language = strVal(option->arg);
	}

	langtup = SearchSysCache1(LANGNAME, CStringGetDatum(language));
	if (!HeapTupleIsValid(langtup))
		return false;			/* core is about to say so */
	trusted = ((Form_pg_language) GETSTRUCT(langtup))->lanpltrusted;
	ReleaseSysCache(langtup);

	if (list_has_language(denied_list, language))
		pgsr_refuse(psprintf("DO in language %s", language),
					"It is listed in \"" PGSR_DENIED_FUNCTIONS_NAME "\".", NULL);
	if (list_has_language(allowed_list, language))
		return true;
	if (!trusted)
		pgsr_refuse(psprintf("DO in language %s", language),
					"The language is not trusted: its code can do all that the server can.",
					psprintf("Use a connection that is not read-only, or have an administrator add language:%s to \"%s\" before the session is locked.",
							 quote_identifier(language),
							 PGSR_ALLOWED_FUNCTIONS_NAME));
	return false;
}

/*
 * pg_session_readonly_denied_functions(OUT function regprocedure,
 *		OUT reason text, OUT detail text) returns setof record
 *
 * Every function of this database that a locked session would refuse under the
 * policy settings as they are here, and why: "reviewed", "unreviewed", "language"
 * or "setting".
 */
Datum
pg_session_readonly_denied_functions(PG_FUNCTION_ARGS)
{
	static const char *const reasons[] = {
		[PGSR_DENIED_BY_SETTING] = "setting",
		[PGSR_DENIED_REVIEWED] = "reviewed",
		[PGSR_DENIED_UNREVIEWED] = "unreviewed",
		[PGSR_DENIED_LANGUAGE] = "language",
	};
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;
	MemoryContext work;

	InitMaterializedSRF(fcinfo, 0);
	work = AllocSetContextCreate(CurrentMemoryContext, "pg_session_readonly verdict",
								 ALLOCSET_DEFAULT_SIZES);
	rel = table_open(ProcedureRelationId, AccessShareLock);
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while ((tuple = systable_getnext(scan)) != NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(work);
		const char *detail;
		PgsrVerdict verdict = pgsr_function_verdict(tuple, &detail);

		if (verdict > PGSR_ALLOWED_BY_SETTING)
		{
			Datum		values[3];
			bool		nulls[3] = {false, false, false};

			values[0] = ObjectIdGetDatum(((Form_pg_proc) GETSTRUCT(tuple))->oid);
			values[1] = CStringGetTextDatum(reasons[verdict]);
			values[2] = CStringGetTextDatum(detail);
			tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(work);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	MemoryContextDelete(work);
	return (Datum) 0;
}
