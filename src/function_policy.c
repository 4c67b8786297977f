/*-------------------------------------------------------------------------
 *
 * function_policy.c
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
#include "catalog/pg_language.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "session_readonly.h"

PG_FUNCTION_INFO_V1(pg_session_readonly_denied_functions);

/*
 * The reviewed tables.  Their strings stand in one chunk, TableText, and the rows say
 * where: with three pointers a row, 4,911 had to be relocated as each session loads the
 * library; so there are 105 in all.
 */
#define ROW_(table, line) table##line
#define ROW(table, line) ROW_(table, line)

typedef struct TableText
{
#define FUNCTION(library, symbol, verdict, reason) \
	char		ROW(TABLE, __LINE__)[sizeof(library "\0" symbol "\0" reason)];
#include "reviewed_functions.h"
#undef FUNCTION
} TableText;

static const TableText table_text = {
#define FUNCTION(library, symbol, verdict, reason) library "\0" symbol "\0" reason,
#include "reviewed_functions.h"
#undef FUNCTION
};

/* A row: where its library, symbol and reason stand in the text, one after the other. */
typedef struct ReviewedFunction
{
	uint32		text;
	PgsrVerdict verdict;
} ReviewedFunction;

#define ALLOW	PGSR_READS
#define DENY	PGSR_DENIED_REVIEWED
#define WRITE	PGSR_DENIED_WRITES
#define XID		PGSR_TAKES_XID
#define FUNCTION(library, symbol, verdict, reason) \
	{offsetof(TableText, ROW(TABLE, __LINE__)), verdict},
static const ReviewedFunction core_functions[] = {
#define TABLE core
#include "function_table.h"
#undef TABLE
};
static const ReviewedFunction extension_functions[] = {
#define TABLE extension
#include "extension_table.h"
#undef TABLE
};
#undef FUNCTION
#undef ALLOW
#undef DENY
#undef WRITE
#undef XID

#define ROW_TEXT(row)	((const char *) &table_text + (row)->text)
#define NEXT_TEXT(text)	((text) + strlen(text) + 1)

/*
 * The verdicts found so far, by function.  All are forgotten when anything that a
 * verdict hangs on has changed.
 */
