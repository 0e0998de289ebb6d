-- What kinds of events there are: all that takes few values, each combination that was seen with its number.
{{ config(unique_key=['kind_number'], indexes=[{'columns': ['kind_id'], 'is_unique': true}]) }}

select
    {{ contract_columns() | join(', ') }},
    'add' as _change
from {{ ref('int_event_kinds__used') }}
where is_new
