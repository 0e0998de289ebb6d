-- A small number for every recipient domain.
{{ config(unique_key=['recipient_domain'], indexes=[{'columns': ['domain_number'], 'is_unique': true}]) }}

select
    recipient_domain,
    domain_number,
    'add' as _change
from {{ ref('int_domains__used') }}
where is_new
