/**
 * Functions of pg_catalog that are vouched for: what they return is made of their arguments and of facts about the database
 * or the session, and they change nothing. A function that runs SQL given as text, reads files, tables or other sessions,
 * takes locks, sleeps, or writes is not here, and so is refused.
 */
const vouched = `
abs acos age array_agg array_append array_cat array_dims array_length array_lower array_ndims array_position array_prepend
array_remove array_replace array_to_json array_to_string array_upper ascii asin atan atan2 avg bit_and bit_length bit_or
bool_and bool_or broadcast brin btrim cardinality cbrt ceil ceiling char_length character_length chr clock_timestamp
coalesce col_description concat concat_ws corr cos cot count covar_pop covar_samp cume_dist current_catalog current_database
current_role current_schema current_schemas current_user date_bin date_part date_trunc degrees dense_rank div
encode enum_first enum_last enum_range every exp extract factorial first_value floor format format_type gcd
generate_series generate_subscripts get_bit get_byte greatest getdatabaseencoding has_any_column_privilege has_column_privilege
has_database_privilege has_function_privilege has_schema_privilege has_sequence_privilege has_table_privilege
has_tablespace_privilege has_type_privilege initcap int4range int8range isfinite json_agg json_array_length json_build_array
json_build_object json_each json_each_text json_extract_path json_extract_path_text json_object_agg json_object_keys
json_typeof jsonb_agg jsonb_array_elements jsonb_array_elements_text jsonb_array_length jsonb_build_array
jsonb_build_object jsonb_each jsonb_each_text jsonb_extract_path jsonb_extract_path_text jsonb_object_agg
jsonb_object_keys jsonb_path_exists jsonb_path_query jsonb_pretty jsonb_set jsonb_strip_nulls jsonb_typeof justify_days
justify_hours justify_interval lag last_value lcm lead least left length ln localtime localtimestamp log log10 lower
lower_inc lpad ltrim make_date make_interval make_time make_timestamp make_timestamptz max md5 min mod mode now nth_value
ntile nullif numrange obj_description octet_length overlay parse_ident percent_rank percentile_cont percentile_disc
pg_backend_pid pg_char_to_encoding pg_client_encoding pg_collation_is_visible pg_conf_load_time
pg_conversion_is_visible pg_database_size pg_describe_object pg_encoding_max_length pg_encoding_to_char
pg_function_is_visible pg_get_constraintdef pg_get_expr pg_get_function_arg_default pg_get_function_arguments
pg_get_function_identity_arguments pg_get_function_result pg_get_function_sqlbody pg_get_functiondef pg_get_indexdef
pg_get_partition_constraintdef pg_get_partkeydef pg_get_publication_tables pg_get_replica_identity_index pg_get_ruledef
pg_get_serial_sequence pg_get_statisticsobjdef pg_get_statisticsobjdef_columns pg_get_triggerdef pg_get_userbyid
pg_get_viewdef pg_has_role pg_index_column_has_property pg_index_has_property pg_indexes_size pg_is_in_recovery
pg_is_other_temp_schema pg_my_temp_schema pg_opclass_is_visible pg_operator_is_visible pg_opfamily_is_visible
pg_partition_ancestors pg_partition_root pg_partition_tree pg_postmaster_start_time pg_relation_filenode pg_relation_is_publishable
pg_relation_is_updatable pg_relation_size pg_size_pretty pg_statistics_obj_is_visible pg_table_is_visible pg_table_size
pg_tablespace_location pg_tablespace_size pg_total_relation_size pg_ts_config_is_visible pg_ts_dict_is_visible
pg_ts_parser_is_visible pg_ts_template_is_visible pg_type_is_visible pg_typeof pi position power quote_ident
quote_literal quote_nullable radians random range_lower rank regexp_like regexp_match regexp_matches regexp_replace
regexp_split_to_array regexp_split_to_table regexp_substr repeat replace reverse right round row_number row_to_json rpad
rtrim scale session_user sha256 shobj_description sign sin split_part sqrt starts_with statement_timestamp stddev
stddev_pop stddev_samp string_agg string_to_array string_to_table strpos substr substring sum tan timeofday timezone
to_char to_date to_hex to_json to_jsonb to_number to_regclass to_regnamespace to_regproc to_regrole to_regtype
to_timestamp transaction_timestamp translate trim trunc unnest upper upper_inc var_pop var_samp variance version
width_bucket array_fill aclexplode acldefault makeaclitem txid_current_if_assigned pg_sequence_parameters
pg_options_to_table icu_unicode_version pg_collation_actual_version pg_get_keywords isempty char
`

/** Names that are vouched for, all of pg_catalog. */
export const vouchedFunctions: ReadonlySet<string> = new Set(vouched.trim().split(/\s+/))

/** Types of pg_catalog a literal may be cast to: their input functions are PostgreSQL's own. */
export const builtInTypes: ReadonlySet<string> = new Set(
  `bool boolean "char" char bpchar varchar text name int2 int4 int8 smallint integer int bigint oid float4 float8 real numeric
decimal money bytea uuid date time timetz timestamp timestamptz interval json jsonb xml inet cidr macaddr macaddr8 bit varbit
point line lseg box path polygon circle tsvector tsquery regclass regtype regproc regprocedure regoper regoperator regrole
regnamespace regconfig regdictionary regcollation int4range int8range numrange tsrange tstzrange daterange aclitem xid cid
tid int2vector oidvector pg_lsn unknown record anyarray void`
    .split(/\s+/)
    .map((name) => name.replaceAll('"', '')),
)
