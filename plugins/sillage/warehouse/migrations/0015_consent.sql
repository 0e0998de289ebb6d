-- What a recipient said of tracking is an entry of the catalog's store, of a type of its own.
do $$
declare
    kept name;
begin
    if to_regclass('intermediate.int_catalog__entries') is not null then
        for kept in
            select conname from pg_constraint
            where conrelid = 'intermediate.int_catalog__entries'::regclass and contype = 'c'
        loop
            execute format('alter table intermediate.int_catalog__entries drop constraint %I', kept);
        end loop;
        alter table intermediate.int_catalog__entries
            add check (entry_type in ('delivery', 'recipient', 'link', 'message', 'consent'));
    end if;
end $$;