typedef struct CachedVerdict
{
	Oid			function;
	char		status;			/* simplehash's own */
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

/* What denied_functions and allowed_functions say. */
char	   *pgsr_denied_functions = NULL;
char	   *pgsr_allowed_functions = NULL;
static const PgsrFunctionList *denied = NULL;
static const PgsrFunctionList *allowed = NULL;

/* Counts how often the verdicts were forgotten, and as of when the cache is. */
static uint64 generation = 0;
static uint64 cache_generation = 0;

/*
 * Most calls are of core's own functions, whose numbers are small: those that are
 * known to read have a place of their own, which saves the hash.
 */
bool		pgsr_known_to_read[FirstGenbkiObjectId];

uint64		pgsr_passed_over = 0;

/*
 * Forget all verdicts.  Allocates nothing, so it may be called at any time.  Nothing is
 * to be forgotten where no function has been checked since the last time.
 */
void
pgsr_forget_verdicts(void)
{
	if (cache_generation != generation)
		return;
	generation++;
	memset(pgsr_known_to_read, 0, sizeof(pgsr_known_to_read));
}

/* Assign hooks of the lists. */
void
pgsr_denied_functions_assign(const char *newval, void *extra)
{
	denied = extra;
	pgsr_forget_verdicts();
}

void
pgsr_allowed_functions_assign(const char *newval, void *extra)
{
	allowed = extra;
	pgsr_forget_verdicts();
}

/*
 * Invalidation callback.
 */
static void
invalidate_verdicts(Datum arg, PgsrSysCacheId cacheid, uint32 hashvalue)
{
	pgsr_forget_verdicts();
}

/*
 * Have the cache invalidated.
 */
void
pgsr_function_policy_init(void)
{
	CacheRegisterSyscacheCallback(PROCOID, invalidate_verdicts, (Datum) 0);
	CacheRegisterSyscacheCallback(LANGOID, invalidate_verdicts, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, invalidate_verdicts, (Datum) 0);
}

/*
 * The name under which a library stands in the reviewed tables: also without a version
 * that some extensions put into the name (postgis-3, timescaledb-2.19.0-dev).
 */
static char *
reviewed_name(const char *probin)
{
	char	   *name = pgsr_library_name(probin);

	for (char *dash = strchr(name, '-'); dash != NULL; dash = strchr(dash + 1, '-'))
	{
		const char *rest = dash + 1 + strspn(dash + 1, "0123456789.");

		if (rest == dash + 1)
			continue;
		if (strncmp(rest, "-rc", 3) == 0)
			rest += 3 + strspn(rest + 3, "0123456789.");
		else if (strcmp(rest, "-dev") == 0)
			rest += 4;
		if (*rest == '\0')
		{
			*dash = '\0';
			break;
		}
	}
	return name;
}

/*
 * Compare a library and symbol with a row, for bsearch().
 */
static int
compare_reviewed(const void *key, const void *row)
{
	const char *const *wanted = key;
	const char *library = ROW_TEXT((const ReviewedFunction *) row);
	int			result = strcmp(wanted[0], library);

	return result ? result : strcmp(wanted[1], NEXT_TEXT(library));
}

/*
 * A text attribute of a function, or NULL.
 */
static char *
proc_text(HeapTuple proctup, AttrNumber attribute)
{
	bool		isnull;
	Datum		datum = SysCacheGetAttr(PROCOID, proctup, attribute, &isnull);

	return isnull ? NULL : TextDatumGetCString(datum);
}

/*
 * The row of the reviewed tables about a C or built-in function, or NULL.
 */
static const ReviewedFunction *
find_reviewed(HeapTuple proctup)
{
	const char *key[2] = {"", proc_text(proctup, Anum_pg_proc_prosrc)};
	const ReviewedFunction *found;

	if (((Form_pg_proc) GETSTRUCT(proctup))->prolang == ClanguageId)
	{
		const char *probin = proc_text(proctup, Anum_pg_proc_probin);

		if (probin == NULL)
			return NULL;
		key[0] = reviewed_name(probin);
	}
	if (key[1] == NULL)
		return NULL;
	found = bsearch(key, core_functions, lengthof(core_functions),
					sizeof(ReviewedFunction), compare_reviewed);
	if (found == NULL)
		found = bsearch(key, extension_functions, lengthof(extension_functions),
						sizeof(ReviewedFunction), compare_reviewed);
	return found;
}

/*
 * Does a function only hand out a table of routines?  What those do is checked
 * where they are used, or is what an administrator made of a foreign table.  A
 * language's handler is none: it runs code, and fmgr_info_other_lang() does not ask
 * about it where it runs a function of its language.
 */
static bool
is_handler(Oid rettype)
{
	return rettype == FDW_HANDLEROID || rettype == INDEX_AM_HANDLEROID ||
		rettype == TABLE_AM_HANDLEROID || rettype == TSM_HANDLEROID;
}

/*
 * Does a C function look like the validator of a language?  It compiles what the author
 * of a function wrote, and so may run it, whatever it is declared to be.
 */
static bool
is_validator(Form_pg_proc proc)
{
	return proc->prolang == ClanguageId && proc->prorettype == VOIDOID &&
		proc->pronargs == 1 && proc->proargtypes.values[0] == OIDOID;
}

/*
 * Does a function convert encodings?  Core calls it outside transactions as well, where
 * one that passes fmgr_hook could not be looked up (SetClientEncoding() in mbutils.c).
 */
static bool
is_conversion(Oid function)
{
	Oid		   *types;
	int			n;

	(void) get_func_signature(function, &types, &n);
	return n == 6 && types[2] == CSTRINGOID && types[3] == INTERNALOID;
}

/*
 * Find the verdict on a function, and in *detail why it is refused, or what the
 * review says of it.
 */
static PgsrVerdict
function_verdict(HeapTuple proctup, const char **detail)
{
	Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(proctup);
	bool		in_c = proc->prolang == INTERNALlanguageId || proc->prolang == ClanguageId;
	const ReviewedFunction *row = in_c ? find_reviewed(proctup) : NULL;
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

	if (pgsr_list_has(denied, proc, language))
	{
		*detail = "It is listed in \"" PGSR_DENIED_FUNCTIONS_NAME "\".";
		return PGSR_DENIED_BY_SETTING;
	}
	if (row != NULL)
		*detail = NEXT_TEXT(NEXT_TEXT(ROW_TEXT(row)));
	/* no hook sees where a call of this one ends */
	if (row != NULL && row->verdict == PGSR_DENIED_WRITES && proc->oid < FirstGenbkiObjectId)
		return PGSR_DENIED_WRITES;
	if (pgsr_list_has(allowed, proc, language))
		return is_conversion(proc->oid) ? PGSR_READS : PGSR_ALLOWED_BY_SETTING;
	if (row != NULL)
		return row->verdict == PGSR_DENIED_WRITES ? PGSR_DENIED_REVIEWED : row->verdict;

	if (in_c)
	{
		if (is_handler(proc->prorettype))
			return PGSR_READS;
		if (proc->provolatile == PROVOLATILE_VOLATILE)
			*detail = "It is a volatile C function, and nobody has reviewed what it does.";
		else if (is_validator(proc) ||
				 (proc->prolang == ClanguageId && denied->unreviewed &&
				  proc->oid >= FirstNormalObjectId))	/* not core's conversions */
			*detail = "It is a C function, and nobody has reviewed what it does.";
		return *detail ? PGSR_DENIED_UNREVIEWED : PGSR_READS;
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
refuse_function(Oid function)
{
	HeapTuple	proctup = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc proc;
	const char *detail;
	const char *name;
	const char *hint = NULL;
	PgsrVerdict verdict;

	if (!HeapTupleIsValid(proctup))
		elog(ERROR, "cache lookup failed for function %u", function);
	proc = (Form_pg_proc) GETSTRUCT(proctup);
	name = pstrdup(NameStr(proc->proname));
	verdict = function_verdict(proctup, &detail);
	if (verdict == PGSR_DENIED_WRITES)
		hint = psprintf("An administrator can allow a function that calls it, by the name of that one in \"%s\".",
						PGSR_ALLOWED_FUNCTIONS_NAME);
	else if (verdict != PGSR_DENIED_BY_SETTING)
		hint = psprintf("An administrator can add %s to \"%s\" for sessions to come.",
						quote_qualified_identifier(get_namespace_name(proc->pronamespace),
												   name),
						PGSR_ALLOWED_FUNCTIONS_NAME);
	ReleaseSysCache(proctup);

	/* without words if it was replaced just now by one that may run */
	pgsr_refuse_call(name, detail ? detail : "It was changed.", hint);
}

/*
 * Load the library that a function's code is in, or that of its language, before
 * anybody runs it.
 */
static void
load_library_of(HeapTuple proctup)
{
	Oid			language = ((Form_pg_proc) GETSTRUCT(proctup))->prolang;
	HeapTuple	langtup;
	Oid			handler;
	char	   *probin;
	char	   *prosrc;

	if (language == ClanguageId)
	{
		probin = proc_text(proctup, Anum_pg_proc_probin);
		prosrc = proc_text(proctup, Anum_pg_proc_prosrc);
		if (probin != NULL && prosrc != NULL)
			pgsr_load_library(probin, prosrc);
		return;
	}
	if (language == INTERNALlanguageId || language == SQLlanguageId)
		return;

	langtup = SearchSysCache1(LANGOID, ObjectIdGetDatum(language));
	if (!HeapTupleIsValid(langtup))
		elog(ERROR, "cache lookup failed for language %u", language);
	handler = ((Form_pg_language) GETSTRUCT(langtup))->lanplcallfoid;
	ReleaseSysCache(langtup);
	proctup = SearchSysCache1(PROCOID, ObjectIdGetDatum(handler));
	if (!HeapTupleIsValid(proctup))
		return;
	if (((Form_pg_proc) GETSTRUCT(proctup))->prolang == ClanguageId)
		load_library_of(proctup);
	ReleaseSysCache(proctup);
}

/*
 * Find the verdict on a function that is not in the cache, and put it there.
 */
static PgsrVerdict
find_verdict(Oid function)
{
	CachedVerdict *entry;
	bool		found;
	HeapTuple	proctup;
	MemoryContext work;
	MemoryContext old;
	const char *detail;
	PgsrVerdict verdict;
	uint64		begun_at = generation;

	proctup = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(proctup))
		return PGSR_READS;		/* core is about to say so */
	/* an error in between ends the transaction or subtransaction */
	work = AllocSetContextCreate(CurTransactionContext, "pg_session_readonly verdict",
								 ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(work);
	verdict = function_verdict(proctup, &detail);
	if ((verdict <= PGSR_ALLOWED_BY_SETTING || pgsr_allowed_calls > 0) &&
		pgsr_mode == PGSR_LOCKED)
		load_library_of(proctup);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(work);
	ReleaseSysCache(proctup);

	/*
	 * What ALTER EXTENSION ... ADD and DROP change invalidates no cache.  And an
	 * invalidation may have come in between.  The library of a refused function is
	 * yet to be loaded, should an allowed one call it.
	 */
	if (generation != begun_at || verdict > PGSR_ALLOWED_BY_SETTING ||
		(function >= FirstGenbkiObjectId && (denied->has_extension || allowed->has_extension)))
		return verdict;
	entry = verdicts_insert(cache, function, &found);
	entry->verdict = verdict;
	if (function < FirstGenbkiObjectId && verdict == PGSR_READS)
		pgsr_known_to_read[function] = true;
	return verdict;
}

/*
 * Do what the verdict on a function says: refuse it, unless an allowed one calls it,
 * or see to it that the write guard does not refuse the id that it takes.  Returns
 * whether its calls must be seen to begin and end.
 */
bool
pgsr_check_function_verdict(Oid function)
{
	CachedVerdict *entry;
	PgsrVerdict verdict;

	if (cache == NULL)
		cache = verdicts_create(TopMemoryContext, 256, NULL);
	if (cache_generation != generation)
	{
		verdicts_reset(cache);
		cache_generation = generation;
	}
	entry = verdicts_lookup(cache, function);
	verdict = likely(entry != NULL) ? entry->verdict : find_verdict(function);

	switch (verdict)
	{
		case PGSR_READS:
			return false;
		case PGSR_TAKES_XID:
			pgsr_expect_xid();
			return false;
		case PGSR_ALLOWED_BY_SETTING:
			if (function < FirstGenbkiObjectId)
				pgsr_expect_xid();
			return true;
		default:
			if (pgsr_allowed_calls == 0)
				refuse_function(function);
			pgsr_passed_over++;
			return !is_conversion(function);
	}
}

/*
 * Refuse a DO block in a language that may not run.  Its text comes from the
 * untrusted side, so only a language will do whose every step passes our hooks:
 * others, trusted or not, can ignore signals or crash the server.  Where an
 * administrator has allowed its language it runs, and is guarded.
 */
void
pgsr_check_do(DoStmt *stmt)
{
	const char *language = "plpgsql";
	ListCell   *lc;

	foreach(lc, stmt->args)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "language") == 0)
			language = strVal(option->arg);
	}

	if (!SearchSysCacheExists1(LANGNAME, CStringGetDatum(language)))
		return;					/* core is about to say so */

	if (pgsr_list_has(denied, NULL, language))
		pgsr_refuse(psprintf("DO in language %s", language),
					"It is listed in \"" PGSR_DENIED_FUNCTIONS_NAME "\".", NULL);
	if (strcmp(language, "plpgsql") != 0 && !pgsr_list_has(allowed, NULL, language))
		pgsr_refuse(psprintf("DO in language %s", language),
					"The code of the block does not pass the checks of a read-only session.",
					psprintf("An administrator can add language:%s to \"%s\" for sessions to come.",
							 quote_identifier(language),
							 PGSR_ALLOWED_FUNCTIONS_NAME));
}

/*
 * pg_session_readonly_denied_functions(OUT function regprocedure,
 *		OUT reason text, OUT detail text) returns setof record
 *
 * Every function of this database that a locked session would refuse under the
 * policy settings as they are here, and why: "reviewed", "writes" (it is built in, so
 * that only a function that calls it can be allowed), "unreviewed", "language" or
 * "setting".
 */
Datum
pg_session_readonly_denied_functions(PG_FUNCTION_ARGS)
{
	static const char *const reasons[] = {
		[PGSR_DENIED_BY_SETTING] = "setting",
		[PGSR_DENIED_WRITES] = "writes",
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
		PgsrVerdict verdict = function_verdict(tuple, &detail);

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
