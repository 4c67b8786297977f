/*-------------------------------------------------------------------------
 *
 * acting_settings.h
 *	  Settings that anyone may set, and that act: they write files, load code,
 *	  connect, change what other sessions see or what is recorded of this one,
 *	  crash the server, or open a way past what is refused.
 *
 * One row a line: name, reason.  They are pinned in every locked session, beside
 * those that only a superuser may set.  In the order of their names.
 *
 * The table is what the sweep found (t/sweep/settings.pl) in the contrib modules, the
 * languages and the packaged extensions of bookworm, whose settings t/settings_seen
 * names, and what reading found: in extensions that are not packaged there, and of what
 * acts only in a use that the sweep makes none of.
 *
 *-------------------------------------------------------------------------
 */
ACTING_SETTING("citus.enable_change_data_capture", "Its assign hook changes dynamic_library_path.")
ACTING_SETTING("citus.writable_standby_coordinator", "On a standby it lets writes through to the workers.")
ACTING_SETTING("hypopg.use_real_oids", "It makes hypothetical indexes use up object identifiers of the server.")
ACTING_SETTING("pg_parquet.enable_copy_hooks", "It lets COPY write Parquet files and to URLs, past other hooks.")
ACTING_SETTING("pg_qualstats.enabled", "It decides what is recorded of this session, where all see it.")
ACTING_SETTING("pg_qualstats.sample_rate", "It decides what is recorded of this session, where all see it.")
ACTING_SETTING("pg_show_plans.is_enabled", "It switches the plans that all sessions see on and off, for all.")
ACTING_SETTING("pg_show_plans.plan_format", "It changes the format of the plans that all sessions see.")
ACTING_SETTING("pg_stash_advice.stash_name", "Planning then creates the shared memory of the stashes.")
ACTING_SETTING("pgroonga.log_path", "Its assign hook opens the file for writing.")
ACTING_SETTING("pgroonga.log_rotate_threshold_size", "A log file of this size is renamed.")
ACTING_SETTING("pgroonga.query_log_path", "Its assign hook opens the file for writing.")
ACTING_SETTING("pgroonga.query_log_rotate_threshold_size", "A log file of this size is renamed.")
ACTING_SETTING("pljs.start_proc", "It runs a function, past the checks of functions.")
ACTING_SETTING("plpgsql_check.mode", "Its value 'fresh_start' can crash the server.")
ACTING_SETTING("plpgsql_check.profiler", "It writes profiles that sessions share.")
ACTING_SETTING("plv8.debugger_port", "It names a port that V8 listens on.")
ACTING_SETTING("plv8.icu_data", "It names a file that V8 loads and trusts.")
ACTING_SETTING("plv8.start_proc", "It runs a function, past the checks of functions.")
ACTING_SETTING("plv8.v8_flags", "Flags of V8 write files and switch off its protections.")
ACTING_SETTING("postgis.gdal_vsi_options", "Options of GDAL for network files write files and connect.")
