create table ops.erasure (
    erasure_id bigint generated always as identity primary key,
    recipient_ids text[] not null,
    counts jsonb not null,
    erased_at timestamptz not null default now()
);
comment on table ops.erasure is
    'One row per erasure of a recipient, as proof: who by id (never by address), when, and how many rows held personal data.';
