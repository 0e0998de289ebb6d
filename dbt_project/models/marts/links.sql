with catalog_links as {{ asked_anew() }} (

    select
        link_id,
        delivery_id,
        url,
        {{ link_label_of('payload') }} as label,
        {{ link_category_of('payload') }} as category,
        {{ link_type_of('payload') }} as link_type,
        {{ content_part_of('payload') }} as content_part,
        {{ json_position('payload', 'position') }} as position,
        {{ json_boolean('payload', 'is_tracked', 'true') }} as is_tracked,
        {{ json_boolean('payload', 'is_honeypot', 'false') }} as is_honeypot
    from {{ ref('int_catalog__current') }}
    where entry_type = 'link'

),

-- Links that were clicked but that no catalog entry describes: what the clicks tell of them.
seen_links as (

    select
        first_link_id as link_id,
        delivery_id,
        first_url as url,
        cast(null as text) as label,
        cast(null as text) as category,
        'click' as link_type,
        nullif(content_part, '') as content_part,
        nullif(position, 0) as position,
        true as is_tracked,
        false as is_honeypot
    from {{ ref('int_position_totals') }} as int_position_totals
    where
        first_link_id = last_link_id and first_link_id like 'seen:%'
        -- A catalog may call a link so too.
        and not exists (
            select 1 from catalog_links
            where catalog_links.delivery_id = int_position_totals.delivery_id and catalog_links.link_id = first_link_id
        )

)

select link_id, delivery_id, url, label, category, link_type, content_part, position, is_tracked, is_honeypot from catalog_links
union all
select link_id, delivery_id, url, label, category, link_type, content_part, position, is_tracked, is_honeypot from seen_links
