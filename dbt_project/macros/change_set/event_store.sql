{#
  The event store holds numbers; words stand once, in dictionaries. What kind of event it is (source, type, device, verdict and
  all else that takes few values) is one number: what a data warehouse calls a junk dimension.
  docs/adr/0007-slim-event-store.md.
#}

{# What an event is before patterns and networks are looked at: of these, and of what those say, its kind is made. #}
{% macro linked_kind_columns() %}
    {{ return([
        'source', 'source_event_type', 'named_event_type', 'event_type', 'http_method', 'device_type', 'os_family',
        'browser_family', 'domain_origin', 'is_machine_flagged', 'is_recipient_ambiguous', 'is_standing', 'is_withheld'
    ]) }}
{% endmacro %}

{# All that a kind says, its verdict included. #}
{% macro kind_columns() %}{{ return(linked_kind_columns() + ['verdict', 'verdict_reason', 'is_repeat']) }}{% endmacro %}

{# The same as texts, for a digest. #}
{% macro kind_texts() %}
    {%- set texts = [] -%}
    {%- for name in kind_columns() -%}{%- do texts.append('cast(' ~ name ~ ' as text)') -%}{%- endfor -%}
    {{ return(texts) }}
{% endmacro %}

{#
  What a log of a million would hide, and the tabs' index finds: neither what everybody gets nor what people do on the usual
  devices.
#}
{% macro is_rare_kind() -%}
(
    event_type not in ('targeted', 'sent', 'delivered', 'open', 'click')
    or coalesce(device_type not in ('desktop', 'mobile', 'unknown'), false)
    or verdict not in ('human', 'proxy_open')
)
{%- endmacro %}

{# The columns of a place: where an event led to, and from where. #}
{% macro place_columns() %}{{ return(['url', 'position', 'content_part', 'link_id']) }}{% endmacro %}

{# What names a message within a delivery: joined by, grouped by. #}
{% macro same_message(one, other) -%}
{{ one }}.message_key = {{ other }}.message_key and {{ one }}.recipient_id = {{ other }}.recipient_id
{%- endmacro %}

{# What all that decides a verdict comes down to: events that agree in it are of one kind. Of `event`, `pattern` and `network`. #}
{% macro combination_key() -%}
{{ row_hash([
    'event.kind_key', 'pattern.is_repeat', 'pattern.is_honeypot', 'pattern.is_burst', 'pattern.is_sweep',
    'pattern.is_early_click', 'network.verdict'
]) }}
{%- endmacro %}

{# The columns of an event, each as it follows from its row in the store (`stored`) and from the dictionaries. #}
{% macro _decoded_columns() %}
    {%- set columns = {
        'window_start': hour_of('stored.arrived_hour'),
        'message_id': message_id_of('stored'),
        'event_id': event_id_of('stored'),
        'delivery_id': 'delivery.delivery_id',
        'delivery_ref': 'case when stored.is_delivery_named then delivery.delivery_id end',
        'recipient_ref': 'case when stored.is_recipient_named then stored.recipient_id end',
        'email_key': 'address.email_key',
        'email_domain': "case when kind.domain_origin = 'event' then domain.recipient_domain end",
        'resolved_email_domain': "case when kind.domain_origin in ('event', 'catalog') then domain.recipient_domain end",
        'recipient_domain': 'domain.recipient_domain',
        'copy_count': '1 + coalesce(stored.further_copy_count, 0)',
        'amount': 'cast(stored.amount as numeric(18, 2))'
    } -%}
    {%- for name in kind_columns() -%}
        {%- do columns.update({name: 'kind.' ~ name}) -%}
    {%- endfor -%}
    {%- for name in place_columns() -%}{%- do columns.update({name: 'place.' ~ name}) -%}{%- endfor -%}
    {{ return(columns) }}
{% endmacro %}

{#
  A query that gives `columns` of the events in `stored`, a relation with the event store's columns. `dictionaries` names the
  relations to look up in where those of published runs are not meant: kind, place, domain, delivery, address. With
  `is_apart` places and addresses, of which there are many, are asked for one by one: for few events among a long history.
#}
{% macro decoded_events(stored, columns, dictionaries={}, is_apart=false) -%}
    {%- set models = {
        'kind': ('int_event_kinds', 'kind_number'), 'place': ('int_places', 'place_key'), 'domain': ('int_domains', 'domain_number'),
        'delivery': ('int_delivery_numbers', 'delivery_number'), 'address': ('int_addresses', 'address_key')
    } -%}
    {%- set decoded = _decoded_columns() -%}
    {%- set chosen = [] -%}
    {%- for name in columns -%}
        {%- do chosen.append(decoded[name] ~ ' as ' ~ name if name in decoded else 'stored.' ~ name) -%}
    {%- endfor -%}
    {%- set text = chosen | join(',\n    ') -%}
select
    {{ text }}
from {{ stored }} as stored
    {%- for name, (model_name, key) in models.items() if name ~ '.' in text %}
    {%- set relation = dictionaries.get(name) or published(model_name) %}
    {%- if is_apart and name in ['place', 'address'] %}
left join lateral (
    select * from {{ relation }} as found
    where found.{{ key }} = stored.{{ key }}
    {{ read_apart() }}
) as {{ name }} on true
    {%- else %}
left join {{ relation }} as {{ name }} on stored.{{ key }} = {{ name }}.{{ key }}
    {%- endif %}
    {%- endfor %}
{%- endmacro %}

{# The published events as a subquery with `columns`. #}
{% macro published_events(columns) -%}
({{ decoded_events(published('int_event_store'), columns) }})
{%- endmacro %}
