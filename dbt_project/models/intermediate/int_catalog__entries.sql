-- Every catalog entry that ever arrived, one per thing and hour of arrival, so that an hour that is landed again can take
-- its entries back and the one before it stands again.
{{ config(
    unique_key=['entry_type', 'entry_key', 'window_start'],
    indexes=[{'columns': ['window_start']}]
) }}

with wanted as (

    select * from {{ ref('stg_catalog__entries') }}

),

current_rows as (

    select * from {{ this }}
    where window_start in {{ run_hours() }}

)

{{ changes_between('wanted', 'current_rows', contract_columns(), ['entry_type', 'entry_key', 'window_start']) }}
