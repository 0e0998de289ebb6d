-- Who read: one row per distinct user agent ever landed, so that a million events ask a few thousand rows.
create table raw.user_agent (
    user_agent_key uuid primary key,
    user_agent text not null,
    device_type text not null check (device_type in (
        'desktop', 'mobile', 'tablet', 'tv', 'console', 'ereader', 'watch', 'media_player', 'headset', 'camera', 'car',
        'appliance', 'unknown')),
    os_family text not null,
    browser_family text not null,
    agent_kind text not null check (agent_kind in ('person', 'mail_proxy', 'prefetch', 'crawler', 'library', 'empty')),
    lists_version text not null,
    first_seen_at timestamptz not null default now(),
    check (user_agent_key = md5(user_agent)::uuid)
);
comment on table raw.user_agent is
    'One row per distinct user agent: what device, system and browser it names and whether a person stands behind it. Joined by md5(user_agent)::uuid, the empty agent included; lists_version tells which lists judged it.';
