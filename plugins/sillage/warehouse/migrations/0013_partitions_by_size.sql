-- Since when a partition of the event store is open. Partitions that there are keep their 20 numbers each; what they leave of
-- the first range is one partition more.
do $$ begin
    if to_regclass('intermediate.int_delivery_numbers') is not null then
        alter table intermediate.int_delivery_numbers add column if not exists first_hour timestamptz;
    end if;
end $$;
