/*-------------------------------------------------------------------------
 *
 * lookups.c
 *	  Functions that were looked up before the session was guarded.
 *
 * Our hooks see a function as it is looked up.  What core has looked up before, and
 * keeps, they would not see.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_range.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/typcache.h"

#include "session_readonly.h"

/*
 * Stands in for a function that was looked up before the session was guarded: look
 * it up anew, under the eyes of our hooks, and call it.
 */
static Datum
look_up_and_call(PG_FUNCTION_ARGS)
{
	FmgrInfo   *flinfo = fcinfo->flinfo;

	fmgr_info_cxt(flinfo->fn_oid, flinfo, flinfo->fn_mcxt);
	return FunctionCallInvoke(fcinfo);
}

/*
 * Have a type's support functions looked up anew.  The type cache keeps its look-ups
 * when it is invalidated (lookup_type_cache() in typcache.c), and somebody may be in
 * the midst of using them.
 */
static void
forget_support_functions(Oid type)
{
	TypeCacheEntry *entry = lookup_type_cache(type, 0);
	FmgrInfo   *kept[] = {
		&entry->eq_opr_finfo,
		&entry->cmp_proc_finfo,
		&entry->hash_proc_finfo,
		&entry->hash_extended_proc_finfo,
		&entry->rng_cmp_proc_finfo,
		&entry->rng_canonical_finfo,
		&entry->rng_subdiff_finfo,
	};

	for (int i = 0; i < (int) lengthof(kept); i++)
	{
		if (kept[i]->fn_oid >= FirstGenbkiObjectId)
			kept[i]->fn_addr = look_up_and_call;
	}
}

/*
 * Forget the look-ups for each type that a row of a catalog is about, from
 * "type_attribute" of it, if its "key_attribute" says that it is not core's own.
 * Returns whether there was one.
 */
static bool
forget_lookups_of(Oid catalog, AttrNumber key_attribute, AttrNumber type_attribute)
{
	Relation	rel = table_open(catalog, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;
	bool		found = false;

	while ((tuple = systable_getnext(scan)) != NULL)
	{
		bool		isnull;
		Datum		key = heap_getattr(tuple, key_attribute, RelationGetDescr(rel), &isnull);
		Datum		type = heap_getattr(tuple, type_attribute, RelationGetDescr(rel), &isnull);

		if (DatumGetObjectId(key) < FirstNormalObjectId ||
			!get_typisdefined(DatumGetObjectId(type)))
			continue;
		forget_support_functions(DatumGetObjectId(type));
		found = true;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

/*
 * Have functions that were looked up before the session was guarded looked up
 * anew, under the eyes of our hooks.
 *
 * In the type cache these are those of the operator classes and ranges that are not
 * core's own, and where there is one, those of any type that may use them: a domain
 * or whatever else is as good as the type.  Arrays and rows use those of their
 * elements.
 */
void
pgsr_flush_lookups(void)
{
	bool		found;

	InvalidateSystemCaches();
	found = forget_lookups_of(OperatorClassRelationId, Anum_pg_opclass_oid,
							  Anum_pg_opclass_opcintype);
	found |= forget_lookups_of(RangeRelationId, Anum_pg_range_rngtypid,
							   Anum_pg_range_rngtypid);
	if (found)
		(void) forget_lookups_of(TypeRelationId, Anum_pg_type_oid, Anum_pg_type_oid);
}
